import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asText, getBytes, getDictionary, getInteger, getList, getText } from '../../../src/bencode/access.js';
import type { BencodeValue } from '../../../src/bencode/bencode.js';

const values: Readonly<Record<string, BencodeValue>> = {
  integer: 7,
  large: 2n ** 60n,
  bytes: Buffer.from('text'),
  list: [1],
  dictionary: new Map([['a', 1]]),
};
const dictionary = new Map(Object.entries(values));

test('each getter returns values of its own type, and undefined for all other types', () => {
  const getters = { integer: getInteger, bytes: getBytes, list: getList, dictionary: getDictionary };
  for (const [kind, get] of Object.entries(getters)) {
    for (const key of [...dictionary.keys(), 'absent']) {
      assert.deepEqual(get(dictionary, key), key === kind ? values[kind] : undefined, `${kind} of ${key}`);
    }
  }
});

test('text is decoded as UTF-8, and bytes that are not UTF-8 become U+FFFD', () => {
  assert.equal(getText(dictionary, 'bytes'), 'text');
  assert.equal(getText(dictionary, 'integer'), undefined);
  assert.equal(asText(Buffer.from('a\xffb', 'latin1')), 'a\ufffdb');
});
