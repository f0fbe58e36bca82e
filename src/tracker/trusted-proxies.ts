/** The address of a client behind a proxy: the one that a proxy of ours names; no other word for it is believed. */
import { type IpAddress, type IpNetwork, isInNetwork, isUnicast, parseIp } from '../net/ip-address.js';

/** The headers in which a proxy names its client: the values of each, in the order of their lines. */
export interface ForwardedHeaders {
  /** X-Forwarded-For */
  readonly forwardedFor: readonly string[];
  /** Forwarded (RFC 7239) */
  readonly forwarded: readonly string[];
}

// No site has more proxies in a row; what stands further left is a client's invention.
const MAX_HOPS = 32;

export class TrustedProxies {
  readonly #networks: readonly IpNetwork[];

  constructor(networks: readonly IpNetwork[]) {
    this.#networks = networks;
  }

  /**
   * The address of the client behind `remoteHost`, an IP literal. Each proxy adds at the right the address that
   * it was asked from, so what counts is the right-most address that is no trusted proxy; anything left of it may be
   * invented. A trusted proxy that names no address (`unknown`, or nothing) is the client itself. X-Forwarded-For goes
   * before Forwarded.
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

/** The `for` of each element of a Forwarded header, without its quotes; empty where there is none. */
function hopsOf(header: string): string[] {
  const parts = splitOutsideQuotes(header, ',');
  return parts.map((element) => {
    const pair = splitOutsideQuotes(element, ';').find((each) => /^\s*for=/i.test(each)) ?? '';
    const value = pair.slice(pair.indexOf('=') + 1).trim();
    return /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
  });
}

/** What a quote that is never closed swallows is one part, which holds no address: nothing in it is believed. */
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

/** `ADDRESS`, `IPV4:PORT`, `[IPV6]` or `[IPV6]:PORT`; undefined for what is no address that a client can have. */
function addressOf(hop: string): IpAddress | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)|([0-9a-f:.]+?))(?::\d{1,5})?$/i.exec(hop);
  const address = parseIp(match?.[1] ?? match?.[2] ?? '') ?? parseIp(hop.includes('%') ? '' : hop);
  return address !== undefined && isUnicast(address) ? address : undefined;
}
