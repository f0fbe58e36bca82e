import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseIp } from '../../../src/net/ip-address.js';
import { allowedFastSet } from '../../../src/wire/allowed-fast.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';

const HASH = Buffer.alloc(20, 0xaa);

function setOf(ip: string, pieces: number, count: number, infoHash = HASH): number[] {
  return allowedFastSet(parseIp(ip)?.bytes ?? Buffer.alloc(0), infoHash, pieces, count);
}

describe('the allowed fast set', () => {
  it('is that of the examples in BEP 6', () => {
    assert.deepEqual(setOf('80.4.4.200', 1313, 7), [1059, 431, 808, 1217, 287, 376, 1188]);
    assert.deepEqual(setOf('80.4.4.200', 1313, 9), [1059, 431, 808, 1217, 287, 376, 1188, 353, 508]);
  });

  it('is the same for all addresses of a /24', () => {
    assert.deepEqual(setOf('80.4.4.1', 1313, 9), setOf('80.4.4.200', 1313, 9));
    assert.notDeepEqual(setOf('80.4.5.1', 1313, 9), setOf('80.4.4.200', 1313, 9));
  });

  it('has different pieces of the torrent, at most all of them, and begins with the smaller set', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const count = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), fc.integer({ min: 1, max: 40 }), count, (ip, pieces, k) => {
        const set = allowedFastSet(Buffer.from(ip), HASH, pieces, k);
        assert.equal(set.length, Math.min(k, pieces));
        assert.equal(new Set(set).size, set.length);
        assert.ok(set.every((piece) => piece >= 0 && piece < pieces));
        assert.deepEqual(allowedFastSet(Buffer.from(ip), HASH, pieces, k + 1).slice(0, set.length), set);
      }),
    );
  });

  if (hasCorpus('the vectors of allowed fast sets')) {
    it('is that of the test vectors of other clients', () => {
      const { vectors } = JSON.parse(readCorpus('vectors/protocol-vectors.json').toString()).bep6_allowed_fast as {
        vectors: { ip: string; pieces: number; info_hash: string; k: number; set: number[] }[];
      };
      assert.ok(vectors.length >= 5);
      for (const { ip, pieces, info_hash, k, set } of vectors) {
        assert.deepEqual(setOf(ip, pieces, k, Buffer.from(info_hash, 'hex')), set);
      }
    });
  }
});
