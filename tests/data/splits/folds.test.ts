import assert from 'node:assert/strict';
import { createRng } from '../../../src/core/rng';
import { makeFolds } from '../../../src/data/splits/folds';

/** Images of groups of unlike size, with four classes of which the last is in few groups. */
function drawImages(seed: number, groups: number) {
  const rng = createRng(seed);
  const groupOf = new Map<string, string>();
  const counts = new Map<string, number[]>();
  for (let g = 0; g < groups; g++)
    for (let i = rng.integer(1, 8); i > 0; i--) {
      const id = `g${g}_${i}`;
      groupOf.set(id, `g${g}`);
      counts.set(id, [
        rng.integer(0, 60),
        rng.integer(0, 30),
        rng.integer(0, 6),
        g % 3 === 0 ? rng.integer(0, 4) : 0,
      ]);
    }
  return { groupOf, counts };
}

describe('folds', () => {
  it('put every image in one fold, and every group in the fold of its images', () => {
    for (let seed = 0; seed < 40; seed++) {
      const folds = 2 + (seed % 5);
      const { groupOf, counts } = drawImages(seed, 7 + (seed % 20));
      const foldOf = makeFolds({ groupOf, counts, folds, seed });
      assert.deepEqual([...foldOf.keys()].sort(), [...groupOf.keys()].sort());
      const foldsOfGroup = new Map<string, Set<number>>();
      for (const [id, group] of groupOf)
        foldsOfGroup.set(group, (foldsOfGroup.get(group) ?? new Set()).add(foldOf.get(id) as number));
      assert.ok(
        [...foldsOfGroup.values()].every((set) => set.size === 1),
        `seed ${seed}`,
      );
      assert.deepEqual([...new Set(foldOf.values())].sort(), [...Array(folds).keys()], 'no fold is empty');
    }
  });

  it('share out images and classes more evenly than chance', () => {
    const spread = (
      foldOf: ReadonlyMap<string, number>,
      counts: ReadonlyMap<string, number[]>,
      c: number,
    ): number => {
      const sums = [0, 0, 0, 0, 0];
      for (const [id, fold] of foldOf) sums[fold] += counts.get(id)?.[c] ?? 0;
      const total = sums.reduce((sum, value) => sum + value, 0);
      return Math.max(...sums.map((sum) => Math.abs(sum / total - 0.2)));
    };
    const worse = [0, 0, 0, 0];
    for (let seed = 0; seed < 20; seed++) {
      const { groupOf, counts } = drawImages(100 + seed, 27);
      const made = makeFolds({ groupOf, counts, folds: 5, seed: 0 });
      const rng = createRng(seed);
      const names = rng.shuffle([...new Set(groupOf.values())]);
      const dealt = new Map([...groupOf].map(([id, group]) => [id, names.indexOf(group) % 5]));
      for (let c = 0; c < 4; c++) if (spread(made, counts, c) > spread(dealt, counts, c)) worse[c]++;
    }
    assert.ok(
      worse.every((times) => times <= 2),
      `worse than dealing at random in ${worse} of 20`,
    );
  });

  it('are the same for the same seed, whatever the order of the images', () => {
    const { groupOf, counts } = drawImages(5, 15);
    const once = makeFolds({ groupOf, counts, folds: 5, seed: 0 });
    const turned = makeFolds({ groupOf: new Map([...groupOf].reverse()), counts, folds: 5, seed: 0 });
    for (const [id, fold] of once) assert.equal(turned.get(id), fold);
  });

  it('need as many groups', () => {
    const { groupOf, counts } = drawImages(6, 4);
    assert.throws(
      () => makeFolds({ groupOf, counts, folds: 5, seed: 0 }),
      /5 folds need as many groups, there are 4/,
    );
    assert.throws(() => makeFolds({ groupOf, counts, folds: 1, seed: 0 }), /a whole number from 2/);
  });
});
