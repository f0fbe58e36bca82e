/** The library's face. docs/library.md describes it. */
// biome-ignore lint/performance/noBarrelFile: a package has one entry, and this is it; nothing in src imports it.
export { BtgetError, type FailureCode } from './base/failure.js';
export type { DhtStatus } from './discovery/dht/dht-node.js';
export type { PortMapping } from './discovery/port-mapping/port-mapper.js';
export type { TrackerAnswer } from './discovery/trackers/rerequester.js';
export { chooseAlignedPieceLength, choosePieceLength } from './metainfo/choose-piece-length.js';
export { inTorrentOrder, type NewFile, type NewTorrent } from './metainfo/create-metainfo.js';
export type { DescribedFile, DescribedSecrets, Description } from './metainfo/describe.js';
export type { InfoHash } from './metainfo/info-hash.js';
export type { FileRange, MagnetLink } from './metainfo/magnet.js';
export type { Metainfo, TorrentFile } from './metainfo/metainfo.js';
export type { SelectionRequest } from './metainfo/selection.js';
export type { Blocklist, BlocklistStatus } from './net/blocklist.js';
export type { PeerAddress } from './net/raw-server.js';
export type { Wait } from './resume/resume.js';
export {
  type CreateTorrentOptions,
  createMetainfo,
  createTorrent,
  DEFAULT_CREATE_TORRENT_OPTIONS,
} from './session/create-torrent.js';
export { DEFAULT_DOWNLOAD_OPTIONS, type DownloadOptions, type DownloadResult, download } from './session/download.js';
export { describe, parseLink, parseMetainfo } from './session/given.js';
export type { MagnetEvents, MagnetTorrent } from './session/magnet-torrent.js';
export {
  type BlocklistOptions,
  type BlocklistReport,
  type ReadBlocklist,
  readBlocklist,
} from './session/node-blocklists.js';
export { resolveLinkPeers } from './session/node-link-peers.js';
export {
  createNodeSession,
  DEFAULT_NODE_SESSION_OPTIONS,
  type NodeSession,
  type NodeSessionOptions,
} from './session/node-session.js';
export type { AddedEvents, AddedTorrent, ListenAnswer } from './session/session.js';
export { DEFAULT_SESSION_OPTIONS, type SessionOptions } from './session/session-options.js';
export type { EncryptionPolicy } from './swarm/connections/dial-ways.js';
export type { PeerReach } from './swarm/connections/reach-counter.js';
export type { MetadataEvents, MetadataTorrent } from './torrent/metadata-torrent.js';
export type { ContentReader, ReadOutcome } from './torrent/reading/content-reader.js';
export type { ReadersOptions } from './torrent/reading/content-readers.js';
export type { SeedGoalStatus, TorrentEvents, TorrentState, TorrentStatus } from './torrent/status.js';
export type { Torrent } from './torrent/torrent.js';
export { DEFAULT_TORRENT_OPTIONS, type SeedGoal, type TorrentOptions } from './torrent/torrent-options.js';
export type { RefusalCode } from './wire/refusal.js';
