import type { Millis } from '../base/clock.js';
import type { Download } from './download.js';
import type { LeakyCounter } from './leaky-counter.js';
import type { PeerConnection } from './peer-connection.js';
import type { Upload } from './upload.js';

/** One peer of the swarm that we talk to: what is said, what it gets of us, what we get of it. */
export interface Peer {
  readonly connection: PeerConnection;
  readonly upload: Upload;
  readonly download: Download;
  /** When the handshake was finished. */
  readonly madeAt: Millis;
  /** Messages that were of no use. */
  readonly junk: LeakyCounter;
  /** Changes of mind: choke, unchoke, interested, not interested, another bitfield. */
  readonly flaps: LeakyCounter;
}

/** One peer at one moment, for displays: pulled by whoever shows it. */
export interface PeerStatus {
  readonly host: string;
  readonly port: number;
  readonly peerId: Buffer;
  readonly locallyInitiated: boolean;
  /** Pieces that it has. */
  readonly pieceCount: number;
  readonly isSeed: boolean;
  /** Bytes a second. */
  readonly downRate: number;
  readonly upRate: number;
  /** Bytes. */
  readonly downloaded: number;
  readonly uploaded: number;
  readonly wasted: number;
  /** The peer chokes us; we want something of it. */
  readonly choked: boolean;
  readonly interested: boolean;
  readonly snubbed: boolean;
  /** We choke the peer; it wants something of us. */
  readonly chokedByUs: boolean;
  readonly interestedInUs: boolean;
  /** Requests to it, and of it, that are not answered. */
  readonly inFlight: number;
  readonly queued: number;
}

export function peerStatus({ connection, upload, download }: Peer): PeerStatus {
  return {
    host: connection.address.host,
    port: connection.address.port,
    peerId: connection.peerId,
    locallyInitiated: connection.locallyInitiated,
    pieceCount: download.has.count,
    isSeed: download.has.isComplete,
    downRate: download.rate,
    upRate: upload.rate,
    downloaded: download.total,
    uploaded: upload.total,
    wasted: download.wasted,
    choked: download.choked,
    interested: download.interested,
    snubbed: download.isSnubbed(),
    chokedByUs: upload.choked,
    interestedInUs: upload.interested,
    inFlight: download.inFlight,
    queued: upload.queuedCount,
  };
}
