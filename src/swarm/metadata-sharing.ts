import type { Millis } from '../base/clock.js';
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  METADATA_PIECE_LENGTH,
  UT_METADATA,
} from '../wire/metadata-message.js';
import type { ExtendedPeer, Extension } from './extensions.js';
import { FINE, JUNK, type Judgement, refuse } from './judgement.js';
import { LeakyCounter } from './leaky-counter.js';
import type { PeerConnection } from './peer-connection.js';

export interface MetadataSharingOptions {
  /** How often a peer may ask for the whole of it at once; later requests are rejected, and … */
  readonly copies: number;
  /** … so many of them are forgiven in each second. No upload limit is asked for metadata, so they are few. */
  readonly perSecond: number;
  /** What may wait in the peer's socket, bytes, before its requests are rejected. */
  readonly maxUnsent: number;
}

export const DEFAULT_METADATA_SHARING_OPTIONS: MetadataSharingOptions = {
  copies: 3,
  perSecond: 1,
  maxUnsent: 1024 * 1024,
};

/** Serves the info dictionary to peers that have only a magnet link (BEP 9). */
export class MetadataSharing implements Extension {
  readonly name: string = UT_METADATA;
  readonly #info: Buffer;
  readonly #now: () => Millis;
  readonly #options: MetadataSharingOptions;
  readonly #asked = new Map<PeerConnection, LeakyCounter>();

  constructor(info: Buffer, now: () => Millis, options: MetadataSharingOptions) {
    this.#info = info;
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

  peerLeft({ connection }: ExtendedPeer): void {
    this.#asked.delete(connection);
  }

  #gotRequest(peer: ExtendedPeer, piece: number): Judgement {
    const totalSize = this.#info.length;
    const data = this.#info.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH);
    const tooOften = this.#count(peer.connection);
    if (data.length === 0 || tooOften || peer.connection.unsentLength > this.#options.maxUnsent) {
      peer.send(UT_METADATA, encodeMetadataMessage({ type: 'reject', piece }));
      return JUNK;
    }
    peer.send(UT_METADATA, encodeMetadataMessage({ type: 'data', piece, totalSize, data }));
    return FINE;
  }

  #count(connection: PeerConnection): boolean {
    const { copies, perSecond } = this.#options;
    let counter = this.#asked.get(connection);
    if (counter === undefined) {
      const limit = copies * Math.ceil(this.#info.length / METADATA_PIECE_LENGTH);
      counter = new LeakyCounter({ limit, perSecond }, this.#now());
      this.#asked.set(connection, counter);
    }
    return counter.add(this.#now());
  }
}
