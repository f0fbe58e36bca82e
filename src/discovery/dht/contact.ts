/** Nodes of the DHT: their ids, their distance from a target, and their compact form (BEP 5, BEP 32). */
import { type IpAddress, type IpFamily, ipOfBytes, parseIp } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';

/** 20 bytes: the id of a node, or an info-hash, which lies in the same space. */
export type NodeId = Buffer;

export const ID_LENGTH = 20;
const ID_BITS = ID_LENGTH * 8;

/** An address whose host has been parsed. `host` is the canonical text of `ip`. */
export interface Place extends PeerAddress {
  readonly ip: IpAddress;
}

/** A node as others name it: its claimed id, and the address at which it should answer. */
export interface Contact extends Place {
  readonly id: NodeId;
}

/** Parses an address. The host must be an IP literal; any other host is our own mistake and throws a RangeError. */
export function placeAt({ host, port }: PeerAddress): Place {
  const ip = parseIp(host);
  if (ip === undefined) throw new RangeError(`not an IP literal: ${host}`);
  return { host: ip.text, port, ip };
}

/** The node `id` at `address`, whose host must be an IP literal, as for `placeAt`. */
export function contactAt(id: NodeId, address: PeerAddress): Contact {
  return { ...placeAt(address), id };
}

/** Whether both name the same id at the same address. */
export function isSame(a: Contact, b: Contact): boolean {
  return a.host === b.host && a.port === b.port && a.id.equals(b.id);
}

/**
 * Negative when `a` is closer to `target` than `b`, positive when it is farther away. BEP 5: "distance(A,B) = |A xor B|
 * Smaller values are closer."
 */
export function compareDistance(target: NodeId, a: NodeId, b: NodeId): number {
  for (let index = 0; index < ID_LENGTH; index += 1) {
    const byte = target[index] as number;
    const difference = (byte ^ (a[index] as number)) - (byte ^ (b[index] as number));
    if (difference !== 0) return difference;
  }
  return 0;
}

/** How many leading bits `a` and `b` have in common, 0 to 160. */
export function sharedPrefix(a: NodeId, b: NodeId): number {
  for (let index = 0; index < ID_LENGTH; index += 1) {
    const difference = (a[index] as number) ^ (b[index] as number);
    if (difference !== 0) return index * 8 + Math.clz32(difference) - 24;
  }
  return ID_BITS;
}

/** An id whose first `shared` bits are those of `id`, whose next bit differs, and whose other bits are `random`'s. */
export function withSharedPrefix(id: NodeId, shared: number, random: Buffer): NodeId {
  const made = Buffer.from(random);
  const whole = shared >> 3;
  id.copy(made, 0, 0, whole);
  if (shared >= ID_BITS) return made;
  const rest = shared & 7;
  const kept = 0xff & ~(0xff >> rest);
  const flipped = 0x80 >> rest;
  const own = id[whole] as number;
  const free = 0xff & ~(kept | flipped);
  made[whole] = (own & kept) | (~own & flipped) | ((made[whole] as number) & free);
  return made;
}

/** The key of an address in maps and sets. `host` must be canonical, so that each address has one key. */
export function addressKey({ host, port }: PeerAddress): string {
  return `${host} ${port}`;
}

/** The IP address, then the port: 6 bytes for IPv4, 18 for IPv6. */
export function compactAddress({ ip, port }: Place): Buffer {
  const compact = Buffer.alloc(ip.bytes.length + 2);
  compact.writeUInt16BE(port, ip.bytes.copy(compact));
  return compact;
}

/** BEP 5, "compact node info": the id, then the compact address. A node takes 26 bytes for IPv4, 38 for IPv6. */
export function encodeContacts(contacts: readonly Contact[]): Buffer {
  const compact = Buffer.alloc(contacts.reduce((length, { ip }) => length + ID_LENGTH + ip.bytes.length + 2, 0));
  let end = 0;
  for (const { id, ip, port } of contacts) {
    end += id.copy(compact, end);
    end += ip.bytes.copy(compact, end);
    end = compact.writeUInt16BE(port, end);
  }
  return compact;
}

/**
 * At most `limit` nodes of `compact`. When its length is not a multiple of the length of a node, all of it is rubbish,
 * and the answer is empty. A node at port 0 is left out.
 */
export function decodeContacts(compact: Buffer, family: IpFamily, limit: number): Contact[] {
  const length = ID_LENGTH + (family === 4 ? 6 : 18);
  if (compact.length % length !== 0) return [];
  const contacts: Contact[] = [];
  for (let begin = 0; begin < compact.length && contacts.length < limit; begin += length) {
    const port = compact.readUInt16BE(begin + length - 2);
    if (port === 0) continue;
    const ip = ipOfBytes(compact.subarray(begin + ID_LENGTH, begin + length - 2));
    // A copy: a view would be overwritten by the next datagram.
    const id = Buffer.from(compact.subarray(begin, begin + ID_LENGTH));
    contacts.push({ id, host: ip.text, port, ip });
  }
  return contacts;
}
