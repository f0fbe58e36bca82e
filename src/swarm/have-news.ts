import type { Millis, Task, Timers } from '../base/clock.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';
import { encodeMessage } from '../wire/message.js';
import type { PeerConnection } from './connections/peer-connection.js';
import type { Peer } from './peer.js';

/** When, and in which portions, peers hear of our new pieces. */
export interface HaveNewsOptions {
  /** New pieces are gathered for this long, and told to each peer in one write. */
  readonly delay: Millis;
  /** How many pieces a peer is told of in one write, at the most; more follow after the delay. */
  readonly maxTold: number;
  /** In bytes. While more than this waits in the socket of a peer, the peer is told of no more pieces. */
  readonly maxUnsent: number;
}

// Up to two batches of blocks (1 MiB) wait in a socket. The limit is higher, so that a peer that takes blocks hears
// news too.
export const DEFAULT_HAVE_NEWS_OPTIONS: HaveNewsOptions = { delay: 50, maxTold: 4_096, maxUnsent: 2 * 1024 * 1024 };

/**
 * Tells each peer which of the pieces that it lacks have become ours. A check of the disk or a journal may bring a
 * million pieces at once, so there is one list for all peers, and each peer has a place in it.
 */
export class HaveNews {
  readonly #timers: Timers;
  readonly #options: HaveNewsOptions;
  readonly #peers: () => Iterable<Peer>;
  readonly #wasTold: (peer: Peer, piece: PieceIndex) => boolean;
  #pieces: PieceIndex[] = [];
  /** How many of `#pieces` each peer has been told; 0 for a peer that is not in the map. */
  #places = new WeakMap<PeerConnection, number>();
  #task: Task | null = null;
  /** Run when every peer has been told. */
  #waiting: (() => void)[] = [];

  /** `wasTold`: the peer has heard of the piece in another way. */
  constructor(
    timers: Timers,
    options: HaveNewsOptions,
    peers: () => Iterable<Peer>,
    wasTold: (peer: Peer, piece: PieceIndex) => boolean = () => false,
  ) {
    this.#timers = timers;
    this.#options = options;
    this.#peers = peers;
    this.#wasTold = wasTold;
  }

  /** We have one more piece. */
  add(piece: PieceIndex): void {
    this.#pieces.push(piece);
    this.#tellSoon();
  }

  /** The peer has just been told everything that we have. */
  knows(connection: PeerConnection): void {
    if (this.#pieces.length > 0) this.#places.set(connection, this.#pieces.length);
  }

  /** Runs `task` when every peer has been told of all our pieces; at once when there is nothing to tell. */
  whenTold(task: () => void): void {
    if (this.#task === null) task();
    else this.#waiting.push(task);
  }

  stop(): void {
    this.#task?.cancel();
    this.#task = null;
    this.#waiting = [];
  }

  #tellSoon(): void {
    this.#task ??= this.#timers.addTask(() => this.#tell(), this.#options.delay);
  }

  #tell(): void {
    this.#task = null;
    const { maxTold, maxUnsent } = this.#options;
    // Most peers are at the same place in the list and lack all these pieces: they get the same bytes.
    const encoded = new Map<number, Buffer>();
    let isOver = true;
    for (const peer of this.#peers()) {
      const { connection, download } = peer;
      const begin = this.#places.get(connection) ?? 0;
      const end = connection.unsentLength > maxUnsent ? begin : Math.min(begin + maxTold, this.#pieces.length);
      if (end < this.#pieces.length) isOver = false;
      if (begin === end) continue;
      this.#places.set(connection, end);
      const run = this.#pieces.slice(begin, end);
      const news = run.filter((piece) => !download.has.has(piece) && !this.#wasTold(peer, piece));
      const known = news.length === run.length ? encoded.get(begin) : undefined;
      const bytes = known ?? encodeHaves(news);
      if (news.length === run.length) encoded.set(begin, bytes);
      if (bytes.length > 0) connection.send([bytes]);
    }
    if (!isOver) {
      this.#tellSoon();
      return;
    }
    this.#pieces = [];
    this.#places = new WeakMap();
    for (const task of this.#waiting.splice(0)) task();
  }
}

function encodeHaves(pieces: readonly PieceIndex[]): Buffer {
  return Buffer.concat(pieces.map((piece) => encodeMessage({ type: 'have', piece })));
}
