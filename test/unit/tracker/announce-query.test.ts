import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeBytes } from '../../../src/discovery/trackers/announce-url.js';
import { parseQuery, readAnnounce } from '../../../src/tracker/announce-query.js';

test('only what a tracker reads is kept of a query: the first value of each field, and 74 info-hashes', () => {
  const fields = parseQuery(`a=1&b=&=&&%70ort=1&port=2&left&left=3${'&info_hash=x'.repeat(500)}&port=4&c%20=5&key=`);
  const kept = [...fields].map(([name, values]) => [name, values.length, String(values[0])]);
  assert.deepEqual(kept, [
    ['port', 1, '1'],
    ['left', 1, '3'],
    ['info_hash', 74, 'x'],
    ['key', 1, ''],
  ]);
  assert.deepEqual([...parseQuery(''), ...parseQuery('&'), ...parseQuery('port')], []);
});

test('other fields of a query do not change its announce', () => {
  const hash = escapeBytes(Buffer.alloc(20, 0xfe));
  const own = `info_hash=${hash}&peer_id=${'p'.repeat(20)}&port=6881&left=0&event=completed&numwant=9&key=AB&compact=1`;
  const plain = readAnnounce(parseQuery(own), '192.0.2.1');
  assert.ok(typeof plain === 'object' && plain.complete && plain.key === 'ab' && plain.compact);
  const more = Array.from({ length: 1_000 }, (_, number) => `x${number}=${number}`).join('&');
  assert.deepEqual(readAnnounce(parseQuery(`${more}&${own}&${more}&port=1&compact=0`), '192.0.2.1'), plain);
});
