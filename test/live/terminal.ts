import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BTGET, Program } from './support.js';

/** What the shell writes in place of `btget`. */
export const BTGET_COMMAND = `${process.execPath} ${BTGET}`;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * A terminal with a shell in it, on a tmux server of its own, which ends with the test. What `dir` holds
 * of it are its socket and all that was written to it.
 */
export class Terminal {
  readonly #dir: string;
  readonly #client: Program;
  #isGone = false;

  /** `env`: what the shell has in its environment besides, `NAME=value`. The shell begins in `dir`. */
  constructor(
    test: TestContext,
    dir: string,
    env: readonly string[] = [],
    { columns, rows }: TerminalSize = { columns: 160, rows: 40 },
  ) {
    this.#dir = dir;
    const variables = ['PS1=$ ', 'ENV=', 'NO_COLOR=', ...env];
    const started = this.#tmux(
      ...['-f', '/dev/null', 'new-session', '-d', '-x', `${columns}`, '-y', `${rows}`, '-s', 'test', '-c', dir],
      ...['env', '-u', 'NO_COLOR', ...variables.filter((variable) => variable !== 'NO_COLOR='), 'sh'],
    );
    if (started.status !== 0) throw new Error(`tmux: ${started.stderr}`);
    // By its process id: the folder with its socket may be gone before this runs.
    const server = Number(this.#tmux('display-message', '-p', '#{pid}').stdout);
    test.after(() => {
      if (!this.#isGone) process.kill(server);
    });
    // In control mode the client is told of all that is written to the terminal, as it is written.
    this.#client = new Program(test, 'tmux', ['-u', '-S', this.#socket, '-C', 'attach-session', '-t', 'test']);
    this.#tmux('pipe-pane', '-O', '-t', 'test', `exec cat >${join(dir, 'written')}`);
  }

  /** Types a line. */
  enter(line: string): void {
    this.#tmux('send-keys', '-t', 'test', '-l', line);
    this.#tmux('send-keys', '-t', 'test', 'Enter');
  }

  /** Types what may be less than a line, and then presses the keys that tmux knows by these names. */
  type(text: string, ...keys: readonly string[]): void {
    this.#tmux('send-keys', '-t', 'test', '-l', '--', text);
    this.#tmux('send-keys', '-t', 'test', ...keys);
  }

  interrupt(): void {
    this.#tmux('send-keys', '-t', 'test', 'C-c');
  }

  suspend(): void {
    this.#tmux('send-keys', '-t', 'test', 'C-z');
  }

  /** Closes the terminal, as whoever closes its window does. */
  hangUp(): void {
    this.#isGone = true;
    this.#tmux('kill-server');
  }

  /** What `find` makes of what stands in the terminal and above it, as soon as it makes something of it. */
  until<T>(find: (screen: string) => T | null | undefined): Promise<T> {
    return this.#client.until(() => find(this.screen()));
  }

  /** What stands in the terminal and has left it at its top; lines that go on in the next row are joined. */
  screen(): string {
    return this.#tmux('capture-pane', '-p', '-J', '-S', '-', '-t', 'test').stdout;
  }

  /** The rows of the terminal from the first one on, without blanks at their ends and without blank rows at the end. */
  rows(): string[] {
    const text = this.#tmux('capture-pane', '-p', '-t', 'test').stdout.trimEnd();
    return text.split('\n').map((row) => row.trimEnd());
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#tmux('resize-window', '-t', 'test', '-x', `${columns}`, '-y', `${rows}`);
  }

  get isCursorShown(): boolean {
    return this.#tmux('display-message', '-p', '-t', 'test', '#{cursor_flag}').stdout.trim() === '1';
  }

  /** All bytes that were written to the terminal so far. */
  written(): string {
    return readFileSync(join(this.#dir, 'written'), 'utf8');
  }

  get #socket(): string {
    return join(this.#dir, 'tmux');
  }

  #tmux(...args: string[]): SpawnSyncReturns<string> {
    return spawnSync('tmux', ['-u', '-S', this.#socket, ...args], { encoding: 'utf8' });
  }
}
