/**
 * Fetches the piece layers that a torrent does not tell: all those of `missingLayers`. It asks by ranges, each proven
 * up to the root of its file, of several peers at once.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { NODE_LENGTH, powerOfTwoFrom } from '../../metainfo/merkle.js';
import { type Below, type RangeBelow, rangesBelow } from '../../metainfo/merkle-proof.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { BLOCK_LENGTH } from '../../metainfo/piece-layout.js';
import type { HashFetch, HashQuestion, MayHave } from './hash-fetch.js';
import { keepHashes, MAX_RANGE } from './leaf-fetch.js';

export interface LayerFetchOptions {
  /** How many ranges are asked for at once. It is twice what fifty peers owe. */
  readonly window: number;
  /** When nothing has come for this long, and peers were asked in vain, the owner is told. */
  readonly patience: Millis;
  /** How long we wait before we ask again for a range that nobody gave. */
  readonly retryAfter: Millis;
  /** When nobody proves a range, a layer of up to this many hashes is asked for as a whole, which proves itself. */
  readonly maxWhole: number;
}

export const DEFAULT_LAYER_FETCH_OPTIONS: LayerFetchOptions = {
  window: 200,
  patience: 30_000,
  retryAfter: 1_000,
  maxWhole: 4_096,
};

export interface LayerFetchParts {
  readonly timers: Timers;
  readonly fetch: Pick<HashFetch, 'fetch'>;
  readonly metainfo: Pick<Metainfo, 'files' | 'pieceLength' | 'missingLayers'>;
  /** See `MayHave`. Without it all peers are alike. */
  readonly mayHave?: MayHave;
  /**
   * All layers are here and proven: for each file of `missingLayers` its layer, 32 bytes for each of its pieces, by the
   * file's index. Called once, in a task of its own. Files with the same root share one buffer.
   */
  readonly gotLayers: (layers: ReadonlyMap<number, Buffer>) => void;
  /** Nothing has come for long, and nobody gives what is missing. Called at most once; the fetch goes on. */
  readonly nobodyGives: () => void;
}

/** One layer, of one or more files that have the same bytes. */
interface Layer {
  readonly root: Buffer;
  readonly base: number;
  readonly hashes: Buffer;
  readonly files: number[];
  /** Ranges that are not here yet. */
  missing: number;
  /** It is asked for as a whole, besides its ranges. */
  isAskedWhole: boolean;
}

interface Job {
  readonly layer: Layer;
  readonly range: RangeBelow;
}

export class LayerFetch {
  readonly #parts: LayerFetchParts;
  readonly #options: LayerFetchOptions;
  readonly #layers = new Map<string, Layer>();
  /** What is not asked for yet. */
  readonly #jobs: Iterator<Job, undefined>;
  readonly #again: Job[] = [];
  readonly #asked = new Set<HashQuestion>();
  readonly #tasks = new Set<Task>();
  #whole = 0;
  #newAt: Millis = 0;
  #isToldOf = false;
  #over = false;

  constructor(parts: LayerFetchParts, options: LayerFetchOptions) {
    this.#parts = parts;
    this.#options = options;
    const { files, missingLayers, pieceLength } = parts.metainfo;
    for (const index of missingLayers) {
      const file = files[index] as TorrentFile;
      const root = file.piecesRoot as Buffer;
      const key = root.toString('latin1');
      const known = this.#layers.get(key);
      if (known !== undefined) {
        known.files.push(index);
        continue;
      }
      const hashes = Buffer.alloc(Math.ceil(file.length / pieceLength) * NODE_LENGTH);
      const base = Math.log2(pieceLength / BLOCK_LENGTH);
      this.#layers.set(key, { root, base, hashes, files: [index], missing: 1, isAskedWhole: false });
    }
    this.#jobs = this.#allJobs();
  }

  /** How many layers there are to fetch, and how many are whole. */
  get progress(): { readonly wanted: number; readonly whole: number } {
    return { wanted: this.#layers.size, whole: this.#whole };
  }

  begin(): void {
    this.#newAt = this.#parts.timers.now();
    this.#later(() => this.#advance(), 0);
  }

  /** From now on it asks for nothing and reports nothing. */
  stop(): void {
    this.#over = true;
    for (const question of this.#asked) question.cancel();
    for (const task of this.#tasks) task.cancel();
    this.#asked.clear();
    this.#tasks.clear();
  }

  *#allJobs(): Generator<Job, undefined> {
    for (const layer of this.#layers.values()) {
      const ranges = rangesBelow(below(layer), MAX_RANGE);
      layer.missing = ranges.length;
      for (const range of ranges) yield { layer, range };
    }
    return undefined;
  }

  #advance(): void {
    if (this.#over) return;
    if (this.#whole === this.#layers.size) {
      this.#finish();
      return;
    }
    while (this.#asked.size < this.#options.window) {
      const job = this.#again.shift() ?? this.#jobs.next().value;
      if (job === undefined) return;
      if (job.layer.missing > 0) this.#ask(job);
    }
  }

  #ask(job: Job): void {
    const question = this.#parts.fetch.fetch(job.range, this.#parts.mayHave ?? (() => true), (hashes) => {
      this.#asked.delete(question);
      if (hashes === null) this.#gotNothing(job);
      else this.#gotRange(job, hashes);
    });
    this.#asked.add(question);
  }

  #gotRange({ layer, range }: Job, hashes: Buffer): void {
    if (layer.missing > 0) {
      // What is not padding where padding must be makes the torrent itself wrong: nobody can give us its layer.
      if (!keepHashes(layer.hashes, hashes, range, 0)) {
        this.#gotNothing({ layer, range });
        return;
      }
      this.#newAt = this.#parts.timers.now();
      const isWhole = range.proof === 0;
      layer.missing = isWhole ? 0 : layer.missing - 1;
      if (layer.missing === 0) this.#whole += 1;
    }
    this.#advance();
  }

  #gotNothing(job: Job): void {
    const { timers, nobodyGives } = this.#parts;
    if (!this.#isToldOf && timers.now() - this.#newAt >= this.#options.patience) {
      this.#isToldOf = true;
      nobodyGives();
    }
    if (this.#over) return;
    const jobs = this.#waysFrom(job);
    this.#later(() => {
      this.#again.push(...jobs);
      this.#advance();
    }, this.#options.retryAfter);
    this.#advance();
  }

  /** How to go on after nobody gave the range. Some clients send no uncles: of them we ask the whole layer. */
  #waysFrom({ layer, range }: Job): Job[] {
    const whole = below(layer);
    if (range.proof === 0 && whole.width > MAX_RANGE) {
      layer.isAskedWhole = false;
      return [];
    }
    if (whole.width <= MAX_RANGE || whole.width > this.#options.maxWhole || layer.isAskedWhole)
      return [{ layer, range }];
    layer.isAskedWhole = true;
    return [
      { layer, range },
      ...rangesBelow(whole, this.#options.maxWhole).map((everything) => ({ layer, range: everything })),
    ];
  }

  #finish(): void {
    const layers = new Map<number, Buffer>();
    for (const { files, hashes } of this.#layers.values()) for (const file of files) layers.set(file, hashes);
    this.stop();
    this.#parts.gotLayers(layers);
  }

  #later(run: () => void, delay: Millis): void {
    const task: Task = this.#parts.timers.addTask(() => {
      this.#tasks.delete(task);
      run();
    }, delay);
    this.#tasks.add(task);
  }
}

function below({ root, base, hashes }: Layer): Below {
  const count = hashes.length / NODE_LENGTH;
  return { root, base, first: 0, width: powerOfTwoFrom(count), count };
}
