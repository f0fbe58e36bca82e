import type { Millis, Task } from '../base/clock.js';
import type { PeerConnection } from './connections/peer-connection.js';
import type { Download } from './download/download.js';
import type { LeakyCounter } from './leaky-counter.js';
import type { Upload } from './upload/upload.js';

/** One peer with which we have a connection: the connection, what it gets from us, and what we get from it. */
export interface Peer {
  readonly connection: PeerConnection;
  readonly upload: Upload;
  readonly download: Download;
  /** When the handshake was complete. */
  readonly madeAt: Millis;
  /** Counts messages of no use. */
  readonly junk: LeakyCounter;
  /** Counts changes of its state: choke, unchoke, interested, not interested, another bitfield. */
  readonly flaps: LeakyCounter;
  /** It has said of all pieces at once which it has. */
  hasSaidPieces: boolean;
  /** Frames that wait, and the task that will read them; null when no frame waits. */
  replay: { readonly frames: Buffer[]; readonly task: Task } | null;
}
