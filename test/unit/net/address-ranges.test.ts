import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AddressRanges, RangeCollector } from '../../../src/net/address-ranges.js';
import { ipOfBytes } from '../../../src/net/ip-address.js';

const MOST = { 4: 2n ** 32n - 1n, 6: 2n ** 128n - 1n };

function bytesOf(number: bigint, family: 4 | 6): Buffer {
  return Buffer.from(number.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}

function add(collector: RangeCollector, family: 4 | 6, ...ends: readonly [bigint, bigint]): void {
  const wordsOf = (end: bigint): Uint32Array =>
    Uint32Array.from({ length: 4 }, (_, word) => bytesOf(end, 6).readUInt32BE(4 * word));
  const [first, last] = ends;
  if (family === 4) collector.addIpv4(Number(first), Number(last));
  else collector.addIpv6(wordsOf(first), wordsOf(last));
}

/** Addresses near each other, so that ranges touch and overlap, and those at both ends of a family. */
function addresses(family: 4 | 6): fc.Arbitrary<bigint> {
  const most = MOST[family];
  const first = family === 4 ? 0n : 2n ** 125n;
  return fc.oneof(
    fc.bigInt({ min: first, max: first + 30n }),
    // About a word's end.
    ...(family === 4 ? [] : [fc.bigInt({ min: first + 2n ** 64n - 4n, max: first + 2n ** 64n + 4n })]),
    fc.bigInt({ min: most - 20n, max: most }),
    fc.bigInt({ min: first, max: most }),
  );
}

describe('a set of ranges of addresses', () => {
  for (const family of [4, 6] as const)
    it(`has just what its ranges have, of IPv${family}`, () => {
      const address = addresses(family);
      fc.assert(
        fc.property(fc.array(fc.tuple(address, address), { maxLength: 30 }), fc.array(address), (ranges, others) => {
          const collector = new RangeCollector();
          for (const [a, b] of ranges) add(collector, family, a, b);
          assert.equal(collector.count, ranges.length);
          const set = new AddressRanges(collector.tables());
          const isIn = (wanted: bigint): boolean =>
            ranges.some(([a, b]) => (a <= wanted && wanted <= b) || (b <= wanted && wanted <= a));
          const near = ranges.flat().flatMap((end) => [end - 1n, end, end + 1n]);
          for (const wanted of [...near, ...others]) {
            if (wanted < 0n || wanted > MOST[family]) continue;
            const ip = ipOfBytes(bytesOf(wanted, family));
            if (ip.family === family) assert.equal(set.has(ip), isIn(wanted), ip.text);
          }
        }),
      );
    });

  it('merges ranges that overlap or touch, and no others', () => {
    for (const [ranges, count] of [
      [[1n, 5n, 3n, 9n], 1],
      [[1n, 5n, 6n, 9n], 1],
      [[1n, 5n, 7n, 9n], 2],
      [[1n, 9n, 3n, 4n, 8n, 8n], 1],
      [[1n, 1n, 1n, 1n], 1],
    ] as const)
      for (const family of [4, 6] as const) {
        const collector = new RangeCollector();
        for (let at = 0; at < ranges.length; at += 2)
          add(collector, family, ranges[at] as bigint, ranges[at + 1] as bigint);
        assert.equal(new AddressRanges(collector.tables()).count, count, String(ranges));
      }
  });

  it('takes a range up to the last address, and one behind it', () => {
    for (const family of [4, 6] as const) {
      const collector = new RangeCollector();
      const last = MOST[family];
      add(collector, family, 0n, last);
      add(collector, family, last, last);
      assert.equal(new AddressRanges(collector.tables()).count, 1);
    }
  });
});
