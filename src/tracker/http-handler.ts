import type { Timers } from '../base/clock.js';
import { hostKey } from '../net/host-key.js';
import type { ListenHandler, SingleSocket, SocketHandler, StreamAddress } from '../net/raw-server.js';
import { HostShares } from './host-shares.js';
import { HttpConnection } from './http-connection.js';
import type { HttpGet } from './http-message.js';
import type { HttpOptions } from './tracker-options.js';

/**
 * As much of an HTTP server as a tracker needs: each connection has one GET or HEAD, which is answered at once. When
 * there are too many connections, the oldest connection of the host with the most of them is closed.
 */
export class HttpHandler implements ListenHandler {
  readonly #timers: Timers;
  readonly #get: HttpGet;
  readonly #options: HttpOptions;
  readonly #isProxy: (host: string) => boolean;
  readonly #shares = new HostShares<HttpConnection>();
  readonly #connections = new Set<HttpConnection>();
  #proxied = 0;

  /** `isProxy`: whether the host is a proxy of ours, with many clients behind it. */
  constructor(timers: Timers, get: HttpGet, options: HttpOptions, isProxy: (host: string) => boolean) {
    this.#timers = timers;
    this.#get = get;
    this.#options = options;
    this.#isProxy = isProxy;
  }

  acceptsConnection(address: StreamAddress): boolean {
    return !('path' in address);
  }

  externalConnectionMade(socket: SingleSocket): SocketHandler {
    const source = this.#sourceOf(socket.remote);
    const connection = new HttpConnection(socket, this.#timers, this.#get, this.#options, () => {
      this.#connections.delete(connection);
      this.#shares.delete(source, connection);
    });
    this.#connections.add(connection);
    this.#shares.add(source, connection);
    if (this.#shares.size > this.#options.maxConnections) this.#shares.oldestOfGreediest()?.close();
    return connection;
  }

  /**
   * The key by which the connection counts. We do not know the client behind a proxy before its request has come. So
   * each connection of a proxy counts as a host of its own.
   */
  #sourceOf(remote: StreamAddress): string {
    if ('path' in remote) return '';
    if (!this.#isProxy(remote.host)) return hostKey(remote.host);
    this.#proxied += 1;
    return `proxied ${this.#proxied}`;
  }

  /** Closes every connection. */
  close(): void {
    for (const connection of [...this.#connections]) connection.close();
  }
}
