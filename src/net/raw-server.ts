/**
 * The contract of the one event loop that owns every socket and every timer. The loop tells a socket's handler what
 * happens on the socket; the handler decides what a byte means. The Node adapter and the simulated network both keep
 * this contract, and one test suite holds them to it.
 */
import type { Millis, Timers } from '../base/clock.js';

/** An IP literal (never a name) and a port from 1 to 65535. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** A Unix stream socket, for control connections. */
export interface UnixAddress {
  readonly path: string;
}

export type StreamAddress = PeerAddress | UnixAddress;

/**
 * Why a socket was lost or could not send. 'forbidden': the fence does not allow it. 'ended': the other side closed the
 * connection. 'idle': nothing came in for too long. `cause` is the system's own word where there is one
 * (`ECONNREFUSED`). `isOurs`: our own way out ended before the other side, which is not to blame.
 */
export interface SocketFailure {
  readonly code: 'refused' | 'unreachable' | 'forbidden' | 'reset' | 'ended' | 'idle' | 'failed';
  readonly cause?: unknown;
  readonly isOurs?: true;
}

/** The loop, or a part of it, as its users see it. */
export interface RawServer extends Timers {
  /**
   * Listens at `address` and answers on the timeline. Each listening socket has a handler of its own, so one loop
   * carries peers, a tracker and a control socket.
   */
  listen(address: ListenAddress, handler: ListenHandler, answered: (outcome: ListenOutcome) => void): void;
  /** Opens a UDP socket and answers on the timeline, before the handler hears of the first datagram. */
  openDatagram(options: DatagramOptions, handler: DatagramHandler, answered: (outcome: DatagramOutcome) => void): void;
  /** Dials. A failure comes later, as `connectionLost`. The caller may write data at once. */
  startConnection(address: StreamAddress, handler: SocketHandler): SingleSocket;
  /** Makes a part of this loop that fails alone. Contexts do not nest: a context of a context belongs to the loop. */
  createContext(gotException: (error: unknown) => void): RawServerContext;
  /** Stream sockets that are open or being dialled; neither listening sockets nor UDP sockets count. */
  readonly socketCount: number;
}

/**
 * A part of the loop that can fail alone: a torrent, a tracker. Its tasks and its sockets belong to it. An exception in
 * any of them goes to its `gotException` and nowhere else. After `end()` none of its tasks run and its sockets are
 * closed.
 */
export interface RawServerContext extends RawServer {
  /**
   * Takes over a socket that another context accepted. From the next event on, `handler` hears of it. The caller may do
   * this within an event.
   */
  adopt(socket: SingleSocket, handler: SocketHandler): void;
  end(): void;
}

/** A stream socket. */
export interface SingleSocket {
  /** The other end. A Unix client's path is empty. */
  readonly remote: StreamAddress;
  readonly locallyInitiated: boolean;
  /** When data last came in, or when the socket was made. Writing does not count: our keep-alives prove nothing. */
  readonly lastHit: Millis;
  /** Bytes written that the kernel has not taken yet. */
  readonly unsentLength: number;
  /**
   * Queues `chunks`, which leave together, in order, in as few system calls as possible. They wait until the connection
   * is up. The chunks belong to the socket until `connectionFlushed`. After the socket's end this does nothing.
   */
  write(chunks: readonly Buffer[]): void;
  isFlushed(): boolean;
  /**
   * No `dataCameIn` comes until `resumeReading`; one that is running goes on. The kernel's buffer fills, then the peer
   * waits.
   */
  pauseReading(): void;
  resumeReading(): void;
  /** Sends what is queued, then closes for writing. Reading goes on until the other side ends. */
  end(): void;
  /** Ends the socket at once and in silence: no event comes after it. Harmless when the socket is closed already. */
  close(): void;
}

/** Hears the events of a stream socket. */
export interface SocketHandler {
  /** The other side accepted our dial. Never called for a socket that came from outside. */
  connectionMade(socket: SingleSocket): void;
  /**
   * `data` is a view into a buffer that is used again: valid during the call. A handler that keeps bytes copies them.
   * During the call the time stands still: `now()` is the socket's `lastHit`.
   */
  dataCameIn(socket: SingleSocket, data: Buffer): void;
  /** The kernel has taken everything that was written. Called each time the queue becomes empty. */
  connectionFlushed(socket: SingleSocket): void;
  /**
   * The socket is gone and we did not close it: refused, unreachable, reset, ended, or silent for too long.
   * Called at most once, never after `close()`, never within `startConnection`, and nothing follows it.
   */
  connectionLost(socket: SingleSocket, failure: SocketFailure): void;
}

/** Hears of a socket until its own handler is chosen, or when its events do not matter. */
export const SILENT_HANDLER: SocketHandler = {
  connectionMade: () => undefined,
  dataCameIn: () => undefined,
  connectionFlushed: () => undefined,
  connectionLost: () => undefined,
};

/** Without a host: every address, or behind a fence the bound ones. Port 0: a free one. */
export type ListenAddress = { readonly host?: string; readonly port: number } | UnixAddress;

/** Decides which connections a listening socket accepts, and which handler each of them gets. */
export interface ListenHandler {
  /** The loop asks this before it reads the first byte; false closes the connection. */
  acceptsConnection(address: StreamAddress): boolean;
  /** A connection came from outside. The handler that this returns gets its events, from the first byte on. */
  externalConnectionMade(socket: SingleSocket): SocketHandler;
}

/** A listening socket. */
export interface Listener {
  /** Where it listens. When port 0 was asked for, this has the port that the system chose. */
  readonly address: StreamAddress;
  /** Accepts no more. Connections that came through it live on. */
  close(): void;
}

/** 'in-use': another socket listens there. 'forbidden': the fence or the system does not allow it. */
export type ListenOutcome =
  | { readonly ok: true; readonly listener: Listener }
  | { readonly ok: false; readonly code: 'in-use' | 'forbidden' | 'failed'; readonly cause?: unknown };

/**
 * A UDP socket. A datagram may be lost, doubled, late or out of order, and any host may send it: `from` proves nothing,
 * it only names a way that an answer may take.
 *
 * The socket lives until it is closed or its context ends. Silence does not end it, and a datagram to a host that does
 * not listen gets no answer.
 */
export interface DatagramSocket {
  /**
   * Where it is bound. When port 0 was asked for, this has the port that the system chose. `0.0.0.0` and `::` stand for
   * every address.
   */
  readonly local: PeerAddress;
  /**
   * Sends one datagram. `data` is the socket's from now on: a caller that changes it may change what is sent. Behind a
   * proxy `to.host` may be a name too, which the proxy looks up.
   *
   * The socket does not send a datagram that the fence forbids, that goes to an address which no single host can have,
   * or that is longer than `MAX_DATAGRAM`: the handler hears `sendFailed`. Datagrams that the kernel does not take at
   * once wait, up to `MAX_UNSENT_LENGTH` bytes. Beyond that they are dropped, like those that are lost on the way.
   * After the socket's end this does nothing.
   */
  send(data: Buffer, to: PeerAddress): void;
  /** Ends the socket at once: no event comes after it. Allowed within an event; harmless when it is closed already. */
  close(): void;
}

/** Hears the events of a UDP socket. */
export interface DatagramHandler {
  /** `data` is valid during the call; a handler that keeps bytes copies them. `from.host` is in its one spelling. */
  datagramCameIn(socket: DatagramSocket, data: Buffer, from: PeerAddress): void;
  /**
   * A datagram to `to` has not left this machine. Never called within `send`. A socket that talks to many hosts does
   * not learn which datagram arrived, so a caller that waits for an answer sets a deadline.
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
   * A multicast group to hear, which several processes may hear on one port (BEP 14). The socket hears the group, and
   * sends to it, on the interface of `host`; without `host`, on the interface that the system chooses. Only such a
   * socket sends to the group. Behind a fence it sends nowhere else; behind a loopback fence it is forbidden.
   */
  readonly group?: string;
  /**
   * A multicast group to send to without hearing it (SSDP). The socket also sends to single hosts, and their answers
   * come to its own address. It sends to the group on the interface of `host`. Forbidden behind a loopback fence;
   * without effect beside `group`.
   */
  readonly asks?: string;
}

/** The codes mean what they mean in `ListenOutcome`. 'failed' also stands for options that make no sense. */
export type DatagramOutcome =
  | { readonly ok: true; readonly socket: DatagramSocket }
  | { readonly ok: false; readonly code: 'in-use' | 'forbidden' | 'failed'; readonly cause?: unknown };

/** The most bytes in one datagram. A datagram that must pass every link uncut has at most 1,200. */
export const MAX_DATAGRAM = 65_507;

/** The most bytes of a socket's datagrams that wait for the kernel. */
export const MAX_UNSENT_LENGTH = 1 << 20;
