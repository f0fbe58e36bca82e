/**
 * CRC-32 of `bytes` (IEEE 802.3), from 0 to 2^32 − 1. When `before` is the CRC-32 of the bytes that precede `bytes`,
 * the result is the CRC-32 of both together.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  return remainder(IEEE, bytes, before);
}

/** CRC-32C of `bytes`, from 0 to 2^32 − 1 (RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  return remainder(CASTAGNOLI, bytes, 0);
}

// The reversed polynomial of IEEE 802.3, as in zip and PNG.
const IEEE = tableOf(0xedb88320);
// The reversed polynomial of Castagnoli.
const CASTAGNOLI = tableOf(0x82f63b78);

/** The table of a CRC: for each value of a byte, what it changes in the remainder. */
function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest & 1) === 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
    return rest;
  });
}

function remainder(table: Uint32Array, bytes: Uint8Array, before: number): number {
  let rest = ~before;
  for (const byte of bytes) rest = (rest >>> 8) ^ (table[(rest ^ byte) & 0xff] as number);
  return ~rest >>> 0;
}
