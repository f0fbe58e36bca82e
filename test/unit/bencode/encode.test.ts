import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Encodable, encodeBencode } from '../../../src/bencode/encode.js';

const encode = (value: Encodable): string => encodeBencode(value).toString('latin1');

test('every kind of value is encoded in its canonical form', () => {
  assert.equal(
    encode([0, -0, -5, 2n ** 64n, '', 'é', Buffer.from([255]), [], new Map()]),
    'li0ei0ei-5ei18446744073709551616e0:2:\xc3\xa91:\xffledee',
  );
});

test('keys are sorted by their bytes', () => {
  const keys = ['b', 'a', '\xff', '', 'B', 'aa', '10', '9', '\0'];
  assert.equal(
    encode(new Map(keys.map((key) => [key, 1]))),
    'd0:i1e1:\0i1e2:10i1e1:9i1e1:Bi1e1:ai1e2:aai1e1:bi1e1:\xffi1ee',
  );
});

test('a value that cannot be encoded throws, because it is a bug of ours', () => {
  for (const number of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.throws(() => encode(number), /not an exact integer/);
  }
  assert.throws(() => encode(new Map([['\u0100', 1]])), /not bytes/);
});
