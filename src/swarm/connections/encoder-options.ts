import type { Millis } from '../../base/clock.js';

/** How one torrent's table of connections behaves. */
export interface EncoderOptions {
  /** Connections of all kinds at once; whoever comes from outside beyond that takes a useless one's place, or none. */
  readonly maxConnections: number;
  /** At this many connections of all kinds we dial no more, but for `placesForDials`. */
  readonly maxInitiate: number;
  /**
   * Connections with one host (`hostKey`) at once, of both directions. Households and companies share an address. We
   * dial up to a quarter of so many there, however many come from there.
   */
  readonly maxPerHost: number;
  /** Addresses kept for later because the table is full or their last attempt failed. */
  readonly maxSpares: number;
  /** Of them, addresses of one host (`hostKey`) that others than the user name: it has 65,535 ports to be sent to. */
  readonly maxSparesPerHost: number;
  /** A dial that has not got through by then is given up. */
  readonly connectDeadline: Millis;
  /** A handshake that is not complete by then, counted from the socket's being up, ends the connection. */
  readonly handshakeDeadline: Millis;
  /** An encrypted handshake of ours that is not finished by then has failed; another way may be tried. */
  readonly encryptionDeadline: Millis;
  /**
   * A handshake from outside that has been unfinished for this long gives its place to the next peer from outside. A
   * dial gives it to an address whose teller has less than its share.
   */
  readonly slowHandshake: Millis;
  /**
   * A peer that we dialled says that it has pieces, and has sent none for this long: it gives its place to an address
   * whose teller has less than its share.
   */
  readonly provingTime: Millis;
  /** A complete connection says something at least this often, if only a keep-alive. */
  readonly keepAliveInterval: Millis;
  /**
   * A complete connection on which no message (or keep-alive) was finished for this long is ended, and one that took
   * nothing of what waits for it.
   */
  readonly maxSilence: Millis;
  /** Two attempts at one address are at least this far apart; doubled with every failure. */
  readonly retryInterval: Millis;
  /**
   * While all places for dials are taken, one who was dialled in vain gives his to one who waits, this often at the
   * most.
   */
  readonly turnoverInterval: Millis;
  /** An address that has failed this often in a row is dropped, until somebody names it again. */
  readonly maxFailures: number;
  /** Messages longer than this many bytes end the connection before they are read. */
  readonly maxMessageLength: number;
}

/**
 * Places that whoever comes from outside cannot take: a flood of strangers would keep us from everybody whom trackers
 * name.
 */
export function placesForDials({ maxConnections, maxInitiate }: EncoderOptions): number {
  return Math.min(Math.floor(maxConnections / 4), Math.floor(maxInitiate / 2));
}

export const DEFAULT_ENCODER_OPTIONS: EncoderOptions = {
  maxConnections: 80,
  maxInitiate: 40,
  maxPerHost: 16,
  maxSpares: 200,
  maxSparesPerHost: 8,
  connectDeadline: 10_000,
  handshakeDeadline: 30_000,
  encryptionDeadline: 10_000,
  slowHandshake: 2_000,
  provingTime: 5_000,
  keepAliveInterval: 120_000,
  maxSilence: 300_000,
  retryInterval: 60_000,
  turnoverInterval: 20_000,
  maxFailures: 6,
  maxMessageLength: 1024 * 1024,
};
