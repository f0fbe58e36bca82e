import { type IpAddress, parseIp } from './ip-address.js';

/** A range of addresses: those whose first `bits` bits are those of `address`. */
export interface IpNetwork {
  readonly address: IpAddress;
  /** 0 to 32, or to 128 for IPv6. */
  readonly bits: number;
}

/** Reads `ADDRESS/BITS` or an address alone, of either family; undefined when `text` is neither. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const match = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text);
  const address = parseIp(match?.[1] ?? '');
  if (address === undefined) return undefined;
  // A mapped address is the IPv4 address within, behind 96 bits that are always the same.
  const before = address.family === 4 && text.includes(':') ? 96 : 0;
  const length = address.bytes.length * 8;
  const bits = match?.[2] === undefined ? length : Number(match[2]) - before;
  return bits >= 0 && bits <= length ? { address, bits } : undefined;
}

export function isInNetwork({ family, bytes }: IpAddress, { address, bits }: IpNetwork): boolean {
  if (family !== address.family) return false;
  const whole = bits >> 3;
  const rest = 0xff00 >> (bits & 7);
  const isAlike = bytes.subarray(0, whole).equals(address.bytes.subarray(0, whole));
  return isAlike && (((bytes[whole] ?? 0) ^ (address.bytes[whole] ?? 0)) & rest & 0xff) === 0;
}
