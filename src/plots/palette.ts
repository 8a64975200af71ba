/** Okabe and Ito 2008: eight colours told apart with any colour vision. Black is kept for text. */
export const PALETTE: readonly string[] = [
  '#0072B2',
  '#E69F00',
  '#009E73',
  '#D55E00',
  '#CC79A7',
  '#56B4E9',
  '#F0E442',
  '#555555',
];

/** Colour of class 1..K. */
export function classColour(label: number): string {
  return PALETTE[(label - 1) % PALETTE.length];
}

/** Against stained tissue (pink and violet) the class colours must be bright: the same hues, lighter or purer. */
const ON_TISSUE: readonly string[] = [
  '#00B7FF',
  '#FFD400',
  '#00E08A',
  '#FF5A1F',
  '#FFFFFF',
  '#7CFF4F',
  '#FFF59B',
  '#111111',
];

/** Contour colour of class 1..K on stained tissue. */
export function contourColour(label: number): string {
  return ON_TISSUE[(label - 1) % ON_TISSUE.length];
}

/** '#rrggbb' as [r, g, b], 0..255. */
export function rgb(colour: string): [number, number, number] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];
}
