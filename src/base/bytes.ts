/** The 32-bit big-endian number at `begin`, always positive: shifting would make it negative from 2^31 on. */
export function readUint32(bytes: Buffer, begin: number): number {
  return bytes.readUInt32BE(begin);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/**
 * Copies `source` to `begin` of `target`, which has room for it and may be shared memory.
 *
 * `fill` with a value as long as the range is one memcpy. `copy` and `set` move shared memory word by word, and byte by
 * byte when source and target are not aligned alike, as blocks never are: 0.45 to 0.63 s a GiB instead of 0.05.
 */
export function copyBytes(source: Uint8Array, target: Buffer, begin: number): void {
  target.fill(source, begin, begin + source.length);
}
