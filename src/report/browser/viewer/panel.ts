import type { ViewedCell, ViewerData } from '../../viewer/viewer_data';
import { OUTCOME_COLOURS } from '../shared/outcomes';
import type { KeyAction } from './keys';
import type { ViewerState } from './state';

const BINS = 25;

/** An element of the page that must be there. */
export function part<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

/** A new element with text and children. */
function make(
  tag: string,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function swatch(colour: string): HTMLElement {
  const element = make('span', { class: 'swatch', 'aria-hidden': 'true' });
  element.style.background = colour;
  return element;
}

/** A line with a switch that follows the state and changes it. */
function toggle(
  state: ViewerState,
  text: string,
  read: () => boolean,
  write: (on: boolean) => void,
  ...extra: Node[]
): HTMLElement {
  const box = make('input', { type: 'checkbox' }) as HTMLInputElement;
  box.addEventListener('change', () => state.change(() => write(box.checked)));
  state.onChange(() => {
    box.checked = read();
  });
  box.checked = read();
  return make(
    'label',
    { class: 'row' },
    box,
    ...extra.slice(0, 1),
    make('span', { class: 'name' }, text),
    ...extra.slice(1),
  );
}

/** Fills the side of the page and keeps it as the state is. */
export function buildPanel(state: ViewerState, actions: readonly KeyAction[]): void {
  const { data } = state;
  part('classes').append(
    ...data.classes.map(({ name, colour }, k) => {
      const count = make('span', { class: 'count' });
      const update = (): void => {
        const of = data.cells.filter(({ label }) => label === k + 1);
        count.textContent = String(of.filter(({ score }) => score >= state.threshold).length);
      };
      state.onChange(update);
      update();
      const write = (on: boolean): void => {
        if (on) state.hiddenClasses.delete(k + 1);
        else state.hiddenClasses.add(k + 1);
      };
      return toggle(state, name, () => !state.hiddenClasses.has(k + 1), write, swatch(colour), count);
    }),
  );
  buildThreshold(state);
  buildLayers(state);
  part('keys').append(
    ...actions.flatMap(({ shown, does }) => [make('dt', {}, make('kbd', {}, shown)), make('dd', {}, does)]),
  );
  const summary = part('summary');
  const update = (): void => {
    summary.textContent = `${state.shown().length} of ${data.cells.length} cells shown`;
    const chosen = data.cells[state.chosen];
    const hovered = data.cells[state.hovered];
    showRow(data, hovered ?? chosen);
    const tip = part('tip');
    tip.hidden = !hovered;
    if (hovered) tip.textContent = `${data.classes[hovered.label - 1].name} · ${hovered.score.toFixed(2)}`;
    // Said aloud for a cell that was chosen, not for each one that the pointer passes.
    part('chosen').textContent = chosen
      ? [...part('row').children].map((one) => one.textContent).join(' ')
      : '';
  };
  state.onChange(update);
  update();
}

function buildThreshold(state: ViewerState): void {
  const slider = part<HTMLInputElement>('threshold');
  const value = part('threshold-value');
  const bars = part('histogram');
  const counts = new Array<number>(BINS).fill(0);
  for (const { score } of state.data.cells) counts[Math.min(Math.floor(score * BINS), BINS - 1)]++;
  const most = Math.max(...counts, 1);
  const all = counts.map((n) => {
    const bar = make('span');
    bar.style.height = `${n === 0 ? 0 : 6 + (94 * n) / most}%`;
    return bar;
  });
  bars.append(...all);
  slider.addEventListener('input', () =>
    state.change((now) => {
      now.threshold = Number(slider.value);
    }),
  );
  const update = (): void => {
    slider.value = String(state.threshold);
    value.textContent = state.threshold.toFixed(2);
    all.forEach((bar, i) => {
      bar.classList.toggle('under', (i + 1) / BINS <= state.threshold + 1e-9);
    });
  };
  state.onChange(update);
  update();
}

function buildLayers(state: ViewerState): void {
  const layers = part('layers');
  layers.append(
    toggle(
      state,
      'predicted cells',
      () => state.showCells,
      (on) => {
        state.showCells = on;
      },
    ),
  );
  if (!state.data.groundTruth) return;
  layers.append(
    toggle(
      state,
      'true cells',
      () => state.showGroundTruth,
      (on) => {
        state.showGroundTruth = on;
      },
    ),
    toggle(
      state,
      'colour by outcome',
      () => state.byOutcome,
      (on) => {
        state.byOutcome = on;
      },
    ),
  );
  const legend = make('p', { class: 'legend' });
  layers.append(legend);
  const update = (): void => {
    const { ofCell, found } = state.outcomes();
    const hits = [...ofCell.values()].filter((outcome) => outcome === 'hit').length;
    const missed = (state.data.groundTruth?.length ?? 0) - found.size;
    legend.replaceChildren(
      swatch(OUTCOME_COLOURS.hit),
      ` ${hits} hits  `,
      swatch(OUTCOME_COLOURS['false positive']),
      ` ${ofCell.size - hits} false positives  `,
      swatch(OUTCOME_COLOURS.missed),
      ` ${missed} missed (dashed)`,
    );
  };
  state.onChange(update);
  update();
}

/** The row of a cell, beside the image and in words for those who do not see it. */
function showRow({ classes, measurements }: ViewerData, cell: ViewedCell | undefined): void {
  const rows = part('row');
  if (!cell) {
    rows.replaceChildren(make('dt', { class: 'hint' }, 'Rest on a cell, or press N.'));
    return;
  }
  const { name } = classes[cell.label - 1];
  const line = (term: string, text: string): HTMLElement[] => [make('dt', {}, term), make('dd', {}, text)];
  rows.replaceChildren(
    ...line('class', name),
    ...line('score', cell.score.toFixed(3)),
    ...measurements.flatMap(({ name: term, unit }, i) =>
      line(term, `${cell.values[i]}${unit ? ` ${unit}` : ''}`),
    ),
  );
}
