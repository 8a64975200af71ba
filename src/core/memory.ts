import * as fs from 'node:fs';

/**
 * Largest resident memory of this process so far, MB. On Linux from the kernel's own mark: `getrusage` hands a child
 * the peak of the process that started it.
 */
export function peakRssMb(): number {
  try {
    const mark = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
    if (mark) return Number(mark[1]) / 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS / 1024;
}
