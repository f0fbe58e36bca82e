import type { Millis } from '../../base/clock.js';
import {
  decodeMetadataMessage,
  encodeDataHead,
  encodeMetadataMessage,
  METADATA_PIECE_LENGTH,
  UT_METADATA,
} from '../../wire/metadata-message.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import type { ExtendedPeer, Extension } from '../extensions/extensions.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';
import { LeakyCounter } from '../leaky-counter.js';

export interface MetadataSharingOptions {
  /**
   * What a host gets at once: so many wholes, and … A peer among liars may ask for three: one for the mix, one as our
   * own column, and one more after it had to forget our bytes.
   */
  readonly copies: number;
  /** … so many pieces more. Later requests are rejected. */
  readonly morePieces: number;
  /** A host that has got all that gets another whole in this time. The upload limit does not count metadata. */
  readonly copyTime: Millis;
  /** Hosts that are remembered; of more, the host that asked longest ago is forgotten. */
  readonly maxHosts: number;
  /** What may wait in the peer's socket, bytes, before its requests are rejected. */
  readonly maxUnsent: number;
}

export const DEFAULT_METADATA_SHARING_OPTIONS: MetadataSharingOptions = {
  copies: 4,
  morePieces: 64,
  copyTime: 10 * 60_000,
  maxHosts: 1_000,
  maxUnsent: 1024 * 1024,
};

/**
 * Serves the info dictionary to peers that have only a magnet link (BEP 9). A peer that asks again and again, over one
 * connection or over many, is served no more than its host's share. What waits to be sent are views of the dictionary,
 * which take no memory.
 */
export class MetadataSharing implements Extension {
  readonly name: string = UT_METADATA;
  readonly #info: Buffer;
  readonly #pieceCount: number;
  readonly #now: () => Millis;
  readonly #options: MetadataSharingOptions;
  /** What each host got. The host that asked longest ago comes first. */
  readonly #hosts = new Map<string, LeakyCounter>();

  constructor(info: Buffer, now: () => Millis, options: MetadataSharingOptions) {
    this.#info = info;
    this.#pieceCount = Math.ceil(info.length / METADATA_PIECE_LENGTH);
    this.#now = now;
    this.#options = options;
  }

  gotHandshake(_peer: ExtendedPeer): void {
    // Nothing is said until it is asked for.
  }

  gotMessage(peer: ExtendedPeer, payload: Buffer): Judgement {
    const message = decodeMetadataMessage(payload);
    if (message === undefined)
      return refuse({ code: 'malformed-extension', name: UT_METADATA, length: payload.length });
    return message.type === 'request' ? this.#gotRequest(peer, message.piece) : JUNK;
  }

  peerLeft(_peer: ExtendedPeer): void {
    // Its host is remembered: it may come again.
  }

  #gotRequest(peer: ExtendedPeer, piece: number): Judgement {
    const { connection } = peer;
    const isServed =
      piece < this.#pieceCount &&
      connection.unsentLength <= this.#options.maxUnsent &&
      this.#shareOf(connection).addIfAllowed(this.#now());
    if (!isServed) {
      peer.send(UT_METADATA, encodeMetadataMessage({ type: 'reject', piece }));
      return JUNK;
    }
    const data = this.#info.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH);
    peer.send(UT_METADATA, [encodeDataHead(piece, this.#info.length), data]);
    return FINE;
  }

  #shareOf({ hostKey }: PeerConnection): LeakyCounter {
    const { copies, morePieces, copyTime, maxHosts } = this.#options;
    const limit = copies * this.#pieceCount + morePieces;
    const share =
      this.#hosts.get(hostKey) ??
      new LeakyCounter({ limit, perSecond: (this.#pieceCount * 1000) / copyTime }, this.#now());
    this.#hosts.delete(hostKey);
    this.#hosts.set(hostKey, share);
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size > maxHosts && oldest !== undefined) this.#hosts.delete(oldest);
    return share;
  }
}
