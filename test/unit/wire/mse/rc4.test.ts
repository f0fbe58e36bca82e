import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rc4 } from '../../../../src/wire/mse/rc4.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { splits } from '../../../support/splits.js';

/** RFC 6229: key, then bytes of the key stream at 0 and at 1,024. */
const VECTORS = [
  ['0102030405', 'b2396305f03dc027ccc3524a0a1118a8', '30abbcc7c20b01609f23ee2d5f6bb7df'],
  ['0102030405060708090a0b0c0d0e0f10', '9ac7cc9a609d1ef7b2932899cde41b97', 'bdf0324e6083dcc6d3cedd3ca8c53c16'],
] as const;

test('the key stream is that of RFC 6229, from its beginning and after 1,024 bytes', () => {
  for (const [key, first, later] of VECTORS) {
    assert.equal(new Rc4(Buffer.from(key, 'hex'), 0).copy(Buffer.alloc(16)).toString('hex'), first);
    assert.equal(new Rc4(Buffer.from(key, 'hex')).copy(Buffer.alloc(16)).toString('hex'), later);
  }
});

test('a stream that is cut anywhere is encrypted as one that is whole, in its place and into other bytes', () => {
  const random = seededRandom(1);
  const key = random.bytes(20);
  const plain = random.bytes(1_000);
  const whole = new Rc4(key).copy(plain);
  for (const parts of splits(plain, random, 50)) {
    const cipher = new Rc4(key);
    assert.deepEqual(Buffer.concat(parts.map((part) => cipher.copy(part))), whole);
    const inPlace = new Rc4(key);
    const copies = parts.map((part) => Buffer.from(part));
    for (const copy of copies) inPlace.apply(copy, copy);
    assert.deepEqual(Buffer.concat(copies), whole);
  }
  assert.deepEqual(new Rc4(key).copy(whole), plain);
});
