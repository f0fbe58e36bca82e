import type { Millis, Task } from '../../base/clock.js';
import { normaliseHost } from '../ip-address.js';
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
import { isSocksAddress } from './socks5.js';

const NOTHING: Buffer = Buffer.alloc(0);
/** A proxy of which nothing has been heard for so long does not answer. This ends before the patience of a dial. */
const PATIENCE: Millis = 8_000;

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
  /** What was written before the proxy had connected. */
  #early: Buffer[] = [];
  /** What came with the proxy's answer. The socket to the proxy is paused until it has been delivered. */
  #rest: Buffer = NOTHING;
  /** What comes in the next event, and its task. */
  #next: { readonly call: () => void; readonly task: Task } | null = null;
  #isPaused = false;
  #isEnding = false;
  #isClosed = false;
  readonly #begun: Millis;
  /** Runs when the proxy has not shown in time that it is there. Null once it has, and when nobody waits for it. */
  #limit: Task | null = null;

  constructor(loop: RawServer, proxy: ProxyAccess, remote: PeerAddress, handler: SocketHandler) {
    this.#loop = loop;
    this.#proxy = proxy;
    this.remote = { host: normaliseHost(remote.host) ?? remote.host, port: remote.port };
    this.#handler = handler;
    this.#begun = loop.now();
    this.#handshake = new ProxyHandshake(proxy.server, 'connect', this.remote, (bytes) => this.#inner?.write([bytes]));
    this.#watch();
    if (isSocksAddress(this.remote)) this.#findProxy();
    else this.#soon(() => this.#lose({ code: 'failed', cause: 'no address and no name of a host' }));
  }

  /** Lets `context` own the socket, as `RawServerContext.adopt` does. From the next event on `handler` is told. */
  adoptInto(context: RawServerContext, handler: SocketHandler): void {
    this.#loop = context;
    this.#handler = handler;
    if (this.#inner !== null) context.adopt(this.#inner, this);
    // The context that we leave may end before the next event.
    if (this.#next !== null) this.#soon(this.#next.call);
    if (this.#limit !== null) this.#watch();
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
    else this.#soon(() => this.#deliverRest());
  }

  end(): void {
    this.#isEnding = true;
    if (this.#handshake === null) this.#inner?.end();
  }

  close(): void {
    this.#leave();
  }

  connectionMade(_socket: SingleSocket): void {
    // An HTTP proxy says nothing before it has tried.
    if (this.#proxy.server.kind === 'http') this.#proxyIsThere();
    this.#handshake?.begin();
  }

  dataCameIn(_socket: SingleSocket, data: Buffer): void {
    if (this.#handshake === null) {
      this.#handler.dataCameIn(this, data);
      return;
    }
    this.#proxyIsThere();
    const answer = this.#handshake.dataCameIn(data);
    if (answer !== null) this.#answered(answer);
  }

  connectionFlushed(_socket: SingleSocket): void {
    // Before that, only our own messages to the proxy were flushed.
    if (this.#handshake === null) this.#handler.connectionFlushed(this);
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    if (this.#handshake === null) {
      this.#lose(failure);
      return;
    }
    this.#loseProxy(WORDS[failure.code], failure.code === 'forbidden' ? 'forbidden' : 'unreachable');
  }

  #findProxy(): void {
    let isFound = false;
    const search = this.#proxy.findHost((found) => {
      isFound = true;
      this.#search = null;
      if (this.#isClosed) return;
      if (found.ok) {
        this.#inner = this.#loop.startConnection({ host: found.host, port: this.#proxy.server.port }, this);
        return;
      }
      this.#soon(() => {
        this.#proxy.told(found.message);
        this.#lose({ code: 'unreachable', cause: found.message, isOurs: true });
      });
    });
    if (!isFound) this.#search = search;
  }

  #answered(answer: ProxyAnswer): void {
    if (!answer.ok) {
      this.#proxy.told(answer.isOurs ? answer.failure.cause : null);
      this.#lose(answer.isOurs ? { ...answer.failure, isOurs: true } : answer.failure);
      return;
    }
    this.#handshake = null;
    this.#rest = answer.rest;
    this.#proxy.told(null);
    // Before our handler writes more.
    this.#inner?.write(this.#early);
    this.#early = [];
    if (this.#isEnding) this.#inner?.end();
    const hasRest = this.#rest.length > 0;
    if (hasRest || this.#isPaused) this.#inner?.pauseReading();
    // An event of its own: our handler may fail in the one before, or let another context adopt the socket.
    if (hasRest && !this.#isPaused) this.#soon(() => this.#deliverRest());
    this.#handler.connectionMade(this);
  }

  #deliverRest(): void {
    if (this.#isPaused) return;
    const rest = this.#rest;
    this.#rest = NOTHING;
    this.#inner?.resumeReading();
    this.#handler.dataCameIn(this, rest);
  }

  #proxyIsThere(): void {
    this.#limit?.cancel();
    this.#limit = null;
  }

  #watch(): void {
    this.#limit?.cancel();
    const left = this.#begun + PATIENCE - this.#loop.now();
    this.#limit = this.#loop.addTask(
      () => this.#loseProxy(this.#search === null ? WORDS.idle : 'is not found', 'unreachable'),
      Math.max(0, left),
    );
  }

  /** It is the proxy that cannot be reached, not the peer. */
  #loseProxy(what: string, code: 'forbidden' | 'unreachable'): void {
    const trouble = `the proxy ${this.#proxy.server.shown} ${what}`;
    this.#proxy.told(trouble);
    this.#lose({ code, cause: trouble, isOurs: true });
  }

  #leave(): void {
    this.#isClosed = true;
    this.#limit?.cancel();
    this.#limit = null;
    this.#search?.cancel();
    this.#next?.task.cancel();
    this.#next = null;
    this.#early = [];
    this.#rest = NOTHING;
    this.#inner?.close();
  }

  #lose(failure: SocketFailure): void {
    this.#leave();
    this.#handler.connectionLost(this, failure);
  }

  /** Calls in the next event of the loop, instead of what was to be called there. */
  #soon(call: () => void): void {
    this.#next?.task.cancel();
    const task = this.#loop.addTask(() => {
      this.#next = null;
      call();
    }, 0);
    this.#next = { call, task };
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
