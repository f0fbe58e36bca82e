import type { BtgetError } from '../base/failure.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import type { TorrentFile } from '../metainfo/metainfo.js';
import type { Wait } from '../resume/resume.js';
import type { PeerReach } from '../swarm/connections/reach-counter.js';

/** 'metadata': a magnet link's torrent, whose metadata is being fetched. */
export type TorrentState = 'metadata' | 'checking' | 'downloading' | 'seeding' | 'stalled' | 'paused' | 'stopped';

/**
 * One torrent at one moment, for displays and scripts: pulled by whoever shows it, so that nothing below knows a
 * display.
 */
export interface TorrentStatus {
  readonly state: TorrentState;
  /** Bytes of content, padding not counted. */
  readonly length: number;
  /** Bytes that were asked for. */
  readonly wanted: number;
  /** Wanted bytes that are verified. */
  readonly have: number;
  /** While checking: bytes looked at so far, of `checkLength`. */
  readonly checked: number;
  readonly checkLength: number;
  /** Payload of this run, bytes. */
  readonly downloaded: number;
  readonly uploaded: number;
  /** Bytes that came but were of no use: failed checks, duplicates, unasked. */
  readonly wasted: number;
  /** Bytes a second. */
  readonly downRate: number;
  readonly upRate: number;
  readonly peers: number;
  /** Connected peers with which everything goes through a cipher. */
  readonly encrypted: number;
  /** Connected peers that have everything. */
  readonly seeds: number;
  /** Connected peers that have something that we want and lack. */
  readonly useful: number;
  /** Connected peers that do not choke us. */
  readonly unchokedBy: number;
  /** What became of the peers that were named to us. */
  readonly reach: PeerReach;
  /** Seconds left at the present pace; null when unknown. */
  readonly eta: number | null;
  /** Why it is paused: what the disk refused. */
  readonly diskFailure: BtgetError | null;
  /** Or what it waits for before it looks at the disk. */
  readonly waitsFor: Wait | null;
}

/** What happens to a torrent, told as it happens. */
export interface TorrentEvents {
  /** The data on the disk has been hashed; downloading or seeding begins. `status()` tells how much there is. */
  started(): void;
  /** This file is whole, verified, flushed and has its name. Files found whole are told too. `path` is where it is. */
  fileDone(file: TorrentFile, path: string): void;
  trackerAnswered(report: TrackerAnswer): void;
  warned(code: string, message: string): void;
  /** Everything wanted is verified, flushed and has its name. */
  done(): void;
  /** The seed goal is reached (at once after `done` when there is none). The torrent goes on until `stop`. */
  goalReached(): void;
  /** The torrent has ended itself: the disk, a foreign file, a bug. `stop` may still be called. */
  failed(failure: BtgetError | Error): void;
}
