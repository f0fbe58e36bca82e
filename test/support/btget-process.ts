import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const BTGET = fileURLToPath(new URL('../../package/btget.js', import.meta.url));
/** The folder of the fixtures, with their torrents. */
export const FIXTURES = fileURLToPath(new URL('../../../fixtures', import.meta.url));
/** Options with which no packet leaves the machine and the system chooses the port. */
export const LOOPBACK = ['--bind', '127.0.0.1', '--port', '0', '--no-trackers'] as const;

/** What the programs of a test find in their environment: nothing of proxies but what the test says. */
export function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(https?|all|no)_proxy$/i.test(name));
  return { ...Object.fromEntries(ours), ...more };
}

export interface Ended {
  /** The exit code, or the name of the signal. */
  readonly code: number | string | null;
  readonly out: string;
  readonly err: string;
}

/** A btget in a process of its own, and what it has printed. */
export class BtgetProcess {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  out = '';
  err = '';
  #changed: () => void = () => undefined;

  /** btget works in `cwd`. It is killed when the test ends. `env` is added to its environment. */
  constructor(
    test: TestContext,
    cwd: string,
    args: readonly string[],
    stdin: Buffer = Buffer.alloc(0),
    env: Readonly<Record<string, string>> = {},
  ) {
    this.process = spawn(process.execPath, [BTGET, ...args], { cwd, env: environment(env) });
    this.process.stdin.on('error', () => this.#changed()).end(stdin);
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
      this.#changed();
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
      this.#changed();
    });
    this.ended = new Promise((resolve) =>
      this.process.on('close', (code, signal) => resolve({ code: code ?? signal, out: this.out, err: this.err })),
    );
    test.after(() => this.process.kill('SIGKILL'));
  }

  /** Resolves when `pattern` matches one of the outputs; rejects when the process ends without a match. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const look = (): RegExpExecArray | null => pattern.exec(this.err) ?? pattern.exec(this.out);
    return new Promise((resolve, reject) => {
      this.#changed = () => {
        const match = look();
        if (match !== null) resolve(match);
      };
      this.#changed();
      this.ended.then(() => reject(new Error(`btget ended without saying ${pattern}: ${this.err}`)));
    });
  }
}

/** Runs btget to its end in `cwd`. */
export function runBtget(
  test: TestContext,
  cwd: string,
  args: readonly string[],
  stdin: Buffer = Buffer.alloc(0),
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new BtgetProcess(test, cwd, args, stdin, env).ended;
}
