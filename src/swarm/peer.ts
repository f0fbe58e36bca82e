import type { Millis, Task } from '../base/clock.js';
import type { PeerConnection } from './connections/peer-connection.js';
import type { Download } from './download/download.js';
import type { LeakyCounter } from './leaky-counter.js';
import type { Upload } from './upload/upload.js';

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
  /** Frames that wait for a task of their own, with that task; null when there are none. */
  replay: { readonly frames: Buffer[]; readonly task: Task } | null;
}
