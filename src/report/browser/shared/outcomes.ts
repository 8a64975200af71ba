/** What a cell turned out to be, where the ground truth is known. */
export type Outcome = 'hit' | 'false positive';

/** Colours of outcomes and of true cells: none is that of a class. Missed cells are dashed for whoever tells no colours apart. */
export const OUTCOME_COLOURS = {
  hit: '#bfd7ff',
  'false positive': '#ff2e93',
  missed: '#ffffff',
  found: '#8c96a8',
} as const;

/**
 * How each cell at or over a score turned out, by its row, and which true cells are found: of several on one true cell the
 * highest score is the hit. @param cells by falling score; `match`: the true cell that it covers, -1 for none.
 */
export function outcomesOf(
  cells: readonly { readonly score: number; readonly match: number }[],
  threshold: number,
): { readonly ofCell: ReadonlyMap<number, Outcome>; readonly found: ReadonlySet<number> } {
  const ofCell = new Map<number, Outcome>();
  const found = new Set<number>();
  cells.forEach(({ score, match }, row) => {
    if (score < threshold) return;
    const hit = match >= 0 && !found.has(match);
    if (hit) found.add(match);
    ofCell.set(row, hit ? 'hit' : 'false positive');
  });
  return { ofCell, found };
}
