import { type IpAddress, isUnicast, parseIp } from '../../net/ip-address.js';
import { networkOf } from './neighbourhood.js';

const MAX_VOTES = 40;
const MIN_VOTES = 5;

/**
 * The address at which others see us. We find it by a vote, because "a single node can not be trusted" (BEP 42). Each
 * network has one vote, and its last vote counts. It takes at least five votes, and more than half of all, to elect an
 * address.
 */
export class ExternalAddress {
  /** The address for which each network votes. The newest vote stands at the end. */
  readonly #votes = new Map<string, string>();
  #elected: IpAddress | null = null;

  /** The elected address. Null until enough voters agree. */
  get elected(): IpAddress | null {
    return this.#elected;
  }

  /**
   * Counts the vote of `teller`, an IP address or the name of a tracker, which says that it sees us at `host`. True
   * when this elects another address than before.
   */
  vote(teller: IpAddress | string, host: string): boolean {
    const address = parseIp(host);
    if (address === undefined || !isUnicast(address)) return false;
    const network = typeof teller === 'string' ? teller : (networkOf(teller) ?? teller.text);
    this.#votes.delete(network);
    this.#votes.set(network, address.text);
    if (this.#votes.size > MAX_VOTES) this.#forgetFirst();
    if (address.text === this.#elected?.text || !this.#isElected(address.text)) return false;
    this.#elected = address;
    return true;
  }

  #isElected(host: string): boolean {
    let votes = 0;
    for (const vote of this.#votes.values()) if (vote === host) votes += 1;
    return votes >= MIN_VOTES && votes * 2 > this.#votes.size;
  }

  #forgetFirst(): void {
    for (const network of this.#votes.keys()) {
      this.#votes.delete(network);
      return;
    }
  }
}
