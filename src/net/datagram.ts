/**
 * The contract of the event loop's UDP sockets. Both loops keep it, and one test suite holds them to it. A datagram may
 * be lost, doubled, late, out of order, and from anybody: `from` proves nothing but a way that an answer may take.
 */
import type { PeerAddress } from './peer-address.js';
import type { SocketFailure } from './socket-failure.js';

/**
 * It lives until it is closed, or its context ends: silence does not end it, and no answer says that nobody is there.
 */
export interface DatagramSocket {
  /** Where it is bound: the port that was found when 0 was asked for; `0.0.0.0` or `::` for every address. */
  readonly local: PeerAddress;
  /**
   * Sends one datagram. `data` is the socket's from now on: whoever changes it may change what is sent. What the fence
   * forbids, what no single host can have as its address, and what is longer than `MAX_DATAGRAM`, is not sent:
   * `sendFailed` tells. Datagrams that the kernel does not take at once wait, up to `MAX_UNSENT_LENGTH`; beyond that
   * they are dropped like those that are lost on the way. After the end it does nothing.
   */
  send(data: Buffer, to: PeerAddress): void;
  /** Ends the socket at once: no event comes after it. Allowed within an event; harmless when it is closed already. */
  close(): void;
}

export interface DatagramHandler {
  /** `data` is valid during the call; whoever keeps bytes copies them. `from.host` is in its one spelling. */
  datagramCameIn(socket: DatagramSocket, data: Buffer, from: PeerAddress): void;
  /**
   * What was sent to `to` has not left this machine. Never within `send`. That a datagram arrived nowhere is not told:
   * a socket that talks to many hosts does not learn of it, so whoever waits for an answer has a deadline.
   */
  sendFailed(socket: DatagramSocket, to: PeerAddress, failure: SocketFailure): void;
}

export interface DatagramOptions {
  /** An IPv6 socket carries no IPv4: each family has a socket and a port of its own. */
  readonly family: 4 | 6;
  /** An IP literal of that family; absent: the bound address behind a fence, else every address. */
  readonly host?: string;
  /** 0: a free one. */
  readonly port: number;
  /**
   * A multicast group to hear, which several processes may hear on one port (BEP 14). It is heard, and sent to, on the
   * interface of `host`; without one, on that which the system chooses. Only such a socket sends to the group; behind a
   * fence it sends nowhere else, and behind a loopback fence it is forbidden.
   */
  readonly group?: string;
  /**
   * A multicast group to send to without hearing it, besides single hosts, whose answers come to the socket's own
   * address (SSDP). Sent to on the interface of `host`; forbidden behind a loopback fence, and pointless beside
   * `group`.
   */
  readonly asks?: string;
}

export type DatagramOutcome =
  | { readonly ok: true; readonly socket: DatagramSocket }
  | { readonly ok: false; readonly code: 'in-use' | 'forbidden' | 'failed'; readonly cause?: unknown };

/** Bytes of the longest datagram that is sent. One that must pass every link without being cut has at most 1,200. */
export const MAX_DATAGRAM = 65_507;

/** Bytes of a socket's datagrams that wait for the kernel at the most. */
export const MAX_UNSENT_LENGTH = 1 << 20;
