import type { Millis } from '../base/clock.js';

/** How a tracker works, and how much it keeps. */
export interface TrackerOptions {
  /** The time after which a client announces again. */
  readonly interval: Millis;
  /** The time that a client must wait before it announces again. */
  readonly minInterval: Millis;
  /** The tracker forgets a peer that was silent for this long. */
  readonly peerTimeout: Millis;
  /** The time between two searches for silent peers. */
  readonly sweepInterval: Millis;
  /** The time between two saves of the state. */
  readonly saveInterval: Millis;
  /** How many peers a client gets that does not say how many it wants. */
  readonly numwant: number;
  /** The most peers in an answer. */
  readonly maxNumwant: number;
  /** The most torrents. */
  readonly maxTorrents: number;
  /** The most peers of one torrent. */
  readonly maxPeersPerTorrent: number;
  /** The most peers that one host may have in one torrent: many homes may share an address. */
  readonly maxPeersOfHost: number;
  /** This many hosts of a /48 of IPv6 count one by one, as in HostCrowds. */
  readonly maxHostsOfSite: number;
  /** The most peers of all torrents together. */
  readonly maxPeers: number;
  /** The most torrents in the statistics, on the page, and in a scrape that names none. */
  readonly maxListed: number;
  /** How often the tracker tries to call a peer back before it pauses. 0: it tells others of every peer, unchecked. */
  readonly natCheckTries: number;
  /** How long the tracker pauses after that many failures. */
  readonly natCheckPause: Millis;
  /** How many peers the tracker encodes, or forgets, before sockets have their turn. */
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
  maxHostsOfSite: 256,
  maxPeers: 200_000,
  maxListed: 1_000,
  natCheckTries: 0,
  natCheckPause: 1_800_000,
  peersInTurn: 1_000,
};

/** The limits of the tracker's HTTP side. */
export interface HttpOptions {
  /** The most connections at once. */
  readonly maxConnections: number;
  /** The time from the opening of a connection to the last byte of its request. */
  readonly requestLimit: Millis;
  /** The time that a client has to read the answer and to close the connection. */
  readonly answerLimit: Millis;
  /** The most bytes of one line. */
  readonly maxLineLength: number;
  /** The most bytes of all lines of a request. */
  readonly maxRequestLength: number;
}

export const DEFAULT_HTTP_OPTIONS: HttpOptions = {
  maxConnections: 500,
  requestLimit: 10_000,
  answerLimit: 15_000,
  maxLineLength: 8 * 1024,
  maxRequestLength: 32 * 1024,
};
