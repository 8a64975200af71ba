import { type Command, Option } from 'commander';
import { type CommonOptions, withCommonOptions } from '../command';

interface BenchRleOptions extends CommonOptions {
  readonly against?: string;
}

interface PeerTimes {
  readonly cases: Readonly<Record<string, { readonly encode: number; readonly decode: number }>>;
  readonly peakRssMb: number;
}

export function registerBenchRle(bench: Command): void {
  withCommonOptions(
    bench
      .command('rle')
      .description(
        'run-length codes to and from strings: cells cropped to their boxes, whole 512 x 512 masks',
      )
      .addOption(new Option('--against <name>', 'the peer, in bench/.env').choices(['pycocotools'])),
    'npx cytobench bench rle --against pycocotools',
  ).action(async (options: BenchRleOptions) => {
    const fs = await import('node:fs');
    const os = await import('node:os');
    const path = await import('node:path');
    const { benchFile, compiledBenchFile, peerPython, runJson } = await import('./peer');
    const { peakRssMb } = await import('../../core/process');
    const { answerBench } = await import('./report');
    const { makeRleCases, timeRleCases } = (await import(
      compiledBenchFile('rle_cases.js')
    )) as typeof import('../../../bench/rle_cases');
    const made = makeRleCases();
    let peer: PeerTimes | undefined;
    if (options.against) {
      const file = path.join(os.tmpdir(), `cytobench-rle-${process.pid}.json`);
      fs.writeFileSync(
        file,
        JSON.stringify(Object.fromEntries(made.map(({ name, codes }) => [name, codes]))),
      );
      try {
        peer = runJson<PeerTimes>(peerPython(options.against), [
          benchFile('peers', 'rle_pycocotools.py'),
          file,
        ]);
      } finally {
        fs.rmSync(file, { force: true });
      }
    }
    const cases = timeRleCases(made).flatMap(({ name, encode, decode }) =>
      (['encode', 'decode'] as const).map((way) => {
        const ours = way === 'encode' ? encode : decode;
        const theirs = peer?.cases[name][way];
        return {
          case: `${way}, ${name}`,
          ours,
          ...(theirs === undefined ? {} : { peer: theirs, ratio: ours / theirs }),
        };
      }),
    );
    answerBench(options, {
      cases,
      peakRssMb: peakRssMb(),
      ...(peer ? { peerPeakRssMb: peer.peakRssMb } : {}),
    });
  });
}
