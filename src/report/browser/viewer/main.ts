import type { ViewerData } from '../../viewer/viewer_data';
import { keyActions, listenToKeys } from './keys';
import { buildPanel, part } from './panel';
import { listenToPointer } from './pointer';
import { Stage } from './stage';
import { ViewerState } from './state';

/** Begins once the image can be drawn. */
async function start(): Promise<void> {
  const data = JSON.parse(part('data').textContent ?? '') as ViewerData;
  const picture = part<HTMLImageElement>('image');
  await picture.decode();
  const state = new ViewerState(data);
  const stage = new Stage(part<HTMLCanvasElement>('stage'), picture, state);
  const actions = keyActions(stage, state);
  buildPanel(state, actions);
  listenToKeys(actions);
  listenToPointer(stage, state, part('tip'));
  part('zoom-in').addEventListener('click', () => stage.zoom(1.5));
  part('zoom-out').addEventListener('click', () => stage.zoom(1 / 1.5));
  part('zoom-fit').addEventListener('click', () => stage.fit());
  document.documentElement.dataset.ready = 'true';
}

void start();
