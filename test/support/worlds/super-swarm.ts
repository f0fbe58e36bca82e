import type { Millis } from '../../../src/base/clock.js';
import type { Metainfo } from '../../../src/metainfo/metainfo.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import { type SampleTorrent, sampleTorrent } from '../sample-torrent.js';
import { type Client, SimulatedSwarm } from '../simulation/simulated-swarm.js';
import { halfOf, v2Torrent } from '../v2-torrent.js';

const KiB = 1024;
const PIECE = 32 * KiB;
/** Bytes a second that the first seed gives. */
const RATE = 100 * KiB;
/** KiB a second that the leeches give, in turn; they take four times as much as another of them gives. */
const SPEEDS = [10, 20, 40, 80, 160];

export interface SuperSwarmOptions {
  readonly seed: number;
  readonly leeches: number;
  readonly superSeed: boolean;
  readonly pieceCount: number;
  /** `mixed`: a hybrid; every third leech knows version 1 alone, and every third version 2 alone. */
  readonly version: '1' | '2' | 'hybrid' | 'mixed';
  /** Whether anybody announces the fast extension. */
  readonly speaksFast: boolean;
}

/** One seed that gives little, and leeches whose lines are unequal. */
export class SuperSwarm {
  readonly sample: SampleTorrent;
  readonly swarm: SimulatedSwarm;
  readonly seed: Client;
  readonly leeches: readonly Client[];
  readonly #options: SuperSwarmOptions;
  readonly #missing: Set<number>;

  constructor(options: SuperSwarmOptions) {
    const { seed, leeches, superSeed, pieceCount, version } = options;
    this.#options = options;
    const files = [{ path: 'a', length: pieceCount * PIECE }];
    this.sample =
      version === '1' ? sampleTorrent(files, PIECE) : v2Torrent(files, PIECE, version === '2' ? '2' : 'hybrid');
    this.swarm = new SimulatedSwarm(this.sample, seed);
    this.seed = this.swarm.start({
      seed: true,
      session: { maxUpload: RATE, encryption: 'off' },
      host: { upload: 4 * RATE, latency: 20 },
      torrent: { superSeed },
    });
    this.#begin(this.seed);
    this.leeches = Array.from({ length: leeches }, (_, at) => this.#join(at));
    this.#missing = new Set(Array.from({ length: pieceCount }, (_, piece) => piece));
  }

  /** How long the seed needs at least to give one copy. */
  get ideal(): Millis {
    return (this.sample.content.length * 1000) / RATE;
  }

  get isDone(): boolean {
    return this.leeches.every(({ done }) => done);
  }

  /** How many copies the seed has given. */
  get copies(): number {
    return this.seed.torrent.status().uploaded / this.sample.content.length;
  }

  /** Runs until the leeches hold each piece, and returns how many copies the seed has given by then. */
  untilOneCopy(limit: Millis): number {
    this.#until(() => this.#areAllOut(), limit);
    return this.copies;
  }

  /** Runs until all leeches are done, and returns how long all of it has taken since the start. */
  untilDone(limit: Millis): Millis {
    this.#until(() => this.isDone, limit);
    return this.swarm.timeline.now();
  }

  #join(at: number): Client {
    // Two that dial each other at one moment lose one of the two connections, and what is under way on it.
    this.swarm.timeline.run(200);
    const upload = (SPEEDS[at % SPEEDS.length] as number) * KiB;
    const download = 4 * (SPEEDS[(at + 2) % SPEEDS.length] as number) * KiB;
    const leech = this.swarm.start({
      metainfo: this.#metainfoOf(at),
      session: { encryption: 'off' },
      host: { upload, download, latency: 10 + ((at * 7) % 90) },
    });
    this.#begin(leech);
    return leech;
  }

  /** The client has dialled nobody yet. */
  #begin({ torrent: { encoder } }: Client): void {
    if (encoder === undefined) throw new Error('a client without connections');
    if (!this.#options.speaksFast) encoder.setIdentity({ ...encoder.identity, reserved: encodeReserved(['extended']) });
  }

  #metainfoOf(at: number): Metainfo {
    const { metainfo } = this.sample;
    if (this.#options.version !== 'mixed' || at % 3 === 0) return metainfo;
    return halfOf(metainfo, at % 3 === 1 ? '1' : '2');
  }

  #until(isReached: () => boolean, limit: Millis): void {
    const end = this.swarm.timeline.now() + limit;
    while (!isReached()) {
      if (this.swarm.timeline.now() >= end) throw new Error(`not reached in ${limit} ms`);
      this.swarm.timeline.run(500);
    }
  }

  #areAllOut(): boolean {
    const contents = this.leeches.map(({ storage }) => storage.contents());
    for (const piece of this.#missing) {
      const right = this.sample.bytesOf(piece);
      const begin = piece * PIECE;
      if (contents.some((bytes) => bytes.subarray(begin, begin + right.length).equals(right)))
        this.#missing.delete(piece);
    }
    return this.#missing.size === 0;
  }
}
