import { type IpAddress, type IpFamily, parseIp } from '../net/ip-address.js';
import { reachOf } from '../net/reach.js';
import { ExternalAddress } from './dht/external-address.js';

/** The address of each family at which the world sees us, as peers and trackers tell it. */
export class OwnAddresses {
  readonly #elections: Readonly<Record<IpFamily, ExternalAddress>> = {
    4: new ExternalAddress(),
    6: new ExternalAddress(),
  };

  /** Null until enough tellers agree. */
  of(family: IpFamily): IpAddress | null {
    return this.#elections[family].elected;
  }

  /**
   * `teller`, an IP literal or a host's name, says that it sees us at `host`. The vote of a teller in our own network
   * does not count: it may see us at an address that the world does not know.
   */
  vote(teller: string, host: string): void {
    const seen = parseIp(host);
    const address = parseIp(teller);
    if (seen === undefined || reachOf(host) !== 'public') return;
    if (address !== undefined && reachOf(teller) !== 'public') return;
    this.#elections[seen.family].vote(address ?? teller, seen.text);
  }
}
