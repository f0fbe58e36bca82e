import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BTGET, Program } from './support.js';

const SMALL_DISK = `
  set -e
  mkdir -p "$1" "$1.disk"
  mount -t tmpfs -o size="$2" small "$1.disk"
  mount --bind "$1.disk" "$1"
  echo ready
  exec cat
`;

/**
 * A disk of a few bytes, mounted at `dir` where nobody but the programs that it starts sees it. It lives on when it is
 * taken away from there.
 */
export class SmallDisk {
  readonly #test: TestContext;
  readonly #holder: Program;
  readonly #dir: string;

  constructor(test: TestContext, dir: string, length: number) {
    this.#test = test;
    this.#dir = dir;
    this.#holder = new Program(test, 'unshare', ['-m', 'sh', '-c', SMALL_DISK, 'sh', dir, String(length)]);
  }

  async ready(): Promise<void> {
    await this.#holder.until((output) => /ready/.exec(output));
  }

  /** What lies at `path` of the disk, as this process reaches it. */
  at(path: string): string {
    return join(`/proc/${this.#holder.child.pid}/root${this.#dir}.disk`, path);
  }

  /** What its programs find at `path` of the place where it is mounted, or was. */
  below(path: string): string {
    return join(`/proc/${this.#holder.child.pid}/root${this.#dir}`, path);
  }

  /** Unmounts it as soon as nobody uses it any more, and for the eyes of all at once. */
  async takeAway(): Promise<void> {
    await this.#inside('umount', '-l', this.#dir);
  }

  async bringBack(): Promise<void> {
    await this.#inside('mount', '--bind', `${this.#dir}.disk`, this.#dir);
  }

  /** Somebody else takes `length` bytes of the disk, or as many as there are. */
  occupy(length: number): void {
    const file = openSync(this.at('ballast'), 'w');
    const page = Buffer.alloc(4096, 1);
    try {
      for (let written = 0; written < length; ) written += writeSync(file, page);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    closeSync(file);
  }

  free(): void {
    rmSync(this.at('ballast'));
  }

  btget(...args: string[]): Program {
    return this.#enter(process.execPath, BTGET, ...args);
  }

  async #inside(...command: string[]): Promise<void> {
    const program = this.#enter(...command);
    if ((await program.ended) !== 0) throw new Error(`${command.join(' ')}: ${program.stderr}`);
  }

  #enter(...command: string[]): Program {
    return new Program(this.#test, 'nsenter', ['--mount', '--target', String(this.#holder.child.pid), ...command]);
  }
}
