import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { createRng } from '../../../src/core/rng';
import { type Dataset, openDataset } from '../../../src/data/dataset';
import { checkSplit } from '../../../src/data/splits/check_split';
import { formatGroupBy, groupIds, parseGroupBy } from '../../../src/data/splits/groups';
import { chooseGroups, makeSplit, readSplit } from '../../../src/data/splits/make_split';
import { syntheticDataset } from '../../../src/data/synthetic/synthesize';
import { holdTime, itWithShared, ROOT, sharedPath, withTemporaryFolder } from '../../support';

const MAIN = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');

describe('groups', () => {
  const dataset = { dir: 'set', groups: { p1_a: 'one', p1_b: 'one' } };
  const ids = ['p1_a', 'p1_b', 'p22_a'];

  it('come from the id whole, its start, a pattern, or dataset.json', () => {
    const of = (text: string, of = ids): string[] => [...groupIds(dataset, of, parseGroupBy(text)).values()];
    assert.deepEqual(of('none'), ids);
    assert.deepEqual(of('prefix:2'), ['p1', 'p1', 'p2']);
    assert.deepEqual(of('regex:^p(\\d+)_'), ['1', '1', '22']);
    assert.deepEqual(of('regex:^p\\d+'), ['p1', 'p1', 'p22']);
    assert.deepEqual(of('dataset', ids.slice(0, 2)), ['one', 'one']);
    for (const text of ['none', 'prefix:14', 'regex:a:b'])
      assert.equal(formatGroupBy(parseGroupBy(text)), text);
  });

  it('refuse what they cannot do, naming the image', () => {
    assert.throws(
      () => parseGroupBy('patient'),
      /expected none, dataset, prefix:N or regex:PATTERN, got "patient"/,
    );
    assert.throws(() => parseGroupBy('prefix:0'), /expected none/);
    assert.throws(() => groupIds(dataset, ids, parseGroupBy('regex:^p1')), /does not match image "p22_a"/);
    assert.throws(() => groupIds(dataset, ids, parseGroupBy('dataset')), /gives no group for image "p22_a"/);
  });
});

describe('makeSplit', () => {
  it('keeps groups whole and classes in balance, the same for the same seed', () => {
    // 30 patients of 1 to 6 images; class 2 is rare and sits in a third of them.
    const rng = createRng('patients');
    const groupOf = new Map<string, string>();
    const counts = new Map<string, number[]>();
    for (let g = 0; g < 30; g++)
      for (let i = rng.integer(1, 7); i > 0; i--) {
        groupOf.set(`p${g}_${i}`, `p${g}`);
        counts.set(`p${g}_${i}`, [rng.integer(5, 60), g % 3 === 0 ? rng.integer(1, 9) : 0]);
      }
    const chosen = chooseGroups(groupOf, counts, 0.25, 1);
    const share = (value: (id: string) => number): number => {
      const all = [...groupOf.keys()];
      const total = all.reduce((sum, id) => sum + value(id), 0);
      return (
        all.filter((id) => chosen.has(groupOf.get(id) as string)).reduce((sum, id) => sum + value(id), 0) /
        total
      );
    };
    for (const value of [
      () => 1,
      (id: string) => counts.get(id)?.[0] ?? 0,
      (id: string) => counts.get(id)?.[1] ?? 0,
    ])
      assert.ok(Math.abs(share(value) - 0.25) < 0.03, String(share(value)));
    assert.deepEqual(chooseGroups(groupOf, counts, 0.25, 1), chosen);
  });

  it('uses the groups of the data set and writes how it was made', async () => {
    const dataset = syntheticDataset({ images: 16, width: 64, height: 64, seed: 1 });
    const split = await makeSplit(dataset, { groupBy: { kind: 'dataset' }, seed: 1, val: 0.25 });
    assert.deepEqual([split.train.length, split.val.length], [12, 4]);
    assert.equal(new Set(split.val.map((id) => dataset.groups[id])).size, 1);
    assert.deepEqual([...split.train, ...split.val].sort(), dataset.ids);
    assert.deepEqual([split.how.groups.train, split.how.groupBy], [3, 'dataset']);
    const named = await makeSplit(dataset, { groupBy: { kind: 'dataset' }, seed: 1, val: ['slide-002'] });
    assert.deepEqual(named.val, ['synth_0008', 'synth_0009', 'synth_0010', 'synth_0011']);
    const wrong = makeSplit(dataset, { groupBy: { kind: 'dataset' }, seed: 1, val: ['slide-02'] });
    await assert.rejects(wrong, /there is no group "slide-02", did you mean "slide-0/);
    const one = { ...dataset, groups: Object.fromEntries(dataset.ids.map((id) => [id, 'slide'])) };
    await assert.rejects(
      makeSplit(one, { groupBy: { kind: 'dataset' }, seed: 1, val: 0.2 }),
      /all images are of one group/,
    );
  });

  it('says what to do with a single image, which cannot be divided', () => {
    assert.throws(() => chooseGroups(new Map([['a', 'a']]), new Map([['a', [2]]]), 0.2, 0), {
      message: /^a single image cannot be divided/,
      fix: /into tiles.*"train".*"val"/,
    });
  });

  it('reads a split back and refuses ids that are unknown or on both sides', async () => {
    await withTemporaryFolder((folder) => {
      const file = path.join(folder, 's.json');
      const write = (value: object): void => fs.writeFileSync(file, JSON.stringify(value));
      write({ train: ['a', 'b'], val: ['c'], how: {} });
      assert.deepEqual(readSplit(file, ['a', 'b', 'c']), { train: ['a', 'b'], val: ['c'] });
      assert.throws(() => readSplit(file, ['a', 'c', 'bb']), /has no image "b"/);
      write({ train: ['a'], val: ['a'] });
      assert.throws(() => readSplit(file), /"a" is in train and in val/);
      write({ train: ['a'] });
      assert.throws(() => readSplit(file), /val: expected a list of image ids/);
    });
  });

  itWithShared('splits CoNSeP by tile through the command line', async () => {
    await withTemporaryFolder((folder) => {
      const out = path.join(folder, 'split.json');
      const dir = sharedPath('data', 'consep', 'train');
      const args = [
        'data',
        'split',
        dir,
        '--val',
        '0.2',
        '--group-by',
        'prefix:14',
        '--seed',
        '3',
        '--out',
        out,
        '--json',
      ];
      const run = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 60000 });
      assert.equal(run.status, 0, run.stderr);
      const answer = JSON.parse(run.stdout) as { train: string[]; val: string[]; check: { ok: boolean } };
      const tiles = (ids: string[]): Set<string> => new Set(ids.map((id) => id.slice(0, 14)));
      assert.equal(answer.train.length + answer.val.length, 108);
      assert.ok([...tiles(answer.val)].every((tile) => !tiles(answer.train).has(tile)));
      // 27 tiles of four images: a fifth is 5 or 6 tiles.
      assert.ok(answer.val.length === 20 || answer.val.length === 24, String(answer.val.length));
      assert.equal(answer.check.ok, true);
      assert.deepEqual(JSON.parse(fs.readFileSync(out, 'utf8')).val, answer.val);
    });
  });
});

/** A data set in memory with changed copies of some images of another under new names. */
function withCopies(dataset: Dataset, copies: Record<string, (image: Sharp) => Sharp>): Dataset {
  const names = Object.keys(copies);
  return {
    ...dataset,
    ids: [...dataset.ids, ...names],
    loadImage: async (id) => {
      const k = names.indexOf(id);
      if (k < 0) return await dataset.loadImage(id);
      const { image, width, height } = await dataset.loadImage(dataset.ids[k]);
      const changed = await copies[id](sharp(image, { raw: { width, height, channels: 3 } }))
        .jpeg({ quality: 50 })
        .toBuffer();
      const { data, info } = await sharp(changed).raw().toBuffer({ resolveWithObject: true });
      return { image: new Uint8Array(data), width: info.width, height: info.height };
    },
  };
}

describe('checkSplit', () => {
  it('finds a recompressed, a flipped and a turned copy among 200 images in under 10 seconds, and nothing else', async () => {
    const images = syntheticDataset({ images: 200, width: 96, height: 96, seed: 9 });
    const dataset = withCopies(images, {
      recompressed: (image) => image,
      flipped: (image) => image.flop(),
      turned: (image) => image.rotate(90),
      resized: (image) => image.resize(64, 64),
    });
    const val = ['recompressed', 'flipped', 'turned', 'resized', ...images.ids.slice(150)];
    const began = performance.now();
    const check = await checkSplit(
      dataset,
      { train: images.ids.slice(0, 150), val },
      { groupBy: { kind: 'none' } },
    );
    // Making the synthetic images is most of it.
    holdTime('near-identical images among 200', began, 10);
    const found = check.nearIdentical.map((pair) => `${pair.train} ${pair.val}`).sort();
    assert.deepEqual(found, [
      'synth_0000 recompressed',
      'synth_0001 flipped',
      'synth_0002 turned',
      'synth_0003 resized',
    ]);
    assert.equal(check.ok, false);
  });

  it('names groups that stand on both sides', async () => {
    const dataset = syntheticDataset({ images: 8, width: 64, height: 64, seed: 9 });
    const check = await checkSplit(dataset, { train: dataset.ids.slice(0, 6), val: dataset.ids.slice(6) });
    assert.deepEqual([check.ok, check.sharedGroups, check.nearIdentical], [false, ['slide-001'], []]);
    assert.match(
      check.summary,
      /6 training and 2 validation images: 1 shared groups, 0 near-identical pairs/,
    );
    const sound = await checkSplit(dataset, { train: dataset.ids.slice(0, 4), val: dataset.ids.slice(4) });
    assert.equal(sound.ok, true);
  });

  itWithShared('reports no pair between any two halves of CoNSeP', async () => {
    const dataset = await openDataset(sharedPath('data', 'consep', 'train'));
    const train = dataset.ids.filter((_, i) => i % 2 === 0);
    const val = dataset.ids.filter((_, i) => i % 2 === 1);
    assert.deepEqual((await checkSplit(dataset, { train, val })).nearIdentical, []);
  });
});
