import type { Millis } from '../base/clock.js';
import type { Blocklist } from '../net/blocklist.js';
import { hostKey } from '../net/host-key.js';
import type {
  Listener,
  ListenHandler,
  ListenOutcome,
  RawServer,
  SingleSocket,
  SocketHandler,
  StreamAddress,
} from '../net/raw-server.js';
import { RefusalLog } from '../swarm/connections/reach-counter.js';
import type { Refusal, RefusalCode } from '../wire/refusal.js';
import { type AcceptEncryption, type HandshakeOwner, IncomingHandshake, type Taker } from './incoming-handshake.js';

/** Limits for connections that have not named their torrent. */
export interface PortListenerOptions {
  /** A connection that has not named its torrent after this long is ended. This time is for the whole handshake. */
  readonly handshakeLimit: Millis;
  /** How many connections may be open that have not named their torrent. When one more comes, the oldest is ended. */
  readonly maxUnfinished: number;
  /** The same for one host. When one more comes, it is not accepted. */
  readonly maxUnfinishedPerHost: number;
}

export const DEFAULT_PORT_LISTENER_OPTIONS: PortListenerOptions = {
  handshakeLimit: 30_000,
  maxUnfinished: 200,
  maxUnfinishedPerHost: 16,
};

/** What a PortListener is joined with. */
export interface PortListenerParts {
  readonly rawServer: RawServer;
  /** The Encoder of the torrent with this info-hash. `infoHash` is a view that is valid during the call. */
  readonly encoderFor: (infoHash: Buffer) => Taker | undefined;
  /** Null: we speak plain BitTorrent alone. */
  readonly encryption: AcceptEncryption | null;
  readonly options: PortListenerOptions;
}

/** Ports to try, from `first` up to and including `last`. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The one listening socket of all torrents. It reads each handshake as far as the info-hash. Then it hands the
 * connection, with every byte that came after that, to the torrent's Encoder.
 *
 * Many connections that say nothing must neither fill memory nor keep other peers out. An honest peer names its torrent
 * within a round trip, so when there are too many connections, the oldest is ended.
 */
export class PortListener implements ListenHandler, HandshakeOwner {
  readonly #parts: PortListenerParts;
  /** The oldest comes first. */
  readonly #unfinished = new Set<IncomingHandshake>();
  /** How many unfinished handshakes each host has, by `hostKey`. */
  readonly #hosts = new Map<string, number>();
  readonly #refusals = new RefusalLog();
  #listener: Listener | null = null;
  #closed = false;

  constructor(parts: PortListenerParts) {
    this.#parts = parts;
  }

  get encryption(): AcceptEncryption | null {
    return this.#parts.encryption;
  }

  /** Connections that have not named their torrent yet. */
  get unfinishedCount(): number {
    return this.#unfinished.size;
  }

  /** How many connections were refused before a torrent took them, by reason. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#refusals.counts;
  }

  /**
   * Listens on the first free port of `range`, at `host`, or at all addresses when it is null. Answers on the timeline.
   */
  listen(range: PortRange, host: string | null, answered: (outcome: ListenOutcome) => void): void {
    this.#tryPort(range.first, range.last, host, answered);
  }

  /** Accepts no more connections, and ends those that have not named their torrent. */
  close(): void {
    this.#closed = true;
    this.#listener?.close();
    this.#listener = null;
    for (const handshake of [...this.#unfinished]) handshake.refuse({ code: 'shutting-down' });
  }

  /** Ends the connections from addresses on `blocklist` that have not named their torrent. */
  partFromListed(blocklist: Blocklist): void {
    for (const handshake of [...this.#unfinished])
      if (blocklist.hasHost(handshake.address.host)) handshake.refuse({ code: 'listed' });
  }

  acceptsConnection(address: StreamAddress): boolean {
    if (this.#closed || !('host' in address)) return false;
    if ((this.#hosts.get(hostKey(address.host)) ?? 0) < this.#parts.options.maxUnfinishedPerHost) return true;
    this.#refusals.add({ code: 'table-full' });
    return false;
  }

  externalConnectionMade(socket: SingleSocket): SocketHandler {
    const { rawServer, options } = this.#parts;
    const address = socket.remote;
    if (!('host' in address)) throw new Error('a peer from a Unix socket');
    const [oldest] = this.#unfinished;
    if (oldest !== undefined && this.#unfinished.size >= options.maxUnfinished) oldest.refuse({ code: 'table-full' });
    const handshake = new IncomingHandshake(this, rawServer, options.handshakeLimit, socket, address);
    this.#unfinished.add(handshake);
    const host = hostKey(address.host);
    this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + 1);
    return handshake;
  }

  takerFor(infoHash: Buffer): Taker | undefined {
    return this.#parts.encoderFor(infoHash);
  }

  finished(handshake: IncomingHandshake, reason: Refusal | null): void {
    const host = hostKey(handshake.address.host);
    const left = (this.#hosts.get(host) ?? 0) - 1;
    this.#unfinished.delete(handshake);
    if (left > 0) this.#hosts.set(host, left);
    else this.#hosts.delete(host);
    if (reason !== null) this.#refusals.add(reason);
  }

  #tryPort(port: number, last: number, host: string | null, answered: (outcome: ListenOutcome) => void): void {
    const address = host === null ? { port } : { host, port };
    this.#parts.rawServer.listen(address, this, (outcome) => {
      if (!outcome.ok) {
        if (outcome.code === 'in-use' && port < last && !this.#closed) this.#tryPort(port + 1, last, host, answered);
        else answered(outcome);
        return;
      }
      if (this.#closed) outcome.listener.close();
      else this.#listener = outcome.listener;
      answered(outcome);
    });
  }
}
