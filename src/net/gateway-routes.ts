/** Reads Linux's tables of routes, as /proc/net shows them. */
import { ipOfBytes } from './ip-address.js';

/** A route to all addresses that no other route leads to. */
export interface DefaultRoute {
  readonly family: 4 | 6;
  readonly interface: string;
  /** The next router: an IP literal. A link-local address has its interface as the zone. */
  readonly gateway: string;
  /** The system prefers the route with the lowest metric. */
  readonly metric: number;
}

/** RTF_UP and RTF_GATEWAY: the route is in use, and leads to a router. */
const UP_BY_GATEWAY = 0x0003;
/** RTF_REJECT: the route refuses its packets. */
const REJECTED = 0x0200;

/**
 * Reads /proc/net/route: a line of column names, then routes with numbers in hexadecimal. Addresses stand in the
 * machine's byte order (little-endian).
 */
export function parseIpv4Routes(text: string): DefaultRoute[] {
  const found: DefaultRoute[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [name, destination, gateway = '', flags = '', , , metric = '', mask] = line.trim().split(/\s+/);
    if (name === undefined || destination !== '00000000' || mask !== '00000000') continue;
    if (!isInUse(flags) || !/^[0-9A-F]{8}$/i.test(gateway)) continue;
    const host = ipOfBytes(Buffer.from(gateway, 'hex').reverse()).text;
    found.push({ family: 4, interface: name, gateway: host, metric: Number.parseInt(metric, 10) || 0 });
  }
  return preferredFirst(found);
}

/** Reads /proc/net/ipv6_route: no line of column names, and everything in hexadecimal and network order. */
export function parseIpv6Routes(text: string): DefaultRoute[] {
  const found: DefaultRoute[] = [];
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const [destination, length, , , gateway = '', metric = '', , , flags = '', name] = fields;
    if (name === undefined || length !== '00' || !/^0{32}$/.test(destination ?? '')) continue;
    if (!isInUse(flags) || !/^[0-9a-f]{32}$/i.test(gateway)) continue;
    const host = ipOfBytes(Buffer.from(gateway, 'hex')).text;
    const zoned = /^fe[89ab]/i.test(gateway) ? `${host}%${name}` : host;
    found.push({ family: 6, interface: name, gateway: zoned, metric: Number.parseInt(metric, 16) || 0 });
  }
  return preferredFirst(found);
}

function isInUse(flags: string): boolean {
  const bits = Number.parseInt(flags, 16);
  return (bits & UP_BY_GATEWAY) === UP_BY_GATEWAY && (bits & REJECTED) === 0;
}

function preferredFirst(routes: DefaultRoute[]): DefaultRoute[] {
  return routes.sort((a, b) => a.metric - b.metric);
}
