/**
 * The loop behind a proxy: every connection and every datagram goes by the proxy or does not go at all. Code that opens
 * sockets here need not know of the proxy. Nothing listens, unless the user wants that in spite of the proxy.
 */
import type {
  DatagramHandler,
  DatagramOptions,
  DatagramOutcome,
  ListenAddress,
  ListenHandler,
  ListenOutcome,
  RawServer,
  RawServerContext,
  SingleSocket,
  SocketHandler,
  StreamAddress,
} from '../raw-server.js';
import { WrappedLoop } from '../wrapped-loop.js';
import { ProxiedDatagramSocket } from './proxied-datagrams.js';
import { ProxiedSocket } from './proxied-socket.js';
import type { ProxyAccess } from './proxy-access.js';

/** How a loop uses a proxy. */
export interface ProxyUse {
  readonly proxy: ProxyAccess;
  /** Peers may come in past the proxy. */
  readonly listens: boolean;
}

/** `rawServer` behind a proxy; without one, `rawServer` itself. */
export function behindProxy(rawServer: RawServer, use: ProxyUse | null): RawServer {
  return use === null ? rawServer : new ProxiedLoop(rawServer, use);
}

class ProxiedLoop<T extends RawServer> extends WrappedLoop<T> implements RawServer {
  readonly #use: ProxyUse;

  constructor(inner: T, use: ProxyUse) {
    super(inner);
    this.#use = use;
  }

  listen(address: ListenAddress, handler: ListenHandler, answered: (outcome: ListenOutcome) => void): void {
    if (this.#use.listens || 'path' in address) this.inner.listen(address, handler, answered);
    else this.addTask(() => answered({ ok: false, code: 'forbidden', cause: 'peers cannot come in by a proxy' }), 0);
  }

  startConnection(address: StreamAddress, handler: SocketHandler): SingleSocket {
    if ('path' in address) return this.inner.startConnection(address, handler);
    return new ProxiedSocket(this.inner, this.#use.proxy, address, handler);
  }

  openDatagram(options: DatagramOptions, handler: DatagramHandler, answered: (outcome: DatagramOutcome) => void): void {
    const { proxy } = this.#use;
    const forbid = (cause: string): void => {
      this.addTask(() => answered({ ok: false, code: 'forbidden', cause }), 0);
    };
    if (options.group !== undefined || options.asks !== undefined) forbid('no group is reached by a proxy');
    else if (proxy.server.kind === 'http') {
      const why = `the proxy ${proxy.server.shown} carries no UDP, as HTTP proxies do not`;
      proxy.carriesNoDatagrams(why);
      forbid(why);
    } else new ProxiedDatagramSocket(this.inner, proxy, options, handler, answered);
  }

  createContext(gotException: (error: unknown) => void): RawServerContext {
    return new ProxiedContext(this.inner.createContext(gotException), this.#use);
  }
}

class ProxiedContext extends ProxiedLoop<RawServerContext> implements RawServerContext {
  adopt(socket: SingleSocket, handler: SocketHandler): void {
    if (socket instanceof ProxiedSocket) socket.adoptInto(this.inner, handler);
    else this.inner.adopt(socket, handler);
  }

  end(): void {
    this.inner.end();
  }
}
