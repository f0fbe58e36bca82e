/** The 32-bit big-endian number at `begin`, always positive: shifting would make it negative from 2^31 on. */
export function readUint32(bytes: Buffer, begin: number): number {
  return bytes.readUInt32BE(begin);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** The bytes that `text` spells, or undefined when it is not an even number of hexadecimal digits. */
export function fromHex(text: string): Buffer | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? Buffer.from(text, 'hex') : undefined;
}
