import type { Proposals } from './rpn';
import type { Target } from './transform';

/** Shifts, as shares of the box: each leaves an IoU of 0.66 at least. */
const SHIFTS = [
  [0.1, 0.1],
  [-0.1, -0.1],
  [0.1, -0.1],
  [-0.1, 0.1],
  [0.15, 0],
  [-0.15, 0],
  [0, 0.15],
  [0, -0.15],
] as const;

/** The proposals with `count` (at most 8) shifted copies of every true box, as a network that has learned finds them. */
export function withShiftedTruth(proposals: Proposals, { boxes }: Target, count: number): Proposals {
  const shifts = SHIFTS.slice(0, count);
  const copies = new Float32Array(boxes.length * shifts.length);
  shifts.forEach(([right, down], k) => {
    for (let i = 0; i < boxes.length; i += 4) {
      const [dx, dy] = [right * (boxes[i + 2] - boxes[i]), down * (boxes[i + 3] - boxes[i + 1])];
      copies.set(
        [boxes[i] + dx, boxes[i + 1] + dy, boxes[i + 2] + dx, boxes[i + 3] + dy],
        k * boxes.length + i,
      );
    }
  });
  const joined = new Float32Array(proposals.boxes.length + copies.length);
  joined.set(proposals.boxes);
  joined.set(copies, proposals.boxes.length);
  const scores = new Float32Array(joined.length / 4);
  scores.set(proposals.scores);
  return { boxes: joined, scores };
}
