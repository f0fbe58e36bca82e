import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { writeNoise } from '../../test/support/noise.js';
import { findRivals, type Rivals } from './installed.js';
import { Processes, type Program, type Ran, type RanTogether, type Started } from './processes.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** What npm publishes, which the build makes. */
const PUBLISHED = join(ROOT, 'dist/package/btget.js');
const MODULES = join(ROOT, 'bin/btget.js');
export const MIB = 1 << 20;

export interface BenchOptions {
  /** Where the bench makes its folder. */
  readonly dir: string;
  /** The length of the content that most rows transfer or hash, in bytes. */
  readonly length: number;
  readonly runs: number;
}

/** Content on the disk: one file. */
export interface Content {
  /** The folder that holds it, as `-d` takes it. */
  readonly dir: string;
  readonly path: string;
  readonly length: number;
}

export interface TorrentShape {
  readonly length: number;
  /** As `--piece-length` takes it: `256K`, `1M`. */
  readonly pieceLength: string;
  /** Its announce URL. */
  readonly tracker?: string;
  /** Without it version 1. */
  readonly metaVersion?: Metainfo['version'];
  /** The URL of its web seed. */
  readonly webSeed?: string;
}

/** What all rows share: a folder, content and its torrents, the rivals, and the programs that the bench measures. */
export class Bench {
  /** A folder of this bench alone. `end` removes it. */
  readonly dir: string;
  readonly length: number;
  readonly runs: number;
  readonly rivals: Rivals = findRivals();
  readonly processes = new Processes();
  readonly #contents = new Map<number, Content>();
  readonly #torrents = new Map<string, Promise<string>>();
  #count = 0;

  constructor(options: BenchOptions) {
    this.dir = mkdtempSync(join(options.dir, 'btget-bench-'));
    this.length = options.length;
    this.runs = options.runs;
  }

  /** The btget that was built from this repository, as npm publishes it. */
  btget(...args: readonly string[]): Program {
    return { command: process.execPath, args: [PUBLISHED, ...args] };
  }

  /** The same as it is built, in some hundred modules. */
  btgetInModules(...args: readonly string[]): Program {
    return { command: process.execPath, args: [MODULES, ...args] };
  }

  /** Noise of this length, made at the first call. Rows share it, so no row may change it. */
  content(length: number): Content {
    const known = this.#contents.get(length);
    if (known !== undefined) return known;
    const dir = join(this.dir, `content-${length}`);
    writeNoise(dir, { 'data.bin': length });
    const content = { dir, path: join(dir, 'data.bin'), length };
    this.#contents.set(length, content);
    return content;
  }

  /** The path of a .torrent of such content, made at the first call. */
  torrent({ length, pieceLength, tracker, metaVersion = '1', webSeed }: TorrentShape): Promise<string> {
    const key = `${length} ${pieceLength} ${tracker} ${metaVersion} ${webSeed}`;
    const known = this.#torrents.get(key);
    if (known !== undefined) return known;
    const path = join(this.dir, `${this.#torrents.size}.torrent`);
    const announce = tracker === undefined ? [] : ['--tracker', tracker];
    const create = this.btget(
      ...['create', this.content(length).path, '-o', path, '--piece-length', pieceLength, '-q', ...announce],
      ...['--meta-version', metaVersion],
      ...(webSeed === undefined ? [] : ['--web-seed', webSeed]),
    );
    const made = this.run(create).then(() => path);
    this.#torrents.set(key, made);
    return made;
  }

  /** A new empty folder. The caller should remove it, because downloads would fill the disk. */
  emptyDir(): string {
    this.#count += 1;
    const dir = join(this.dir, `empty-${this.#count}`);
    mkdirSync(dir);
    return dir;
  }

  /** Hands a new empty folder to `use` and removes it afterwards. */
  async inEmptyDir<T>(use: (dir: string) => Promise<T>): Promise<T> {
    const dir = this.emptyDir();
    try {
      return await use(dir);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  /** A TCP port of 127.0.0.1 on which nothing listens now, for programs that cannot choose a free port themselves. */
  freePort(): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = createServer().once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });
  }

  /** Runs a program to its end and measures it; see `Processes.run`. */
  run(program: Program): Promise<Ran> {
    return this.processes.run(program);
  }

  /** Runs programs at the same time, all to their end; see `Processes.runTogether`. */
  runTogether(programs: readonly Program[]): Promise<RanTogether> {
    return this.processes.runTogether(programs);
  }

  /** Starts a program that runs until it is ended; see `Processes.start`. `running.bill()` tells its cost so far. */
  start(program: Program, until: RegExp): Promise<Started> {
    return this.processes.start(program, until);
  }

  /** Kills the programs that still run and removes the folder. */
  end(): void {
    this.processes.killAll();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}
