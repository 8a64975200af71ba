/** The size of a run. */
export type PresetName = 'smoke' | 'cpu' | 'full';
export const PRESETS: readonly PresetName[] = ['smoke', 'cpu', 'full'];
