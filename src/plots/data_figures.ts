import type { Figure, Trace } from './figure';
import { classColour } from './palette';

/** How large the cells of each class are. @param areas [K] pixels of every cell. */
export function sizeFigure(areas: readonly (readonly number[])[], classes: readonly string[]): Figure {
  const most = Math.max(8, ...areas.flat());
  const bins = Math.ceil(Math.log2(most)) + 1;
  const names = Array.from({ length: bins }, (_, b) => `${2 ** b}–${2 ** (b + 1) - 1}`);
  const counts = areas.map((own) => {
    const count = new Array<number>(bins).fill(0);
    for (const area of own) count[Math.floor(Math.log2(Math.max(area, 1)))]++;
    return count;
  });
  const first = Math.max(
    0,
    names.findIndex((_, b) => counts.some((count) => count[b] > 0)),
  );
  const data = classes.map(
    (name, k): Trace => ({
      type: 'bar',
      name,
      x: names.slice(first),
      y: counts[k].slice(first),
      marker: { color: classColour(k + 1) },
    }),
  );
  return {
    data,
    layout: {
      title: { text: 'Size of the cells' },
      xaxis: { title: { text: 'area, pixels' } },
      yaxis: { title: { text: 'cells' } },
      height: 340,
      barmode: 'group',
    },
  };
}
