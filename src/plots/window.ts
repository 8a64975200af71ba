import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Figure } from './figure';

export interface FigureWindow {
  /** Where a browser finds the figures. */
  readonly address: string;
  /** Whether a browser was asked to open it. */
  readonly opened: boolean;
  /** Resolves when the last page that showed them was closed, or by `close`. */
  readonly closed: Promise<void>;
  close(): void;
}

/**
 * Shows figures in a browser through nodeplotlib, on this machine alone. nodeplotlib's page asks the network for
 * plotly.js and for fonts; here plotly.js comes from the packages, so that it works without one.
 * @param browse whether to open a browser: not over SSH, where it would open on the wrong screen.
 */
export async function openFigures(
  figures: readonly Figure[],
  { browse = true }: { readonly browse?: boolean } = {},
): Promise<FigureWindow> {
  const port = await freePort();
  // With a port given, nodeplotlib leaves the opening of a browser to us.
  process.env.NODEPLOTLIB_PORT = String(port);
  silenceNodeplotlib();
  const { plot } = require('nodeplotlib') as typeof import('nodeplotlib');
  for (const figure of figures)
    plot(figure.data as never, figure.layout as never, { responsive: true } as never);
  await answers(port);
  let seen = false;
  const server = http.createServer((request, response) => {
    seen = true;
    if (request.url === '/plotly.js') servePlotly(response);
    else relay(port, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://localhost:${(server.address() as AddressInfo).port}`;
  if (browse) openBrowser(address);
  let close = (): void => {};
  const closed = new Promise<void>((resolve) => {
    // nodeplotlib ends its server when the last page is closed.
    const timer = setInterval(() => {
      if (seen) void isOpen(port).then((open) => open || close());
    }, 1000);
    close = () => {
      clearInterval(timer);
      server.close();
      server.closeAllConnections();
      resolve();
    };
  });
  return { address, opened: browse, closed, close: () => close() };
}

let silenced = false;

/**
 * nodeplotlib and its server tell of every step on standard output, which belongs to the answer; the last of it half a minute
 * after the page was closed.
 */
function silenceNodeplotlib(): void {
  if (silenced) return;
  silenced = true;
  const { Logger } = require('@nestjs/common') as { Logger: { overrideLogger(on: boolean): void } };
  Logger.overrideLogger(false);
  const { log } = console;
  console.log = (...words: unknown[]): void => {
    if (!String(words[0]).startsWith('[Nodeplotlib]')) log(...words);
  };
}

function servePlotly(response: http.ServerResponse): void {
  response.setHeader('content-type', 'text/javascript');
  fs.createReadStream(require.resolve('plotly.js-cartesian-dist-min')).pipe(response);
}

/** Hands a request to nodeplotlib; its page gets our plotly.js and no fonts of the network. */
function relay(port: number, request: http.IncomingMessage, response: http.ServerResponse): void {
  const { method, url, headers } = request;
  const plain = { ...headers, 'accept-encoding': 'identity' };
  const asked = http.request({ host: 'localhost', port, method, path: url, headers: plain }, (answer) => {
    const page = String(answer.headers['content-type']).startsWith('text/html');
    if (!page) {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      return;
    }
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('end', () => {
      const html = Buffer.concat(parts)
        .toString('utf8')
        .replace(/https:\/\/cdn\.plot\.ly\/[^"]+/, '/plotly.js')
        .replace(/@font-face\{[^}]*\}/g, '')
        .replace(/<link rel="preconnect"[^>]*>/g, '')
        .replace('<title>Nodeplotlib</title>', '<title>Cytobench</title>');
      response.writeHead(answer.statusCode ?? 200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(html);
    });
  });
  asked.on('error', () => {
    response.writeHead(502);
    response.end();
  });
  request.pipe(asked);
}

async function freePort(): Promise<number> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function isOpen(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const asked = http.get({ host: 'localhost', port, path: '/favicon.ico' }, (answer) => {
      answer.resume();
      resolve(true);
    });
    asked.on('error', () => resolve(false));
  });
}

/** Waits for nodeplotlib's server, up to ten seconds. */
async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await isOpen(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the figures’ server did not start');
}

function openBrowser(address: string): void {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', address]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '', address]
        : ['xdg-open', address];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
