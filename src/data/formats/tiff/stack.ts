import type { TiffPage } from './directory';
import { type StackShape, stackShape } from './metadata';

/** Where a channel of a plane is: its page, and its place among the page's own. */
export interface ChannelPlace {
  readonly page: TiffPage;
  readonly sample: number;
}

/** The images of a file put in order: what is one image, what are its channels, what is behind it. */
export interface Stack {
  /** The page in full size that decides size and type. */
  readonly main: TiffPage;
  /** [plane][channel] */
  readonly planes: readonly (readonly ChannelPlace[])[];
  /** `3 depths x 2 times`; '' for a single plane. */
  readonly axes: string;
  readonly depths: number;
  /** Channels that are kept in pages of their own. */
  readonly channelPages: number;
  /** Another page comes first in the file: a thumbnail. */
  readonly thumbnailFirst: boolean;
}

/** Puts the pages in order. Pages of the main one's size and type are its planes; the others are levels or extras. */
export function arrange(pages: readonly TiffPage[], description: string): Stack {
  const whole = pages.some(({ reduced }) => !reduced) ? pages.filter(({ reduced }) => !reduced) : pages;
  const main = whole.reduce((best, page) =>
    page.width * page.height > best.width * best.height ? page : best,
  );
  const alike = whole.filter(
    (page) =>
      page.width === main.width &&
      page.height === main.height &&
      page.samples === main.samples &&
      page.bits === main.bits &&
      page.kind === main.kind,
  );
  const told = stackShape(description, main.samples);
  const shape =
    told && told.channels * told.depths * told.times === alike.length ? told : plainShape(alike.length);
  const own = colourSamples(main);
  const planes = planeOrder(shape).map((channelPages) =>
    channelPages.flatMap((index) => own.map((sample) => ({ page: alike[index], sample }))),
  );
  const axes = [
    shape.depths > 1 ? `${shape.depths} ${told ? 'depths' : 'pages'}` : '',
    shape.times > 1 ? `${shape.times} times` : '',
  ].filter((part) => part !== '');
  return {
    main,
    planes,
    axes: axes.join(' x '),
    depths: shape.depths,
    channelPages: shape.channels,
    thumbnailFirst: pages[0] !== alike[0],
  };
}

function plainShape(pages: number): StackShape {
  return { channels: 1, depths: pages, times: 1, order: 'CZT', from: 'ImageJ' };
}

/** For every plane (depths fastest, then times) the pages of its channels. */
function planeOrder({ channels, depths, times, order }: StackShape): number[][] {
  const sizes: Record<string, number> = { C: channels, Z: depths, T: times };
  const stride: Record<string, number> = {};
  let step = 1;
  for (const axis of order) {
    stride[axis] = step;
    step *= sizes[axis];
  }
  const planes: number[][] = [];
  for (let t = 0; t < times; t++)
    for (let z = 0; z < depths; z++)
      planes.push(Array.from({ length: channels }, (_, c) => c * stride.C + z * stride.Z + t * stride.T));
  return planes;
}

/** The samples of a pixel without alpha, and without what RGB has beyond its three. */
function colourSamples({ samples, extraSamples, photometric }: TiffPage): number[] {
  const colours = photometric === 2 || photometric === 6 || photometric === 8 || photometric === 9 ? 3 : 1;
  const alpha = new Set<number>();
  extraSamples.forEach((kind, i) => {
    if (kind === 1 || kind === 2) alpha.add(samples - extraSamples.length + i);
  });
  // Two channels, or four, without a word on the last: alpha, as most programs take it.
  if (extraSamples.length === 0 && samples === 2) alpha.add(1);
  if (samples === 4 && colours === 3 && alpha.size === 0) alpha.add(3);
  const all = Array.from({ length: samples }, (_, i) => i);
  // A file that calls every channel alpha is one that has it wrong.
  return alpha.size < samples ? all.filter((i) => !alpha.has(i)) : all;
}
