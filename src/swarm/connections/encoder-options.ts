import type { Millis } from '../../base/clock.js';

/** How one torrent's table of connections behaves. */
export interface EncoderOptions {
  /**
   * The most connections of all kinds at once. When there are as many, a peer from outside takes the place of a useless
   * one, or gets none.
   */
  readonly maxConnections: number;
  /** With this many connections of all kinds we dial no more, except to fill the `placesForDials`. */
  readonly maxInitiate: number;
  /**
   * The most connections with one host (`hostKey`) at once, of both directions. Households and companies share an
   * address. We may always dial a quarter of this number there, however many peers come from there.
   */
  readonly maxPerHost: number;
  /** This many hosts of a /48 of IPv6 count one by one when they come from outside, as in HostCrowds. */
  readonly maxHostsOfSite: number;
  /** The most addresses that we keep for later, because the table is full or because their last attempt failed. */
  readonly maxSpares: number;
  /**
   * The most of these for one host (`hostKey`), except those that the user names. A stranger could name all 65,535
   * ports of a host.
   */
  readonly maxSparesPerHost: number;
  /** We give up a dial that has not got through after this time. */
  readonly connectLimit: Millis;
  /** We end a connection whose handshake is not complete this long after its socket was up. */
  readonly handshakeLimit: Millis;
  /** An encrypted handshake of ours that is not finished by then has failed; another way may be tried. */
  readonly encryptionLimit: Millis;
  /**
   * A peer from outside that has not finished its handshake after this time gives its place to the next peer from
   * outside. A dial gives it to an address whose teller has less than its share.
   */
  readonly slowHandshake: Millis;
  /**
   * A peer that we dialled and that says that it has pieces, but sends none for this long, gives its place to an
   * address whose teller has less than its share.
   */
  readonly provingTime: Millis;
  /** Over a complete connection we send something at least this often, if only a keep-alive. */
  readonly keepAliveInterval: Millis;
  /**
   * We end a complete connection when the peer has finished no message and no keep-alive for this long, or has taken
   * nothing of what waits for it.
   */
  readonly maxSilence: Millis;
  /** The least time between two attempts at one address. It doubles with every failure. */
  readonly retryInterval: Millis;
  /**
   * While all places for dials are taken, a peer that we dialled in vain gives its place to an address that waits. That
   * happens at most once in this time.
   */
  readonly turnoverInterval: Millis;
  /**
   * We drop an address that has failed this often in a row, until a source names it again. What the user or a link has
   * named is not dropped, because nobody names it again.
   */
  readonly maxFailures: number;
  /** A message that is longer than this many bytes ends the connection before it is read. */
  readonly maxMessageLength: number;
}

/**
 * How many places peers from outside cannot take. Without such places a flood of strangers would keep us from all the
 * peers that trackers name.
 */
export function placesForDials({ maxConnections, maxInitiate }: EncoderOptions): number {
  return Math.min(Math.floor(maxConnections / 4), Math.floor(maxInitiate / 2));
}

export const DEFAULT_ENCODER_OPTIONS: EncoderOptions = {
  maxConnections: 80,
  maxInitiate: 40,
  maxPerHost: 16,
  maxHostsOfSite: 16,
  maxSpares: 200,
  maxSparesPerHost: 8,
  connectLimit: 10_000,
  handshakeLimit: 30_000,
  encryptionLimit: 10_000,
  slowHandshake: 2_000,
  provingTime: 5_000,
  keepAliveInterval: 120_000,
  maxSilence: 300_000,
  retryInterval: 60_000,
  turnoverInterval: 20_000,
  maxFailures: 6,
  maxMessageLength: 1024 * 1024,
};
