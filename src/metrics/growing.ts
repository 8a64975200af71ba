/** A list of numbers in typed memory, in pieces of fixed size: growing copies nothing. */
export class GrowingNumbers {
  private readonly pieces: Float64Array[] = [];
  private used = 0;

  get length(): number {
    return this.used;
  }

  push(value: number): void {
    const at = this.used++;
    if (at >> SHIFT === this.pieces.length) this.pieces.push(new Float64Array(1 << SHIFT));
    this.pieces[at >> SHIFT][at & MASK] = value;
  }

  get(index: number): number {
    return this.pieces[index >> SHIFT][index & MASK];
  }
}

const SHIFT = 14;
const MASK = (1 << SHIFT) - 1;
const PIECE_BYTES = 1 << 20;

/** A list of short ASCII texts, their bytes end to end in large pieces. */
export class GrowingBytes {
  private readonly pieces: Buffer[] = [];
  private readonly piece = new GrowingNumbers();
  private readonly begin = new GrowingNumbers();
  private readonly size = new GrowingNumbers();
  private left = 0;

  push(text: string): void {
    if (this.pieces.length === 0 || text.length > this.left) {
      this.left = Math.max(PIECE_BYTES, text.length);
      this.pieces.push(Buffer.allocUnsafe(this.left));
    }
    const last = this.pieces[this.pieces.length - 1];
    const at = last.length - this.left;
    last.write(text, at, 'latin1');
    this.left -= text.length;
    this.piece.push(this.pieces.length - 1);
    this.begin.push(at);
    this.size.push(text.length);
  }

  get(index: number): string {
    const at = this.begin.get(index);
    return this.pieces[this.piece.get(index)].toString('latin1', at, at + this.size.get(index));
  }
}
