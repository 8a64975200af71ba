import * as fs from 'node:fs';

/** Lets the event loop turn once: signals are heard and timers run, which promises alone never allow. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What the kernel counts in, as MB of 10^6 bytes. */
const KIB = 1024 / 1e6;

/**
 * Largest resident memory of this process so far, MB. On Linux from the kernel's own mark: `getrusage` hands a child
 * the peak of the process that started it.
 */
export function peakRssMb(): number {
  try {
    const mark = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
    if (mark) return Number(mark[1]) * KIB;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * KIB;
}
