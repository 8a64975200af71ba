// Everything the project needs, from a machine with only Node, Python, g++ and make. Each step is skipped when done,
// leaves nothing half-made behind, and says on failure what to install.
//   node scripts/setup.mjs                 the set-up alone
//   node scripts/setup.mjs --then test …   the set-up, then a task of scripts/setup/tasks.mjs
import { announce, SetupError } from './setup/shell.mjs';
import { steps } from './setup/steps.mjs';
import { runTask } from './setup/tasks.mjs';

const [flag, task, ...rest] = process.argv.slice(2);
const started = Date.now();
try {
  let made = 0;
  for (const step of steps) {
    if (step.done()) continue;
    made++;
    announce(`${step.name}: ${step.why}${step.size ? ` (${step.size})` : ''}`);
    const stepStarted = Date.now();
    try {
      await step.make();
    } catch (error) {
      throw error instanceof SetupError ? error.in(step.name) : new SetupError(error.message).in(step.name);
    }
    if (Date.now() - stepStarted > 2000) announce(`${step.name}: done in ${seconds(stepStarted)}`);
  }
  announce(made ? `set-up complete in ${seconds(started)}` : `set-up already complete (${seconds(started)})`);
} catch (error) {
  process.stderr.write(`\nset-up stopped at ${error.message}\n`);
  process.stderr.write('  What is done is kept: fix this and run the same command again.\n');
  process.exit(1);
}
if (flag === '--then') process.exitCode = await runTask(task, rest);

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
