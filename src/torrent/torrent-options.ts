import type { Millis } from '../base/clock.js';
import type { TorrentFile } from '../metainfo/metainfo.js';
import type { SelectionRequest } from '../metainfo/selection.js';
import type { PeerAddress } from '../net/raw-server.js';

/** When a complete torrent stops seeding. Whatever comes first; null for never. */
export interface SeedGoal {
  /** Uploaded ÷ size of what is wanted of the torrent. */
  readonly ratio: number | null;
  readonly time: Millis | null;
}

/** What one torrent is to do. The command line makes it from its options; the defaults stand below. */
export interface TorrentOptions {
  /** Folder that holds the torrent's file or top folder. */
  readonly dir: string;
  /** Name instead of the torrent's own, or null. */
  readonly outputName: string | null;
  /** 'download' fetches what is missing; 'seed' only serves what is there, and writes nothing. */
  readonly mode: 'download' | 'seed';
  /** Null: stop when everything is done. */
  readonly seedGoal: SeedGoal | null;
  /** Pieces in order instead of rarest first. */
  readonly sequential: boolean;
  /** Replace a file of the torrent's name that is not the torrent's. */
  readonly overwrite: boolean;
  /** Files grow under `NAME.part` and get their name when they are whole. */
  readonly partNames: boolean;
  /** Which files are wanted. Those that are not are never made, and only read where they are there. */
  readonly selection: SelectionRequest;
  /** Take the room on the disk before the first piece is asked for; else files grow as their pieces come. */
  readonly preallocate: boolean;
  /** Hash everything that is there, and believe no journal. */
  readonly check: boolean;
  /** Connections at once. */
  readonly maxPeers: number;
  /** Peers served at once; null: by upload rate. */
  readonly uploadSlots: number | null;
  /** Peers to try besides those that trackers name. */
  readonly peers: readonly PeerAddress[];
  /** Peers that a link names: tried as well, but not once the torrent turns out to be private. */
  readonly linkPeers: readonly PeerAddress[];
  /** Trackers to announce to besides the torrent's own, each a tier of its own before them. */
  readonly trackers: readonly string[];
  /** False: announce to none of the torrent's own trackers. */
  readonly useTorrentTrackers: boolean;
  /** Tell peers of peers and learn of others from them (BEP 11); never for private torrents. */
  readonly usePex: boolean;
}

export const DEFAULT_TORRENT_OPTIONS: TorrentOptions = {
  dir: '.',
  outputName: null,
  mode: 'download',
  seedGoal: null,
  sequential: false,
  overwrite: false,
  partNames: true,
  selection: { select: [], exclude: [], ranges: null },
  preallocate: false,
  check: false,
  maxPeers: 80,
  uploadSlots: null,
  peers: [],
  linkPeers: [],
  trackers: [],
  useTorrentTrackers: true,
  usePex: true,
};

/** Where a file of the torrent would be written, as people would say it: below `dir`, whatever that is relative to. */
export function filePath(
  file: Pick<TorrentFile, 'path'>,
  { dir, outputName }: Pick<TorrentOptions, 'dir' | 'outputName'>,
): string {
  const [name = '', ...below] = file.path;
  return inDir([outputName ?? name, ...below].join('/'), dir);
}

/** `path`, which is below `dir`, as people would say it. */
export function inDir(path: string, dir: string): string {
  if (dir === '.') return path;
  return dir.endsWith('/') ? dir + path : `${dir}/${path}`;
}
