import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BencodeDictionary } from '../../../src/bencode/bencode.js';
import { decodeBencode } from '../../../src/bencode/bencode.js';
import { type Encodable, encodeBencode } from '../../../src/bencode/encode.js';
import { CANONICAL } from '../../../src/bencode/guard.js';
import { parseHttpSeeds, parseNodes, parseTrackers, parseWebSeeds } from '../../../src/metainfo/parse-sources.js';
import { dictionary, type Fields } from '../../support/torrent-bytes.js';

const root = (fields: Fields): BencodeDictionary =>
  decodeBencode(encodeBencode(dictionary(fields)), CANONICAL) as BencodeDictionary;

const A = 'http://a.example/announce';
const B = 'udp://b.example:80';

test('the announce list wins over the announce, unless nothing in it is usable', () => {
  const trackers = (list: Encodable | undefined) => parseTrackers(root({ announce: A, 'announce-list': list }));
  assert.deepEqual(trackers([[B]]), [[B]]);
  for (const nothing of [undefined, '', [], [[]], [['']], [7], [['no url']]])
    assert.deepEqual(trackers(nothing), [[A]]);
  assert.deepEqual(parseTrackers(root({})), []);
});

test('spaces around a tracker, empty tiers and repeated trackers are dropped', () => {
  const list = [[` ${A} `, A], [], [A, B], ['', B]];
  assert.deepEqual(parseTrackers(root({ 'announce-list': list })), [[A], [B]]);
});

test('a list of trackers instead of a list of tiers is understood', () => {
  assert.deepEqual(parseTrackers(root({ 'announce-list': [A, B] })), [[A], [B]]);
});

test('a URL that we cannot announce to, or that would add a line to a request, is not a tracker', () => {
  const bad = [
    'unix:/x',
    'file:///etc/passwd',
    'http://',
    'http://a\r\nHost: b/',
    'http://a/\0',
    `http://a/${'x'.repeat(5000)}`,
  ];
  assert.deepEqual(
    parseTrackers(root({ 'announce-list': [bad, [Buffer.from('http://a/\xff', 'latin1')], ['WSS://w/x']] })),
    [['WSS://w/x']],
  );
});

test('web seeds are a string or a list, with spaces escaped, each once', () => {
  const seeds = (value: Encodable | undefined) => parseWebSeeds(root({ 'url-list': value }), false);
  assert.deepEqual(seeds('http://s.example/a b'), ['http://s.example/a%20b']);
  assert.deepEqual(seeds(['http://s/x', '', 7, ['http://s/y'], 'ftp://s/z', 'http://s/x', 'https://s/~x']), [
    'http://s/x',
    'https://s/~x',
  ]);
  for (const nothing of [undefined, '', [], [''], 7]) assert.deepEqual(seeds(nothing), []);
});

test('web seeds of a folder end in a slash', () => {
  const fields = { 'url-list': ['http://s/a', 'http://s/a/', 'http://s/b/'] };
  assert.deepEqual(parseWebSeeds(root(fields), true), ['http://s/a/', 'http://s/b/']);
});

test('what httpseeds names is no web seed, and stays as the torrent spells it', () => {
  const scripts = ['http://s/seed.php', 'http://s/1', '', 7, 'ftp://s/z', 'http://s/seed.php', 'https://s/a b?c=d'];
  const fields = { 'url-list': 'http://s/1', httpseeds: scripts };
  assert.deepEqual(parseWebSeeds(root(fields), true), ['http://s/1/']);
  assert.deepEqual(parseHttpSeeds(root(fields)), ['http://s/seed.php', 'http://s/1', 'https://s/a b?c=d']);
  assert.deepEqual(parseHttpSeeds(root({ httpseeds: 'http://s/2' })), ['http://s/2']);
  for (const nothing of [undefined, '', [], [''], 7])
    assert.deepEqual(parseHttpSeeds(root({ httpseeds: nothing })), []);
});

test('nodes are hosts with ports, and nonsense is left out', () => {
  const nodes = [
    ['127.0.0.1', 6881],
    ['::1', 1],
    ['a.example', 65535],
    ['a.example', 65535],
    ['a', 0],
    ['a', 65536],
    ['a b', 1],
    ['a'],
    [7, 7],
    'x',
    [],
  ];
  assert.deepEqual(parseNodes(root({ nodes })), ['127.0.0.1:6881', '[::1]:1', 'a.example:65535']);
});
