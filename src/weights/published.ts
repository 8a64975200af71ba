import { nearestName, UsageError } from '../core/errors';

/** A weight file published by torchvision. */
export interface PublishedWeights {
  readonly name: string;
  /** Its name ends in the first eight digits of its SHA-256. */
  readonly file: string;
  readonly about: string;
}

/** Where torchvision publishes its files. */
export const PUBLISHED_URL = 'https://download.pytorch.org/models';

/** torchvision's names and files. Source: torchvision/models/**, the `*_Weights` enumerations of 0.29. */
export const PUBLISHED: readonly PublishedWeights[] = [
  published(
    'maskrcnn_resnet50_fpn_coco',
    'bf2d0c1e',
    'Mask R-CNN, ResNet-50, COCO; the norms take an epsilon of 0',
  ),
  published('maskrcnn_resnet50_fpn_v2_coco', '73cbd019', 'Mask R-CNN v2, ResNet-50, COCO'),
  published('resnet18', 'f37072fd', 'ResNet-18, ImageNet'),
  published('resnet34', 'b627a593', 'ResNet-34, ImageNet'),
  published('resnet50', '0676ba61', 'ResNet-50, ImageNet (V1)'),
  published('resnet50_v2', '11ad3fa6', 'ResNet-50, ImageNet (V2)', 'resnet50'),
  published('resnet101', '63fe2227', 'ResNet-101, ImageNet (V1)'),
  published('resnet101_v2', 'cd907fc2', 'ResNet-101, ImageNet (V2)', 'resnet101'),
];

function published(name: string, hash: string, about: string, stem: string = name): PublishedWeights {
  return { name, file: `${stem}-${hash}.pth`, about };
}

/** The published file of that name or file name; an unknown name is a usage error that tells the nearest. */
export function findPublished(name: string): PublishedWeights {
  const found = PUBLISHED.find((entry) => entry.name === name || entry.file === name);
  if (found) return found;
  const names = PUBLISHED.map((entry) => entry.name);
  const near = nearestName(name, names);
  throw new UsageError(`no published weights "${name}"${near ? `; the nearest is "${near}"` : ''}`, {
    fix: `Known: ${names.join(', ')}.`,
  });
}

export function isPublished(name: string): boolean {
  return PUBLISHED.some((entry) => entry.name === name || entry.file === name);
}
