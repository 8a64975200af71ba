import * as assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as readline from 'node:readline';
import { lockOwner, takeLock, tryLock } from '../../src/core/lock';
import { withTemporaryFolder } from '../support';

/** A process that races, spoken to in lines. */
class Racer {
  private readonly child: ChildProcess = spawn(process.execPath, [path.join(__dirname, 'lock_racer.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  private readonly lines = readline
    .createInterface({ input: this.child.stdout as NodeJS.ReadableStream })
    [Symbol.asyncIterator]();
  readonly pid = this.child.pid as number;

  async ask(line: string): Promise<string> {
    this.child.stdin?.write(`${line}\n`);
    return String((await this.lines.next()).value ?? 'ended');
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.stdin?.end();
    await gone;
  }
}

type Kind = 'fresh' | 'stale' | 'dying';
/** A process of this machine that has ended: the number of this one, started at another time. */
const GONE = { pid: process.pid, host: os.hostname(), processStart: 'earlier' };

/** Races of four processes for one lock after another: never two holders, never none. */
async function race(kind: Kind, rounds: number, folder: string): Promise<void> {
  let racers = Array.from({ length: 4 }, () => new Racer());
  for (let round = 0; round < rounds; round++) {
    const file = path.join(folder, `${kind}-${round}.json`);
    if (kind === 'stale') fs.writeFileSync(file, JSON.stringify({ ...GONE, id: `dead-${round}` }));
    if (kind === 'dying') {
      const answer = await racers[0].ask(`die ${file}`);
      assert.equal(answer, 'ended');
      racers = [new Racer(), ...racers.slice(1)];
    }
    const answers = await Promise.all(racers.map((racer) => racer.ask(`race ${file}`)));
    assert.equal(answers.filter((answer) => answer === 'won').length, 1, `${kind} ${round}: ${answers}`);
    assert.equal(lockOwner(file)?.pid, racers[answers.indexOf('won')].pid);
    await Promise.all(racers.map((racer) => racer.ask('release')));
    assert.ok(!fs.existsSync(file), 'released');
  }
  assert.deepEqual(
    fs.readdirSync(folder).filter((name) => name.includes(kind)),
    [],
    'nothing is left behind',
  );
  await Promise.all(racers.map((racer) => racer.end()));
}

describe('a lock', function () {
  this.timeout(1_800_000);

  for (const [kind, short, long] of [
    ['fresh', 100, 10_000],
    ['stale', 100, 9000],
    ['dying', 10, 1000],
  ] as const) {
    it(`has one holder: ${short} races of four processes, ${kind}`, () =>
      withTemporaryFolder((folder) => race(kind, short, folder)));
    it(`[long] has one holder: ${long} races of four processes, ${kind}`, () =>
      withTemporaryFolder((folder) => race(kind, long, folder)));
  }

  it('is whole whenever it is seen', () =>
    withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'lock.json');
      const racer = new Racer();
      for (let i = 0; i < 100; i++) {
        const raced = racer.ask(`race ${file}`);
        for (let look = 0; look < 20; look++)
          if (fs.existsSync(file)) assert.ok(JSON.parse(fs.readFileSync(file, 'utf8')).id);
        await raced;
        await racer.ask('release');
      }
      await racer.end();
    }));

  it('leaves alone what is no lock, and says so', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'lock.json');
      for (const text of ['', '[]', '5', 'a note', '{"pid":-1,"host":"h"}', '{"pid":"7","host":"h"}']) {
        fs.writeFileSync(file, text);
        assert.throws(() => tryLock(file), /is not a lock that a run made/);
        assert.equal(fs.readFileSync(file, 'utf8'), text);
        assert.equal(lockOwner(file), null);
      }
    }));

  it('of another host is believed while it is touched, and taken over when it is not', () =>
    withTemporaryFolder(async (folder) => {
      const times = { touch: 20, patience: 200 };
      const file = path.join(folder, 'lock.json');
      const foreign = { id: 'other', pid: 1, host: 'elsewhere', boot: 'x', processStart: '1' };
      fs.writeFileSync(file, JSON.stringify(foreign));
      const beat = setInterval(
        () => fs.utimesSync(file, new Date(), new Date(2e12 + Math.random() * 1e9)),
        20,
      );
      await assert.rejects(
        takeLock(file, () => {}, times),
        /pid 1 on elsewhere/,
      );
      clearInterval(beat);
      const waited: string[] = [];
      const lock = await takeLock(file, ({ host }) => waited.push(host), times);
      assert.deepEqual(waited, ['elsewhere']);
      assert.equal(lockOwner(file)?.pid, process.pid);
      lock.release();
      assert.ok(!fs.existsSync(file));
    }));

  it('that was taken over is not released by its former holder', () =>
    withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'lock.json');
      const lock = await takeLock(file);
      fs.writeFileSync(file, JSON.stringify({ ...GONE, id: 'another' }));
      lock.release();
      assert.ok(fs.existsSync(file));
    }));
});
