/**
 * The hosts that have come to one place of ours, a torrent's table or a tracker, as `hostKey` tells them apart; but the
 * many hosts of one site count as one. Who has a /48 of IPv6 has 65,536 networks of 64 bits, each of them a host to
 * `hostKey`, and could be a new host with every connection. RFC 6177: a /48 is what one site gets at most. When so many
 * hosts of a /48 have come within an hour, those of it that come next are together one host, as are users behind one
 * address of IPv4.
 *
 * The customers of a provider, to whom it gives one /64 or /56 each, share a /48 too. They are one host only when they
 * come in such crowds. Nothing tells who has many /48s from the customers of a provider, so a /32 is not one host.
 */
import type { Millis, Timers } from '../base/clock.js';
import { hostKeyOf } from './host-key.js';
import { parseIp } from './ip-address.js';

const HALF_HOUR: Millis = 1_800_000;
/** The first bytes of an address: those of its /48. */
const SITE_BYTES = 6;
/** We remember this many hosts of half an hour. A host that comes after these adds to no crowd. */
const MAX_HOSTS = 100_000;

export class HostCrowds {
  readonly #clock: Pick<Timers, 'now'>;
  readonly #most: number;
  /** By site the hosts that came in this half hour, and in the one before. */
  #now = new Map<string, Set<string>>();
  #before = new Map<string, Set<string>>();
  /** How many hosts came in this half hour. */
  #count = 0;
  #since: Millis;

  /** `most` hosts of a site count one by one. */
  constructor(clock: Pick<Timers, 'now'>, most: number) {
    this.#clock = clock;
    this.#most = most;
    this.#since = clock.now();
  }

  /** The key of `hostKey`, or that of the host's site. `host` is an IP literal; any other text is its own key. */
  keyOf(host: string): string {
    const ip = parseIp(host);
    if (ip === undefined) return host;
    const key = hostKeyOf(ip);
    if (ip.family === 4 || !key.endsWith('/64')) return key;
    this.#forgetOld();
    const site = `${ip.bytes.toString('hex', 0, SITE_BYTES)}/48`;
    const before = this.#before.get(site);
    const now = this.#now.get(site) ?? new Set();
    if (now.has(key)) return key;
    if (before?.has(key) !== true && now.size + countOfOthers(before, now) >= this.#most) return site;
    if (this.#count < MAX_HOSTS) {
      this.#now.set(site, now.add(key));
      this.#count += 1;
    }
    return key;
  }

  #forgetOld(): void {
    const passed = this.#clock.now() - this.#since;
    if (passed < HALF_HOUR) return;
    this.#before = passed < 2 * HALF_HOUR ? this.#now : new Map();
    this.#now = new Map();
    this.#count = 0;
    this.#since = this.#clock.now();
  }
}

function countOfOthers(before: ReadonlySet<string> | undefined, now: ReadonlySet<string>): number {
  let count = 0;
  for (const key of before ?? []) if (!now.has(key)) count += 1;
  return count;
}
