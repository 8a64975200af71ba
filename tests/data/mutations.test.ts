import assert from 'node:assert/strict';
import { withTemporaryFolder } from '../support';
import { runMutations } from './mutations';

describe('damaged files', () => {
  it('are read or refused in one line, 10,000 of them: no other error, none over five seconds, under 1 GB', async () => {
    await withTemporaryFolder(async (folder) => {
      const { faults, read, refused, peakMb } = await runMutations(folder, 10_000, 'mutations');
      assert.deepEqual(faults, []);
      assert.ok(peakMb < 1000, `${peakMb} MB`);
      // Both happen: otherwise nothing is tried.
      assert.ok(read > 500 && refused > 500, `${read} read, ${refused} refused`);
    });
  });
});
