import type { Millis } from '../base/clock.js';
import { METADATA_PIECE_LENGTH } from '../wire/metadata-message.js';
import type { PeerConnection } from './peer-connection.js';

interface HeldPiece {
  readonly data: Buffer;
  readonly from: PeerConnection;
}

/** The metadata of one claimed size on its way: in turns from several peers, or from one alone. */
export class MetadataAttempt {
  readonly size: number;
  /** The one peer that it all comes from; null when several share it. */
  readonly soleSource: PeerConnection | null;
  readonly beganAt: Millis;
  /** What is here, by piece. */
  readonly #held: (HeldPiece | undefined)[];
  #heldLength = 0;
  #missing: number;
  /** Pieces that nobody is asked for, the next one at the end. */
  readonly #free: number[];
  /** Of each peer the pieces that it is asked for, the longest ago first, and since when. */
  readonly #asked = new Map<PeerConnection, Map<number, Millis>>();

  constructor(size: number, soleSource: PeerConnection | null, now: Millis) {
    this.size = size;
    this.soleSource = soleSource;
    this.beganAt = now;
    this.#missing = Math.ceil(size / METADATA_PIECE_LENGTH);
    this.#held = new Array<HeldPiece | undefined>(this.#missing).fill(undefined);
    this.#free = Array.from(this.#held.keys()).reverse();
  }

  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** Bytes that have come. */
  get heldLength(): number {
    return this.#heldLength;
  }

  /** The next piece to ask for, which counts as asked of `connection` from then on; undefined when all are. */
  take(connection: PeerConnection, now: Millis): number | undefined {
    const piece = this.#free.pop();
    if (piece === undefined) return undefined;
    const asked = this.#asked.get(connection) ?? new Map<number, Millis>();
    this.#asked.set(connection, asked.set(piece, now));
    return piece;
  }

  howManyAsked(connection: PeerConnection): number {
    return this.#asked.get(connection)?.size ?? 0;
  }

  /** When the oldest unanswered request to `connection` left, or undefined when there is none. */
  waitingSince(connection: PeerConnection): Millis | undefined {
    return this.#asked.get(connection)?.values().next().value;
  }

  /** What was asked of `connection` will not come. */
  giveBack(connection: PeerConnection): void {
    this.#free.push(...(this.#asked.get(connection)?.keys() ?? []));
    this.#asked.delete(connection);
  }

  /** Keeps a copy of the piece. Says whether it was asked of `connection` and has the right length. */
  put(connection: PeerConnection, piece: number, data: Buffer): 'kept' | 'unasked' | 'wrong-length' {
    const asked = this.#asked.get(connection);
    if (asked?.has(piece) !== true) return 'unasked';
    if (data.length !== Math.min(METADATA_PIECE_LENGTH, this.size - piece * METADATA_PIECE_LENGTH))
      return 'wrong-length';
    asked.delete(piece);
    this.#held[piece] = { data: Buffer.from(data), from: connection };
    this.#heldLength += data.length;
    this.#missing -= 1;
    return 'kept';
  }

  /** Everything that has come, in order. */
  bytes(): Buffer {
    return Buffer.concat(this.#held.flatMap((piece) => (piece === undefined ? [] : [piece.data])));
  }

  /** Who has sent something of it. */
  contributors(): ReadonlySet<PeerConnection> {
    return new Set(this.#held.flatMap((piece) => (piece === undefined ? [] : [piece.from])));
  }
}
