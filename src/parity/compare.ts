import { BACKBONE_NAMES, type BackboneName } from '../config/architectures';
import { DataError } from '../core/errors';
import { readJson } from '../core/files';
import type { BackboneGolden, DetectorGolden, FieldResult } from './golden';

export interface ParityResult {
  readonly ok: boolean;
  readonly variant: string;
  readonly fields: FieldResult[];
}

/** Recomputes a golden file of any of the three kinds and compares by the rule of parity/README.md. */
export async function compareGolden(file: string): Promise<ParityResult> {
  const golden = readJson<Record<string, unknown>>(file);
  const { variant, fields } = await compareByKind(golden, file);
  return { ok: fields.length > 0 && fields.every(({ ok }) => ok), variant, fields };
}

async function compareByKind(
  golden: Record<string, unknown>,
  file: string,
): Promise<{ variant: string; fields: FieldResult[] }> {
  if ('pycocotools' in golden) {
    const { recomputeCocoGolden } = await import('./coco');
    return { variant: 'coco', fields: recomputeCocoGolden(golden) };
  }
  if (BACKBONE_NAMES.includes(golden.variant as BackboneName)) {
    const { compareBackbone } = await import('./backbone');
    return { variant: String(golden.variant), fields: compareBackbone(golden as unknown as BackboneGolden) };
  }
  if (typeof golden.variant !== 'string' || !('training' in golden))
    throw new DataError('not a golden file: neither a detector, a backbone nor an evaluation', {
      where: file,
    });
  const { compareDetector } = await import('./detector');
  return { variant: golden.variant, fields: compareDetector(golden as unknown as DetectorGolden) };
}
