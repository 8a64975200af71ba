/** Remembers SIGINT and SIGTERM, so that work ends in order; a second signal ends the process at once. */
export function watchSignals(): { received: () => 'SIGINT' | 'SIGTERM' | null; stop: () => void } {
  let received: 'SIGINT' | 'SIGTERM' | null = null;
  const on = (signal: NodeJS.Signals): void => {
    if (received) process.exit(signal === 'SIGINT' ? 130 : 143);
    received = signal as 'SIGINT' | 'SIGTERM';
    process.stderr.write(`\n${signal}: ending after this step, with a checkpoint (again: at once)\n`);
  };
  process.on('SIGINT', on);
  process.on('SIGTERM', on);
  return {
    received: () => received,
    stop: () => {
      process.off('SIGINT', on);
      process.off('SIGTERM', on);
    },
  };
}
