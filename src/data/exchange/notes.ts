/** What an import met and how it dealt with it: the kind, how often, and where first. */
export interface ImportNote {
  readonly note: string;
  readonly count: number;
  /** The first few places by name. */
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 5;

/** Collects notes by kind. */
export class ImportNotes {
  private readonly kinds = new Map<string, { count: number; examples: string[] }>();

  add(note: string, where: string): void {
    const kind = this.kinds.get(note) ?? { count: 0, examples: [] };
    this.kinds.set(note, kind);
    kind.count++;
    if (kind.examples.length < MAX_EXAMPLES) kind.examples.push(where);
  }

  list(): ImportNote[] {
    return [...this.kinds].map(([note, { count, examples }]) => ({ note, count, examples }));
  }
}
