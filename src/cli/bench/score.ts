import { type Command, Option } from 'commander';
import { type CommonOptions, withCommonOptions } from '../command';

interface BenchScoreOptions extends CommonOptions {
  readonly against?: string;
}

interface Run {
  readonly seconds: number;
  readonly peakRssMb: number;
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
}

/** Runs of each, in turn; the shortest is reported. */
const REPEATS = 3;

export function registerBenchScore(bench: Command): void {
  withCommonOptions(
    bench
      .command('score')
      .description('COCO evaluation with loading: 100 images, 80 true cells and 120 detections each')
      .addOption(new Option('--against <name>', 'the peer, in bench/.env').choices(['pycocotools'])),
    'npx cytobench bench score --against pycocotools',
  ).action(async (options: BenchScoreOptions) => {
    const fs = await import('node:fs');
    const os = await import('node:os');
    const path = await import('node:path');
    const { benchFile, compiledBenchFile, peerPython, runJson } = await import('./peer');
    const { answerBench } = await import('./report');
    const { makeScoreData } = (await import(
      compiledBenchFile('score_data.js')
    )) as typeof import('../../../bench/score_data');
    const python = options.against ? peerPython(options.against) : undefined;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-bench-'));
    try {
      const cases = [];
      let [peakRssMb, peerPeakRssMb, equal] = [0, 0, true];
      for (const [classes, type] of [
        [4, 'segm'],
        [1, 'segm'],
        [4, 'bbox'],
      ] as const) {
        const { groundTruth, results } = makeScoreData(classes);
        const files = [path.join(folder, 'gt.json'), path.join(folder, 'dt.json')];
        fs.writeFileSync(files[0], JSON.stringify(groundTruth));
        fs.writeFileSync(files[1], JSON.stringify(results));
        const args = [...files, type, '100'];
        const [ours, theirs]: [Run[], Run[]] = [[], []];
        // In turn, so that whatever else the machine does falls on both.
        for (let i = 0; i < REPEATS; i++) {
          ours.push(runJson<Run>(process.execPath, [compiledBenchFile('score_ours.js'), ...args]));
          if (python)
            theirs.push(runJson<Run>(python, [benchFile('peers', 'score_pycocotools.py'), ...args]));
        }
        peakRssMb = Math.max(peakRssMb, ...ours.map((run) => run.peakRssMb));
        peerPeakRssMb = Math.max(peerPeakRssMb, ...theirs.map((run) => run.peakRssMb));
        const keys = ['AP', 'AP50', 'AP75'] as const;
        equal &&= theirs.every((run) => keys.every((key) => Math.abs(run[key] - ours[0][key]) <= 1e-9));
        const name = `${type === 'segm' ? 'masks' : 'boxes'}, ${classes} class${classes === 1 ? '' : 'es'}`;
        const [mine, peer] = [shortest(ours), theirs.length > 0 ? shortest(theirs) : undefined];
        cases.push({ case: name, ours: mine, ...(peer === undefined ? {} : { peer, ratio: mine / peer }) });
      }
      answerBench(options, { cases, peakRssMb, ...(python ? { peerPeakRssMb, equal } : {}) });
      if (!equal) process.exitCode = 1;
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** The shortest: what the machine can do, not what else it did. */
function shortest(runs: readonly Run[]): number {
  return Math.min(...runs.map(({ seconds }) => seconds));
}
