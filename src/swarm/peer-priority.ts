/**
 * How well two peers suit each other (BEP 40). Both sides compute the same number, and no peer can choose a number that
 * is high for all others.
 */
import { crc32c } from '../base/crc32.js';
import type { IpAddress } from '../net/ip-address.js';

/** The public address of a peer, and the port where it listens. */
export interface Endpoint {
  readonly ip: IpAddress;
  readonly port: number;
}

/**
 * The priority of two peers for each other, from 0 to 2^32 − 1, the higher the better; 0 when their IP families differ.
 */
export function peerPriority(a: Endpoint, b: Endpoint): number {
  if (a.ip.family !== b.ip.family) return 0;
  if (a.ip.bytes.equals(b.ip.bytes)) return ofPair(portBytes(a.port), portBytes(b.port));
  const whole = wholeBytes(a.ip, b.ip);
  return ofPair(masked(a.ip.bytes, whole), masked(b.ip.bytes, whole));
}

/**
 * How many bytes of the addresses are used without a mask. BEP 40: "the mask to be used should be FF.FF.55.55 unless
 * the IP addresses are in the same /16. In that case, the mask to be used should be FF.FF.FF.55. If the IP addresses
 * are in the same /24, the entire address should be used." For IPv6 the same rule begins at /48.
 */
function wholeBytes(a: IpAddress, b: IpAddress): number {
  const least = a.family === 4 ? 2 : 6;
  let common = 0;
  while (a.bytes[common] === b.bytes[common]) common += 1;
  return common < least ? least : common + 1;
}

function masked(bytes: Buffer, whole: number): Buffer {
  return Buffer.from(bytes.map((byte, index) => (index < whole ? byte : byte & 0x55)));
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >>> 8, port & 0xff);
}

function ofPair(a: Buffer, b: Buffer): number {
  return crc32c(Buffer.concat(Buffer.compare(a, b) <= 0 ? [a, b] : [b, a]));
}
