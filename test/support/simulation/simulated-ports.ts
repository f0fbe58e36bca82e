import type { FaultDomain } from '../../../src/net/fault-domain.js';
import { type BindAddresses, listenPlace } from '../../../src/net/fence.js';
import { isLoopback, isUnspecified, parseIp } from '../../../src/net/ip-address.js';
import type {
  ListenAddress,
  Listener,
  ListenHandler,
  ListenOutcome,
  StreamAddress,
} from '../../../src/net/raw-server.js';

const FIRST_FREE_PORT = 49_152;

/** The domain that asked for a listening socket, and the handler of its events. */
export interface PortOwner {
  readonly domain: FaultDomain;
  readonly handler: ListenHandler;
}

/** A listening socket of a simulated host. */
export interface SimulatedListener extends Listener, PortOwner {
  /** IP literals, or null for every address of the host. */
  readonly hosts: readonly string[] | null;
}

/** The TCP ports and the paths on which the process of one host listens. */
export class SimulatedPorts {
  readonly #addresses: readonly string[];
  readonly #listeners: Set<SimulatedListener> = new Set();
  #lastPort = FIRST_FREE_PORT;

  /** `addresses` are those of the host. */
  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** A port that was not given out lately. */
  freePort(): number {
    this.#lastPort = this.#lastPort === 65_535 ? FIRST_FREE_PORT : this.#lastPort + 1;
    return this.#lastPort;
  }

  find(address: StreamAddress): SimulatedListener | undefined {
    for (const listener of this.#listeners) {
      const { address: own, hosts } = listener;
      if ('path' in address) {
        if ('path' in own && own.path === address.path) return listener;
      } else if (!('path' in own) && own.port === address.port && (hosts?.includes(address.host) ?? true)) {
        return listener;
      }
    }
    return undefined;
  }

  open(address: ListenAddress, bind: BindAddresses | null, owner: PortOwner): ListenOutcome {
    if ('path' in address) return this.#openAt(address, [], owner);
    const place = listenPlace(bind, address.host);
    if (!place.ok) return place;
    const named = place.hosts.filter((host) => host !== undefined);
    const hosts = named.length === 0 || named.some(isEvery) ? null : named;
    if (hosts?.some((host) => !this.#isOwn(host))) return { ok: false, code: 'failed', cause: 'EADDRNOTAVAIL' };
    const port = address.port === 0 ? this.freePort() : address.port;
    return this.#openAt({ host: hosts?.[0] ?? this.#addresses[0] ?? '::', port }, hosts, owner);
  }

  #openAt(address: StreamAddress, hosts: readonly string[] | null, owner: PortOwner): ListenOutcome {
    if (this.#isTaken(address, hosts)) return { ok: false, code: 'in-use', cause: 'EADDRINUSE' };
    const close = (): void => {
      this.#listeners.delete(listener);
      owner.domain.listeners.delete(listener);
    };
    const listener: SimulatedListener = { ...owner, address, hosts, close };
    this.#listeners.add(listener);
    owner.domain.listeners.add(listener);
    return { ok: true, listener };
  }

  #isTaken(address: StreamAddress, hosts: readonly string[] | null): boolean {
    if ('path' in address) return this.find(address) !== undefined;
    return [...this.#listeners].some(({ address: own, hosts: taken }) => {
      if ('path' in own || own.port !== address.port) return false;
      return hosts === null || taken === null || hosts.some((host) => taken.includes(host));
    });
  }

  #isOwn(host: string): boolean {
    const address = parseIp(host);
    return this.#addresses.includes(host) || (address !== undefined && isLoopback(address));
  }
}

function isEvery(host: string): boolean {
  const address = parseIp(host);
  return address !== undefined && isUnspecified(address);
}
