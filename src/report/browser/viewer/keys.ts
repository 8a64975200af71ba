import type { Stage } from './stage';
import type { ViewerState } from './state';

const STEP = 80;

/** One key or a few of the same effect. The page's list of keys is made from these. */
export interface KeyAction {
  readonly keys: readonly string[];
  readonly shown: string;
  readonly does: string;
  readonly act: (key: string) => void;
}

export function keyActions(stage: Stage, state: ViewerState): KeyAction[] {
  const turn = (by: number): void => {
    const rows = state.shown();
    if (rows.length === 0) return;
    const at = rows.indexOf(state.chosen);
    const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : (at + by + rows.length) % rows.length;
    state.change((now) => {
      now.chosen = rows[next];
    });
    stage.centre(rows[next]);
  };
  const threshold = (by: number): void =>
    state.change((now) => {
      now.threshold = Math.min(Math.max(Math.round((now.threshold + by) * 100) / 100, 0), 1);
    });
  const arrows: Record<string, [number, number]> = {
    ArrowLeft: [STEP, 0],
    ArrowRight: [-STEP, 0],
    ArrowUp: [0, STEP],
    ArrowDown: [0, -STEP],
  };
  const actions: KeyAction[] = [
    { keys: Object.keys(arrows), shown: '← → ↑ ↓', does: 'move', act: (key) => stage.pan(...arrows[key]) },
    {
      keys: ['+', '=', '-', '_'],
      shown: '+ −',
      does: 'zoom in, out',
      act: (key) => stage.zoom('+='.includes(key) ? 1.3 : 1 / 1.3),
    },
    { keys: ['0'], shown: '0', does: 'whole image', act: () => stage.fit() },
    {
      keys: ['n', 'p'],
      shown: 'N P',
      does: 'next, previous cell by score',
      act: (key) => turn(key === 'n' ? 1 : -1),
    },
    {
      keys: ['[', ']'],
      shown: '[ ]',
      does: 'lower, higher threshold',
      act: (key) => threshold(key === '[' ? -0.05 : 0.05),
    },
    {
      keys: state.data.classes.map((_, k) => String(k + 1)).slice(0, 9),
      shown: `1 … ${Math.min(state.data.classes.length, 9)}`,
      does: 'a class on or off',
      act: (key) =>
        state.change(({ hiddenClasses }) => {
          if (!hiddenClasses.delete(Number(key))) hiddenClasses.add(Number(key));
        }),
    },
    {
      keys: ['c'],
      shown: 'C',
      does: 'predicted cells on or off',
      act: () =>
        state.change((now) => {
          now.showCells = !now.showCells;
        }),
    },
    {
      keys: ['Escape'],
      shown: 'Esc',
      does: 'let go of the cell',
      act: () =>
        state.change((now) => {
          now.chosen = -1;
        }),
    },
  ];
  if (!state.data.groundTruth) return actions;
  return [
    ...actions,
    {
      keys: ['t'],
      shown: 'T',
      does: 'true cells on or off',
      act: () =>
        state.change((now) => {
          now.showGroundTruth = !now.showGroundTruth;
        }),
    },
    {
      keys: ['o'],
      shown: 'O',
      does: 'colour by outcome or class',
      act: () =>
        state.change((now) => {
          now.byOutcome = !now.byOutcome;
        }),
    },
  ];
}

/** Keys work wherever the focus is, unless a control there wants them for itself. */
export function listenToKeys(actions: readonly KeyAction[]): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const slider = event.target instanceof HTMLInputElement && event.target.type === 'range';
    if (slider && event.key.startsWith('Arrow')) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = actions.find(({ keys }) => keys.includes(key));
    if (!action) return;
    event.preventDefault();
    action.act(key);
  });
}
