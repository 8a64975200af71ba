import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { evaluateRun } from '../../src/evaluation/evaluate';
import { runPage } from '../../src/report/run_page';
import { RunFolder } from '../../src/runs/run_folder';
import { runState } from '../../src/runs/run_list';
import { withTemporaryFolder } from '../support';
import { trainTiny } from './runs';

describe('an AP50 of a part of the validation images', function () {
  this.timeout(120_000);

  it('is named as such in the list of runs and on the page of the run, where evaluation takes all', () =>
    withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'run');
      await trainTiny(dir, { set: ['validation.images=1', 'validation.atStart=true'] });
      const evaluation = await evaluateRun(dir, { stored: true });
      const { ids } = evaluation;
      assert.ok(ids.length > 1);
      const told = `1 of ${ids.length} validation images`;
      assert.equal(runState(dir).subset, told);
      const metrics = new RunFolder(dir).metrics();
      assert.ok((await runPage({ evaluation, metrics, run: dir })).includes(told));
      // Where all are scored nothing is told.
      const file = path.join(dir, 'config.json');
      const described = JSON.parse(fs.readFileSync(file, 'utf8'));
      described.config.validation.images = null;
      fs.writeFileSync(file, JSON.stringify(described));
      assert.equal(runState(dir).subset, null);
    }));
});
