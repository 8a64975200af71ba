/** Lets the event loop turn once: signals are heard and timers run, which promises alone never allow. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
