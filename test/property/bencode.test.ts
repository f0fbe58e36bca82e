import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BtgetError } from '../../src/base/failure.js';
import { type BencodeValue, decodeBencode } from '../../src/bencode/bencode.js';
import { encodeBencode } from '../../src/bencode/encode.js';
import { CANONICAL, TOLERANT } from '../../src/bencode/guard.js';

const key = fc.oneof(
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.constantFrom('__proto__', 'constructor', 'info', '1', '01'),
);

const { value } = fc.letrec<{ value: BencodeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
  ),
}));

/** The value with the keys of each dictionary sorted, because their order has no meaning. */
function sorted(some: BencodeValue): BencodeValue {
  if (some instanceof Map)
    return new Map([...some].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
  return Array.isArray(some) ? some.map(sorted) : some;
}

/** True when the bytes decode. Fails when decoding does anything but return a value or throw the one error. */
function decodes(bytes: Buffer): boolean {
  try {
    decodeBencode(bytes, TOLERANT);
    return true;
  } catch (error) {
    assert.ok(error instanceof BtgetError && error.code === 'not-bencoded', String(error));
    return false;
  }
}

test('an encoded value decodes to the same value under the strictest rules', () => {
  fc.assert(
    fc.property(value, (original) => {
      const bytes = encodeBencode(original);
      const decoded = decodeBencode(bytes, CANONICAL);
      assert.deepEqual(sorted(decoded), sorted(original));
      assert.deepEqual(encodeBencode(decoded), bytes);
    }),
    { numRuns: 500 },
  );
});

test('random bytes give a value or the one error that decoding may throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodes(Buffer.from(bytes))),
    { numRuns: 2000 },
  );
});

test('random bytes that bencode uses give a value or the one error that decoding may throw', () => {
  const letters = fc.array(fc.constantFrom('d', 'l', 'i', 'e', ':', '-', '0', '1', '2', '3', 'a', '__proto__'), {
    maxLength: 24,
  });
  fc.assert(
    fc.property(letters, (text) => void decodes(Buffer.from(text.join('')))),
    { numRuns: 5000 },
  );
});

test('a value with bytes changed, removed or added gives a value or the one error that decoding may throw', () => {
  const change = fc.record({ at: fc.nat(), drop: fc.nat(2), put: fc.uint8Array({ maxLength: 2 }) });
  let decoded = 0;
  fc.assert(
    fc.property(value, fc.array(change, { minLength: 1, maxLength: 3 }), (original, changes) => {
      let bytes = encodeBencode(original);
      for (const { at, drop, put } of changes) {
        const begin = at % (bytes.length + 1);
        bytes = Buffer.concat([bytes.subarray(0, begin), put, bytes.subarray(begin + drop)]);
      }
      if (decodes(bytes)) decoded += 1;
    }),
    { numRuns: 2000 },
  );
  assert.ok(decoded > 0);
});

test('a canonical value that is cut short anywhere is refused', () => {
  fc.assert(
    fc.property(value, fc.nat(), (original, at) => {
      const bytes = encodeBencode([original]);
      assert.equal(decodes(bytes.subarray(0, at % bytes.length)), false);
    }),
  );
});
