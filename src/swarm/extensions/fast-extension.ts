/**
 * The fast extension (BEP 6) with the peers of one torrent: what is the same for all of them. What it changes for one
 * peer is in the Download and the Upload of that peer.
 */
import type { Millis } from '../../base/clock.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { parseIp } from '../../net/ip-address.js';
import { allowedFastSet } from '../../wire/allowed-fast.js';
import { Bitfield, fullBitfield } from '../../wire/bitfield.js';
import { encodeMessage, type PeerMessage } from '../../wire/message.js';
import { announces } from '../../wire/reserved.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { HostCounters, type HostCountersOptions } from '../host-counters.js';
import { IDLE, JUNK, type Judgement, refuse } from '../judgement.js';
import type { Peer } from '../peer.js';

export interface FastExtensionOptions {
  // BEP 6: "We currently set k to 10".
  /** A beginner may request this many pieces although we choke it. A peer that has as many pieces is no beginner. */
  readonly allowed: number;
  /** Of a torrent with few pieces we allow only this share, 0 to 1: peers that serve us come first. */
  readonly allowedShare: number;
  /** The allowed pieces have at most this many bytes. */
  readonly allowedLength: number;
  /**
   * How many beginners of one host are allowed something, over however many connections: else a host could have our
   * whole upload without a slot. Several may stand behind one address.
   */
  readonly beginners: HostCountersOptions;
}

export const DEFAULT_FAST_EXTENSION_OPTIONS: FastExtensionOptions = {
  allowed: 10,
  allowedShare: 0.1,
  allowedLength: 16 * 1024 * 1024,
  beginners: { limit: 4, perSecond: 1 / 600, maxHosts: 1_000 },
};

export type FastMessage = Extract<PeerMessage, { type: 'suggest' | 'reject' | 'allowedFast' }>;

/** Both sides must announce the extension. We always do, so a refusal for this is the peer's fault. */
export const FAST_NOT_ANNOUNCED: Judgement = refuse({ code: 'fast-not-announced' });

export class FastExtension {
  readonly #layout: PieceLayout;
  readonly #infoHash: Buffer;
  readonly #have: Bitfield;
  readonly #now: () => Millis;
  readonly #options: FastExtensionOptions;
  readonly #beginners: HostCounters;

  /** `infoHash` has 20 bytes. `have` is what we have, now and later: its owner goes on changing it. */
  constructor(layout: PieceLayout, infoHash: Buffer, have: Bitfield, now: () => Millis, options: FastExtensionOptions) {
    this.#layout = layout;
    this.#infoHash = infoHash;
    this.#have = have;
    this.#now = now;
    this.#options = options;
    this.#beginners = new HostCounters(options.beginners);
  }

  /** The first message to a peer, which says what we have, or hides it; null when we send none. */
  firstMessage(connection: PeerConnection, hides = false): Buffer | null {
    const speaks = announces(connection.reserved, 'fast');
    // BEP 3: "Downloaders which don't have anything yet may skip the 'bitfield' message."
    if (hides || this.#have.isEmpty) return speaks ? encodeMessage({ type: 'haveNone' }) : null;
    if (this.#have.isComplete && speaks) return encodeMessage({ type: 'haveAll' });
    return encodeMessage({ type: 'bitfield', bits: this.#have.toWire() });
  }

  /** The peer has said which pieces it has. A beginner is told which pieces it may request in spite of our choke. */
  gotPieces({ connection, upload, download }: Peer): void {
    const ip = parseIp(connection.address.host);
    // BEP 6: "We currently have no provisions for IPv6."
    if (download.fast === null || ip?.family !== 4 || download.has.count >= this.#options.allowed) return;
    if (upload.isAllowedSome) return;
    const { pieceCount, pieceLength } = this.#layout;
    const { allowed, allowedShare, allowedLength } = this.#options;
    const count = Math.floor(Math.min(allowed, pieceCount * allowedShare, allowedLength / pieceLength));
    const pieces = allowedFastSet(ip.bytes, this.#infoHash, pieceCount, count).flatMap((at): PieceIndex[] => {
      const piece = this.#layout.pieceIndex(at);
      return piece === undefined || download.has.has(piece) ? [] : [piece];
    });
    const now = this.#now();
    if (pieces.length === 0 || !this.#beginners.of(connection.hostKey, now).addIfAllowed(now)) return;
    const length = pieces.reduce((sum, piece) => sum + this.#layout.servedLengthOf(piece), 0);
    upload.allowFast(pieces, length);
  }

  /** The pieces that a `haveAll` or `haveNone` stands for. Undefined when the peer has not announced the extension. */
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
