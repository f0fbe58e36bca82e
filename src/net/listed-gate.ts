/**
 * The gate between all that meets peers and the loop: no byte goes to a listed address, and none from it is read. Code
 * that opens sockets through the gate need not know of the list. A stream passes the gate only once, when it opens.
 */
import type { Millis } from '../base/clock.js';
import type { Blocklist } from './blocklist.js';
import type {
  DatagramHandler,
  DatagramOptions,
  DatagramOutcome,
  DatagramSocket,
  ListenAddress,
  ListenHandler,
  ListenOutcome,
  PeerAddress,
  RawServer,
  RawServerContext,
  SingleSocket,
  SocketFailure,
  SocketHandler,
  StreamAddress,
} from './raw-server.js';
import { WrappedLoop } from './wrapped-loop.js';

/** Why a socket does not lead to a listed address. */
const LISTED: SocketFailure = { code: 'forbidden', cause: 'on the blocklist' };

/** `rawServer` behind the gate of `blocklist`; without a list, `rawServer` itself. */
export function behindGate(rawServer: RawServer, blocklist: Blocklist | null): RawServer {
  return blocklist === null ? rawServer : new ListedGate(rawServer, blocklist);
}

class ListedGate<T extends RawServer> extends WrappedLoop<T> implements RawServer {
  readonly #blocklist: Blocklist;

  constructor(inner: T, blocklist: Blocklist) {
    super(inner);
    this.#blocklist = blocklist;
  }

  listen(address: ListenAddress, handler: ListenHandler, answered: (outcome: ListenOutcome) => void): void {
    const blocklist = this.#blocklist;
    const gated: ListenHandler = {
      acceptsConnection: (from) =>
        !('host' in from && blocklist.refuses(from.host, 'in')) && handler.acceptsConnection(from),
      externalConnectionMade: (socket) => handler.externalConnectionMade(socket),
    };
    this.inner.listen(address, gated, answered);
  }

  startConnection(address: StreamAddress, handler: SocketHandler): SingleSocket {
    if (!('host' in address && this.#blocklist.refuses(address.host, 'out')))
      return this.inner.startConnection(address, handler);
    const socket = new RefusedSocket(address, this.inner.now());
    this.inner.addTask(() => {
      if (!socket.isClosed) handler.connectionLost(socket, LISTED);
    }, 0);
    return socket;
  }

  openDatagram(options: DatagramOptions, handler: DatagramHandler, answered: (outcome: DatagramOutcome) => void): void {
    const blocklist = this.#blocklist;
    let gated: GatedDatagramSocket | null = null;
    const socketFor = (inner: DatagramSocket): GatedDatagramSocket => {
      gated ??= new GatedDatagramSocket(this.inner, inner, blocklist, handler);
      return gated;
    };
    const heard: DatagramHandler = {
      datagramCameIn: (inner, data, from) => {
        if (!blocklist.refuses(from.host, 'in')) handler.datagramCameIn(socketFor(inner), data, from);
      },
      sendFailed: (inner, to, failure) => handler.sendFailed(socketFor(inner), to, failure),
    };
    this.inner.openDatagram(options, heard, (outcome) =>
      answered(outcome.ok ? { ok: true, socket: socketFor(outcome.socket) } : outcome),
    );
  }

  createContext(gotException: (error: unknown) => void): RawServerContext {
    return new GatedContext(this.inner.createContext(gotException), this.#blocklist);
  }
}

class GatedContext extends ListedGate<RawServerContext> implements RawServerContext {
  adopt(socket: SingleSocket, handler: SocketHandler): void {
    this.inner.adopt(socket, handler);
  }

  end(): void {
    this.inner.end();
  }
}

/** The socket of a dial that is not made. It is lost in the next task. */
class RefusedSocket implements SingleSocket {
  readonly remote: StreamAddress;
  readonly locallyInitiated = true;
  readonly lastHit: Millis;
  readonly unsentLength = 0;
  isClosed = false;

  constructor(remote: StreamAddress, now: Millis) {
    this.remote = remote;
    this.lastHit = now;
  }

  write(): void {
    // What is written to a lost socket is dropped.
  }

  isFlushed(): boolean {
    return true;
  }

  pauseReading(): void {
    // Nothing comes.
  }

  resumeReading(): void {
    // Nothing comes.
  }

  end(): void {
    // It ends by itself.
  }

  close(): void {
    this.isClosed = true;
  }
}

class GatedDatagramSocket implements DatagramSocket {
  readonly #rawServer: RawServer;
  readonly #inner: DatagramSocket;
  readonly #blocklist: Blocklist;
  readonly #handler: DatagramHandler;
  #closed = false;

  constructor(rawServer: RawServer, inner: DatagramSocket, blocklist: Blocklist, handler: DatagramHandler) {
    this.#rawServer = rawServer;
    this.#inner = inner;
    this.#blocklist = blocklist;
    this.#handler = handler;
  }

  get local(): PeerAddress {
    return this.#inner.local;
  }

  send(data: Buffer, to: PeerAddress): void {
    if (!this.#blocklist.refuses(to.host, 'out')) {
      this.#inner.send(data, to);
      return;
    }
    this.#rawServer.addTask(() => {
      if (!this.#closed) this.#handler.sendFailed(this, to, LISTED);
    }, 0);
  }

  close(): void {
    this.#closed = true;
    this.#inner.close();
  }
}
