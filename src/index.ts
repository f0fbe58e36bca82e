/** The library's face: what the command line stands on. */
// biome-ignore lint/performance/noBarrelFile: a package has one entry, and this is it; nothing in src imports it.
export { BtgetError, type FailureCode } from './base/failure.js';
export type { TrackerAnswer } from './discovery/trackers/rerequester.js';
export {
  choosePieceLength,
  createMetainfo,
  inTorrentOrder,
  type NewFile,
  type NewTorrent,
} from './metainfo/create-metainfo.js';
export { type DescribedSecrets, type Description, describe } from './metainfo/describe.js';
export type { InfoHash, Metainfo, TorrentFile } from './metainfo/metainfo.js';
export { parseMetainfo } from './metainfo/parse-metainfo.js';
export type { PeerAddress } from './net/raw-server.js';
export {
  type CreateTorrentOptions,
  createTorrent,
  DEFAULT_CREATE_TORRENT_OPTIONS,
} from './session/create-torrent.js';
export { DEFAULT_DOWNLOAD_OPTIONS, type DownloadOptions, type DownloadResult, download } from './session/download.js';
export { createNodeSession } from './session/node-session.js';
export type { ListenAnswer, Session } from './session/session.js';
export { DEFAULT_SESSION_OPTIONS, type SessionOptions } from './session/session-options.js';
export type { TorrentEvents, TorrentState, TorrentStatus } from './torrent/status.js';
export type { Torrent } from './torrent/torrent.js';
export { DEFAULT_TORRENT_OPTIONS, type SeedGoal, type TorrentOptions } from './torrent/torrent-options.js';
