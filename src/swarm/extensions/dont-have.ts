/** Peers that tell each other which pieces they have lost (BEP 54). */
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { type Judgement, refuse } from '../judgement.js';
import type { ExtendedPeer, Extension } from './extensions.js';

export const LT_DONTHAVE = 'lt_donthave';

/** Pieces that somebody is told of; who lost more is better met anew. */
const MAX_TOLD = 1_000;

export class DontHave implements Extension {
  readonly name: string = LT_DONTHAVE;
  readonly #layout: PieceLayout;
  readonly #pieceLost: (connection: PeerConnection, piece: PieceIndex) => Judgement;

  /** `pieceLost`: a peer says that it has this piece no more. */
  constructor(layout: PieceLayout, pieceLost: (connection: PeerConnection, piece: PieceIndex) => Judgement) {
    this.#layout = layout;
    this.#pieceLost = pieceLost;
  }

  gotHandshake(_peer: ExtendedPeer): void {
    // Nothing is said until something is lost.
  }

  gotMessage({ connection }: ExtendedPeer, payload: Buffer): Judgement {
    if (payload.length !== 4) return refuse({ code: 'malformed-extension', name: LT_DONTHAVE, length: payload.length });
    const piece = this.#layout.pieceIndex(payload.readUInt32BE(0));
    if (piece === undefined) return refuse({ code: 'piece-out-of-range', piece: payload.readUInt32BE(0) });
    return this.#pieceLost(connection, piece);
  }

  peerLeft(_peer: ExtendedPeer): void {
    // Nothing is kept.
  }
}

/** Tells a peer which pieces we have lost. False when it does not understand, or there are too many. */
export function tellOfLost(peer: ExtendedPeer | undefined, pieces: readonly PieceIndex[]): boolean {
  if (pieces.length === 0) return true;
  if (peer === undefined || pieces.length > MAX_TOLD) return false;
  const payloads = pieces.map((piece) => {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(piece);
    return payload;
  });
  return peer.send(LT_DONTHAVE, ...payloads);
}
