import type { FailedImage } from '../engine/run/failed_batch';
import { drawPanels } from '../plots/overlay';
import type { CropMask } from '../structures/crop_mask';

/** An image of a failed batch as the network saw it, with its boxes. PNG bytes. */
export async function drawFailedImage(image: FailedImage): Promise<Buffer> {
  const { labels, boxes } = image;
  const masks = Array.from(labels, (_, i) => boxMask(boxes.subarray(4 * i, 4 * i + 4)));
  const classes = Array.from({ length: Math.max(1, ...labels) }, (_, k) => `class${k + 1}`);
  const title = `${image.id}: ${labels.length} boxes`;
  return await drawPanels(image, [{ title, contours: { labels, masks } }], { classes });
}

function boxMask([x1, y1, x2, y2]: Float32Array): CropMask {
  const [x, y] = [Math.floor(x1), Math.floor(y1)];
  const width = Math.max(1, Math.ceil(x2) - x);
  const height = Math.max(1, Math.ceil(y2) - y);
  return { x, y, width, height, data: new Uint8Array(width * height).fill(1) };
}
