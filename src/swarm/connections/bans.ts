/**
 * The peers that have lied. Many peers may share an address, so a ban is for one peer. We know a peer that we dialled
 * by its address and port, and a peer from outside by its host and peer id. We do not know a peer that we dial by its
 * id, because another peer behind the same address can borrow that id.
 *
 * A liar can take new ids and ports for ever, so the third liar of a host on one side has the whole host banned on that
 * side: from outside, or for dials. A new id costs a liar less than a new port to which others lead us. So liars from
 * outside do not keep us from dialling an honest peer behind their address: that takes three liars that we dialled.
 */
import { hostKey } from '../../net/host-key.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { Evidence } from '../../wire/refusal.js';
import type { PeerConnection } from './peer-connection.js';

/** After this many liars on one side, from outside or dialled, a host is banned on that side. */
const LIARS_PER_HOST = 3;
/**
 * We remember this many hosts. Each has cost us a wrong piece. The host whose last lie is oldest is forgotten first.
 */
const MAX_HOSTS = 10_000;

/** One peer that has lied, and what proved it. */
export interface Ban {
  readonly address: PeerAddress;
  readonly peerId: Buffer;
  /** We dialled the peer, so it listens at `address`. */
  readonly locallyInitiated: boolean;
  readonly evidence: Evidence;
}

export class Bans {
  /** The bans of each host, by `hostKey`. The host whose last lie is oldest comes first. */
  readonly #hosts = new Map<string, Ban[]>();

  /** Every ban, for a log. */
  get all(): readonly Ban[] {
    return [...this.#hosts.values()].flat();
  }

  /** A peer that has lied twice, in its blocks and in its hashes, is one liar of its host. */
  add(liar: PeerConnection, evidence: Evidence): void {
    const { hostKey: host, address, peerId, locallyInitiated } = liar;
    const isKnown = this.againstPeer(liar) !== undefined;
    const bans = this.#hosts.get(host) ?? [];
    this.#hosts.delete(host);
    this.#hosts.set(host, bans);
    if (!isKnown) bans.push({ address, peerId, locallyInitiated, evidence });
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size > MAX_HOSTS && oldest !== undefined) this.#hosts.delete(oldest);
  }

  /** Why we do not dial a host (`locallyInitiated`), or do not let it in from outside. Undefined when we do. */
  againstHost(host: string, locallyInitiated: boolean): Evidence | undefined {
    const liars = this.#hosts.get(host)?.filter((ban) => ban.locallyInitiated === locallyInitiated);
    return liars?.[LIARS_PER_HOST - 1]?.evidence;
  }

  /** Why we do not dial this address. Undefined when we do. */
  againstAddress({ host, port }: PeerAddress): Evidence | undefined {
    const key = hostKey(host);
    const isIt = (ban: Ban): boolean => ban.locallyInitiated && ban.address.host === host && ban.address.port === port;
    return this.againstHost(key, true) ?? this.#hosts.get(key)?.find(isIt)?.evidence;
  }

  /** Why this connection, whose peer id is known, must end. Undefined when it may stay. */
  againstPeer({ hostKey: host, peerId, locallyInitiated, address }: PeerConnection): Evidence | undefined {
    if (locallyInitiated) return this.againstAddress(address);
    return this.againstHost(host, false) ?? this.#hosts.get(host)?.find((ban) => ban.peerId.equals(peerId))?.evidence;
  }
}
