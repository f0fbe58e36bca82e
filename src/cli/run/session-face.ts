/** What the commands need of a session. Tests play one from a script. */
import type { Millis } from '../../base/clock.js';
import type { DhtStatus } from '../../discovery/dht/dht-node.js';
import type { PortMapping } from '../../discovery/port-mapping/port-mapper.js';
import type { V1MagnetLink } from '../../metainfo/magnet.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { MagnetEvents } from '../../session/magnet-torrent.js';
import type { ListenAnswer } from '../../session/session.js';
import type { SessionOptions } from '../../session/session-options.js';
import type { MetadataEvents } from '../../torrent/metadata-torrent.js';
import type { TorrentEvents, TorrentStatus } from '../../torrent/status.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';

/** How long a command waits for its session to tell the trackers and to close everything. */
export const STOP_LIMIT: Millis = 2800;

export interface CommandTorrent {
  status(): TorrentStatus;
  /** Tells the trackers, flushes, closes; answers once. */
  stop(answered: () => void): void;
}

export interface CommandSession {
  listen(answered: (outcome: ListenAnswer) => void): void;
  /** What came of asking the gateways to let peers in. */
  portMapping(): readonly PortMapping[];
  addTorrent(metainfo: Metainfo, options: TorrentOptions, events: TorrentEvents): CommandTorrent;
  addMagnet(link: V1MagnetLink, options: TorrentOptions, events: MagnetEvents): CommandTorrent;
  fetchMetadata(link: V1MagnetLink, options: TorrentOptions, events: MetadataEvents): CommandTorrent;
  /** Null when the DHT is not used. */
  dhtStatus(): DhtStatus | null;
  stop(answered: () => void): void;
}

/**
 * Throws a 'usage' failure when the options cannot be kept (no such interface). `noted` is told what goes wrong that no
 * torrent suffers from.
 */
export type CreateSession = (
  options: SessionOptions,
  gotException: (error: unknown) => void,
  noted: (message: string) => void,
) => CommandSession;
