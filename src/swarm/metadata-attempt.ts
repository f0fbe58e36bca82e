import type { Millis } from '../base/clock.js';
import { METADATA_PIECE_LENGTH } from '../wire/metadata-message.js';
import type { PeerConnection } from './peer-connection.js';

/** How a piece of the metadata stands. */
type PieceState =
  | { readonly kind: 'missing' }
  | { readonly kind: 'asked'; readonly of: PeerConnection; readonly at: Millis }
  | { readonly kind: 'here'; readonly data: Buffer; readonly from: PeerConnection };

const MISSING: PieceState = { kind: 'missing' };

/** The metadata of one claimed size on its way: in turns from several peers, or from one alone. */
export class MetadataAttempt {
  readonly size: number;
  /** The one peer that it all comes from; null when several share it. */
  readonly soleSource: PeerConnection | null;
  readonly beganAt: Millis;
  readonly #pieces: PieceState[];
  #missing: number;

  constructor(size: number, soleSource: PeerConnection | null, now: Millis) {
    this.size = size;
    this.soleSource = soleSource;
    this.beganAt = now;
    this.#missing = Math.ceil(size / METADATA_PIECE_LENGTH);
    this.#pieces = new Array<PieceState>(this.#missing).fill(MISSING);
  }

  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** The next piece to ask for, which counts as asked of `connection` from then on; undefined when all are. */
  take(connection: PeerConnection, now: Millis): number | undefined {
    const piece = this.#pieces.findIndex(({ kind }) => kind === 'missing');
    if (piece === -1) return undefined;
    this.#pieces[piece] = { kind: 'asked', of: connection, at: now };
    return piece;
  }

  howManyAsked(connection: PeerConnection): number {
    return this.#askedOf(connection).length;
  }

  /** When the oldest unanswered request to `connection` left, or undefined when there is none. */
  waitingSince(connection: PeerConnection): Millis | undefined {
    return this.#askedOf(connection)[0]?.at;
  }

  /** What was asked of `connection` will not come. */
  giveBack(connection: PeerConnection): void {
    for (const [piece, state] of this.#pieces.entries()) {
      if (state.kind === 'asked' && state.of === connection) this.#pieces[piece] = MISSING;
    }
  }

  /** Keeps a copy of the piece. Says whether it was asked of `connection` and has the right length. */
  put(connection: PeerConnection, piece: number, data: Buffer): 'kept' | 'unasked' | 'wrong-length' {
    const state = this.#pieces[piece];
    if (state?.kind !== 'asked' || state.of !== connection) return 'unasked';
    if (data.length !== Math.min(METADATA_PIECE_LENGTH, this.size - piece * METADATA_PIECE_LENGTH))
      return 'wrong-length';
    this.#pieces[piece] = { kind: 'here', data: Buffer.from(data), from: connection };
    this.#missing -= 1;
    return 'kept';
  }

  /** Everything that has come, in order. */
  bytes(): Buffer {
    return Buffer.concat(this.#pieces.flatMap((state) => (state.kind === 'here' ? [state.data] : [])));
  }

  /** Who has sent something of it. */
  contributors(): ReadonlySet<PeerConnection> {
    return new Set(this.#pieces.flatMap((state) => (state.kind === 'here' ? [state.from] : [])));
  }

  #askedOf(connection: PeerConnection): Extract<PieceState, { kind: 'asked' }>[] {
    return this.#pieces
      .filter((state) => state.kind === 'asked')
      .filter(({ of }) => of === connection)
      .sort((a, b) => a.at - b.at);
  }
}
