/**
 * As much of an HTTP server as a tracker needs: one GET or HEAD a connection, answered at once, then closed. When there
 * are too many connections, the oldest of the host that has most of them is closed for the new one.
 */
import type { Timers } from '../base/clock.js';
import { hostKey } from '../net/host-key.js';
import type { ListenHandler, SingleSocket, SocketHandler, StreamAddress } from '../net/raw-server.js';
import { HostShares } from './host-shares.js';
import { HttpConnection } from './http-connection.js';
import type { HttpGet } from './http-message.js';
import type { HttpOptions } from './tracker-options.js';

export class HttpHandler implements ListenHandler {
  readonly #timers: Timers;
  readonly #get: HttpGet;
  readonly #options: HttpOptions;
  readonly #isProxy: (host: string) => boolean;
  readonly #shares = new HostShares<HttpConnection>();
  readonly #connections = new Set<HttpConnection>();
  #proxied = 0;

  /** `isProxy`: whether the host is a proxy of ours, behind which many clients are. */
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

  /** Which client is behind a proxy is not known before it has asked, so each connection of a proxy counts alone. */
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
