import type { Millis } from '../../base/clock.js';
import type {
  PeerAddress,
  RawServer,
  RawServerContext,
  SingleSocket,
  SocketFailure,
  SocketHandler,
} from '../raw-server.js';
import type { ProxyAccess } from './proxy-access.js';
import { type ProxyAnswer, ProxyHandshake } from './proxy-handshake.js';

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * A connection to `remote` by way of a proxy. It stands around the socket to the proxy and is that one's handler. Its
 * own handler hears of it when the proxy has connected; what was written before waits until then.
 */
export class ProxiedSocket implements SingleSocket, SocketHandler {
  readonly locallyInitiated = true;
  readonly remote: PeerAddress;
  readonly #proxy: ProxyAccess;
  #loop: RawServer;
  #handler: SocketHandler;
  /** The socket to the proxy; null until the address of the proxy is known. */
  #inner: SingleSocket | null = null;
  /** Null when the proxy has connected. */
  #handshake: ProxyHandshake | null;
  #search: { cancel(): void } | null = null;
  /** What was written too early. */
  #early: Buffer[] = [];
  /** What came with the proxy's answer, while our handler does not read. */
  #rest: Buffer = NOTHING;
  #isPaused = false;
  #isEnding = false;
  #isClosed = false;
  readonly #begun: Millis;

  constructor(loop: RawServer, proxy: ProxyAccess, remote: PeerAddress, handler: SocketHandler) {
    this.#loop = loop;
    this.#proxy = proxy;
    this.remote = remote;
    this.#handler = handler;
    this.#begun = loop.now();
    this.#handshake = new ProxyHandshake(proxy.server, 'connect', remote, (bytes) => this.#inner?.write([bytes]));
    let isFound = false;
    const search = proxy.findHost((found) => {
      isFound = true;
      this.#search = null;
      if (this.#isClosed) return;
      if (found.ok) this.#inner = this.#loop.startConnection({ host: found.host, port: proxy.server.port }, this);
      else this.#loop.addTask(() => this.#lose({ code: 'unreachable', cause: found.message }, found.message), 0);
    });
    if (!isFound) this.#search = search;
  }

  /** Lets `context` own the socket, as `RawServerContext.adopt` does. From the next event on `handler` is told. */
  adoptInto(context: RawServerContext, handler: SocketHandler): void {
    this.#loop = context;
    this.#handler = handler;
    if (this.#inner !== null) context.adopt(this.#inner, this);
  }

  get lastHit(): Millis {
    return this.#inner?.lastHit ?? this.#begun;
  }

  get unsentLength(): number {
    if (this.#isClosed) return 0;
    if (this.#handshake === null) return this.#inner?.unsentLength ?? 0;
    return this.#early.reduce((sum, { length }) => sum + length, 0);
  }

  write(chunks: readonly Buffer[]): void {
    if (this.#isClosed || this.#isEnding) return;
    if (this.#handshake === null) this.#inner?.write(chunks);
    else this.#early.push(...chunks);
  }

  isFlushed(): boolean {
    return this.unsentLength === 0;
  }

  pauseReading(): void {
    this.#isPaused = true;
    if (this.#handshake === null) this.#inner?.pauseReading();
  }

  resumeReading(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#handshake !== null) return;
    if (this.#rest.length === 0) this.#inner?.resumeReading();
    else this.#loop.addTask(() => this.#deliverRest(), 0);
  }

  end(): void {
    this.#isEnding = true;
    if (this.#handshake === null) this.#inner?.end();
  }

  close(): void {
    this.#isClosed = true;
    this.#search?.cancel();
    this.#early = [];
    this.#rest = NOTHING;
    this.#inner?.close();
  }

  connectionMade(_socket: SingleSocket): void {
    this.#handshake?.begin();
  }

  dataCameIn(_socket: SingleSocket, data: Buffer): void {
    if (this.#handshake === null) {
      this.#handler.dataCameIn(this, data);
      return;
    }
    const answer = this.#handshake.dataCameIn(data);
    if (answer !== null) this.#answered(answer);
  }

  connectionFlushed(_socket: SingleSocket): void {
    // Of our messages to the proxy nobody wants to hear.
    if (this.#handshake === null) this.#handler.connectionFlushed(this);
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    if (this.#handshake === null) {
      this.#isClosed = true;
      this.#handler.connectionLost(this, failure);
      return;
    }
    const trouble = `the proxy ${this.#proxy.server.shown} ${WORDS[failure.code]}`;
    // It is the proxy that cannot be reached, not the peer. A host that no one refuses may be tried again.
    this.#lose({ code: 'unreachable', cause: trouble }, trouble);
  }

  #answered(answer: ProxyAnswer): void {
    if (!answer.ok) {
      this.#inner?.close();
      this.#lose(answer.failure, answer.isOurs ? answer.failure.cause : null);
      return;
    }
    this.#handshake = null;
    this.#rest = answer.rest;
    this.#proxy.told(null);
    const early = this.#early;
    this.#early = [];
    this.#handler.connectionMade(this);
    if (this.#isClosed) return;
    if (early.length > 0) this.#inner?.write(early);
    if (this.#isEnding) this.#inner?.end();
    if (this.#isPaused) this.#inner?.pauseReading();
    else this.#deliverRest();
  }

  #deliverRest(): void {
    if (this.#isPaused || this.#isClosed) return;
    const rest = this.#rest;
    this.#rest = NOTHING;
    if (rest.length > 0) this.#handler.dataCameIn(this, rest);
    // The handler may have paused again.
    if (!this.#isPaused && !this.#isClosed) this.#inner?.resumeReading();
  }

  #lose(failure: SocketFailure, trouble: string | null): void {
    if (this.#isClosed) return;
    this.#proxy.told(trouble);
    this.close();
    this.#handler.connectionLost(this, failure);
  }
}

const WORDS: Readonly<Record<SocketFailure['code'], string>> = {
  refused: 'refuses connections',
  unreachable: 'cannot be reached',
  forbidden: 'is outside of the addresses that we are bound to',
  reset: 'closes connections',
  ended: 'closes connections',
  idle: 'does not answer',
  failed: 'cannot be reached',
};
