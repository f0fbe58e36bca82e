/** Peers tell each other which pieces they have lost (BEP 54, lt_donthave). */
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { type Judgement, refuse } from '../judgement.js';
import type { ExtendedPeer, Extension } from './extensions.js';

const LT_DONTHAVE = 'lt_donthave';

/** We tell a peer of up to this many lost pieces. When we lose more, it is cheaper to connect again. */
const MAX_TOLD = 1_000;

export class DontHave implements Extension {
  readonly name: string = LT_DONTHAVE;
  readonly #layout: PieceLayout;
  readonly #pieceLost: (connection: PeerConnection, piece: PieceIndex) => Judgement;

  /** `pieceLost` is called when a peer says that it has lost this piece. It returns what the message is worth. */
  constructor(layout: PieceLayout, pieceLost: (connection: PeerConnection, piece: PieceIndex) => Judgement) {
    this.#layout = layout;
    this.#pieceLost = pieceLost;
  }

  gotHandshake(_peer: ExtendedPeer): void {
    // We say nothing until we lose a piece.
  }

  gotMessage({ connection }: ExtendedPeer, payload: Buffer): Judgement {
    if (payload.length !== 4) return refuse({ code: 'malformed-extension', name: LT_DONTHAVE, length: payload.length });
    const piece = this.#layout.pieceIndex(payload.readUInt32BE(0));
    if (piece === undefined) return refuse({ code: 'piece-out-of-range', piece: payload.readUInt32BE(0) });
    return this.#pieceLost(connection, piece);
  }

  peerLeft(_peer: ExtendedPeer): void {
    // We keep nothing of a peer.
  }
}

/**
 * Tells a peer which pieces we have lost. Returns false when the peer does not speak the extension (`peer` is undefined
 * when it speaks none), or when the pieces are too many: the peer has not heard of them then.
 */
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
