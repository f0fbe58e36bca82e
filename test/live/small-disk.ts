import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BTGET, Program } from './support.js';

const SMALL_DISK = `
  set -e
  mkdir -p "$1"
  mount -t tmpfs -o size="$2" small "$1"
  echo ready
  exec cat
`;

/** A disk of a few bytes, mounted at `dir` where nobody but the programs that it starts sees it. */
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
    return join(`/proc/${this.#holder.child.pid}/root${this.#dir}`, path);
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
    const enter = ['--mount', '--target', String(this.#holder.child.pid)];
    return new Program(this.#test, 'nsenter', [...enter, process.execPath, BTGET, ...args]);
  }
}
