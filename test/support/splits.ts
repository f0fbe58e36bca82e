import type { Random } from '../../src/base/random.js';

/** Ways in which a stream may reach us: whole, byte by byte, and cut at random places in `randomCount` ways. */
export function splits(stream: Buffer, random: Random, randomCount = 5): Buffer[][] {
  const ways: Buffer[][] = [[stream], Array.from(stream, (byte) => Buffer.from([byte]))];
  for (let way = 0; way < randomCount; way += 1) {
    const parts: Buffer[] = [];
    for (let begin = 0; begin < stream.length; ) {
      const end = Math.min(stream.length, begin + 1 + random.below(40));
      parts.push(stream.subarray(begin, end));
      begin = end;
    }
    ways.push(parts);
  }
  return ways;
}
