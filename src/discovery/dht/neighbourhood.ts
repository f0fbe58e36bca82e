/** How much one owner of addresses counts: whoever has one IPv4 address of a /24 easily has them all. */
import type { IpAddress, IpFamily } from '../../net/ip-address.js';
import { addressKey, type Contact } from './contact.js';
import { allowsAnyId } from './secure-id.js';

/**
 * The /24 or /64 of an address as the text by which networks are compared. Local addresses, behind which a
 * whole test network may stand, have none: null. Nodes far away cannot bring them in, see `mayLead`.
 */
export function networkOf(ip: IpAddress): string | null {
  return allowsAnyId(ip) ? null : prefixOf(ip);
}

/** The family of an IP literal in its one spelling, in which a mapped address is one of IPv4. */
export function familyOf(host: string): IpFamily {
  return host.includes(':') ? 6 : 4;
}

/**
 * Two nodes with one key are one node to us: its host, or its address where a whole network may stand behind a host.
 */
export function nodeKey(contact: Contact): string {
  if (allowsAnyId(contact.ip)) return addressKey(contact);
  return contact.ip.family === 4 ? contact.host : prefixOf(contact.ip);
}

function prefixOf({ family, bytes }: IpAddress): string {
  return bytes.toString('hex', 0, family === 4 ? 3 : 8);
}
