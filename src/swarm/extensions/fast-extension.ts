/**
 * The fast extension (BEP 6) with one torrent's peers. What it changes for one of them is in its Download and its
 * Upload.
 */
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { parseIp } from '../../net/ip-address.js';
import { allowedFastSet } from '../../wire/allowed-fast.js';
import { Bitfield, fullBitfield } from '../../wire/bitfield.js';
import { encodeMessage, type PeerMessage } from '../../wire/message.js';
import { announces } from '../../wire/reserved.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { IDLE, JUNK, type Judgement, refuse } from '../judgement.js';
import type { Peer } from '../peer.js';

export interface FastExtensionOptions {
  // BEP 6: "We currently set k to 10".
  /** Pieces that a beginner may have in spite of a choke; whoever has as many is none. */
  readonly allowed: number;
  /** Of a short torrent only this share is given away so: who serves us comes first. */
  readonly allowedShare: number;
  /** Bytes of these pieces, at the most. */
  readonly allowedLength: number;
}

export const DEFAULT_FAST_EXTENSION_OPTIONS: FastExtensionOptions = {
  allowed: 10,
  allowedShare: 0.1,
  allowedLength: 16 * 1024 * 1024,
};

export type FastMessage = Extract<PeerMessage, { type: 'suggest' | 'reject' | 'allowedFast' }>;

/** Both sides have to announce it, and we always do. */
export const FAST_NOT_ANNOUNCED: Judgement = refuse({ code: 'fast-not-announced' });

export class FastExtension {
  readonly #layout: PieceLayout;
  readonly #infoHash: Buffer;
  readonly #have: Bitfield;
  readonly #options: FastExtensionOptions;

  /** `have`: what we have, now and later. */
  constructor(layout: PieceLayout, infoHash: Buffer, have: Bitfield, options: FastExtensionOptions) {
    this.#layout = layout;
    this.#infoHash = infoHash;
    this.#have = have;
    this.#options = options;
  }

  /** What a peer is told first of our pieces; null for nothing. */
  firstMessage(connection: PeerConnection): Buffer | null {
    const speaks = announces(connection.reserved, 'fast');
    // BEP 3: "Downloaders which don't have anything yet may skip the 'bitfield' message."
    if (this.#have.isEmpty) return speaks ? encodeMessage({ type: 'haveNone' }) : null;
    if (this.#have.isComplete && speaks) return encodeMessage({ type: 'haveAll' });
    return encodeMessage({ type: 'bitfield', bits: this.#have.toWire() });
  }

  /** The peer has said which pieces it has. */
  gotPieces({ connection, upload, download }: Peer): void {
    const ip = parseIp(connection.address.host);
    // BEP 6: "We currently have no provisions for IPv6."
    if (download.fast === null || ip?.family !== 4 || download.has.count >= this.#options.allowed) return;
    const { pieceCount, pieceLength } = this.#layout;
    const { allowed, allowedShare, allowedLength } = this.#options;
    const count = Math.floor(Math.min(allowed, pieceCount * allowedShare, allowedLength / pieceLength));
    const pieces = allowedFastSet(ip.bytes, this.#infoHash, pieceCount, count).flatMap((at): PieceIndex[] => {
      const piece = this.#layout.pieceIndex(at);
      return piece === undefined || download.has.has(piece) ? [] : [piece];
    });
    const length = pieces.reduce((sum, piece) => sum + this.#layout.lengthOf(piece), 0);
    upload.allowFast(pieces, length);
  }

  /** What the peer has when it says all, or nothing; undefined when it may not speak so. */
  allOrNothing({ download }: Peer, type: 'haveAll' | 'haveNone'): Bitfield | undefined {
    if (download.fast === null) return undefined;
    const { pieceCount } = this.#layout;
    return type === 'haveAll' ? fullBitfield(pieceCount) : new Bitfield(pieceCount);
  }

  gotMessage({ download }: Peer, message: FastMessage): Judgement {
    // BEP 6: "When the fast extension is disabled, … the peer MUST close the connection."
    if (download.fast === null) return FAST_NOT_ANNOUNCED;
    if (message.type === 'reject') return download.gotReject(message);
    const piece = this.#layout.pieceIndex(message.piece);
    if (piece === undefined) return refuse({ code: 'piece-out-of-range', piece: message.piece });
    if (message.type === 'suggest') {
      if (this.#have.has(piece) || !download.has.has(piece)) return JUNK;
      download.fast.suggestionCame(piece);
      return IDLE;
    }
    const judgement = download.fast.allowed(piece);
    if (download.choked) download.requestMore();
    return judgement;
  }
}
