/** The contract between the Rerequester, which decides when to announce, and the clients that send the announce. */
import type { SourcedUrl } from '../../net/url-rule.js';

/** What we tell a tracker (BEP 3, BEP 7). */
export interface AnnounceRequest extends SourcedUrl {
  /** 20 bytes. */
  readonly infoHash: Buffer;
  /** 20 bytes. */
  readonly peerId: Buffer;
  /** The port at which we listen, 1 to 65535. */
  readonly port: number;
  /** Bytes that we have sent in this session. */
  readonly uploaded: number;
  /** Bytes that we have received in this session. */
  readonly downloaded: number;
  /** Bytes that are left to fetch. */
  readonly left: number;
  readonly event: 'started' | 'completed' | 'stopped' | null;
  /** How many peers we would like; 0 for none. */
  readonly numwant: number;
  /** 8 hexadecimal digits that prove to the tracker who we are when our address changes. */
  readonly key: string;
  /** The `tracker id` of the tracker's last answer, its bytes as Latin-1 characters; null when it gave none. */
  readonly trackerId: string | null;
  /** Whether we take encrypted connections, and whether we take nothing else. */
  readonly encryption: 'none' | 'supported' | 'required';
}

/** A peer as a tracker names it. `host` is an IP literal; the reader of the answer leaves out all other texts. */
export interface TrackerPeer {
  readonly host: string;
  readonly port: number;
  /** 20 bytes, from answers that are not compact; null when unknown. */
  readonly peerId: Buffer | null;
}

export interface AnnounceResponse {
  /** Seconds until the next regular announce, from 60 to 86,400. */
  readonly interval: number;
  /** Seconds for which we must not announce again; null when the tracker does not say. */
  readonly minInterval: number | null;
  readonly peers: readonly TrackerPeer[];
  readonly seeds: number | null;
  readonly leeches: number | null;
  readonly warning: string | null;
  /** We send it back with the next announces: the tracker's bytes as Latin-1 characters. */
  readonly trackerId: string | null;
  /** Our address as the tracker sees it (BEP 24), an IP literal; null when the tracker does not say. */
  readonly externalIp: string | null;
}

/** 'refused': the tracker gave a `failure reason`, which `message` shows, at most 1 KiB of it. */
export interface TrackerFailure {
  readonly ok: false;
  readonly code: 'refused' | 'timeout' | 'unreachable' | 'bad-answer' | 'forbidden';
  readonly message: string;
  /**
   * Seconds for which the tracker wants no announce (HTTP's Retry-After, BEP 31). Infinite: it never wants one again.
   */
  readonly retryAfter?: number;
  /** Seconds until the next regular announce, from the `interval` and `min interval` of a refusal. */
  readonly interval?: number;
}

export type AnnounceOutcome =
  | {
      readonly ok: true;
      readonly response: AnnounceResponse;
      /** The address that answered, an IP literal; null when it is not known. */
      readonly from: string | null;
    }
  | TrackerFailure;

export interface TrackerClient {
  /** Sends the announce. Answers exactly once, later, on the timeline; never after `cancel()`. */
  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void };
}

/** A torrent by the tracker's own counts; null for a count that it does not tell. */
export interface ScrapedTorrent {
  readonly seeds: number | null;
  /** How often clients have downloaded all of it. */
  readonly downloaded: number | null;
  readonly leeches: number | null;
}

/** The torrents stand in the order of the request; null for a torrent that the tracker does not know. */
export type ScrapeOutcome =
  | { readonly ok: true; readonly torrents: readonly (ScrapedTorrent | null)[] }
  | TrackerFailure;

/** Asks for the counts of torrents without taking part in them. */
export interface TrackerScraper {
  /** `tracker` has the announce URL; `infoHashes` are at most `MAX_SCRAPED`. Answers as `announce` does. */
  scrape(
    tracker: SourcedUrl,
    infoHashes: readonly Buffer[],
    answered: (outcome: ScrapeOutcome) => void,
  ): { cancel(): void };
}
