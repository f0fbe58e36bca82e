/** Ids that an address allows (BEP 42), so that nobody can choose eight of them around a target. */
import type { Random } from '../../base/random.js';
import { type IpAddress, isLinkLocal, isLoopback, isPrivate } from '../../net/ip-address.js';
import { ID_LENGTH, type NodeId } from './contact.js';

const MASK_IPV4 = Buffer.from('030f3fff', 'hex');
/** For the high half of an IPv6 address. */
const MASK_IPV6 = Buffer.from('0103070f1f3f7fff', 'hex');
/** Castagnoli's polynomial, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** An id that `address` allows, as random as it may be. */
export function secureId(address: IpAddress, random: Random): NodeId {
  const id = random.bytes(ID_LENGTH);
  const hash = hashOf(address, id.readUInt8(ID_LENGTH - 1));
  id.writeUInt16BE(hash >>> 16, 0);
  id.writeUInt8(((hash >>> 8) & 0xf8) | (id.readUInt8(2) & 7), 2);
  return id;
}

/** "Any peer on a local network address is exempt from this node ID verification." */
export function allowsAnyId(address: IpAddress): boolean {
  return isLoopback(address) || isPrivate(address) || isLinkLocal(address);
}

/** Whether the first 21 bits of `id` are those of its address's hash, or need not be. */
export function isSecureId(id: NodeId, address: IpAddress): boolean {
  if (allowsAnyId(address)) return true;
  const hash = hashOf(address, id.readUInt8(ID_LENGTH - 1));
  return ((id.readUInt32BE(0) ^ hash) & 0xffff_f800) === 0;
}

function hashOf({ family, bytes }: IpAddress, last: number): number {
  const mask = family === 4 ? MASK_IPV4 : MASK_IPV6;
  let crc = 0xffff_ffff;
  for (let index = 0; index < mask.length; index += 1) {
    const masked = (mask[index] as number) & (bytes[index] as number);
    crc = nextCrc32c(crc, index === 0 ? masked | ((last & 7) << 5) : masked);
  }
  return ~crc >>> 0;
}

function nextCrc32c(crc: number, byte: number): number {
  return (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] as number);
}
