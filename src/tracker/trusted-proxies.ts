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
    const hops = forwardedFor.length > 0 ? forwardedFor.join().split(',') : hopsOf(forwarded.join());
    for (const hop of hops.slice(-MAX_HOPS).reverse()) {
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

/** The `for` of each element of a Forwarded header, without its quotes. Empty for an element that has none. */
function hopsOf(header: string): string[] {
  const parts = splitOutsideQuotes(header, ',');
  return parts.map((element) => {
    const pair = splitOutsideQuotes(element, ';').find((each) => /^\s*for=/i.test(each)) ?? '';
    const value = pair.slice(pair.indexOf('=') + 1).trim();
    return /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
  });
}

/**
 * Splits `text` at the separators that are not in quotes. After a quote that is never closed all the rest is one part,
 * which is no address, so we believe nothing in it.
 */
function splitOutsideQuotes(text: string, separator: ',' | ';'): string[] {
  const parts: string[] = [];
  let begin = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === '\\' && isQuoted) index += 1;
    else if (character === separator && !isQuoted) {
      parts.push(text.slice(begin, index));
      begin = index + 1;
    }
  }
  return [...parts, text.slice(begin)];
}

/** The address in `ADDRESS`, `IPV4:PORT`, `[IPV6]` or `[IPV6]:PORT`. Undefined when no client can have it. */
function addressOf(hop: string): IpAddress | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)|([0-9a-f:.]+?))(?::\d{1,5})?$/i.exec(hop);
  const address = parseIp(match?.[1] ?? match?.[2] ?? '') ?? parseIp(hop.includes('%') ? '' : hop);
  return address !== undefined && isUnicast(address) ? address : undefined;
}
