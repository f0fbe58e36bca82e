/**
 * Serves the info dictionary to peers that have only a magnet link (BEP 9). A peer that asks again and again, over one
 * connection or over many, gets no more than the share of its host. What waits to be sent are views of the dictionary,
 * which take no memory.
 */
import type { Millis } from '../../base/clock.js';
import {
  decodeMetadataMessage,
  encodeDataHead,
  encodeMetadataMessage,
  METADATA_PIECE_LENGTH,
  UT_METADATA,
} from '../../wire/metadata-message.js';
import type { ExtendedPeer, Extension } from '../extensions/extensions.js';
import { HostCounters } from '../host-counters.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';

export interface MetadataSharingOptions {
  /**
   * A host gets this many wholes at once, and `morePieces` besides. A peer among liars may need three wholes: one for
   * the mix, one for our own column, and one more when it had to forget our bytes.
   */
  readonly copies: number;
  /** Pieces. We reject the requests that come after these. */
  readonly morePieces: number;
  /** A host that has used up its share gets one more whole in this time. The upload limit does not count metadata. */
  readonly copyTime: Millis;
  /** We remember this many hosts. When there are more, we forget the host that asked longest ago. */
  readonly maxHosts: number;
  /** While more bytes than this wait in the socket of a peer, we reject its requests. */
  readonly maxUnsent: number;
}

export const DEFAULT_METADATA_SHARING_OPTIONS: MetadataSharingOptions = {
  copies: 4,
  morePieces: 64,
  copyTime: 10 * 60_000,
  maxHosts: 1_000,
  maxUnsent: 1024 * 1024,
};

export class MetadataSharing implements Extension {
  readonly name: string = UT_METADATA;
  readonly #info: Buffer;
  readonly #pieceCount: number;
  readonly #now: () => Millis;
  readonly #options: MetadataSharingOptions;
  /** What each host has got. */
  readonly #hosts: HostCounters;

  /** `info` is the info dictionary. It must not change. */
  constructor(info: Buffer, now: () => Millis, options: MetadataSharingOptions) {
    this.#info = info;
    this.#pieceCount = Math.ceil(info.length / METADATA_PIECE_LENGTH);
    this.#now = now;
    this.#options = options;
    const { copies, morePieces, copyTime, maxHosts } = options;
    const limit = copies * this.#pieceCount + morePieces;
    this.#hosts = new HostCounters({ limit, perSecond: (this.#pieceCount * 1000) / copyTime, maxHosts });
  }

  gotHandshake(_peer: ExtendedPeer): void {
    // We say nothing until a peer asks.
  }

  gotMessage(peer: ExtendedPeer, payload: Buffer): Judgement {
    const message = decodeMetadataMessage(payload);
    if (message === undefined)
      return refuse({ code: 'malformed-extension', name: UT_METADATA, length: payload.length });
    return message.type === 'request' ? this.#gotRequest(peer, message.piece) : JUNK;
  }

  peerLeft(_peer: ExtendedPeer): void {
    // We remember the host of the peer, because the peer may come again.
  }

  #gotRequest(peer: ExtendedPeer, piece: number): Judgement {
    const { connection } = peer;
    const now = this.#now();
    const isServed =
      piece < this.#pieceCount &&
      connection.unsentLength <= this.#options.maxUnsent &&
      this.#hosts.of(connection.hostKey, now).addIfAllowed(now);
    if (!isServed) {
      peer.send(UT_METADATA, encodeMetadataMessage({ type: 'reject', piece }));
      return JUNK;
    }
    const data = this.#info.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH);
    peer.send(UT_METADATA, [encodeDataHead(piece, this.#info.length), data]);
    return FINE;
  }
}
