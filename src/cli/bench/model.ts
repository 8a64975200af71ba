import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { type Command, Option } from 'commander';
import { CytobenchError, nearestName, UsageError } from '../../core/errors';
import { chosenDevice, chosenThreads } from '../../runtime/device';
import { type CommonOptions, parseCount, say, withCommonOptions } from '../command';
import {
  type Answer,
  benchFile,
  compiledBenchFile,
  DrivenProcess,
  median,
  peerPython,
  workInTurn,
} from './peer';
import { answerBench } from './report';

interface BenchModelOptions extends CommonOptions {
  readonly model: string;
  readonly size: number;
  readonly cells: number;
  readonly precision: 'auto' | 'float32' | 'bfloat16';
  readonly pairs: number;
  readonly against?: string;
  readonly profile?: string;
}

const TASKS = {
  train: 'training steps on one image: forward, backward, SGD',
  infer: 'predictions of one image, to instances with masks',
} as const;

/** `bench train` and `bench infer`. */
export function registerBenchModel(bench: Command): void {
  for (const task of Object.keys(TASKS) as (keyof typeof TASKS)[])
    withCommonOptions(
      bench
        .command(task)
        .description(TASKS[task])
        .option('--model <name>', 'architecture', 'efficientnet_lite0_fpn')
        .option('--size <px>', 'side of the square image as the network sees it', parseCount, 512)
        .option('--cells <n>', 'instances in the image', parseCount, 100)
        .addOption(
          new Option('--precision <p>', 'of this product; the peer takes its fastest')
            .choices(['auto', 'float32', 'bfloat16'])
            .default('auto'),
        )
        .option('--pairs <n>', 'timed pieces of work of each side, in turn', parseCount, 7)
        .addOption(new Option('--against <name>', 'the peer, in bench/.env').choices(['torchvision']))
        .option('--profile <trace.json>', "where one piece of work goes, in Chrome's trace format"),
      `npx cytobench bench ${task} --model efficientnet_lite0_fpn --against torchvision`,
    ).action(async (options: BenchModelOptions) => {
      await benchModel(task, options);
    });
}

type Task = 'train' | 'infer';

/** The settings of the peer that are tried; the fastest is the one compared with. */
const VARIANTS: Readonly<Record<'cpu' | 'gpu', readonly (readonly string[])[]>> = {
  cpu: [
    ['float32', 'contiguous'],
    ['float32', 'channels_last'],
    ['bfloat16', 'contiguous'],
    ['bfloat16', 'channels_last'],
  ],
  gpu: ['float32', 'tf32', 'bfloat16'].flatMap((precision) =>
    ['contiguous', 'channels_last', 'compiled'].map((layout) => [precision, layout, 'cuda']),
  ),
};
/** Seconds above which the first piece of work, which builds code and caches, is trial enough. */
const LONG = 4;
/** Seconds that the first setting may take: it is float32, which every processor has. */
const LONGEST = 600;
/** A trial ends when it takes so many times what the best took, but not before so many seconds: the first builds code. */
const HOPELESS = { times: 3, seconds: 20 };
/** How far losses may differ, as a share of their sum: bfloat16 has 8 bits of fraction. */
const ALIKE = 0.05;

/** Times training steps or predictions, in turn with the peer's; both sides in processes of their own. */
async function benchModel(task: Task, options: BenchModelOptions): Promise<void> {
  const { ARCHITECTURE_NAMES } = await import('../../config/architectures');
  const { model, size, cells, pairs } = options;
  if (!(ARCHITECTURE_NAMES as readonly string[]).includes(model))
    throw new UsageError(
      `unknown model ${model}; the nearest known is ${nearestName(model, ARCHITECTURE_NAMES)}`,
    );
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-bench-'));
  const env = { OMP_NUM_THREADS: String(chosenThreads()), CYTOBENCH_REFERENCE: reference() };
  const open: DrivenProcess[] = [];
  try {
    const python = options.against ? peerPython(options.against) : undefined;
    const peerArgs = (variant: readonly string[]): string[] => [
      benchFile('peers', 'torchvision_steps.py'),
      folder,
      task,
      ...variant,
    ];
    let choice: PeerChoice | undefined;
    if (python) {
      const { writeModelJob } = (await import(
        compiledBenchFile('model_job.js')
      )) as typeof import('../../../bench/model_job');
      writeModelJob(folder, { model: model as (typeof ARCHITECTURE_NAMES)[number], size, cells });
      choice = await fastest(python, peerArgs, env);
    }
    const trace = options.profile ? [path.resolve(options.profile)] : [];
    const ours = new DrivenProcess(process.execPath, [
      ...[compiledBenchFile('model_ours.js'), model, String(size), String(cells), task, options.precision],
      ...trace,
    ]);
    open.push(ours);
    const about = await ours.ready();
    if (python && choice) {
      const peer = new DrivenProcess(python, peerArgs(choice.variant), choice.env);
      open.push(peer);
      await peer.ready();
    }
    const [mine, theirs] = await workInTurn(open, pairs);
    const card = cardMemoryMb(open.map(({ pid }) => pid));
    const calls = await ours.ask<Calls>('calls');
    const equal = theirs && alike(task, mine[0], theirs[0]);
    const seconds = median(mine.map((one) => one.seconds));
    const peerSeconds = theirs && median(theirs.map((one) => one.seconds));
    const name = `${task} ${model} ${size} px, ${cells} cells`;
    answerBench(options, {
      cases: [
        {
          case: name,
          ours: seconds,
          ...(peerSeconds ? { peer: peerSeconds, ratio: seconds / peerSeconds } : {}),
        },
      ],
      peakRssMb: mine[mine.length - 1].peakRssMb,
      ...(theirs ? { peerPeakRssMb: theirs[theirs.length - 1].peakRssMb, equal } : {}),
      pairs,
      ...calls,
      ...(card ? { cardMemoryMb: card[0], ...(theirs ? { peerCardMemoryMb: card[1] } : {}) } : {}),
      precision: about.precision,
      gigaflops: about.gigaflops,
      ...(theirs
        ? { peerVariant: choice?.variant, values: mine[0].values, peerValues: theirs[0].values }
        : {}),
      ...(theirs ? { rois: mine[0].rois, peerRois: theirs[0].rois } : {}),
    });
    if (equal === false) process.exitCode = 1;
  } finally {
    for (const one of open) one.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Megabytes of the card that each process has, as the driver says; null where there is no card. */
function cardMemoryMb(pids: readonly (number | undefined)[]): (number | null)[] | null {
  if (chosenDevice() !== 'gpu') return null;
  const asked = ['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits'];
  const { stdout } = spawnSync('nvidia-smi', asked, { encoding: 'utf8' });
  const used = new Map(
    (stdout ?? '').split('\n').map((line) => line.split(', ').map(Number) as [number, number]),
  );
  return pids.map((pid) => (pid === undefined ? null : (used.get(pid) ?? null)));
}

/** Calls into the runtime of one piece of work: ops and functions, and tensors made and read. */
type Calls = Readonly<
  Record<'calls' | 'writes' | 'reads', { readonly eager: number; readonly captured: number }>
>;

interface PeerChoice {
  readonly variant: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Tries every variant of the peer, and the fastest again with threads that wait spinning, which is better where nothing
 * else runs. Each in a process of its own, so that the memory of one is not that of another.
 */
async function fastest(
  python: string,
  args: (variant: readonly string[]) => string[],
  env: Readonly<Record<string, string>>,
): Promise<PeerChoice> {
  let best: { seconds: number; choice: PeerChoice } | undefined;
  const time = async ({ variant, env: own }: PeerChoice): Promise<number> => {
    const peer = new DrivenProcess(python, args(variant), own);
    const name = `peer, ${variant.join(', ')}${own.GOMP_SPINCOUNT ? '' : ', spinning'}`;
    const limit = best ? Math.max(best.seconds * HOPELESS.times, HOPELESS.seconds) : LONGEST;
    try {
      await peer.ready();
      const first = await peer.workWithin(limit);
      if (!first) {
        say(`${name}: over ${limit.toFixed(0)} s, left`);
        return Number.POSITIVE_INFINITY;
      }
      const seconds =
        first.seconds > LONG ? first.seconds : Math.min(first.seconds, (await peer.work()).seconds);
      say(`${name}: ${seconds.toFixed(3)} s`);
      return seconds;
    } finally {
      peer.close();
    }
  };
  const offer = async (choice: PeerChoice): Promise<void> => {
    const seconds = await time(choice);
    if (seconds < (best?.seconds ?? Number.POSITIVE_INFINITY)) best = { seconds, choice };
  };
  for (const variant of VARIANTS[chosenDevice()])
    await offer({ variant, env: { ...env, GOMP_SPINCOUNT: '1000' } });
  const winner = best as { choice: PeerChoice } | undefined;
  if (!winner)
    throw new CytobenchError(`the peer takes over ${LONGEST} s for one piece of work`, {
      fix: 'Take a smaller --size.',
    });
  // Where other work wants the cores, a spinning thread takes them from its own partner.
  if (chosenDevice() === 'cpu' && os.loadavg()[0] < os.cpus().length * 1.5)
    await offer({ variant: winner.choice.variant, env: { ...env, GOMP_SPINCOUNT: '' } });
  return (best as unknown as { choice: PeerChoice }).choice;
}

/** Whether both did the same: as many regions, and losses, or detections, that differ by no more than rounding does. */
function alike(task: Task, a: Answer, b: Answer): boolean {
  if (task === 'infer') {
    const most = Math.max(a.values.detections, b.values.detections);
    return Math.abs(a.values.detections - b.values.detections) <= Math.max(1, ALIKE * most);
  }
  const names = Object.keys(a.values);
  const sum = names.reduce((total, name) => total + b.values[name], 0);
  return a.rois === b.rois && names.every((name) => Math.abs(a.values[name] - b.values[name]) <= ALIKE * sum);
}

/** Where the light model's definition in PyTorch lies. */
function reference(): string {
  return process.env.CYTOBENCH_REFERENCE ?? path.resolve(benchFile('..'), 'tests', 'fixtures', 'parity');
}
