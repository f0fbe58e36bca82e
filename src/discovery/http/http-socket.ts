import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ProxyAnswer, ProxyHandshake } from '../../net/proxy/proxy-handshake.js';
import type { Destination } from './http-destination.js';
import { type Authorities, explainTls } from './http-tls.js';

/** The server at the other end. */
export interface HttpPlace {
  /** Its scheme says whether TLS is spoken, its host who the server must be, its port where it listens. */
  readonly url: URL;
  /** The address of the host that we dial, or the proxy that leads there. */
  readonly destination: Destination;
  /** The authorities that we trust besides the well-known ones, or null. */
  readonly authorities: Authorities | null;
}

/** What a socket tells, always later than the call that caused it. Nothing is told after `destroy()`. */
export interface HttpSocketEvents {
  /** The server has accepted the connection. */
  connected(): void;
  /** Bytes may be written. Over TLS we know now who the server is. */
  ready(): void;
  /** The bytes are valid during the call. */
  dataCameIn(bytes: Buffer): void;
  /** The last call: the other side has ended (null), or the connection is lost. */
  ended(error: NodeJS.ErrnoException | null): void;
}

/** All sockets without TLS read into this one buffer: reading is synchronous. */
const RECEIVE_BUFFER: Buffer = Buffer.allocUnsafeSlow(256 * 1024);
/** How long a connection rests before the system looks whether the other side is there still. */
const PROBE_AFTER = 1_000;

/**
 * A stream over which HTTP is spoken: TCP, or TLS over TCP, straight or by a proxy. Every connection for HTTP is opened
 * here.
 */
export class HttpSocket {
  readonly #place: HttpPlace;
  readonly #events: HttpSocketEvents;
  readonly #tcp: Socket;
  /** Null when no proxy has to answer any more. */
  #handshake: ProxyHandshake | null = null;
  #isReached = false;
  /** The way to the server is open. */
  #isOpen = false;
  /** What is written to and read from: the TCP socket, or the TLS socket over it. */
  #stream: Socket;
  #isOver = false;

  constructor(place: HttpPlace, events: HttpSocketEvents) {
    const { url, destination } = place;
    const { by, host, localAddress } = destination;
    this.#place = place;
    this.#events = events;
    const secure = url.protocol === 'https:';
    const onread: OnReadOpts = {
      buffer: RECEIVE_BUFFER,
      callback: (length) => {
        const bytes = RECEIVE_BUFFER.subarray(0, length);
        if (this.#handshake !== null) this.#proxySaid(bytes, this.#handshake);
        else if (!this.#isOver && !secure) events.dataCameIn(bytes);
        return true;
      },
    };
    const address = by === null ? { host, port: portOf(url) } : { host: by.host, port: by.access.server.port };
    const bound = localAddress === undefined ? {} : { localAddress };
    this.#tcp = connectTcp({ ...address, ...bound, onread, noDelay: true }).once('connect', () => this.#reached());
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

  /** The server, or the proxy that leads to it, has accepted the connection. */
  get isReached(): boolean {
    return this.#isReached;
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

  /** The server, or the proxy that leads to it, has accepted the connection. */
  #reached(): void {
    if (this.#isOver) return;
    this.#isReached = true;
    const { url, destination } = this.#place;
    const { by, host } = destination;
    if (by === null || isForProxy(this.#place)) {
      this.#open();
      return;
    }
    const target = { host, port: portOf(url) };
    this.#handshake = new ProxyHandshake(by.access.server, 'connect', target, (bytes) => this.#tcp.write(bytes));
    this.#handshake.begin();
  }

  #proxySaid(bytes: Buffer, handshake: ProxyHandshake): void {
    const answer: ProxyAnswer | null = this.#isOver ? null : handshake.dataCameIn(bytes);
    if (answer === null) return;
    const { access } = this.#place.destination.by ?? {};
    access?.told(answer.ok || !answer.isOurs ? null : answer.failure.cause);
    if (!answer.ok) {
      this.destroy();
      this.#events.ended(new ProxyFailure(answer.failure.cause, answer.isOurs));
      return;
    }
    this.#handshake = null;
    this.#open();
    // A server with TLS says nothing before we have said who we want.
    if (answer.rest.length > 0 && !this.#isOver && this.#stream === this.#tcp) this.#events.dataCameIn(answer.rest);
  }

  #open(): void {
    const { url, authorities } = this.#place;
    this.#isOpen = true;
    this.#events.connected();
    if (url.protocol !== 'https:') {
      this.#events.ready();
      return;
    }
    const host = hostOf(url);
    const stream = connectTls({
      socket: this.#tcp,
      // The certificate must be for `servername`, and where that is empty for `host`. Without both, Node would take
      // localhost.
      host,
      servername: isIP(host) === 0 ? host : '',
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
    const { by } = this.#place.destination;
    if (by === null || this.#isOpen) {
      this.#events.ended(error);
      return;
    }
    const trouble = `the proxy ${by.access.server.shown}: ${error === null ? CLOSED_EARLY : explain(error, null)}`;
    by.access.told(trouble);
    this.#events.ended(new ProxyFailure(trouble, true));
  }
}

/**
 * Whether the request goes to the proxy itself, which passes it on (RFC 9112, section 3.2.2: "the client MUST send the
 * target URI in absolute-form"). Many HTTP proxies connect to the port of HTTPS alone.
 */
export function isForProxy({ url, destination }: Pick<HttpPlace, 'url' | 'destination'>): boolean {
  return url.protocol === 'http:' && destination.by?.access.server.kind === 'http';
}

/** A proxy does not lead to the server. */
class ProxyFailure extends Error {
  /** It would lead to no other server either. */
  readonly isOfProxy: boolean;

  constructor(message: string, isOfProxy: boolean) {
    super(message);
    this.isOfProxy = isOfProxy;
  }
}

/** Whether a socket failed for a fault of the proxy, which says nothing about the server. */
export function isOfProxy(error: Error): boolean {
  return error instanceof ProxyFailure && error.isOfProxy;
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

const CLOSED_EARLY = 'the connection was closed early';

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: CLOSED_EARLY,
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  EADDRNOTAVAIL: 'the bound address is not ours',
};

/** Why a socket failed, in our own words. `host` is the name that the certificate must be for; null without TLS. */
export function explain(error: NodeJS.ErrnoException, host: string | null): string {
  if (error instanceof ProxyFailure) return error.message;
  const known = EXPLANATIONS[error.code ?? ''];
  if (known !== undefined) return known;
  // An error of the system names its call. Any other error before the answer comes from TLS.
  const isTls = error.code === 'EPROTO' || (host !== null && error.syscall === undefined);
  return isTls ? explainTls(error, host ?? '') : error.message;
}
