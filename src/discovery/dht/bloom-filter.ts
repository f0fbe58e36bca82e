import { sha1 } from '../../base/digest.js';

const LENGTH = 256;

/** BEP 33: 256 bytes that say which of many addresses are in a set, so that the sets of several nodes can be joined. */
export class BloomFilter {
  readonly bytes: Buffer = Buffer.alloc(LENGTH);

  /** `ip` is 4 or 16 bytes. "Port numbers or host names are not allowed." */
  add(ip: Uint8Array): void {
    const hash = sha1(ip);
    for (const begin of [0, 2]) {
      const index = hash.readUInt16LE(begin) % (LENGTH * 8);
      this.bytes.writeUInt8(this.bytes.readUInt8(index >> 3) | (1 << (index & 7)), index >> 3);
    }
  }
}
