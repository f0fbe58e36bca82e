/** As much of an HTTP server as a tracker needs: one GET or HEAD a connection, answered at once, then closed. */
import type { Timers } from '../base/clock.js';
import type { ListenHandler, SingleSocket, SocketHandler, StreamAddress } from '../net/raw-server.js';
import { HttpConnection } from './http-connection.js';
import type { HttpGet } from './http-message.js';
import type { HttpOptions } from './tracker-options.js';

export class HttpHandler implements ListenHandler {
  readonly #timers: Timers;
  readonly #get: HttpGet;
  readonly #options: HttpOptions;
  readonly #connections = new Set<HttpConnection>();

  constructor(timers: Timers, get: HttpGet, options: HttpOptions) {
    this.#timers = timers;
    this.#get = get;
    this.#options = options;
  }

  acceptsConnection(address: StreamAddress): boolean {
    return !('path' in address) && this.#connections.size < this.#options.maxConnections;
  }

  externalConnectionMade(socket: SingleSocket): SocketHandler {
    const connection = new HttpConnection(socket, this.#timers, this.#get, this.#options, () => {
      this.#connections.delete(connection);
    });
    this.#connections.add(connection);
    return connection;
  }

  /** Closes every connection. */
  close(): void {
    for (const connection of [...this.#connections]) connection.close();
  }
}
