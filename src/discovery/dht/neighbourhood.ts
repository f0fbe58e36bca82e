/** How much one owner of addresses counts: whoever has one IPv4 address of a /24 easily has them all. */
import { type IpAddress, type IpFamily, parseIp } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { reachesAsFar, reachOf } from '../reach.js';
import { addressKey } from './contact.js';
import { allowsAnyId } from './secure-id.js';

/**
 * The /24 or /64 of `host`, an IP literal, as the text by which networks are compared. Local addresses, behind which a
 * whole test network may stand, have none: null. Nodes far away cannot bring them in, see `mayName`.
 */
export function networkOf(host: string): string | null {
  const address = parseIp(host);
  return address === undefined || allowsAnyId(address) ? null : prefixOf(address);
}

/** Whether `teller` is believed that there is somebody at `host`: nobody far away makes us send into our own network. */
export function mayName(teller: string, host: string): boolean {
  return reachesAsFar(reachOf(host), reachOf(teller));
}

/** The family of an IP literal in its one spelling, in which a mapped address is one of IPv4. */
export function familyOf(host: string): IpFamily {
  return host.includes(':') ? 6 : 4;
}

/** The address of IPv4, the /64 of IPv6: what one host is taken to have. */
export function hostKey(host: string): string {
  const address = parseIp(host);
  return address === undefined || address.family === 4 ? host : prefixOf(address);
}

/** Two nodes with one key are one node to us: its host, or its address where a whole network may stand behind a host. */
export function nodeKey(address: PeerAddress): string {
  return networkOf(address.host) === null ? addressKey(address) : hostKey(address.host);
}

function prefixOf({ family, bytes }: IpAddress): string {
  return bytes.toString('hex', 0, family === 4 ? 3 : 8);
}
