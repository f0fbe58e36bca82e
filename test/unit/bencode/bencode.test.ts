import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BtgetError } from '../../../src/base/failure.js';
import { type BencodeValue, decodeBencode, decodeBencodeParts } from '../../../src/bencode/bencode.js';
import { type BencodeRules, CANONICAL, TOLERANT } from '../../../src/bencode/guard.js';

const decode = (text: string, rules: BencodeRules = TOLERANT): BencodeValue =>
  decodeBencode(Buffer.from(text, 'latin1'), rules);
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

test('every kind of value is decoded', () => {
  assert.deepEqual(
    decode('d1:ai-7e1:b3:xyz1:cli1e0:e1:ddee', CANONICAL),
    new Map<string, BencodeValue>([
      ['a', -7],
      ['b', bytes('xyz')],
      ['c', [1, bytes('')]],
      ['d', new Map()],
    ]),
  );
});

test('keys that have a meaning in JavaScript objects are plain data', () => {
  const value = decode('d9:__proto__d1:xi1ee11:constructori2e14:hasOwnPropertyi3e8:toStringi4ee');
  assert.deepEqual(
    value,
    new Map<string, BencodeValue>([
      ['__proto__', new Map([['x', 1]])],
      ['constructor', 2],
      ['hasOwnProperty', 3],
      ['toString', 4],
    ]),
  );
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});

test('keys are bytes: no key is lost, changed or confused with another', () => {
  const keys = [
    '',
    '\0',
    '\xff',
    'ff',
    '\xef\xbb\xbfa',
    'a',
    '\xc4\x80__proto__',
    '\xc4\x81',
    '\xc4\x82',
    '7',
    '10',
    '\xe2\x82\xac',
  ];
  const text = `d${keys.map((key, i) => `${key.length}:${key}i${i}e`).join('')}e`;
  const value = decode(text);
  assert.ok(value instanceof Map);
  assert.deepEqual(new Map(keys.map((key) => [key, value.get(key)])), new Map(keys.map((key, i) => [key, i])));
  assert.equal(value.size, keys.length);
});

test('an integer beyond 2^53 keeps every digit', () => {
  assert.deepEqual(decode('li9007199254740991ei9007199254740992ei-9223372036854775807ei18446744073709551615ee'), [
    9007199254740991,
    9007199254740992n,
    -9223372036854775807n,
    18446744073709551615n,
  ]);
});

test('tolerant rules read minus zero as zero and ignore leading zeros', () => {
  assert.deepEqual(decode('li-0ei007e03:abce'), [0, 7, bytes('abc')]);
  assert.ok(Object.is(decode('i-0e'), 0));
});

test('when a key stands twice, the first one counts', () => {
  assert.deepEqual(
    decode('d1:ai1e1:ai2e1:bi3e1:ai4ee'),
    new Map([
      ['a', 1],
      ['b', 3],
    ]),
  );
});

test('the result says where the value ends, and has the original bytes of the value of one key', () => {
  const text = 'd1:zi1e4:infod1:bi1e1:ai02eeeTHE REST';
  const { value, end, raw } = decodeBencodeParts(bytes(text), { ...TOLERANT, rawKey: 'info' });
  assert.equal(text.slice(end), 'THE REST');
  assert.equal(raw?.toString('latin1'), 'd1:bi1e1:ai02ee');
  assert.deepEqual(
    value,
    new Map<string, BencodeValue>([
      ['z', 1],
      [
        'info',
        new Map([
          ['b', 1],
          ['a', 2],
        ]),
      ],
    ]),
  );
});

test('what the rules leave unread comes as its bytes, and an empty string stands in its place', () => {
  const tree = 'd1:\xffi9007199254740993e9:__proto__lee';
  const text = `d4:infod1:ai1e4:tree${tree}1:ui2e1:\xfei3eee`;
  const rules = { ...TOLERANT, rawKey: 'info', unreadKeys: ['tree', 'list'] };
  const { value, raw, unread, isRawCanonical } = decodeBencodeParts(bytes(text), rules);
  assert.deepEqual(unread, new Map([['tree', bytes(tree)]]));
  assert.equal(raw?.toString('latin1'), text.slice('d4:info'.length, -1));
  assert.equal(isRawCanonical, false);
  const info = new Map<string, BencodeValue>([
    ['a', 1],
    ['tree', bytes('')],
    ['u', 2],
    ['\xfe', 3],
  ]);
  assert.deepEqual(value, new Map([['info', info]]));
  assert.equal(decodeBencodeParts(bytes('d4:infodee'), rules).unread.size, 0);
});

test('bytes that are not bencode throw an error that names the offset', () => {
  assert.throws(
    () => decode('d1:ai1e1:b'),
    (error: unknown) => {
      assert.ok(error instanceof BtgetError);
      assert.equal(error.code, 'not-bencoded');
      assert.equal(error.message, 'not bencoded: the bytes end too early, at byte 10');
      return true;
    },
  );
});

test('input on which the package hangs, fills memory or overflows the stack throws an error', () => {
  for (const text of ['d-3:', 'l-3:', 'l-4:', 'd1:ai1e-5:', 'l'.repeat(100_000), 'd1:a'.repeat(100_000)]) {
    assert.throws(() => decode(text), BtgetError);
  }
});

test('no other file of the source imports the package', () => {
  const source = fileURLToPath(new URL('../../../../src/', import.meta.url));
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const importers = files.filter((file) =>
    /from 'bencode'|import\('bencode'\)/.test(readFileSync(`${source}${file}`, 'utf8')),
  );
  assert.deepEqual(importers, ['bencode/bencode.ts']);
});
