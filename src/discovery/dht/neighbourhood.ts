/**
 * Which addresses count as those of one owner. A liar that has one IPv4 address of a /24 can easily have all of them.
 */
import type { IpAddress, IpFamily } from '../../net/ip-address.js';
import { addressKey, type Contact } from './contact.js';
import { allowsAnyId } from './secure-id.js';

/**
 * The /24 (IPv4) or /64 (IPv6) of an address, as a text to compare networks by. Null for a local address, because a
 * whole test network may stand behind one. Nodes far away cannot lead us to local addresses, see `mayLead`.
 */
export function networkOf(ip: IpAddress): string | null {
  return allowsAnyId(ip) ? null : prefixOf(ip);
}

/** The family of an IP literal, which must be canonical: a mapped IPv6 address is written as its IPv4 address. */
export function familyOf(host: string): IpFamily {
  return host.includes(':') ? 6 : 4;
}

/**
 * We treat two nodes with the same key as one node. The key of an IPv4 node is its host, the key of an IPv6 node is its
 * /64. A local node has its whole address as the key, because several nodes may stand behind one local host.
 */
export function nodeKey(contact: Contact): string {
  if (allowsAnyId(contact.ip)) return addressKey(contact);
  return contact.ip.family === 4 ? contact.host : prefixOf(contact.ip);
}

function prefixOf({ family, bytes }: IpAddress): string {
  return bytes.toString('hex', 0, family === 4 ? 3 : 8);
}
