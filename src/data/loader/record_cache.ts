import type { Dataset } from '../dataset';
import { type DatasetRecord, recordBytes } from '../record';

/** Decoded images, the least recently used going first when their bytes exceed the limit. */
export class RecordCache {
  private readonly records = new Map<string, DatasetRecord>();
  private bytes = 0;

  constructor(
    private readonly dataset: Dataset,
    private readonly limit: number,
  ) {}

  /** The record, decoded now or kept. It must not be changed. */
  async load(id: string): Promise<DatasetRecord> {
    const known = this.records.get(id);
    if (known) {
      // Last in the order of a map is the most recent.
      this.records.delete(id);
      this.records.set(id, known);
      return known;
    }
    const record = await this.dataset.load(id);
    const size = recordBytes(record);
    if (size > this.limit || this.records.has(id)) return record;
    this.records.set(id, record);
    this.bytes += size;
    for (const [oldest, old] of this.records) {
      if (this.bytes <= this.limit) break;
      this.records.delete(oldest);
      this.bytes -= recordBytes(old);
    }
    return record;
  }

  /** Bytes held now. */
  get size(): number {
    return this.bytes;
  }
}
