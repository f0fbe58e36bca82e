/** What the commands need of a session. Tests hand in a session that follows a script. */
import type { Millis } from '../../base/clock.js';
import type { DhtStatus } from '../../discovery/dht/dht-node.js';
import type { PortMapping } from '../../discovery/port-mapping/port-mapper.js';
import type { MagnetLink } from '../../metainfo/magnet.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { MagnetEvents } from '../../session/magnet-torrent.js';
import type { AddedEvents, ListenAnswer } from '../../session/session.js';
import type { SessionOptions } from '../../session/session-options.js';
import type { MetadataEvents } from '../../torrent/metadata-torrent.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';

/** How long a command waits for its session to tell the trackers and to close everything. */
export const STOP_LIMIT: Millis = 2800;

export interface CommandTorrent {
  status(): TorrentStatus;
  /** Tells the trackers, flushes and closes the files; answers once. */
  stop(answered: () => void): void;
}

/** A torrent with content. */
export interface ContentTorrent extends CommandTorrent {
  /** The wanted files that lack a byte; none while they are not known. */
  missingFiles(): readonly TorrentFile[];
}

export interface CommandSession {
  listen(answered: (outcome: ListenAnswer) => void): void;
  /** How the gateway of each family has answered our wish to let peers in. */
  portMapping(): readonly PortMapping[];
  /** When its .torrent lacks piece layers, `gotMetadata` is called once they are here. */
  addTorrent(metainfo: Metainfo, options: TorrentOptions, events: AddedEvents): ContentTorrent;
  addMagnet(link: MagnetLink, options: TorrentOptions, events: MagnetEvents): ContentTorrent;
  fetchMetadata(link: MagnetLink, options: TorrentOptions, events: MetadataEvents): CommandTorrent;
  /** Null when the session does not use the DHT. */
  dhtStatus(): DhtStatus | null;
  /** Why nothing passes the proxy, or null. */
  proxyTrouble(): string | null;
  stop(answered: () => void): void;
}

/**
 * Throws a 'usage' failure when the machine cannot follow the options (no such interface). `gotException` gets a bug of
 * the session. `noted` gets sentences about faults that harm no torrent, `warned` those about faults that harm all.
 */
export type CreateSession = (
  options: SessionOptions,
  gotException: (error: unknown) => void,
  noted: (message: string) => void,
  warned: (code: string, message: string) => void,
) => CommandSession;
