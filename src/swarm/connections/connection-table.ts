import type { Millis } from '../../base/clock.js';
import { hostKey } from '../../net/host-key.js';
import type { Connection } from './connection.js';
import { type EncoderOptions, placesForDials } from './encoder-options.js';
import { addressKey } from './spares.js';

/** The connections of one torrent, half-open ones included, found by their addresses, hosts and peer ids. */
export class ConnectionTable {
  readonly #all = new Set<Connection>();
  /**
   * By the `hostKey` of the address and the peer id, the connections whose handshake is finished, in the order in which
   * they finished it. A crowd counts as one host, but is not one peer.
   */
  readonly #complete = new Map<string, Set<Connection>>();
  #completeCount = 0;
  /** The addresses that we dialled. The port of an external peer does not say where it listens. */
  readonly #dialled = new Set<string>();
  /** By `hostKey`. */
  readonly #hosts = new Map<string, HostCount>();

  /** How many connections of all kinds there are. */
  get count(): number {
    return this.#all.size;
  }

  /** How many connections we dialled, half-open ones included. */
  get dialledCount(): number {
    return this.#dialled.size;
  }

  get externalCount(): number {
    return this.#all.size - this.#dialled.size;
  }

  get completeCount(): number {
    return this.#completeCount;
  }

  /** Whether we must not dial another peer. */
  isFullForDials(options: EncoderOptions): boolean {
    if (this.count >= options.maxConnections) return true;
    return this.count >= options.maxInitiate && this.dialledCount >= placesForDials(options);
  }

  /** Whether there is a place for another peer from outside. */
  hasPlaceForExternal(options: EncoderOptions): boolean {
    const { maxConnections } = options;
    return this.count < maxConnections && this.externalCount < maxConnections - placesForDials(options);
  }

  add(connection: Connection): void {
    const { hostKey: host, locallyInitiated, address } = connection;
    this.#all.add(connection);
    this.#count(host, locallyInitiated, 1);
    if (locallyInitiated) this.#dialled.add(addressKey(address));
  }

  delete(connection: Connection): void {
    const { hostKey: host, locallyInitiated, address } = connection;
    this.#all.delete(connection);
    this.#count(host, locallyInitiated, -1);
    if (locallyInitiated) this.#dialled.delete(addressKey(address));
    const key = peerKey(hostKey(address.host), connection.peerId);
    const namesakes = this.#complete.get(key);
    if (namesakes?.delete(connection) !== true) return;
    this.#completeCount -= 1;
    if (namesakes.size === 0) this.#complete.delete(key);
  }

  /** The handshake of `connection` is finished. */
  completed(connection: Connection): void {
    const key = peerKey(hostKey(connection.address.host), connection.peerId);
    const namesakes = this.#complete.get(key) ?? new Set();
    this.#complete.set(key, namesakes.add(connection));
    this.#completeCount += 1;
  }

  /** The complete connections with the host of this `hostKey` under this peer id, the oldest first. */
  namesakes(host: string, peerId: Buffer): readonly Connection[] {
    return [...(this.#complete.get(peerKey(host, peerId)) ?? [])];
  }

  /**
   * The oldest connection from outside whose handshake is not finished, if it was made at `latest` or before. Unless
   * `host` is null, only connections of that host count.
   */
  unfinishedExternal(latest: Millis, host: string | null): Connection | undefined {
    for (const connection of this.#all) {
      if (connection.locallyInitiated || connection.completeSince !== null) continue;
      if (host === null || connection.hostKey === host) return connection.madeAt <= latest ? connection : undefined;
    }
    return undefined;
  }

  /**
   * The oldest connection that we dialled and whose handshake is not finished, if it was made at `latest` or before.
   */
  unfinishedDial(latest: Millis): Connection | undefined {
    for (const connection of this.#all) {
      if (!connection.locallyInitiated || connection.completeSince !== null) continue;
      return connection.madeAt <= latest ? connection : undefined;
    }
    return undefined;
  }

  hasDialled(address: Connection['address']): boolean {
    return this.#dialled.has(addressKey(address));
  }

  /** How many connections of both directions there are with a host. */
  countOfHost(host: string): number {
    const count = this.#hosts.get(host);
    return count === undefined ? 0 : count.external + count.dialled;
  }

  externalCountOfHost(host: string): number {
    return this.#hosts.get(host)?.external ?? 0;
  }

  dialledCountOfHost(host: string): number {
    return this.#hosts.get(host)?.dialled ?? 0;
  }

  /** A copy, because connections may end while the caller goes through them. */
  all(): Connection[] {
    return [...this.#all];
  }

  #count(host: string, locallyInitiated: boolean, change: 1 | -1): void {
    const count = this.#hosts.get(host) ?? { external: 0, dialled: 0 };
    count[locallyInitiated ? 'dialled' : 'external'] += change;
    if (count.external + count.dialled > 0) this.#hosts.set(host, count);
    else this.#hosts.delete(host);
  }
}

interface HostCount {
  external: number;
  dialled: number;
}

function peerKey(host: string, peerId: Buffer): string {
  return `${host} ${peerId.toString('latin1')}`;
}
