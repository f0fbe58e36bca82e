import { type IpAddress, isLinkLocal, isLoopback, parseIp } from './ip-address.js';

/**
 * What one host is taken to have, as the text by which hosts are counted and banned: an address of IPv4, a /64 of IPv6.
 * A host that has one address of a /64 can take any other of it (RFC 4291: an interface identifier has 64 bits). `host`
 * is an IP literal; any other text stands for itself.
 */
export function hostKey(host: string): string {
  const ip = parseIp(host);
  return ip === undefined ? host : hostKeyOf(ip);
}

/** The same for an address that is parsed already. The /64 of link-local addresses is shared by a whole network. */
export function hostKeyOf(ip: IpAddress): string {
  if (ip.family === 4 || isLinkLocal(ip) || isLoopback(ip)) return ip.text;
  return `${ip.bytes.toString('hex', 0, 8)}/64`;
}
