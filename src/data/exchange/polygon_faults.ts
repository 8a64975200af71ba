/** A ring of points x0, y0, x1, y1 …; the last may repeat the first. */
type Ring = readonly number[];

/** Whether the line ends far from where it began: over 3 pixels, and over three times its longest step. */
export function isOpen(ring: Ring): boolean {
  const n = ring.length >> 1;
  if (n < 3) return n > 0;
  const gap = Math.hypot(ring[0] - ring[2 * n - 2], ring[1] - ring[2 * n - 1]);
  if (gap <= 3) return false;
  let longest = 0;
  for (let i = 0; i + 1 < n; i++)
    longest = Math.max(longest, Math.hypot(ring[2 * i + 2] - ring[2 * i], ring[2 * i + 3] - ring[2 * i + 1]));
  return gap > 3 * longest;
}

/** Whether two sides that are not neighbours cross (touching is allowed). */
export function crossesItself(ring: Ring): boolean {
  const points = distinctPoints(ring);
  const n = points.length >> 1;
  if (n < 4) return false;
  for (let i = 0; i < n; i++) {
    const ax = points[2 * i];
    const ay = points[2 * i + 1];
    const bx = points[(2 * i + 2) % (2 * n)];
    const by = points[(2 * i + 3) % (2 * n)];
    const [left, right] = ax < bx ? [ax, bx] : [bx, ax];
    for (let j = i + 2; j < n; j++) {
      if (i === 0 && j === n - 1) continue;
      const cx = points[2 * j];
      const dx = points[(2 * j + 2) % (2 * n)];
      if ((cx < left && dx < left) || (cx > right && dx > right)) continue;
      const cy = points[2 * j + 1];
      const dy = points[(2 * j + 3) % (2 * n)];
      const abc = side(ax, ay, bx, by, cx, cy) * side(ax, ay, bx, by, dx, dy);
      if (abc < 0 && side(cx, cy, dx, dy, ax, ay) * side(cx, cy, dx, dy, bx, by) < 0) return true;
    }
  }
  return false;
}

function side(ax: number, ay: number, bx: number, by: number, px: number, py: number): number {
  return Math.sign((bx - ax) * (py - ay) - (by - ay) * (px - ax));
}

/** Without repeated neighbours, the closing point among them. */
function distinctPoints(ring: Ring): number[] {
  const out: number[] = [];
  for (let i = 0; i + 1 < ring.length; i += 2)
    if (out.length === 0 || ring[i] !== out[out.length - 2] || ring[i + 1] !== out[out.length - 1])
      out.push(ring[i], ring[i + 1]);
  if (out.length > 2 && out[0] === out[out.length - 2] && out[1] === out[out.length - 1]) out.splice(-2);
  return out;
}
