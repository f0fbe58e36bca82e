import { AddressRanges, NO_RANGES, type RangeTables } from './address-ranges.js';
import { type IpAddress, parseIp } from './ip-address.js';

/** 'in': it sends to us or connects to us. 'out': we would send to it or dial it. */
type Direction = 'in' | 'out';

/** What a blocklist has and has done, for displays. */
export interface BlocklistStatus {
  /** Ranges of addresses, merged. */
  readonly ranges: number;
  /** Connections and packets from listed addresses that we dropped unread. */
  readonly refusedIn: number;
  /** How often we did not dial, ask or answer a listed address. */
  readonly refusedOut: number;
}

/**
 * The addresses that the user wants no peer, node or tracker at. A list that replaces another one counts at once, and
 * those who hold connections are told.
 */
export class Blocklist {
  #ranges: AddressRanges = NO_RANGES;
  readonly #refused: Record<Direction, number> = { in: 0, out: 0 };
  readonly #listeners = new Set<() => void>();

  constructor(tables: RangeTables | null = null) {
    if (tables !== null) this.#ranges = new AddressRanges(tables);
  }

  get status(): BlocklistStatus {
    return { ranges: this.#ranges.count, refusedIn: this.#refused.in, refusedOut: this.#refused.out };
  }

  has(ip: IpAddress): boolean {
    return this.#ranges.has(ip);
  }

  /** As `has`, for an IP literal. Other text is on no list. */
  hasHost(host: string): boolean {
    const ipv4 = ipv4Number(host);
    if (ipv4 !== null) return this.#ranges.hasIpv4(ipv4);
    const ip = parseIp(host);
    return ip !== undefined && this.#ranges.has(ip);
  }

  /** Whether `host`, an IP literal, is to be refused. Counts it when it is. */
  refuses(host: string, direction: Direction): boolean {
    if (!this.hasHost(host)) return false;
    this.#refused[direction] += 1;
    return true;
  }

  /** From now on these ranges count, and no others. */
  replace(tables: RangeTables): void {
    this.#ranges = new AddressRanges(tables);
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `replaced` after each `replace`, until the function that this returns is called. */
  onReplaced(replaced: () => void): () => void {
    this.#listeners.add(replaced);
    return () => {
      this.#listeners.delete(replaced);
    };
  }
}

const DOT = 46;
const ZERO = 48;

/**
 * The number of an IPv4 address in its one spelling, or null for other text. Each packet comes with the text of its
 * address, and `parseIp` would cost more than the look-up.
 */
function ipv4Number(text: string): number | null {
  if (text.length > 15) return null;
  let number = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let at = 0; at <= text.length; at += 1) {
    const code = at === text.length ? DOT : text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0 || octet > 255) return null;
      number = number * 256 + octet;
      octet = 0;
      digits = 0;
      dots += 1;
    } else {
      // A zero before other digits is no spelling of ours.
      if (code < ZERO || code > ZERO + 9 || digits === 3 || (digits > 0 && octet === 0)) return null;
      octet = octet * 10 + code - ZERO;
      digits += 1;
    }
  }
  return dots === 4 ? number : null;
}
