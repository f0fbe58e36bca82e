/** The ids that an address allows (BEP 42). They keep a liar from choosing eight ids around a target. */
import { crc32c } from '../../base/crc32.js';
import type { Random } from '../../base/random.js';
import { type IpAddress, isLinkLocal, isLoopback, isPrivate } from '../../net/ip-address.js';
import { ID_LENGTH, type NodeId } from './contact.js';

const MASK_IPV4 = Buffer.from('030f3fff', 'hex');
/** BEP 42 uses only the first eight bytes of an IPv6 address. */
const MASK_IPV6 = Buffer.from('0103070f1f3f7fff', 'hex');

/** An id that `address` allows. All bits that the address leaves free are random. */
export function secureId(address: IpAddress, random: Random): NodeId {
  const id = random.bytes(ID_LENGTH);
  const hash = hashOf(address, id.readUInt8(ID_LENGTH - 1));
  id.writeUInt16BE(hash >>> 16, 0);
  id.writeUInt8(((hash >>> 8) & 0xf8) | (id.readUInt8(2) & 7), 2);
  return id;
}

/** BEP 42: "Any peer on a local network address is exempt from this node ID verification." */
export function allowsAnyId(address: IpAddress): boolean {
  return isLoopback(address) || isPrivate(address) || isLinkLocal(address);
}

/** Whether `address` allows `id`: the first 21 bits must be those of the hash, unless the address allows any id. */
export function isSecureId(id: NodeId, address: IpAddress): boolean {
  if (allowsAnyId(address)) return true;
  const hash = hashOf(address, id.readUInt8(ID_LENGTH - 1));
  return ((id.readUInt32BE(0) ^ hash) & 0xffff_f800) === 0;
}

function hashOf({ family, bytes }: IpAddress, last: number): number {
  const mask = family === 4 ? MASK_IPV4 : MASK_IPV6;
  const masked = mask.map((byte, index) => byte & (bytes[index] as number));
  masked[0] = (masked[0] as number) | ((last & 7) << 5);
  return crc32c(masked);
}
