/** Reads addresses of IPv6 in the bytes of a text, without an object for each: a list has a million of them. */

/** The 32-bit words of an address. */
export const IPV6_WORDS = 4;

const [DOT, ZERO, COLON] = [46, 48, 58];
const GROUPS = 8;
/** The groups that were read, before `::` is filled up. */
const groups = new Uint16Array(GROUPS);

/**
 * Writes the address that stands from `begin` to before `end` into `words`. False when that is no address (RFC 4291); a
 * zone is none.
 */
export function readIpv6(bytes: Uint8Array, begin: number, end: number, words: Uint32Array): boolean {
  let count = 0;
  /** How many groups come before `::`. */
  let gap = -1;
  let at = begin;
  if (bytes[at] === COLON) {
    if (end - begin < 2 || bytes[at + 1] !== COLON) return false;
    gap = 0;
    at += 2;
  }
  while (at < end) {
    const first = at;
    let value = 0;
    for (; at < end && at - first <= 4; at += 1) {
      const digit = hexDigit(bytes[at] as number);
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (at < end && bytes[at] === DOT) {
      const ipv4 = readDotted(bytes, first, end);
      if (ipv4 < 0 || count > GROUPS - 2) return false;
      groups[count] = ipv4 >>> 16;
      groups[count + 1] = ipv4 & 0xffff;
      count += 2;
      break;
    }
    if (at === first || at - first > 4 || count === GROUPS) return false;
    groups[count] = value;
    count += 1;
    if (at === end) break;
    if (bytes[at] !== COLON || at + 1 === end) return false;
    at += 1;
    if (bytes[at] !== COLON) continue;
    if (gap >= 0) return false;
    gap = count;
    at += 1;
  }
  if (gap < 0 ? count !== GROUPS : count === GROUPS) return false;
  const filled = gap < 0 ? 0 : GROUPS - count;
  const groupAt = (index: number): number => {
    if (gap < 0 || index < gap) return groups[index] as number;
    return index < gap + filled ? 0 : (groups[index - filled] as number);
  };
  for (let word = 0; word < IPV6_WORDS; word += 1) words[word] = groupAt(2 * word) * 65_536 + groupAt(2 * word + 1);
  return true;
}

/** Whether the address in `words` is an IPv4 address in the form of IPv6; its last word is that address. */
export function isMapped(words: Uint32Array): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

/** The number of a dotted IPv4 address that ends at `end`; -1 when there is none. */
function readDotted(bytes: Uint8Array, begin: number, end: number): number {
  let number = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let at = begin; at <= end; at += 1) {
    const code = at === end ? DOT : (bytes[at] as number);
    if (code === DOT) {
      if (digits === 0 || octet > 255) return -1;
      number = number * 256 + octet;
      octet = 0;
      digits = 0;
      dots += 1;
    } else {
      if (code < ZERO || code > ZERO + 9 || digits === 3 || (digits > 0 && octet === 0)) return -1;
      octet = octet * 10 + code - ZERO;
      digits += 1;
    }
    if (dots > 4) return -1;
  }
  return dots === 4 ? number : -1;
}

/** The value of a hexadecimal digit, or -1. */
function hexDigit(code: number): number {
  if (code >= ZERO && code <= ZERO + 9) return code - ZERO;
  const letter = code | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
