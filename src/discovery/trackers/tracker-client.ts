/** The contract between the Rerequester, which decides when to announce, and whoever carries the announce. */

import type { SourcedUrl } from '../../net/url-rule.js';

/** What we tell a tracker (BEP 3, BEP 7). Counts are bytes of this session. */
export interface AnnounceRequest extends SourcedUrl {
  readonly infoHash: Buffer;
  readonly peerId: Buffer;
  /** Where we listen, 1 to 65535. */
  readonly port: number;
  readonly uploaded: number;
  readonly downloaded: number;
  readonly left: number;
  readonly event: 'started' | 'completed' | 'stopped' | null;
  /** How many peers we would like; 0 for none. */
  readonly numwant: number;
  /** 8 hexadecimal digits that prove who we are when our address changes. */
  readonly key: string;
  /** What the tracker's last answer gave, its bytes as Latin-1 characters. */
  readonly trackerId: string | null;
  /** Whether we take encrypted connections, and whether we take nothing else. */
  readonly encryption: 'none' | 'supported' | 'required';
}

/** A peer as a tracker names it. `host` is an IP literal; names and nonsense are left out before this. */
export interface TrackerPeer {
  readonly host: string;
  readonly port: number;
  /** 20 bytes, from answers that are not compact; null when unknown. */
  readonly peerId: Buffer | null;
}

export interface AnnounceResponse {
  /** Seconds until the next regular announce, clamped to sane bounds. */
  readonly interval: number;
  /** Seconds before which we must not announce again. */
  readonly minInterval: number | null;
  readonly peers: readonly TrackerPeer[];
  readonly seeds: number | null;
  readonly leeches: number | null;
  readonly warning: string | null;
  /** To be sent with the next announces: the tracker's bytes as Latin-1 characters. */
  readonly trackerId: string | null;
  /** Our address as the tracker sees it (BEP 24), an IP literal. */
  readonly externalIp: string | null;
}

/** 'refused': the tracker gave a `failure reason`, which `message` shows in full. */
export interface TrackerFailure {
  readonly ok: false;
  readonly code: 'refused' | 'timeout' | 'unreachable' | 'bad-answer' | 'forbidden';
  readonly message: string;
  /** Seconds for which the tracker wants to be left alone (HTTP's Retry-After, BEP 31); infinite for ever. */
  readonly retryAfter?: number;
  /** Seconds until the next regular announce, from the `interval` and `min interval` of a refusal. */
  readonly interval?: number;
}

export type AnnounceOutcome =
  | {
      readonly ok: true;
      readonly response: AnnounceResponse;
      /** Which address answered, an IP literal; null where it is not known. */
      readonly from: string | null;
    }
  | TrackerFailure;

export interface TrackerClient {
  /** Answers exactly once, later, on the timeline; never after `cancel()`. */
  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void };
}

/** How a torrent stands by the tracker's own count; null for what it does not say. */
export interface ScrapedTorrent {
  readonly seeds: number | null;
  /** How often it was downloaded whole. */
  readonly downloaded: number | null;
  readonly leeches: number | null;
}

/** In the order of the question; null for a torrent of which the tracker knows nothing. */
export type ScrapeOutcome =
  | { readonly ok: true; readonly torrents: readonly (ScrapedTorrent | null)[] }
  | TrackerFailure;

/** Asks how torrents stand without taking part in them. */
export interface TrackerScraper {
  /** `tracker` has the announce URL; at most `MAX_SCRAPED` torrents. Answers as `announce` does. */
  scrape(
    tracker: SourcedUrl,
    infoHashes: readonly Buffer[],
    answered: (outcome: ScrapeOutcome) => void,
  ): { cancel(): void };
}
