/** The 32-bit big-endian number at `begin`, always positive: shifting would make it negative from 2^31 on. */
export function readUint32(bytes: Buffer, begin: number): number {
  return bytes.readUInt32BE(begin);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
