import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serveTcp } from '../support/fakes/http-server.js';

// What programs keep of one run for the next comes neither from this user's nor from another file of tests, nor gets there.
const KEPT = mkdtempSync(join(tmpdir(), 'btget-kept-'));
process.env['XDG_CACHE_HOME'] = KEPT;
for (const name of Object.keys(process.env)) if (/^(https?|all|no)_proxy$/i.test(name)) delete process.env[name];
process.once('exit', () => rmSync(KEPT, { recursive: true, force: true }));

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const BTGET = join(ROOT, 'bin', 'btget.js');
export const PYTHON = '/usr/bin/python3';
export const LIBTORRENT_PEER = join(ROOT, 'test', 'live', 'libtorrent-peer.py');
export const LIBTORRENT_CREATE = join(ROOT, 'test', 'live', 'libtorrent-create.py');

/** Addresses of the test's own network namespace, one for each role. */
export const HOSTS = { tracker: '10.9.0.1', btget: '10.9.0.2', rival: '10.9.0.3', other: '10.9.0.4' } as const;
/** An address of the world to every client, since it is no interface's: a torrent may name a web seed there. */
export const WORLD_HOST = '203.0.113.7';
/** One for each node of a DHT. */
export const NODE_HOSTS: readonly string[] = Array.from({ length: 20 }, (_, at) => `10.9.1.${at + 1}`);
/** One for each member of a swarm, none of them the tracker's. */
export const SWARM_HOSTS = [2, 3, 4, 5, 6, 7].map((last) => `10.9.0.${last}`);

let lastHost = 9;

/** An address of the namespace that nobody has yet: for those who run at the same time and must not share one. */
export function nextHost(): string {
  lastHost += 1;
  assert.ok(lastHost <= 40, 'in-namespace.sh makes no more');
  return `10.9.0.${lastHost}`;
}

/** Path → hash of every file below `dir`: two folders are equal when these are. */
export function fingerprint(dir: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found[relative(dir, path)] = createHash('sha1').update(readFileSync(path)).digest('hex');
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function lengthOf(path: string): number {
  return statSync(path).size;
}

export function isInstalled(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).error === undefined;
}

/** One line of `--json`. */
export type JsonEvent = Readonly<Record<string, unknown>>;

/** Resolves after `limit` milliseconds, or when the answer's `resolve` is called: it keeps no process. */
function timeLimit(limit: number): { promise: Promise<undefined>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<undefined>((settle) => {
    const timer = setTimeout(() => settle(undefined), limit);
    resolve = () => {
      clearTimeout(timer);
      settle(undefined);
    };
  });
  return { promise, resolve };
}

/** A program that a test started: it is ended by its own process id when the test ends. */
export class Program {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  stdout = '';
  stderr = '';
  readonly #name: string;
  readonly #waiting: (() => void)[] = [];

  constructor(test: TestContext, command: string, args: readonly string[], cwd?: string) {
    this.#name = `${command} ${args.join(' ')}`;
    this.child = spawn(command, args, cwd === undefined ? {} : { cwd });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#wake();
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code) => {
        resolve(code);
        this.#wake();
      });
    });
    test.after(async () => {
      this.child.kill('SIGKILL');
      await this.ended;
    });
  }

  /** What `find` makes of the output so far, as soon as it makes something of it. */
  async until<T>(find: (output: string) => T | null | undefined): Promise<T> {
    for (;;) {
      const found = find(this.stdout + this.stderr);
      if (found !== null && found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`${this.#name} ended with ${this.child.exitCode}: ${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Asks it to end, as Ctrl-C does, and waits for it. */
  async interrupt(): Promise<number | null> {
    this.child.kill('SIGINT');
    return this.ended;
  }

  /** The exit code; a failure unless it ends by itself within `limit` milliseconds of this call. */
  async endsWithin(limit: number): Promise<number | null> {
    const { promise, resolve } = timeLimit(limit);
    const ended = await Promise.race([this.ended.then((code) => ({ code })), promise]);
    resolve();
    if (ended === undefined) throw new Error(`${this.#name} goes on ${limit} ms later: ${this.stdout}${this.stderr}`);
    assert.equal(this.child.signalCode, null, `${this.#name} died of a signal`);
    return ended.code;
  }

  /** The events of `--json` so far. */
  events(): JsonEvent[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as JsonEvent);
  }

  /** The first event of `--json` that is of `type`, and of which `is` holds, as soon as there is one. */
  event(type: string, is: (event: JsonEvent) => boolean = () => true): Promise<JsonEvent> {
    return this.until(() => this.events().find((event) => event['type'] === type && is(event)));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export function btget(test: TestContext, ...args: string[]): Program {
  return new Program(test, process.execPath, [BTGET, ...args]);
}

/** Runs btget to its end and asserts its exit code. */
export async function btgetEnds(test: TestContext, exitCode: number, ...args: string[]): Promise<Program> {
  const program = btget(test, ...args);
  const code = await program.ended;
  assert.equal(code, exitCode, `btget ${args.join(' ')}\n${program.stdout}${program.stderr}`);
  return program;
}

/** Starts `btget tracker`; resolves to its announce URL. */
export async function startTracker(test: TestContext, host: string): Promise<string> {
  const tracker = btget(test, 'tracker', '--bind', host, '--port', '0', '--interval', '5');
  return tracker.until((output) => /http:\/\/\S+\/announce/.exec(output)?.[0]);
}

/** Starts `btget seed`; resolves to the address at which it listens. */
export async function startSeed(
  test: TestContext,
  host: string,
  torrent: string,
  dir: string,
  ...more: string[]
): Promise<string> {
  const seed = btget(test, 'seed', torrent, '-d', dir, '--bind', host, ...more);
  const port = await seed.until((output) => /listening on \S*?:(\d+)[\s\S]*seeding/.exec(output)?.[1]);
  return `${host}:${port}`;
}

export interface SilentServer {
  /** `HOST:PORT` */
  readonly address: string;
  /** Resolves when somebody has sent something to it. */
  readonly spokenTo: Promise<void>;
}

/** Accepts every connection and never says a word. */
export async function startSilentServer(test: TestContext, host: string): Promise<SilentServer> {
  let spokenTo: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    spokenTo = resolve;
  });
  return { address: await serveTcp(test, (socket) => socket.once('data', spokenTo).resume(), host), spokenTo: promise };
}
