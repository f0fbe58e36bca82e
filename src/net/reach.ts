import { type IpAddress, ipOfBytes, isLinkLocal, isLoopback, isPrivate, isUnicast, parseIp } from './ip-address.js';

/** How far an address reaches, from our own machine to the world. 'nowhere': no host can have the address. */
export type Reach = 'nowhere' | 'loopback' | 'link-local' | 'private' | 'public';

const RANKS: Readonly<Record<Reach, number>> = { nowhere: 0, loopback: 1, 'link-local': 2, private: 3, public: 4 };

/** Whether `reach` goes at least as far as `floor`. */
export function reachesAsFar(reach: Reach, floor: Reach): boolean {
  return RANKS[reach] >= RANKS[floor];
}

/** How far the IP literal `host` reaches; 'nowhere' for any other text. */
export function reachOf(host: string): Reach {
  const address = parseIp(host);
  return address === undefined ? 'nowhere' : reachOfAddress(address);
}

/** How far `address` reaches. An IPv6 address that holds an IPv4 address reaches as far as the one within. */
export function reachOfAddress(address: IpAddress): Reach {
  if (isLoopback(address)) return 'loopback';
  if (!isUnicast(address)) return 'nowhere';
  if (isLinkLocal(address)) return 'link-local';
  if (isPrivate(address)) return 'private';
  const wrapped = wrappedIpv4(address);
  return wrapped === undefined ? 'public' : reachOfAddress(ipOfBytes(wrapped));
}

/**
 * Whether `address` is an IPv6 address that a gateway turns into an IPv4 address, so that it does not lead where it
 * seems to lead. These are translated addresses (64:ff9b::/96, RFC 6052; 64:ff9b:1::/48, RFC 8215; ::ffff:0:0:0/96, RFC
 * 2765), those of tunnels (6to4, 2002::/16, RFC 3056; Teredo, 2001::/32, RFC 4380; ISATAP, RFC 5214) and
 * "IPv4-compatible" ones.
 */
export function isWrapped(address: IpAddress): boolean {
  if (address.family === 4 || isLoopback(address)) return false;
  if (wrappedIpv4(address) !== undefined) return true;
  const text = address.bytes.toString('hex');
  const isTranslated = text.startsWith('0064ff9b0001') || text.startsWith('0000000000000000ffff0000');
  return isTranslated || text.startsWith('20010000') || /^.{16}0[02]005efe/.test(text);
}

/**
 * The IPv4 address that a gateway makes of an IPv6 address: a translated one (64:ff9b::/96, RFC 6052), a 6to4 one
 * (2002::/16, RFC 3056) or an "IPv4-compatible" one (::/96, RFC 4291). Undefined for all others.
 */
function wrappedIpv4({ family, bytes }: IpAddress): Buffer | undefined {
  if (family === 4) return undefined;
  const prefix = bytes.toString('hex', 0, 12);
  if (prefix === '0064ff9b0000000000000000' || prefix === '000000000000000000000000') return bytes.subarray(12);
  return bytes.readUInt16BE(0) === 0x2002 ? bytes.subarray(2, 6) : undefined;
}
