import { rmSync, writeFileSync } from 'node:fs';
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

  /** Somebody else takes `length` bytes of the disk. */
  occupy(length: number): void {
    writeFileSync(this.at('ballast'), Buffer.alloc(length, 1));
  }

  free(): void {
    rmSync(this.at('ballast'));
  }

  btget(...args: string[]): Program {
    const enter = ['--mount', '--target', String(this.#holder.child.pid)];
    return new Program(this.#test, 'nsenter', [...enter, process.execPath, BTGET, ...args]);
  }
}
