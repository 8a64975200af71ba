import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { WeightsError } from '../../../src/core/errors';
import { fetchWeights, PUBLISHED } from '../../../src/models/weights/fetch';
import { withTemporaryFolder } from '../../support';

const content = Buffer.from('these are in for the weights of a network'.repeat(1000));
const digest = createHash('sha256').update(content).digest('hex');

interface Served {
  readonly folder: string;
  readonly ranges: (string | undefined)[];
}

/** A server on loopback that sends `content` under any name, and cuts the first `cuts` answers half way. */
async function served(cuts: number, work: (served: Served) => Promise<void>): Promise<void> {
  const ranges: (string | undefined)[] = [];
  const server = http.createServer((request, response) => {
    ranges.push(request.headers.range);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = content.subarray(start);
    const length = { 'content-length': rest.length };
    response.writeHead(start > 0 ? 206 : 200, length);
    if (ranges.length > cuts) response.end(rest);
    else response.write(rest.subarray(0, rest.length / 2), () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models`;
  try {
    await withTemporaryFolder(async (folder) => {
      const names = {
        CYTOBENCH_CACHE: folder,
        TORCH_HOME: path.join(folder, 'torch'),
        CYTOBENCH_WEIGHTS_URL: url,
      };
      const before = Object.fromEntries(Object.keys(names).map((name) => [name, process.env[name]]));
      Object.assign(process.env, names);
      try {
        await work({ folder, ranges });
      } finally {
        for (const [name, value] of Object.entries(before))
          if (value === undefined) delete process.env[name];
          else process.env[name] = value;
      }
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The published list with an entry whose hash is that of `content`. */
function withEntry<T>(work: () => Promise<T>): Promise<T> {
  const list = PUBLISHED as { name: string; file: string; about: string }[];
  list.push({ name: 'test_net', file: `test_net-${digest.slice(0, 8)}.pth`, about: '' });
  return work().finally(() => list.pop());
}

describe('fetchWeights', () => {
  it('downloads, checks, and finds it again without the net', () =>
    withEntry(() =>
      served(0, async ({ ranges }) => {
        const first = await fetchWeights('test_net');
        assert.equal(first.source, 'download');
        assert.deepEqual(fs.readFileSync(first.file), content);
        assert.equal((await fetchWeights('test_net')).source, 'cache');
        assert.equal(ranges.length, 1);
      }),
    ));

  it('goes on where a cut download stopped', () =>
    withEntry(() =>
      served(1, async ({ ranges }) => {
        await assert.rejects(fetchWeights('test_net'), (error) => error instanceof WeightsError);
        const { file } = await fetchWeights('test_net');
        assert.deepEqual(fs.readFileSync(file), content);
        assert.deepEqual(ranges, [undefined, `bytes=${content.length / 2}-`]);
      }),
    ));

  it('refuses content of another hash and keeps nothing', () =>
    served(0, async ({ folder }) => {
      await assert.rejects(fetchWeights('resnet18'), /does not match the hash in its name/);
      assert.deepEqual(fs.readdirSync(folder), []);
    }));

  it("finds a file in torch's cache", () =>
    withEntry(() =>
      served(0, async ({ folder, ranges }) => {
        const place = path.join(folder, 'torch', 'hub', 'checkpoints');
        fs.mkdirSync(place, { recursive: true });
        fs.writeFileSync(path.join(place, `test_net-${digest.slice(0, 8)}.pth`), content);
        assert.equal((await fetchWeights('test_net')).source, 'torch');
        assert.equal(ranges.length, 0);
      }),
    ));

  it('says offline what to download and where to put it', () =>
    served(0, async ({ folder }) => {
      // Port 9 (discard) is closed on loopback.
      process.env.CYTOBENCH_WEIGHTS_URL = 'http://127.0.0.1:9/models';
      await assert.rejects(fetchWeights('resnet18'), (error) => {
        assert(error instanceof WeightsError);
        assert.equal(
          error.fix,
          `Download http://127.0.0.1:9/models/resnet18-f37072fd.pth and put it at ${path.join(folder, 'resnet18-f37072fd.pth')}.`,
        );
        return true;
      });
    }));

  it('names the nearest when there is no such name', async () => {
    await assert.rejects(fetchWeights('resnet19'), /the nearest is "resnet18"/);
  });
});
