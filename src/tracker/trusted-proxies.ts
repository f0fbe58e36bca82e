import { type IpAddress, type IpNetwork, isInNetwork, isUnicast, parseIp } from '../net/ip-address.js';

/** The headers in which a proxy names its client. Each has its values in the order of the lines. */
export interface ForwardedHeaders {
  /** X-Forwarded-For */
  readonly forwardedFor: readonly string[];
  /** Forwarded (RFC 7239) */
  readonly forwarded: readonly string[];
}

/** No site has more proxies in a row. A client has invented what stands further left. */
const MAX_HOPS = 32;

/** Finds the address of a client behind a proxy. We believe only the proxies that the user trusts. */
export class TrustedProxies {
  readonly #networks: readonly IpNetwork[];

  constructor(networks: readonly IpNetwork[]) {
    this.#networks = networks;
  }

  /**
   * The address of the client behind `remoteHost`, an IP literal. Each proxy adds the address of its own client at the
   * right. So the right-most address that is no trusted proxy counts, because a client may have invented everything
   * left of it. A trusted proxy that names no address (`unknown`, or nothing) is the client itself. X-Forwarded-For
   * goes before Forwarded.
   */
  clientOf(remoteHost: string, { forwardedFor, forwarded }: ForwardedHeaders): string {
    let client = parseIp(remoteHost);
    if (client === undefined || !this.#isTrusted(client)) return remoteHost;
    const hops = forwardedFor.length > 0 ? lastOfList(forwardedFor.join()) : lastHopsOf(forwarded.join());
    for (const hop of hops.reverse()) {
      const address = addressOf(hop.trim());
      if (address === undefined) break;
      client = address;
      if (!this.#isTrusted(address)) break;
    }
    return client.text;
  }

  /** Whether `host`, an IP literal, is a trusted proxy. */
  includes(host: string): boolean {
    const address = parseIp(host);
    return address !== undefined && this.#isTrusted(address);
  }

  #isTrusted(address: IpAddress): boolean {
    return this.#networks.some((network) => isInNetwork(address, network));
  }
}

/** The last `MAX_HOPS` elements of a list, in their order. No others are copied: a header may have thousands. */
function lastOfList(header: string): string[] {
  const elements: string[] = [];
  for (let end = header.length; end >= 0 && elements.length < MAX_HOPS; ) {
    const comma = end === 0 ? -1 : header.lastIndexOf(',', end - 1);
    elements.push(header.slice(comma + 1, end));
    end = comma;
  }
  return elements.reverse();
}

/**
 * The `for` of each of the last `MAX_HOPS` elements of a Forwarded header, without its quotes. Empty for an element
 * that has none.
 */
function lastHopsOf(header: string): string[] {
  const begins: number[] = [];
  const ends: number[] = [];
  visitParts(header, 0, header.length, ',', (begin, end) => {
    begins.push(begin);
    ends.push(end);
    if (begins.length <= MAX_HOPS) return false;
    begins.shift();
    ends.shift();
    return false;
  });
  return begins.map((begin, index) => forOf(header, begin, ends[index] as number));
}

const BLANK = /\s/;

/** The value of `for` in one element of a Forwarded header; empty when the element has none. */
function forOf(header: string, begin: number, end: number): string {
  let value = '';
  visitParts(header, begin, end, ';', (from, to) => {
    let at = from;
    while (at < to && BLANK.test(header[at] as string)) at += 1;
    if (header.slice(at, Math.min(to, at + 4)).toLowerCase() !== 'for=') return false;
    value = header.slice(at + 4, to).trim();
    return true;
  });
  return /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}

/**
 * Calls `visit` with the places of the parts of `text` from `begin` to `end`, until it says true. The parts stand
 * between separators that are not in quotes. After a quote that is never closed all the rest is one part, which is no
 * address, so we believe nothing in it.
 */
function visitParts(
  text: string,
  begin: number,
  end: number,
  separator: ',' | ';',
  visit: (begin: number, end: number) => boolean,
): void {
  let from = begin;
  let isQuoted = false;
  for (let index = begin; index < end; index += 1) {
    const character = text[index];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === '\\' && isQuoted) index += 1;
    else if (character === separator && !isQuoted) {
      if (visit(from, index)) return;
      from = index + 1;
    }
  }
  visit(from, end);
}

/** The address in `ADDRESS`, `IPV4:PORT`, `[IPV6]` or `[IPV6]:PORT`. Undefined when no client can have it. */
function addressOf(hop: string): IpAddress | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)|([0-9a-f:.]+?))(?::\d{1,5})?$/i.exec(hop);
  const address = parseIp(match?.[1] ?? match?.[2] ?? '') ?? parseIp(hop.includes('%') ? '' : hop);
  return address !== undefined && isUnicast(address) ? address : undefined;
}
