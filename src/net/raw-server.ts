/**
 * The contract of the one event loop that owns every socket and every timer. What happens on a socket is told to its
 * handler; what a byte means is the handler's business. The node adapter and the simulated network both keep it, and
 * one test suite holds them to it.
 */
import type { Millis, Timers } from '../base/clock.js';
import type { DatagramHandler, DatagramOptions, DatagramOutcome } from './datagram.js';
import type { PeerAddress } from './peer-address.js';
import type { SocketFailure } from './socket-failure.js';

export type { PeerAddress, SocketFailure };

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
