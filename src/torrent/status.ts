import type { BtgetError } from '../base/failure.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import type { TorrentFile } from '../metainfo/metainfo.js';
import type { Wait } from '../resume/resume.js';
import type { PeerReach } from '../swarm/connections/reach-counter.js';
import type { WebSeedsStatus } from '../swarm/web-seed/web-seeds.js';

/**
 * 'metadata': the torrent fetches its metadata, or after it the piece layers of version 2. While the metadata itself is
 * not here, `length` is 0.
 */
export type TorrentState = 'metadata' | 'checking' | 'downloading' | 'seeding' | 'stalled' | 'paused' | 'stopped';

/**
 * One torrent at one moment, for displays and scripts. A display asks for it when it needs it, so that the torrent
 * knows no display.
 */
export interface TorrentStatus {
  readonly state: TorrentState;
  /** Bytes of content, padding not counted. */
  readonly length: number;
  /** Bytes of the files that the user wants. */
  readonly wanted: number;
  /** Wanted bytes that are verified. */
  readonly have: number;
  /** While checking: how many bytes are checked so far, of `checkLength`. */
  readonly checked: number;
  readonly checkLength: number;
  /** Bytes of blocks that came and went in this run, without the overhead of the protocol. */
  readonly downloaded: number;
  readonly uploaded: number;
  /**
   * Bytes of blocks that were of no use: of pieces with a wrong hash, duplicates, and blocks that we did not ask for.
   */
  readonly wasted: number;
  readonly webSeeds: WebSeedsStatus;
  /** A peer or a web seed would send, and the limit of the session holds it back at this moment. */
  readonly limited: boolean;
  /** Bytes a second. */
  readonly downRate: number;
  readonly upRate: number;
  /** We hide what we have, and show each piece to one peer first (BEP 16). */
  readonly superSeeding: boolean;
  /** Connected peers. */
  readonly peers: number;
  /** Connected peers with which everything goes through a cipher. */
  readonly encrypted: number;
  /** Connected peers that have everything. */
  readonly seeds: number;
  /** Connected peers that have a piece that we want and lack. */
  readonly useful: number;
  /** Connected peers that do not choke us. */
  readonly unchokedBy: number;
  /**
   * While the metadata is fetched: how many peers gave some that does not have the hashes of the link, and were banned
   * for it.
   */
  readonly falseMetadata: number;
  /** How many addresses of peers wait to be dialled, and what became of our dials. */
  readonly reach: PeerReach;
  /** Seconds left at the present pace. Null when unknown, and while nothing has come for 5 s: then there is no pace. */
  readonly eta: number | null;
  /** What a complete torrent seeds for; null while it does not seed, or when it ends at once. */
  readonly seedGoal: SeedGoalStatus | null;
  /** What the disk refused, when the torrent is paused for that; else null. */
  readonly diskFailure: BtgetError | null;
  /** What the torrent waits for before it looks at the disk, when it is paused for that; else null. */
  readonly waitsFor: Wait | null;
}

/** The goal of a torrent that seeds. It ends at the first that it reaches; without both it seeds on. */
export interface SeedGoalStatus {
  /** Uploaded bytes ÷ wanted bytes at which it ends, or null. */
  readonly ratio: number | null;
  /** Seconds until its time is over, or null. */
  readonly timeLeft: number | null;
}

/** What happens to a torrent, told when it happens. */
export interface TorrentEvents {
  /** The data on the disk is checked, and downloading or seeding begins. `status()` says how much there is. */
  started(): void;
  /**
   * The file is verified and flushed and has its final name. Also called for files that were whole at the start. `path`
   * is where the file lies.
   */
  fileDone(file: TorrentFile, path: string): void;
  /** The file was taken from `from`, an absolute path, and not fetched. `path` as in `fileDone`, which follows. */
  fileReused?(file: TorrentFile, path: string, from: string): void;
  trackerAnswered(report: TrackerAnswer): void;
  /** Something that the user should know. It does not end the torrent. */
  warned(code: string, message: string): void;
  /** Every wanted file is verified and flushed and has its final name. */
  done(): void;
  /** The seed goal is reached; without a goal this follows `done` at once. The torrent goes on until `stop`. */
  goalReached(): void;
  /** The torrent has ended itself, because of the disk, a foreign file or a bug. `stop` may still be called. */
  failed(failure: BtgetError | Error): void;
}
