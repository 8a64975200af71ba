/** The anchors of one pyramid level: a grid of positions times a list of shapes. */
export interface AnchorLevel {
  readonly gridHeight: number;
  readonly gridWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  /** [A * 4] shapes around the origin. */
  readonly base: Float32Array;
}

/** Shapes around the origin for every size and ratio (height over width), rounded to whole pixels, half to even. */
export function baseAnchors(sizes: readonly number[], aspectRatios: readonly number[]): Float32Array {
  const boxes: number[] = [];
  for (const ratio of aspectRatios) {
    const h = Math.fround(Math.sqrt(ratio));
    const w = Math.fround(1 / h);
    for (const size of sizes) {
      const halfWidth = Math.fround(w * size) / 2;
      const halfHeight = Math.fround(h * size) / 2;
      boxes.push(-halfWidth, -halfHeight, halfWidth, halfHeight);
    }
  }
  return Float32Array.from(boxes, roundHalfToEven);
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Anchor levels for a padded batch.
 * @param grids [height, width] of every feature map. @param padded [height, width] of the batch in pixels.
 */
export function anchorLevels(
  grids: readonly (readonly [number, number])[],
  padded: readonly [number, number],
  base: readonly Float32Array[],
): AnchorLevel[] {
  return grids.map(([gridHeight, gridWidth], level) => ({
    gridHeight,
    gridWidth,
    strideY: Math.floor(padded[0] / gridHeight),
    strideX: Math.floor(padded[1] / gridWidth),
    base: base[level],
  }));
}

export function countAnchors({ gridHeight, gridWidth, base }: AnchorLevel): number {
  return (gridHeight * gridWidth * base.length) / 4;
}

/** Writes anchor `index` of a level (order: row, column, shape) to `out` at `at`. */
export function writeAnchor(level: AnchorLevel, index: number, out: Float32Array, at: number): void {
  const shapes = level.base.length / 4;
  const cell = Math.floor(index / shapes);
  const shape = (index % shapes) * 4;
  const x = (cell % level.gridWidth) * level.strideX;
  const y = Math.floor(cell / level.gridWidth) * level.strideY;
  out[at] = x + level.base[shape];
  out[at + 1] = y + level.base[shape + 1];
  out[at + 2] = x + level.base[shape + 2];
  out[at + 3] = y + level.base[shape + 3];
}

/** All anchors, level after level: [total * 4]. */
export function allAnchors(levels: readonly AnchorLevel[]): Float32Array {
  const out = new Float32Array(levels.reduce((sum, level) => sum + countAnchors(level) * 4, 0));
  let at = 0;
  for (const level of levels)
    for (let i = 0, n = countAnchors(level); i < n; i++, at += 4) writeAnchor(level, i, out, at);
  return out;
}
