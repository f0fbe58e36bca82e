import { type IpAddress, isLinkLocal, isLoopback, parseIp } from './ip-address.js';

/**
 * The text by which we count and ban a host: its address for IPv4, its /64 for IPv6. A host that has one address in a
 * /64 can take any other address there (RFC 4291: an interface identifier has 64 bits). `host` is an IP literal; any
 * other text is its own key.
 */
export function hostKey(host: string): string {
  const ip = parseIp(host);
  return ip === undefined ? host : hostKeyOf(ip);
}

/**
 * The same for a parsed address. All hosts of a network share one link-local /64, so such an address is its own key.
 */
export function hostKeyOf(ip: IpAddress): string {
  if (ip.family === 4 || isLinkLocal(ip) || isLoopback(ip)) return ip.text;
  return `${ip.bytes.toString('hex', 0, 8)}/64`;
}
