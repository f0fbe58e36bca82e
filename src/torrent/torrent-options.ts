import type { Millis } from '../base/clock.js';
import type { TorrentFile } from '../metainfo/metainfo.js';
import type { SelectionRequest } from '../metainfo/selection.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { ReadersOptions } from './reading/content-readers.js';

/** When a complete torrent stops seeding: at the goal that it reaches first. A goal that is null is never reached. */
export interface SeedGoal {
  /** Uploaded bytes ÷ bytes of the wanted files. */
  readonly ratio: number | null;
  /** Time since the download was complete. */
  readonly time: Millis | null;
}

/** What one torrent has to do. The command line makes this from its options. */
export interface TorrentOptions {
  /** The folder in which the torrent's file or top folder lies. */
  readonly dir: string;
  /** A name for this file or top folder, instead of the torrent's own; null for the torrent's own. */
  readonly outputName: string | null;
  /** 'download' fetches what is missing; 'seed' only serves what is there, and writes nothing. */
  readonly mode: 'download' | 'seed';
  /** When to stop seeding; null: do not seed once the download is done. */
  readonly seedGoal: SeedGoal | null;
  /** As the only seed, show pieces to peers one by one instead of all at once (BEP 16). */
  readonly superSeed: boolean;
  /** Fetch pieces in their order instead of rarest first. */
  readonly sequential: boolean;
  /**
   * Fetch only what readers (`Torrent.openReader`) are about to read, up to these limits; null: everything that is
   * wanted.
   */
  readonly onDemand: ReadersOptions | null;
  /** Replace a foreign file that has the name of a file of the torrent. */
  readonly overwrite: boolean;
  /** Files grow under `NAME.part` and get their final name when they are whole. */
  readonly partNames: boolean;
  /** Which files are wanted. A file that is not wanted is never made, and only read when it is there. */
  readonly selection: SelectionRequest;
  /** Take the room on the disk before the first request; else files grow as their pieces come. */
  readonly preallocate: boolean;
  /**
   * Folders with files that are taken instead of fetched, once their hashes have proven them. The download folder is
   * searched after them, a little, for files of version 2.
   */
  readonly reuse: readonly string[];
  /** Hash everything on the disk, and believe no journal. */
  readonly check: boolean;
  /** The greatest number of connections at the same time. */
  readonly maxPeers: number;
  /** How many peers we serve at the same time; null: as many as suits the upload rate. */
  readonly uploadSlots: number | null;
  /** Peers to dial besides those that trackers name. */
  readonly peers: readonly PeerAddress[];
  /** Peers that a link names: we dial them too, but not when the torrent turns out to be private. */
  readonly linkPeers: readonly PeerAddress[];
  /** More trackers to announce to. Each is a tier of its own, before the tiers of the torrent. */
  readonly trackers: readonly string[];
  /** False: do not announce to the torrent's own trackers. */
  readonly useTorrentTrackers: boolean;
  /** More web seeds (BEP 19), which the user vouches for: they may be in our own network. */
  readonly webSeeds: readonly string[];
  /** False: do not ask the torrent's own web seeds. */
  readonly useTorrentWebSeeds: boolean;
  /** Tell peers of other peers and learn of peers from them (BEP 11). Never done for private torrents. */
  readonly usePex: boolean;
}

export const DEFAULT_TORRENT_OPTIONS: TorrentOptions = {
  dir: '.',
  outputName: null,
  mode: 'download',
  seedGoal: null,
  superSeed: false,
  sequential: false,
  onDemand: null,
  overwrite: false,
  partNames: true,
  selection: { select: [], exclude: [], ranges: null },
  preallocate: false,
  reuse: [],
  check: false,
  maxPeers: 80,
  uploadSlots: null,
  peers: [],
  linkPeers: [],
  trackers: [],
  useTorrentTrackers: true,
  webSeeds: [],
  useTorrentWebSeeds: true,
  usePex: true,
};

/** The path at which a file of the torrent lies, in the form for messages: below `dir`, and relative if `dir` is. */
export function filePath(
  file: Pick<TorrentFile, 'path'>,
  { dir, outputName }: Pick<TorrentOptions, 'dir' | 'outputName'>,
): string {
  const [name = '', ...below] = file.path;
  return inDir([outputName ?? name, ...below].join('/'), dir);
}

/** The path `path` below `dir`, in the form for messages: without a leading `./`. */
export function inDir(path: string, dir: string): string {
  if (dir === '.') return path;
  return dir.endsWith('/') ? dir + path : `${dir}/${path}`;
}
