/** The routers: nodes through which we enter the DHT when we know no other node. */
import { parseIp } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { addressKey } from './contact.js';
import type { Router } from './dht-options.js';
import { familyOf } from './neighbourhood.js';

/** Looks up the IP literals of a name, which may be none. Calls `answered` once, later. */
export type ResolveName = (host: string, answered: (addresses: readonly string[]) => void) => void;

/** How many addresses of one router we use. */
const MAX_ADDRESSES = 4;

interface KnownRouter {
  readonly router: Router;
  addresses: readonly PeerAddress[];
  reached: boolean;
}

/** The address of a router. */
export interface Entry {
  readonly address: PeerAddress;
  readonly isPublic: boolean;
}

/** The state of one router, for displays. */
export interface RouterStatus {
  readonly host: string;
  readonly port: number;
  /** 'unknown': we have no address for its name, or not yet. 'silent': it has not answered yet. 'reached': it has. */
  readonly state: 'unknown' | 'silent' | 'reached';
}

export class Routers {
  readonly #resolve: ResolveName;
  readonly #routers: readonly KnownRouter[];

  constructor(routers: readonly Router[], resolve: ResolveName) {
    this.#resolve = resolve;
    this.#routers = routers.map((router) => ({ router, addresses: [], reached: false }));
  }

  /** Looks up every name again. Calls `resolved` after each name with the number of names that are left. */
  resolve(resolved: (left: number) => void): void {
    let left = this.#routers.length;
    for (const known of this.#routers) {
      this.#resolve(known.router.host, (addresses) => {
        known.addresses = addresses.slice(0, MAX_ADDRESSES).flatMap((address) => {
          const host = parseIp(address)?.text;
          return host === undefined ? [] : [{ host, port: known.router.port }];
        });
        left -= 1;
        resolved(left);
      });
    }
    if (this.#routers.length === 0) resolved(0);
  }

  /** The known addresses of all routers in `family`. */
  entries(family: 4 | 6): Entry[] {
    return this.#routers.flatMap(({ router: { isPublic }, addresses }) =>
      addresses.filter(({ host }) => familyOf(host) === family).map((address) => ({ address, isPublic })),
    );
  }

  /** Whether a public router is at `address`. We do not keep such a router as a node. */
  isPublic(address: PeerAddress): boolean {
    return this.#find(address)?.router.isPublic ?? false;
  }

  answered(address: PeerAddress): void {
    const known = this.#find(address);
    if (known !== undefined) known.reached = true;
  }

  status(): RouterStatus[] {
    return this.#routers.map(({ router: { host, port }, addresses, reached }) => ({
      host,
      port,
      state: reached ? 'reached' : addresses.length > 0 ? 'silent' : 'unknown',
    }));
  }

  #find(address: PeerAddress): KnownRouter | undefined {
    const key = addressKey(address);
    return this.#routers.find(({ addresses }) => addresses.some((each) => addressKey(each) === key));
  }
}
