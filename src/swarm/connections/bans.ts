import { hostKey } from '../../net/host-key.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { Evidence } from '../../wire/refusal.js';
import type { PeerConnection } from './peer-connection.js';

/** After so many liars on one side, those from outside or those that we dialled, a host gets no more on that side. */
export const LIARS_PER_HOST = 3;
/** Hosts that are remembered. Each has cost us a wrong piece; the one whose last lie is oldest is forgotten first. */
const MAX_HOSTS = 10_000;

/** One peer that has lied, and what proved it. */
export interface Ban {
  readonly address: PeerAddress;
  readonly peerId: Buffer;
  /** We dialled it, so that `address` is where it listens. */
  readonly locallyInitiated: boolean;
  readonly evidence: Evidence;
}

/**
 * The peers that have lied. Many peers share an address, so a ban is for one of them: one that we dialled is known by
 * its address and port, one from outside by its host and peer id. A peer that we dial is not known by its id, which
 * another peer behind the same address can borrow. A liar can take new ids and ports for ever, so the third liar of a
 * host has the whole host banned. Ids cost less than ports to which others lead us: liars from outside do not keep us
 * from dialling an honest peer behind their address, which takes three liars that we dialled.
 */
export class Bans {
  /** By `hostKey`; the host whose last lie is oldest comes first. */
  readonly #hosts = new Map<string, Ban[]>();

  /** Every ban, for a log. */
  get all(): readonly Ban[] {
    return [...this.#hosts.values()].flat();
  }

  add({ hostKey: host, address, peerId, locallyInitiated }: PeerConnection, evidence: Evidence): void {
    const bans = this.#hosts.get(host) ?? [];
    this.#hosts.delete(host);
    this.#hosts.set(host, bans);
    if (this.againstHost(host, locallyInitiated) === undefined)
      bans.push({ address, peerId, locallyInitiated, evidence });
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size > MAX_HOSTS && oldest !== undefined) this.#hosts.delete(oldest);
  }

  /** Why the host is not to be dialled, or is not let in from outside; or undefined. */
  againstHost(host: string, locallyInitiated: boolean): Evidence | undefined {
    const liars = this.#hosts.get(host)?.filter((ban) => ban.locallyInitiated === locallyInitiated);
    return liars?.[LIARS_PER_HOST - 1]?.evidence;
  }

  /** Why this address is not to be dialled, or undefined. */
  againstAddress({ host, port }: PeerAddress): Evidence | undefined {
    const key = hostKey(host);
    const isIt = (ban: Ban): boolean => ban.locallyInitiated && ban.address.host === host && ban.address.port === port;
    return this.againstHost(key, true) ?? this.#hosts.get(key)?.find(isIt)?.evidence;
  }

  /** Why this connection is not welcome, whose peer id is known; or undefined. */
  againstPeer({ hostKey: host, peerId, locallyInitiated, address }: PeerConnection): Evidence | undefined {
    if (locallyInitiated) return this.againstAddress(address);
    return this.againstHost(host, false) ?? this.#hosts.get(host)?.find((ban) => ban.peerId.equals(peerId))?.evidence;
  }
}
