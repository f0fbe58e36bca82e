/** The reserved bytes of the handshake, in which a client announces extensions (bytes 20 to 27; BEP 4). */

export const RESERVED_LENGTH = 8;

/** The extensions that a bit of the reserved bytes announces: which byte, and the mask within it. */
const BITS = {
  /** BEP 10. */
  extended: { byte: 5, mask: 0x10 },
  /** BEP 5. */
  dht: { byte: 7, mask: 0x01 },
  /** BEP 6. */
  fast: { byte: 7, mask: 0x04 },
  /** BEP 52: with the v1 hash of a hybrid, the peer can go on with it as version 2. */
  v2: { byte: 7, mask: 0x10 },
} as const;

export type AnnouncedExtension = keyof typeof BITS;

/** Reserved bytes that announce `extensions` and nothing else. */
export function encodeReserved(extensions: readonly AnnouncedExtension[]): Buffer {
  const reserved = Buffer.alloc(RESERVED_LENGTH);
  for (const extension of extensions) {
    const { byte, mask } = BITS[extension];
    reserved[byte] = (reserved[byte] as number) | mask;
  }
  return reserved;
}

/** `reserved` with the bit for version 2 besides. */
export function withV2(reserved: Buffer): Buffer {
  const { byte, mask } = BITS.v2;
  const changed = Buffer.from(reserved);
  changed[byte] = (changed[byte] ?? 0) | mask;
  return changed;
}

/** Whether the reserved bytes of a peer announce `extension`. */
export function announces(reserved: Buffer, extension: AnnouncedExtension): boolean {
  const { byte, mask } = BITS[extension];
  return ((reserved[byte] ?? 0) & mask) !== 0;
}
