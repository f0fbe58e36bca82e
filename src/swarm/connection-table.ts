import type { Millis } from '../base/clock.js';
import type { Connection } from './connection.js';
import { type EncoderOptions, placesForDials } from './encoder-options.js';
import { addressKey } from './spares.js';

/** One torrent's connections, half-open ones included, found by what they must not share. */
export class ConnectionTable {
  readonly #all = new Set<Connection>();
  readonly #complete = new Map<string, Connection>();
  /** Those that we dialled. An external peer's port says nothing of where it listens. */
  readonly #dialled = new Set<string>();
  readonly #hosts = new Map<string, number>();

  /** Connections of all kinds. */
  get count(): number {
    return this.#all.size;
  }

  /** Those that we dialled, half-open ones included. */
  get dialledCount(): number {
    return this.#dialled.size;
  }

  get externalCount(): number {
    return this.#all.size - this.#dialled.size;
  }

  get completeCount(): number {
    return this.#complete.size;
  }

  /** Whether nobody else is to be dialled. */
  isFullForDials(options: EncoderOptions): boolean {
    if (this.count >= options.maxConnections) return true;
    return this.count >= options.maxInitiate && this.dialledCount >= placesForDials(options);
  }

  /** Whether somebody from outside has a place. */
  hasPlaceForExternal(options: EncoderOptions): boolean {
    const { maxConnections } = options;
    return this.count < maxConnections && this.externalCount < maxConnections - placesForDials(options);
  }

  add(connection: Connection): void {
    const { host } = connection.address;
    this.#all.add(connection);
    this.#hosts.set(host, this.countOfHost(host) + 1);
    if (connection.locallyInitiated) this.#dialled.add(addressKey(connection.address));
  }

  delete(connection: Connection): void {
    const { host } = connection.address;
    const left = this.countOfHost(host) - 1;
    this.#all.delete(connection);
    if (left > 0) this.#hosts.set(host, left);
    else this.#hosts.delete(host);
    if (connection.locallyInitiated) this.#dialled.delete(addressKey(connection.address));
    const key = peerIdKey(connection.peerId);
    if (this.#complete.get(key) === connection) this.#complete.delete(key);
  }

  /** The handshake of `connection` is finished. No other with its peer id is complete. */
  completed(connection: Connection): void {
    this.#complete.set(peerIdKey(connection.peerId), connection);
  }

  /** The complete connection with this peer. */
  withPeerId(peerId: Buffer): Connection | undefined {
    return this.#complete.get(peerIdKey(peerId));
  }

  /** The oldest connection from outside that was made at `latest` or before and has not finished its handshake. */
  unfinishedExternal(latest: Millis): Connection | undefined {
    for (const connection of this.#all) {
      if (connection.locallyInitiated || connection.completeSince !== null) continue;
      return connection.madeAt <= latest ? connection : undefined;
    }
    return undefined;
  }

  /** The oldest connection that we dialled at `latest` or before and whose handshake is not finished. */
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

  countOfHost(host: string): number {
    return this.#hosts.get(host) ?? 0;
  }

  /** A copy: connections may end while it is walked. */
  all(): Connection[] {
    return [...this.#all];
  }
}

function peerIdKey(peerId: Buffer): string {
  return peerId.toString('latin1');
}
