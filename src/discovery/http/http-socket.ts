import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Destination } from './http-destination.js';
import type { Authorities } from './http-tls.js';

/** The server at the other end. */
export interface HttpPlace {
  /** Its scheme says whether TLS is spoken, its host who the server must be, its port where it listens. */
  readonly url: URL;
  /** The address of the host that we dial. */
  readonly destination: Destination;
  /** The authorities that we trust besides the well-known ones, or null. */
  readonly authorities: Authorities | null;
}

/** What a socket tells, always later than the call that caused it. Nothing is told after `destroy()`. */
export interface HttpSocketEvents {
  /** The address has accepted the connection. */
  connected(): void;
  /** Bytes may be written. Over TLS we know now who the server is. */
  ready(): void;
  /** The bytes are valid during the call. */
  dataCameIn(bytes: Buffer): void;
  /** The last call: the other side has ended (null), or the connection is lost. */
  ended(error: NodeJS.ErrnoException | null): void;
}

/** Where a TCP connection shall lead. */
export interface TcpPlace {
  /** An IP literal. */
  readonly host: string;
  readonly port: number;
  /** The address of ours that the socket is bound to; undefined for any. */
  readonly localAddress: string | undefined;
}

/**
 * Opens a way for bytes to `place`. Calls `opened` once, later, when bytes may be written; from then on what comes goes
 * to `onread`, or to the TLS that is put on the socket within `opened`. A failure is an 'error' of the socket.
 */
export type ConnectTcp = (place: TcpPlace, onread: OnReadOpts, opened: () => void) => Socket;

/** Dials the place itself. */
export const dialTcp: ConnectTcp = ({ host, port, localAddress }, onread, opened) => {
  const bound = localAddress === undefined ? {} : { localAddress };
  return connectTcp({ host, port, ...bound, onread, noDelay: true }).once('connect', opened);
};

/** All sockets without TLS read into this one buffer: reading is synchronous. */
const RECEIVE_BUFFER: Buffer = Buffer.allocUnsafeSlow(256 * 1024);
/** How long a connection rests before the system looks whether the other side is there still. */
const PROBE_AFTER = 1_000;

/** A stream over which HTTP is spoken: TCP, or TLS over TCP. Every connection for HTTP is opened here. */
export class HttpSocket {
  readonly #events: HttpSocketEvents;
  readonly #tcp: Socket;
  /** What is written to and read from: the TCP socket, or the TLS socket over it. */
  #stream: Socket;
  #isOver = false;

  constructor(place: HttpPlace, events: HttpSocketEvents, connect: ConnectTcp = dialTcp) {
    const { url, destination } = place;
    this.#events = events;
    const secure = url.protocol === 'https:';
    const onread: OnReadOpts = {
      buffer: RECEIVE_BUFFER,
      callback: (length) => {
        if (!this.#isOver && !secure) events.dataCameIn(RECEIVE_BUFFER.subarray(0, length));
        return true;
      },
    };
    this.#tcp = connect({ ...destination, port: portOf(url) }, onread, () => this.#opened(place));
    this.#stream = this.#tcp;
    this.#listenTo(this.#tcp);
  }

  write(bytes: Buffer): void {
    if (!this.#isOver) this.#stream.write(bytes);
  }

  /** No more is read until `resume()`. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Nothing is under way: the socket does not keep the process alive, until `wake()`. */
  rest(): void {
    this.#stream.setKeepAlive(true, PROBE_AFTER).unref();
  }

  wake(): void {
    this.#stream.ref();
  }

  destroy(): void {
    this.#isOver = true;
    this.#stream.destroy();
    this.#tcp.destroy();
  }

  #opened({ url, destination, authorities }: HttpPlace): void {
    if (this.#isOver) return;
    this.#events.connected();
    if (url.protocol !== 'https:') {
      this.#events.ready();
      return;
    }
    const name = hostOf(url);
    const stream = connectTls({
      socket: this.#tcp,
      // A certificate without a name to be for must be for the address.
      host: destination.host,
      servername: isIP(name) === 0 ? name : '',
      ALPNProtocols: ['http/1.1'],
      ...(authorities === null ? {} : { secureContext: authorities.context }),
    });
    this.#stream = stream;
    this.#listenTo(stream);
    stream.once('secureConnect', () => {
      if (!this.#isOver) this.#events.ready();
    });
    stream.on('data', (bytes: Buffer) => {
      if (!this.#isOver) this.#events.dataCameIn(bytes);
    });
  }

  #listenTo(stream: Socket): void {
    stream.on('error', (error: NodeJS.ErrnoException) => this.#end(error));
    stream.on('end', () => this.#end(null));
    stream.on('close', () => this.#end(null));
  }

  #end(error: NodeJS.ErrnoException | null): void {
    if (this.#isOver) return;
    this.destroy();
    this.#events.ended(error);
  }
}

/** The port of `url`; its scheme's port when it names none. */
export function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

/** The host of `url`, an IPv6 address without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
