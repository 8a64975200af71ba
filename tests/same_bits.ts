import { device } from '../src/runtime/tf';

/** A test of equal bits, which a GPU does not give: its kernels add in no fixed order. Skipped there by name. */
export function itGivesTheSameBits(name: string, test: Mocha.Func | Mocha.AsyncFunc): Mocha.Test {
  return device === 'cpu' ? it(name, test) : it.skip(`${name} (on a CPU)`, test);
}
