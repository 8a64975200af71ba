/** 32-bit FNV-1a hash of the UTF-8 bytes of `text`. Source: http://www.isthe.com/chongo/tech/comp/fnv/ */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * A seeded generator (mulberry32). Randomness is an argument everywhere: no function of this library draws from
 * anywhere else. `fork` derives an independent stream by name, so that adding a draw in one place moves no other.
 */
export class Rng {
  private state: number;
  private constructor(
    seed: number,
    private readonly provenance: string,
  ) {
    this.state = seed >>> 0;
  }

  /** @internal Use `createRng`. */
  static of(seed: number, provenance: string): Rng {
    return new Rng(seed, provenance);
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** Uniform in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Integer in [low, high): `high` excluded. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low));
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.next() < p;
  }

  /** Normal deviate (Box-Muller). */
  normal(mean = 0, std = 1): number {
    const u = 1 - this.next();
    return mean + std * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.next());
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length)];
  }

  /** Fisher-Yates, in place; returns its argument. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(0, i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** An independent stream: a function of the seed this one was made from and of `name`, not of draws so far. */
  fork(name: string | number): Rng {
    const provenance = `${this.provenance}/${name}`;
    return new Rng(fnv1a32(provenance), provenance);
  }

  /** The whole state, 32 bits: for checkpoints. */
  save(): number {
    return this.state;
  }

  restore(state: number): void {
    this.state = state >>> 0;
  }
}

/** A generator from a number (used as the 32-bit state itself) or a name (hashed by `fnv1a32`). */
export function createRng(seed: number | string): Rng {
  return Rng.of(typeof seed === 'number' ? seed : fnv1a32(seed), String(seed));
}
