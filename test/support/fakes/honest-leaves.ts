import type { Millis, Timers } from '../../../src/base/clock.js';
import { leavesOf } from '../../../src/metainfo/leaves.js';
import type { PieceIndex } from '../../../src/metainfo/piece-layout.js';
import type { LeafSource } from '../../../src/swarm/download/block-judge.js';
import type { SampleTorrent } from '../sample-torrent.js';

/** A source that gives the right leaves of every piece, or none, after `delay`. */
export class HonestLeaves implements LeafSource {
  /** The pieces that were asked for. */
  readonly asked: number[] = [];
  /** How many questions were withdrawn. */
  cancelled = 0;
  readonly #torrent: SampleTorrent;
  readonly #timers: Timers;
  readonly #delay: () => Millis;
  readonly #gives: () => boolean;

  constructor(torrent: SampleTorrent, timers: Timers, delay: () => Millis, gives: () => boolean = () => true) {
    this.#torrent = torrent;
    this.#timers = timers;
    this.#delay = delay;
    this.#gives = gives;
  }

  fetchLeaves(piece: PieceIndex, done: (leaves: Buffer | null) => void): { cancel(): void } {
    this.asked.push(piece);
    const answer = this.#gives() ? rightLeaves(this.#torrent, piece) : null;
    const task = this.#timers.addTask(() => done(answer), this.#delay());
    return {
      cancel: () => {
        this.cancelled += 1;
        task.cancel();
      },
    };
  }
}

/** The leaves of a piece, one for each block of its content. */
export function rightLeaves({ layout, bytesOf }: SampleTorrent, piece: PieceIndex): Buffer {
  return leavesOf(bytesOf(piece).subarray(0, layout.contentLengthOf(piece)));
}
