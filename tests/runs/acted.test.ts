import * as assert from 'node:assert/strict';
import { leafKeys } from '../../src/config/resolve';
import { defaultConfig } from '../../src/config/schema';
import { itGivesTheSameBits } from '../same_bits';
import { withTemporaryFolder } from '../support';
import { behaviour, type Change, resolves, withDeadWire } from './acted';
import { CHANGES, ELSEWHERE, SHORTHANDS } from './acted_changes';

const KEYS = leafKeys(defaultConfig('efficientnet_lite0_fpn'));
/** `npm test` holds every sixth; `npm run check` all. */
const SAMPLE = CHANGES.filter((_, i) => i % 6 === 0);

async function acted(folder: string, { key, value, base = [] }: Change): Promise<boolean> {
  const before = await behaviour(folder, base);
  return before !== (await behaviour(folder, [...base, `${key}=${JSON.stringify(value)}`]));
}

describe('every setting acts', function () {
  this.timeout(1_200_000);

  it('is tried key by key: none of the schema is left out', () => {
    const tried = new Set([...CHANGES.map(({ key }) => key), ...Object.keys(ELSEWHERE)]);
    assert.deepEqual(
      KEYS.filter((key) => !tried.has(key)),
      [],
    );
    assert.deepEqual(
      [...tried].filter((key) => !KEYS.includes(key)),
      [],
    );
    for (const change of CHANGES) assert.ok(resolves(change), change.key);
    process.stderr.write(`      ${KEYS.length} keys, each with a test\n`);
  });

  itGivesTheSameBits(
    'repeats itself bit for bit where nothing is changed, and a key that is ignored is caught',
    () =>
      withTemporaryFolder(async (folder) => {
        // minLearningRate is not read by a constant schedule: to the run it is an ignored key.
        const ignored = { key: 'schedule.minLearningRate', value: 0.0001, base: ['schedule.kind=constant'] };
        assert.equal(await acted(folder, ignored), false);
      }),
  );

  const check = (changes: readonly Change[]) => () =>
    withTemporaryFolder(async (folder) => {
      const dead: string[] = [];
      for (const change of changes) if (!(await acted(folder, change))) dead.push(change.key);
      assert.deepEqual(dead, []);
    });
  itGivesTheSameBits(`${SAMPLE.length} of them change what a run does`, check(SAMPLE));
  itGivesTheSameBits(`[long] all ${CHANGES.length} of them change what a run does`, check(CHANGES));

  const mutated = (changes: readonly Change[]) => () =>
    withTemporaryFolder(async (folder) => {
      const counts = { refused: 0, unchanged: 0, unseen: 0 };
      const unseen: string[] = [];
      for (const change of changes) {
        const outcome = await withDeadWire(folder, change);
        counts[outcome]++;
        if (outcome === 'unseen') unseen.push(change.key);
      }
      process.stderr.write(
        `      dead wires: ${counts.refused} refused at the start, ${counts.unchanged} seen by their test\n`,
      );
      assert.deepEqual(unseen, []);
    });
  const WIRES = CHANGES.filter(({ key }) => !(key in SHORTHANDS));
  itGivesTheSameBits(
    'a build in which a setting is not wired is caught: some',
    mutated(WIRES.filter((_, i) => i % 12 === 3)),
  );
  itGivesTheSameBits(
    `[long] a build in which a setting is not wired is caught: all ${WIRES.length}`,
    mutated(WIRES),
  );
});
