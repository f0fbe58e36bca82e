import type { Millis, Task, Timers } from '../base/clock.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import type { Bitfield } from '../wire/bitfield.js';
import { encodeMessage } from '../wire/message.js';
import type { Peer } from './peer.js';

/** Gathers pieces that have just become ours, and tells them to every peer that lacks them in one write. */
export class HaveNews {
  readonly #timers: Timers;
  readonly #delay: Millis;
  readonly #peers: () => Iterable<Peer>;
  #pieces: PieceIndex[] = [];
  #task: Task | null = null;

  /** Pieces are gathered for `delay`. */
  constructor(timers: Timers, delay: Millis, peers: () => Iterable<Peer>) {
    this.#timers = timers;
    this.#delay = delay;
    this.#peers = peers;
  }

  add(piece: PieceIndex): void {
    this.#pieces.push(piece);
    this.#task ??= this.#timers.addTask(() => this.#tell(), this.#delay);
  }

  stop(): void {
    this.#task?.cancel();
    this.#task = null;
  }

  #tell(): void {
    this.#task = null;
    const messages = this.#pieces.map((piece) => ({ piece, bytes: encodeMessage({ type: 'have', piece }) }));
    this.#pieces = [];
    for (const { connection, download } of this.#peers()) {
      const news = messages.filter(({ piece }) => !download.has.has(piece)).map(({ bytes }) => bytes);
      if (news.length > 0) connection.send([Buffer.concat(news)]);
    }
  }
}

/** All of `have`, for who can be sent no bitfield any more. */
export function encodeHaves(layout: PieceLayout, have: Bitfield): Buffer {
  const pieces = [...layout.pieceIndices()].filter((piece) => have.has(piece));
  return Buffer.concat(pieces.map((piece) => encodeMessage({ type: 'have', piece })));
}
