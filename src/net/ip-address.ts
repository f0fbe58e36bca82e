/**
 * IP addresses as text and as bytes, and networks of them. An IPv4-mapped address (`::ffff:192.0.2.1`) is the IPv4
 * address that it names.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { PeerAddress } from './raw-server.js';

export type IpFamily = 4 | 6;

export interface IpAddress {
  readonly family: IpFamily;
  /** 4 or 16 bytes, network order. */
  readonly bytes: Buffer;
  /** The one spelling by which addresses are compared (RFC 5952 for IPv6), with its zone if it has one. */
  readonly text: string;
}

/** A range of addresses: all whose first `bits` bits are equal to those of `address`. */
export interface IpNetwork {
  readonly address: IpAddress;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly bits: number;
}

const MAPPED_PREFIX: Buffer = Buffer.from('00000000000000000000ffff', 'hex');

/** Reads an IP literal. Undefined for anything else: a name, a port, brackets, or numbers in an unusual base. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return ipOfBytes(Buffer.from(text.split('.').map(Number)));
  if (!isIPv6(text)) return undefined;
  const zoneBegin = text.indexOf('%');
  if (zoneBegin === -1) return ipOfBytes(bytesOfIpv6(text));
  const address = ipOfBytes(bytesOfIpv6(text.slice(0, zoneBegin)));
  // Only link-local addresses exist once for each interface (RFC 4007); elsewhere a zone would be a second spelling.
  return isLinkLocal(address) ? { ...address, text: address.text + text.slice(zoneBegin) } : undefined;
}

/** The address of `bytes`, 4 or 16 of them. They are copied. */
export function ipOfBytes(bytes: Buffer): IpAddress {
  if (bytes.length === 16 && bytes.subarray(0, 12).equals(MAPPED_PREFIX)) return ipOfBytes(bytes.subarray(12));
  const family = familyOfLength(bytes.length);
  return {
    family,
    bytes: Buffer.from(bytes),
    text: family === 4 ? `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` : textOfIpv6(bytes),
  };
}

/** The one spelling of an IP literal, or undefined when `text` is none. */
export function normaliseHost(text: string): string | undefined {
  return parseIp(text)?.text;
}

/** 127.0.0.0/8 and ::1 (RFC 1122, RFC 4291). */
export function isLoopback({ family, bytes }: IpAddress): boolean {
  return family === 4 ? bytes[0] === 127 : bytes.readUInt8(15) === 1 && isZero(bytes, 15);
}

/** 0.0.0.0/8 and ::. A system sends to itself what it should send there (RFC 1122: "this host on this network"). */
export function isUnspecified({ family, bytes }: IpAddress): boolean {
  return family === 4 ? bytes[0] === 0 : isZero(bytes, 16);
}

/** 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291). */
export function isLinkLocal({ family, bytes }: IpAddress): boolean {
  const head = bytes.readUInt16BE(0);
  return family === 4 ? head === 0xa9fe : (head & 0xffc0) === 0xfe80;
}

/**
 * Networks that the internet does not route: RFC 1918, RFC 6598 (shared), RFC 4193 and the old site-local fec0::/10.
 */
export function isPrivate({ family, bytes }: IpAddress): boolean {
  const head = bytes.readUInt16BE(0);
  if (family === 6) return (head & 0xfe00) === 0xfc00 || (head & 0xffc0) === 0xfec0;
  return head >>> 8 === 10 || (head & 0xfff0) === 0xac10 || head === 0xc0a8 || (head & 0xffc0) === 0x6440;
}

/** 224.0.0.0/4 and ff00::/8. */
export function isMulticast({ family, bytes }: IpAddress): boolean {
  const first = bytes.readUInt8(0);
  return family === 4 ? first >>> 4 === 14 : first === 0xff;
}

/** An address that one host can have: not unspecified, multicast, reserved (240.0.0.0/4) or broadcast. */
export function isUnicast(address: IpAddress): boolean {
  if (isUnspecified(address) || isMulticast(address)) return false;
  return address.family === 6 || address.bytes.readUInt8(0) < 240;
}

/** Address, then port: 6 bytes for IPv4 (BEP 23), 18 for IPv6 (BEP 7). Undefined when `host` is no IP literal. */
export function encodeCompact({ host, port }: PeerAddress): Buffer | undefined {
  const address = parseIp(host);
  if (address === undefined) return undefined;
  const compact = Buffer.alloc(address.bytes.length + 2);
  address.bytes.copy(compact);
  compact.writeUInt16BE(port, address.bytes.length);
  return compact;
}

/** Reads the first 6 or 18 bytes of `compact`. Undefined when there are fewer bytes or the port is 0. */
export function decodeCompact(compact: Buffer, family: IpFamily): PeerAddress | undefined {
  const length = family === 4 ? 4 : 16;
  if (compact.length < length + 2) return undefined;
  const port = compact.readUInt16BE(length);
  return port === 0 ? undefined : { host: ipOfBytes(compact.subarray(0, length)).text, port };
}

/** Reads `ADDRESS/BITS` or an address alone, of either family; undefined when `text` is neither. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const match = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text);
  const address = parseIp(match?.[1] ?? '');
  if (address === undefined) return undefined;
  // `parseIp` makes an IPv4 address of a mapped one. The 96 bits before it are always the same and do not count.
  const before = address.family === 4 && text.includes(':') ? 96 : 0;
  const length = address.bytes.length * 8;
  const bits = match?.[2] === undefined ? length : Number(match[2]) - before;
  return bits >= 0 && bits <= length ? { address, bits } : undefined;
}

/** Whether the address is in the network. An address of the other family never is. */
export function isInNetwork({ family, bytes }: IpAddress, { address, bits }: IpNetwork): boolean {
  if (family !== address.family) return false;
  const whole = bits >> 3;
  const rest = 0xff00 >> (bits & 7);
  const isAlike = bytes.subarray(0, whole).equals(address.bytes.subarray(0, whole));
  return isAlike && (((bytes[whole] ?? 0) ^ (address.bytes[whole] ?? 0)) & rest & 0xff) === 0;
}

function familyOfLength(length: number): IpFamily {
  if (length === 4) return 4;
  if (length === 16) return 6;
  throw new RangeError(`an address of ${length} bytes`);
}

function isZero(bytes: Buffer, length: number): boolean {
  return bytes.subarray(0, length).every((byte) => byte === 0);
}

/** `text` is a valid address: it has at most one `::`, and may end in an IPv4 address. */
function bytesOfIpv6(text: string): Buffer {
  const bytes = Buffer.alloc(16);
  const [head = '', tail] = text.split('::');
  const headBytes = bytesOfGroups(head);
  const tailBytes = bytesOfGroups(tail ?? '');
  bytes.set(headBytes, 0);
  bytes.set(tailBytes, 16 - tailBytes.length);
  return bytes;
}

function bytesOfGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >>> 8, value & 0xff];
  });
}

/**
 * RFC 5952: lower case, no leading zeros, `::` for the longest run of two or more zero groups, the first of equal runs.
 */
function textOfIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  let begin = 0;
  let length = 1;
  for (let first = 0; first < 8; first += 1) {
    let end = first;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - first > length) {
      begin = first;
      length = end - first;
    }
  }
  const text = (from: number, to?: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return length < 2 ? text(0) : `${text(0, begin)}::${text(begin + length)}`;
}
