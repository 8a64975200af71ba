// Who decides at which scale the network sees an image: this file alone, for training, validation and prediction alike.
//
// The scale of an image is one number, decided for the image as a whole; its tiles are seen at the same. Either it is what
// augmentation.scale and validation.scale say (model.image.resize never), or the model's own resize brings the image to
// minSize and maxSize, as torchvision's transform does; a view or a factor that is asked for multiplies that.
import type { MaskRcnnConfig } from '../config/schema';

/** What an image is seen for. Training samples were cropped and scaled by augmentation before. */
export type Phase = 'training' | 'testing';

interface Size {
  readonly height: number;
  readonly width: number;
}

/** Whether the model resizes images itself. */
export function resizesItself({ resize }: Pick<MaskRcnnConfig['image'], 'resize'>, phase: Phase): boolean {
  return resize === 'always' || (resize === 'testing' && phase === 'testing');
}

/**
 * The scale at which the network sees a whole image: pixels of its input per pixel of the image.
 * @param scale augmentation or validation.scale, and what multiplies it: a view, a pixel size.
 */
export function imageScale(
  { height, width }: Size,
  image: MaskRcnnConfig['image'],
  phase: Phase,
  scale = 1,
): number {
  if (!resizesItself(image, phase)) return scale;
  // torchvision: the shorter side to minSize, unless the longer one would exceed maxSize.
  const own = Math.min(image.minSize / Math.min(height, width), image.maxSize / Math.max(height, width));
  return own * scale;
}

/** [height, width] of an image or a tile at a scale. torchvision's resize rounds down. */
export function seenSize({ height, width }: Size, scale: number, roundDown: boolean): [number, number] {
  const round = roundDown ? Math.floor : Math.round;
  return [round(height * scale), round(width * scale)];
}
