import type { Millis } from '../base/clock.js';

/** What a tracker does and how much it keeps. */
export interface TrackerOptions {
  /** How often clients are to announce. */
  readonly interval: Millis;
  /** How long clients must wait between two announces. */
  readonly minInterval: Millis;
  /** A peer that was silent for this long is forgotten. */
  readonly peerTimeout: Millis;
  /** How often silent peers are looked for. */
  readonly sweepInterval: Millis;
  /** How often the state is saved. */
  readonly saveInterval: Millis;
  /** Peers in an answer to a client that does not say how many it wants. */
  readonly numwant: number;
  /** Peers in an answer at the most. */
  readonly maxNumwant: number;
  /** Torrents at the most. */
  readonly maxTorrents: number;
  /** Peers of one torrent at the most. */
  readonly maxPeersPerTorrent: number;
  /** Peers of one torrent at one host at the most: many homes may share an address. */
  readonly maxPeersOfHost: number;
  /** Peers of all torrents at the most. */
  readonly maxPeers: number;
  /** Torrents in a scrape that names none, and on the page, at the most. */
  readonly maxListed: number;
  /**
   * How often a peer that cannot be reached is called back before it is left alone; 0 publishes every peer unchecked.
   */
  readonly natCheckTries: number;
  /** For how long it is left alone. */
  readonly natCheckPause: Millis;
  /** Peers that are encoded, or forgotten, before sockets have their turn. */
  readonly peersInTurn: number;
}

export const DEFAULT_TRACKER_OPTIONS: TrackerOptions = {
  interval: 1_800_000,
  minInterval: 60_000,
  peerTimeout: 2_700_000,
  sweepInterval: 60_000,
  saveInterval: 300_000,
  numwant: 50,
  maxNumwant: 200,
  maxTorrents: 10_000,
  maxPeersPerTorrent: 10_000,
  maxPeersOfHost: 256,
  maxPeers: 200_000,
  maxListed: 1_000,
  natCheckTries: 0,
  natCheckPause: 1_800_000,
  peersInTurn: 1_000,
};

/** How patient the tracker's HTTP side is. */
export interface HttpOptions {
  /** Connections at once. */
  readonly maxConnections: number;
  /** How long a whole request may take to come, from the opening of its connection. */
  readonly requestLimit: Millis;
  /** How long the client may take to read the answer and to hang up. */
  readonly answerLimit: Millis;
  /** Bytes of one line. */
  readonly maxLineLength: number;
  /** Bytes of all lines of a request. */
  readonly maxRequestLength: number;
}

export const DEFAULT_HTTP_OPTIONS: HttpOptions = {
  maxConnections: 500,
  requestLimit: 10_000,
  answerLimit: 15_000,
  maxLineLength: 8 * 1024,
  maxRequestLength: 32 * 1024,
};
