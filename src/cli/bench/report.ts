import { type CommonOptions, printResult } from '../command';

export interface BenchCase {
  readonly case: string;
  /** Seconds. */
  readonly ours: number;
  readonly peer?: number;
  /** ours / peer: below 1 is faster. */
  readonly ratio?: number;
}

export interface BenchReport {
  readonly cases: readonly BenchCase[];
  readonly peakRssMb: number;
  readonly peerPeakRssMb?: number;
  /** Whether both came to the same result. */
  readonly equal?: boolean;
}

/** Prints times by case; the ratio of the whole is that of its worst case. */
export function answerBench(options: CommonOptions, report: BenchReport & Record<string, unknown>): void {
  const compared = report.cases.filter(({ ratio }) => ratio !== undefined);
  const worst = compared.reduce<BenchCase | undefined>(
    (most, one) => ((one.ratio as number) > (most?.ratio ?? -1) ? one : most),
    undefined,
  );
  const slowest = report.cases.reduce((most, one) => (one.ours > most.ours ? one : most));
  const { ours, peer, ratio } = worst ?? slowest;
  const value = { ours, ...(worst ? { peer, ratio } : {}), ...report };
  printResult(options, value, () => {
    const lines = report.cases.map((one) => {
      const beside =
        one.peer === undefined ? '' : `  peer ${seconds(one.peer)}  ratio ${one.ratio?.toFixed(3)}`;
      return `${one.case.padEnd(24)} ours ${seconds(one.ours)}${beside}`;
    });
    const memory = `peak memory ${report.peakRssMb.toFixed(0)} MB${report.peerPeakRssMb === undefined ? '' : `, peer ${report.peerPeakRssMb.toFixed(0)} MB`}`;
    const equal = report.equal === undefined ? [] : [report.equal ? 'results equal' : 'RESULTS DIFFER'];
    return [...lines, memory, ...equal].join('\n');
  });
}

function seconds(value: number): string {
  return value >= 0.1 ? `${value.toFixed(3)} s` : `${(value * 1e6).toFixed(1)} us`;
}
