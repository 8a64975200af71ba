import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openDataset } from '../../../src/data/dataset';
import { createLoader, type Loader, type LoaderOptions } from '../../../src/data/loader/loader';
import { RecordCache } from '../../../src/data/loader/make_sample';
import { epochOrder, rareClassWeights } from '../../../src/data/loader/sampler';
import { WorkerPool } from '../../../src/data/loader/worker_pool';
import { recordBytes, type Sample } from '../../../src/data/record';
import { syntheticDataset } from '../../../src/data/synthetic/synthesize';
import { AUGMENTATION_LEVELS } from '../../../src/data/transforms/transforms';
import { writeDataset } from '../../../src/data/write_dataset';
import { withTemporaryFolder } from '../../support';

const dataset = syntheticDataset({ images: 10, width: 64, height: 64, seed: 1 });
const base: LoaderOptions = { dataset, augmentation: AUGMENTATION_LEVELS.full, seed: 3, batchSize: 3 };

function digest(samples: readonly Sample[]): string {
  const hash = createHash('sha256');
  for (const { id, image, boxes, labels, masks } of samples) {
    hash.update(id).update(image).update(new Uint8Array(boxes.buffer)).update(new Uint8Array(labels.buffer));
    for (const { data } of masks) hash.update(data);
  }
  return hash.digest('hex');
}

async function read(loader: Loader, epoch: number, fromBatch = 0): Promise<string[]> {
  const out: string[] = [];
  for await (const batch of loader.epoch(epoch, { fromBatch })) out.push(digest(batch));
  return out;
}

async function withLoader<T>(options: LoaderOptions, work: (loader: Loader) => Promise<T>): Promise<T> {
  const loader = createLoader(options);
  try {
    return await work(loader);
  } finally {
    await loader.close();
  }
}

describe('loader', () => {
  it('gives the same bytes with 0, 1 and 4 workers, and from the middle of an epoch', async () => {
    const inline = await withLoader(base, async (loader) => [await read(loader, 0), await read(loader, 1)]);
    assert.equal(inline[0].length, 4);
    assert.notDeepEqual(inline[0], inline[1]);
    for (const workers of [1, 4])
      await withLoader({ ...base, workers }, async (loader) => {
        assert.deepEqual(await read(loader, 1), inline[1], `${workers} workers`);
        assert.deepEqual(await read(loader, 0, 2), inline[0].slice(2), `${workers} workers, resumed`);
      });
    await withLoader(base, async (loader) => assert.deepEqual(await read(loader, 1, 3), inline[1].slice(3)));
  });

  it('shows every image once an epoch, in an order that is a function of seed and epoch', async () => {
    const ids = async (epoch: number, seed: number): Promise<string[]> =>
      await withLoader({ ...base, seed }, async (loader) => {
        const seen: string[] = [];
        for await (const batch of loader.epoch(epoch)) seen.push(...batch.map(({ id }) => id));
        return seen;
      });
    const first = await ids(0, 3);
    assert.deepEqual([...first].sort(), dataset.ids);
    assert.deepEqual(await ids(0, 3), first);
    assert.notDeepEqual(await ids(1, 3), first);
    assert.notDeepEqual(await ids(0, 4), first);
  });

  it('draws by weights: an image of weight 0 never, one of half the weight half the time', () => {
    const counts = [0, 0, 0];
    for (let epoch = 0; epoch < 1000; epoch++)
      for (const image of epochOrder(3, 7, epoch, [0, 1, 2])) counts[image]++;
    assert.equal(counts[0], 0);
    // 3,000 draws of probability 1/3: standard deviation 26.
    assert.ok(Math.abs(counts[1] - 1000) < 4 * 26, String(counts));
  });

  it('counts how long its caller waits for samples, and not what the caller does between them', async () => {
    const slow = {
      ...dataset,
      load: async (id: string) => {
        await setTimeout(40);
        return await dataset.load(id);
      },
    };
    await withLoader({ ...base, dataset: slow, batchSize: 1 }, async (loader) => {
      const started = performance.now();
      for await (const _ of loader.epoch(0)) await setTimeout(60);
      const elapsed = performance.now() - started;
      // Ten images of 40 ms each inline, ten pauses of 60 ms; timers may fire a millisecond early.
      assert.ok(loader.waitedMs > 390 && loader.waitedMs < elapsed - 590, `${loader.waitedMs} of ${elapsed}`);
    });
  });

  it('weighs images with rare classes more', async () => {
    // By hand: 100 cells of the first class in all, 4 of the second: rarity 1 and sqrt(100 / 4) = 5.
    const weights = rareClassWeights([
      [60, 0],
      [40, 0],
      [0, 4],
      [0, 0],
    ]);
    assert.deepEqual(weights, [1, 1, 5, 1]);
    assert.deepEqual(
      rareClassWeights([
        [3, 1],
        [0, 2],
      ]).map((w) => Math.round(w * 1e6)),
      [1e6, 1e6],
    );
  });

  it('replaces a worker that dies: one warning, no sample lost', async () => {
    const warnings: string[] = [];
    const recipe = { ids: dataset.ids, augmentation: AUGMENTATION_LEVELS.basic, seed: 1, cacheBytes: 1e6 };
    const pool = new WorkerPool({
      workers: 2,
      source: dataset.source as NonNullable<typeof dataset.source>,
      recipe,
      timeoutMs: 20_000,
      onWarning: (message) => warnings.push(message),
    });
    try {
      const jobs = dataset.ids.map((_, image) => pool.run({ epoch: 0, position: image, image }));
      await jobs[0];
      await pool.threads[1].terminate();
      const samples = await Promise.all(jobs);
      assert.deepEqual(
        samples.map(({ id }) => id),
        dataset.ids,
      );
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /a data worker ended at .*; it is replaced, no sample is lost/);
    } finally {
      await pool.close();
    }
  });

  it('gives up on an image that hangs its workers, naming it', async () => {
    const warnings: string[] = [];
    // A thread needs longer than that to start.
    const hasty = {
      ...base,
      ids: ['synth_0004'],
      workers: 1,
      timeoutMs: 3,
      onWarning: (m: string) => warnings.push(m),
    };
    await withLoader(hasty, async (loader) => {
      await assert.rejects(
        read(loader, 0),
        /image "synth_0004" ended 2 workers \(gave no sign for 0\.003 s\)/,
      );
    });
    assert.equal(warnings.length, 2);
  });

  it('names the image that cannot be read, or leaves it out and counts it', async () => {
    await withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'set');
      await writeDataset(dir, syntheticDataset({ images: 4, width: 64, height: 64, seed: 1 }));
      fs.truncateSync(path.join(dir, 'synth_0002', 'image.tif'), 900);
      const files = { ...base, dataset: await openDataset(dir) };
      for (const workers of [0, 2]) {
        await withLoader({ ...files, workers }, async (loader) => {
          await assert.rejects(read(loader, 0), /image "synth_0002": .*image\.tif: truncated/);
        });
        await withLoader({ ...files, workers, batchSize: 1, onCorrupt: 'skip' }, async (loader) => {
          assert.equal((await read(loader, 0)).length, 3);
          assert.deepEqual(loader.skipped, ['synth_0002']);
        });
      }
    });
  });

  it('hands over arrays of its own: changing a sample changes no later one', async () => {
    await withLoader({ ...base, augmentation: AUGMENTATION_LEVELS.none, shuffle: false }, async (loader) => {
      const before = await read(loader, 0);
      for await (const batch of loader.epoch(1))
        for (const { image, boxes, masks } of batch) {
          image.fill(0);
          boxes.fill(0);
          for (const { data } of masks) data.fill(0);
        }
      assert.deepEqual(await read(loader, 2), before);
    });
  });

  it('bounds the decoded images by bytes, keeping the most recent', async () => {
    const size = recordBytes(await dataset.load('synth_0000'));
    let decoded = 0;
    const counting = {
      ...dataset,
      load: (id: string) => {
        decoded++;
        return dataset.load(id);
      },
    };
    const cache = new RecordCache(counting, 2.5 * size);
    for (const id of ['synth_0000', 'synth_0001', 'synth_0000', 'synth_0002', 'synth_0000'])
      await cache.load(id);
    assert.equal(decoded, 3);
    assert.ok(cache.size <= 2.5 * size);
    await cache.load('synth_0001');
    assert.equal(decoded, 4);
  });

  it('refuses images that are not there, more threads than the data can have, and use after close', async () => {
    assert.throws(() => createLoader({ ...base, ids: ['synth_0099'] }), /has no image "synth_0099"/);
    const { source, ...local } = dataset;
    assert.equal(source?.kind, 'synthetic');
    assert.throws(
      () => createLoader({ ...base, dataset: local, workers: 1 }),
      /cannot be opened on another thread/,
    );
    const loader = createLoader({ ...base, workers: 1 });
    await loader.close();
    await assert.rejects(read(loader, 0), /the loader was closed/);
  });

  it('may be left in the middle of an epoch', async () => {
    await withLoader({ ...base, workers: 2 }, async (loader) => {
      for await (const batch of loader.epoch(0)) {
        assert.equal(batch.length, 3);
        break;
      }
      assert.equal((await read(loader, 1)).length, 4);
    });
  });
});
