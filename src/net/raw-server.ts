/**
 * The contract of the one event loop that owns every socket and every timer. What happens on a socket is told to its
 * handler; what a byte means is the handler's business. The node adapter and the simulated network both keep it, and
 * one test suite holds them to it.
 */
import type { Millis, Timers } from '../base/clock.js';

/** A Unix stream socket, for control connections. */
export interface UnixAddress {
  readonly path: string;
}

export type StreamAddress = PeerAddress | UnixAddress;

export interface SingleSocket {
  /** The other end. A Unix client's path is empty. */
  readonly remote: StreamAddress;
  readonly locallyInitiated: boolean;
  /** When data last came in, or when the socket was made. Writing does not count: our keep-alives prove nothing. */
  readonly lastHit: Millis;
  /** Bytes written that the kernel has not taken yet. */
  readonly unsentLength: number;
  /**
   * Queues `chunks`, which leave together, in order, in as few system calls as possible. Before the connection is up
   * they wait. The chunks belong to the socket until `connectionFlushed`. After the end it does nothing.
   */
  write(chunks: readonly Buffer[]): void;
  isFlushed(): boolean;
  /**
   * No `dataCameIn` until `resumeReading`; one that is under way goes on. The kernel's buffer fills, then the peer
   * waits.
   */
  pauseReading(): void;
  resumeReading(): void;
  /** Sends what is queued, then closes for writing. Reading goes on until the other side ends. */
  end(): void;
  /** Ends the socket at once and in silence: no event comes after it. Harmless when it is closed already. */
  close(): void;
}

export interface SocketHandler {
  /** Our own dial got through. Never called for a socket that came from outside. */
  connectionMade(socket: SingleSocket): void;
  /** `data` is a view into a buffer that is used again: valid during the call. Whoever keeps bytes copies them. */
  dataCameIn(socket: SingleSocket, data: Buffer): void;
  /** Everything written has been handed to the kernel. Called after each time the queue runs empty. */
  connectionFlushed(socket: SingleSocket): void;
  /**
   * The socket is gone and we did not close it: refused, unreachable, reset, ended, or silent for too long.
   * Called at most once, never after `close()`, never within `startConnection`, and nothing follows it.
   */
  connectionLost(socket: SingleSocket, failure: SocketFailure): void;
}

export interface ListenHandler {
  /** Asked before the first byte is read; false closes the connection. */
  acceptsConnection(address: StreamAddress): boolean;
  /** A connection came from outside. Whoever is returned handles its events, from the first byte on. */
  externalConnectionMade(socket: SingleSocket): SocketHandler;
}

export type ListenAddress = { readonly host?: string; readonly port: number } | UnixAddress;

/** A listening socket. */
export interface Listener {
  /** Where it listens: the port that was found when 0 was asked for. */
  readonly address: StreamAddress;
  /** Accepts no more. Connections that came through it live on. */
  close(): void;
}

export type ListenOutcome =
  | { readonly ok: true; readonly listener: Listener }
  | { readonly ok: false; readonly code: 'in-use' | 'forbidden' | 'failed'; readonly cause?: unknown };

/**
 * A part of the loop that can fail alone: a torrent, a tracker. Its tasks and its sockets belong to it. An exception in
 * any of them goes to `gotException` and to nobody else; after `end()` none of its tasks run and its sockets are
 * closed.
 */
export interface RawServerContext extends RawServer {
  /**
   * Takes over a socket that another context accepted. From the next event on, `handler` is told. Allowed within an
   * event.
   */
  adopt(socket: SingleSocket, handler: SocketHandler): void;
  end(): void;
}

export interface RawServer extends Timers {
  /**
   * Listens at `address` (all addresses of the bound interface when `host` is absent) and answers on the timeline.
   * Each listening socket has a handler of its own, so one loop carries peers, a tracker and a control socket.
   */
  listen(address: ListenAddress, handler: ListenHandler, answered: (outcome: ListenOutcome) => void): void;
  /** Opens a UDP socket and answers on the timeline, before the first datagram is handed to `handler`. */
  openDatagram(options: DatagramOptions, handler: DatagramHandler, answered: (outcome: DatagramOutcome) => void): void;
  /** Dials. Failure comes as `connectionLost`, later. Data may be written at once. */
  startConnection(address: StreamAddress, handler: SocketHandler): SingleSocket;
  /** A part of this loop that fails alone. Never nested: the contexts of a context belong to the loop. */
  createContext(gotException: (error: unknown) => void): RawServerContext;
  /** Stream sockets that are open or being dialled; neither listening sockets nor UDP sockets count. */
  readonly socketCount: number;
}

/**
 * The contract of the event loop's UDP sockets. Both loops keep it, and one test suite holds them to it. A datagram may
 * be lost, doubled, late, out of order, and from anybody: `from` proves nothing but a way that an answer may take.
 *
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

/** An IP literal (never a name) and a port from 1 to 65535. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** Why a socket was lost or could not send. `cause` is the system's own word where there is one (`ECONNREFUSED`). */
export interface SocketFailure {
  readonly code: 'refused' | 'unreachable' | 'forbidden' | 'reset' | 'ended' | 'idle' | 'failed';
  readonly cause?: unknown;
}

/** Stands where a handler is about to be chosen, or where nobody cares. */
export const SILENT_HANDLER: SocketHandler = {
  connectionMade: () => undefined,
  dataCameIn: () => undefined,
  connectionFlushed: () => undefined,
  connectionLost: () => undefined,
};
