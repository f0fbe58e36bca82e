import { type IpAddress, type IpFamily, parseIp } from '../net/ip-address.js';
import { reachOf } from '../net/reach.js';
import { ExternalAddress } from './dht/external-address.js';

/** Where the world sees us, by what peers and trackers say, one address of each family. */
export class OwnAddresses {
  readonly #elections: Readonly<Record<IpFamily, ExternalAddress>> = {
    4: new ExternalAddress(),
    6: new ExternalAddress(),
  };

  /** Null until enough agree. */
  of(family: IpFamily): IpAddress | null {
    return this.#elections[family].elected;
  }

  /**
   * `teller`, an IP literal or a host's name, says that it sees us at `host`. Who is near sees us where the world does
   * not.
   */
  vote(teller: string, host: string): void {
    const seen = parseIp(host);
    const address = parseIp(teller);
    if (seen === undefined || reachOf(host) !== 'public') return;
    if (address !== undefined && reachOf(teller) !== 'public') return;
    this.#elections[seen.family].vote(address ?? teller, seen.text);
  }
}
