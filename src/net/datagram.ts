/**
 * The contract of the event loop's UDP sockets. Both loops keep it, and one test suite holds them to it. A datagram may
 * be lost, doubled, late, out of order, and from anybody: `from` proves nothing but a way that an answer may take.
 */
import type { PeerAddress, SocketFailure } from './raw-server.js';

export interface DatagramSocket {
  /** Where it is bound: the port that was found when 0 was asked for. */
  readonly local: PeerAddress;
  /**
   * Sends one datagram; `data` is the socket's until the next event. What the fence forbids, and what is longer than
   * `MAX_DATAGRAM`, is not sent: `sendFailed` tells. Datagrams that the kernel does not take at once beyond a bounded
   * queue are dropped. After the end it does nothing.
   */
  send(data: Buffer, to: PeerAddress): void;
  /** Ends the socket at once: no event comes after it. Harmless when it is closed already. */
  close(): void;
}

export interface DatagramHandler {
  /** `data` is valid during the call; whoever keeps bytes copies them. `from.host` is in its one spelling. */
  datagramCameIn(socket: DatagramSocket, data: Buffer, from: PeerAddress): void;
  /** What was sent to `to` has not left, or the kernel was told that nobody is there. Never within `send`. */
  sendFailed(socket: DatagramSocket, to: PeerAddress, failure: SocketFailure): void;
}

export interface DatagramOptions {
  readonly family: 4 | 6;
  /** An IP literal of that family; absent: the bound address behind a fence, else every address. */
  readonly host?: string;
  /** 0: a free one. */
  readonly port: number;
  /** A multicast group to hear, which several processes may hear on one port (BEP 14); forbidden behind a loopback fence. */
  readonly group?: string;
}

export type DatagramOutcome =
  | { readonly ok: true; readonly socket: DatagramSocket }
  | { readonly ok: false; readonly code: 'in-use' | 'forbidden' | 'failed'; readonly cause?: unknown };

/** Bytes of the longest datagram that is sent. One that must pass every link without being cut has at most 1,200. */
export const MAX_DATAGRAM = 65_507;
