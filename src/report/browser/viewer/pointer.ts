import type { Stage } from './stage';
import type { ViewerState } from './state';

/** Mouse, pen and fingers: drag to move, wheel or two fingers to zoom, rest on a cell to see its row, click to keep it. */
export function listenToPointer(stage: Stage, state: ViewerState, tip: HTMLElement): void {
  const { canvas } = stage;
  const down = new Map<number, { x: number; y: number }>();
  let travelled = 0;
  const place = (event: { clientX: number; clientY: number }): { x: number; y: number } => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const hover = (row: number, x: number, y: number): void => {
    if (row !== state.hovered)
      state.change((now) => {
        now.hovered = row;
      });
    tip.style.transform = `translate(${Math.min(x + 16, stage.size().width - 190)}px, ${Math.max(y - 52, 6)}px)`;
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    travelled = 0;
  });
  canvas.addEventListener('pointermove', (event) => {
    const now = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      hover(stage.cellAt(now.x, now.y), now.x, now.y);
      return;
    }
    travelled += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (p: { x: number; y: number }): number => Math.hypot(p.x - other.x, p.y - other.y);
      stage.zoom(apart(now) / Math.max(apart(before), 1), (now.x + other.x) / 2, (now.y + other.y) / 2);
    } else stage.pan(now.x - before.x, now.y - before.y);
    down.set(event.pointerId, now);
  });
  const release = (event: PointerEvent): void => {
    if (!down.delete(event.pointerId) || event.type === 'pointercancel' || travelled > 4) return;
    const { x, y } = place(event);
    const row = stage.cellAt(x, y);
    state.change((now) => {
      now.chosen = row === now.chosen ? -1 : row;
    });
  };
  canvas.addEventListener('pointerup', release);
  canvas.addEventListener('pointercancel', release);
  canvas.addEventListener('pointerleave', () => hover(-1, 0, 0));
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      stage.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), x, y);
    },
    { passive: false },
  );
}
