import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sha1, sha256 } from '../../../src/base/digest.js';
import { BtgetError } from '../../../src/base/failure.js';
import { infoHashV1, infoHashV2, mainHash } from '../../../src/metainfo/info-hash.js';
import {
  formatMagnet,
  MAX_MAGNET_LENGTH,
  type MagnetLink,
  parseInfoHash,
  parseLink,
  parseMagnet,
} from '../../../src/metainfo/magnet.js';
import { isInfoOf } from '../../../src/metainfo/named-hashes.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';

const HASH = 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd';
const NAMED = { infoHash: Buffer.from(HASH, 'hex'), infoHashV1: Buffer.from(HASH, 'hex'), infoHashV2: null };
const refused = (link: string, why: RegExp) =>
  assert.throws(
    () => parseMagnet(link),
    (error) => error instanceof BtgetError && error.code === 'magnet-invalid' && why.test(error.message),
  );

test('a magnet link says the hash, the name, the length, and where to ask', () => {
  const link = parseMagnet(
    `magnet:?xt=urn:btih:${HASH.toUpperCase()}&dn=A+b%20%C3%A4&xl=12&tr=http%3A%2F%2Fa%2Fx&tr.1=udp://b:1&tr=http://a/x&ws=http://w/a b&x.pe=h.example:1&x.pe=[2001:db8::1]:2&dht=10.0.0.1:3&so=4,1-2`,
  );
  assert.deepEqual(link, {
    ...NAMED,
    name: 'A b ä',
    length: 12,
    trackers: ['http://a/x', 'udp://b:1'],
    webSeeds: ['http://w/a%20b'],
    peers: ['h.example:1', '[2001:db8::1]:2'],
    nodes: ['10.0.0.1:3'],
    selected: [
      { first: 1, last: 2 },
      { first: 4, last: 4 },
    ],
  });
});

test('an info-hash is read from hex and from base32', () => {
  assert.equal(parseInfoHash(HASH)?.toString('hex'), HASH);
  assert.equal(parseInfoHash('ZXG43TONZXG43TONZXG43TONZXG43TON')?.toString('hex'), HASH);
  assert.equal(parseInfoHash('zxg43tonzxg43tonzxg43tonzxg43to1'), undefined);
  assert.equal(parseInfoHash(HASH.slice(1)), undefined);
});

test('a torrent is named by a hash of v1, by one of v2, or by both, with or without the words around them', () => {
  const v2 = 'ef'.repeat(32);
  const named = (text: string) => {
    const { infoHash, infoHashV1: v1, infoHashV2 } = parseLink(text);
    return [infoHash, v1, infoHashV2].map((hash) => hash?.toString('hex'));
  };
  for (const text of [HASH, HASH.toUpperCase(), `urn:btih:${HASH}`, 'ZXG43TONZXG43TONZXG43TONZXG43TON']) {
    assert.deepEqual(named(text), [HASH, HASH, undefined], text);
  }
  for (const text of [v2, v2.toUpperCase(), `urn:btmh:1220${v2}`, `magnet:?xt.1=urn:btmh:1220${v2}`]) {
    assert.deepEqual(named(text), [v2.slice(0, 40), undefined, v2], text);
  }
  for (const text of [
    `magnet:?xt=urn:btih:${HASH}&xt=urn:btmh:1220${v2}`,
    `magnet:?xt.1=urn:btmh:1220${v2}&xt.2=urn:btih:${HASH}`,
  ]) {
    assert.deepEqual(named(text), [HASH, HASH, v2], text);
  }
});

test('a multihash of another kind names no torrent, but does no harm beside a hash that does', () => {
  for (const other of [
    `1114${HASH}`,
    `1b20${'ef'.repeat(32)}`,
    `1220${'ef'.repeat(31)}`,
    `1240${'ef'.repeat(64)}`,
    'ef'.repeat(32),
    '',
  ]) {
    refused(`magnet:?xt=urn:btmh:${other}`, /urn:btmh that is not 1220 \(SHA-256, 32 bytes\)/);
    assert.deepEqual(parseMagnet(`magnet:?xt=urn:btmh:${other}&xt=urn:btih:${HASH}`).infoHashV2, null);
  }
  refused(`magnet:?xt=urn:btmh:1220${'ef'.repeat(32)}&xt=urn:btmh:1220${'ee'.repeat(32)}`, /two different torrents/);
});

test('metadata is right when every hash of the link is, and 20 bytes alone may be of either version', () => {
  const info = Buffer.from('d4:infoi1ee');
  const [v1, v2] = [sha1(info).toString('hex'), sha256(info).toString('hex')];
  const isRight = (text: string) => isInfoOf(info, parseLink(text));
  for (const text of [v1, v2, v2.slice(0, 40), `magnet:?xt=urn:btih:${v1}&xt=urn:btmh:1220${v2}`]) {
    assert.equal(isRight(text), true, text);
    assert.equal(isRight(text.replace(/[0-9a-f]{4}$/, '0000')), false, text);
  }
  assert.equal(isRight(`magnet:?xt=urn:btih:${HASH}&xt=urn:btmh:1220${v2}`), false);
  assert.equal(isRight(`magnet:?xt=urn:btih:${v2.slice(0, 40)}&xt=urn:btmh:1220${v2}`), true);
});

test('a link that does not name one torrent is refused, and the message says why', () => {
  refused('magnet:', /no parameters/);
  refused('magnet:?dn=foo', /names no torrent/);
  refused('magnet:?xt=urn:btih:abababab', /no info-hash \(urn:btih:abababab\)/);
  refused('magnet:?xt=urn%%3A', /broken escape/);
  refused(`magnet:?xt=urn:btih:${HASH}%`, /broken escape/);
  refused(`magnet:?xt=urn:btih:${HASH}&xt=urn:btih:${HASH.replaceAll('c', 'b')}`, /two different torrents/);
  refused(`magnet:?xt=urn:btih:${HASH}&dn=${'a'.repeat(MAX_MAGNET_LENGTH)}`, /longer than/);
});

test('a broken escape makes its own value unusable, and no other', () => {
  const link = parseMagnet(
    `magnet:?xt=urn:btih:${HASH}&dn=100% natural%21 %zz&tr=http://a/%&tr=http://b/&ws=http://w/%2&ws=http://v/&x.pe=h%:1&x.pe=h:2&dht=%:3&xl=1%&so=%1&as=%`,
  );
  const { name, trackers, webSeeds, peers, nodes, length, selected } = link;
  assert.equal(name, '100% natural! %zz');
  assert.deepEqual([trackers, webSeeds, peers, nodes], [['http://b/'], ['http://v/'], ['h:2'], []]);
  assert.deepEqual([length, selected], [null, null]);
  assert.equal(parseMagnet(`magnet:?xt=%&xt=urn:btih:${HASH}`).infoHash?.toString('hex'), HASH);
});

test('links are read in all the forms in which people pass them on', () => {
  for (const link of [
    `MAGNET:?XT=URN:BTIH:${HASH.toUpperCase()}&DN=x&TR=http://a/`,
    `magnet://?xt=urn:btih:${HASH}&dn=x&tr=http://a/`,
    `magnet:/?xt=urn:btih:${HASH}&dn=x&tr=http://a/`,
    `magnet:xt=urn:btih:${HASH}&dn=x&tr=http://a/`,
    `magnet:?xt.1=urn:btih:${HASH}&dn.1=x&tr.2=http://a/`,
    `magnet:?xt=urn:btih:${HASH}&amp;dn=x&amp;amp;tr=http://a/`,
    `magnet:?xt=urn:btih:${HASH}&#38;dn=x&#x26;tr=http://a/`,
    `magnet:?&&xt=urn%3Abtih%3A${HASH}&dn=+x+&tr=%20http://a/`,
    `magnet:?xt=urn:btih:${HASH.slice(0, 9)}\r\n${HASH.slice(9)}&dn=x\n&tr=http:\t//a/`,
    encodeURIComponent(`magnet:?xt=urn:btih:${HASH}&dn=x&tr=http://a/`),
    `magnet:?xt=urn:btih:${HASH}&dn=x&tr=http://a/&${'='.repeat(60_000)}\u2028`,
  ]) {
    const { infoHash, name, trackers } = parseMagnet(link);
    assert.deepEqual([infoHash?.toString('hex'), name, trackers], [HASH, 'x', ['http://a/']], link);
  }
});

test('of thousands of trackers and a very long selection only a bounded part is kept', () => {
  const many = Array.from({ length: 4000 }, (_, index) => `&tr=http://t${index}/`).join('');
  const link = parseMagnet(`magnet:?xt=urn:btih:${HASH}${many}&so=0-2147483647,9`);
  assert.equal(link.trackers.length, 100);
  assert.deepEqual(link.selected, [{ first: 0, last: 2_097_151 }]);
});

test('unusable values are left out: URLs of other kinds, line breaks, addresses without a port', () => {
  const link = parseMagnet(
    `magnet:?xt=urn:btih:${HASH}&tr=ftp://1&tr=http://a%0d%0ab/&tr=&ws=udp://x&x.pe=host&x.pe=h:0&x.pe=h:65536&xl=-1&dn=&so=3-,x`,
  );
  const empty = { trackers: [], webSeeds: [], peers: [], nodes: [], name: null, length: null, selected: null };
  assert.deepEqual(link, { ...empty, ...NAMED });
});

test('any text is either read as a link or refused as invalid', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('xt=', 'urn:btih:', HASH, '&', '%', '%41', '=', 'so=', '1-3', ',', 'tr=http://a', 'x.pe=', 'a:1'),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      try {
        parseMagnet(`magnet:?${pieces.join('')}`);
      } catch (error) {
        assert.ok(error instanceof BtgetError);
      }
    }),
  );
});

test('a link that is written reads back as the same link', () => {
  const index = fc.integer({ min: 0, max: 1000 });
  const texts = (prefix: string) =>
    fc.uniqueArray(fc.integer({ min: 1, max: 65535 }).map((port) => `${prefix}${port}`));
  const trimmed = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.trim() === text);
  const hashOf = (length: number) =>
    fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
  const hashes = fc
    .tuple(fc.option(hashOf(20).map(infoHashV1)), fc.option(hashOf(32).map(infoHashV2)))
    .filter(([v1, v2]) => v1 !== null || v2 !== null);
  fc.assert(
    fc.property(
      hashes,
      fc.record(
        {
          name: fc.option(trimmed),
          length: fc.option(fc.nat()),
          trackers: texts('udp://a.example:'),
          webSeeds: texts('http://a.example/&='),
          peers: texts('[::1]:'),
          nodes: texts('1.2.3.4:'),
          selected: fc.option(index.map((first) => [{ first, last: first + 3 }])),
        },
        { noNullPrototype: true },
      ),
      ([v1, v2], more) => {
        const link: MagnetLink = { infoHash: mainHash({ v1, v2 }), infoHashV1: v1, infoHashV2: v2, ...more };
        assert.deepEqual(parseMagnet(formatMagnet(link)), link);
        assert.deepEqual(parseLink(formatMagnet(link)), link);
      },
    ),
  );
});

interface ParseVector {
  readonly uri?: string;
  readonly uri_latin1?: string;
  readonly error?: string | false;
  readonly v1?: string;
  readonly v2?: string;
  readonly trackers?: readonly string[];
  readonly trackers_with_rtc?: readonly string[];
  readonly trackers_unique?: readonly string[];
  readonly url_seeds?: readonly string[];
  readonly dht_nodes?: readonly (readonly [string, number])[];
  readonly select?: readonly number[];
}
interface GenerateVector {
  readonly v1_hex: string;
  readonly v2_hex?: string;
  readonly select?: readonly number[];
  readonly dht_nodes?: readonly (readonly [string, number])[];
  readonly uri: string;
}

if (hasCorpus('magnet links of other projects')) {
  const vectors: { parse: ParseVector[]; generate: GenerateVector[] } = JSON.parse(
    readCorpus('vectors/magnet-vectors.json').toString(),
  );
  const flags = (link: MagnetLink, count: number) =>
    Array.from({ length: count }, (_, at) =>
      Number(link.selected === null || link.selected.some(({ first, last }) => first <= at && at <= last)),
    );

  describe("another project's magnet links", () => {
    assert.ok(vectors.parse.length > 10 && vectors.generate.length > 3);
    for (const vector of vectors.parse) {
      const uri = vector.uri ?? vector.uri_latin1 ?? '';
      test(`parsed: ${uri.slice(0, 100)}`, () => {
        if (typeof vector.error === 'string') {
          refused(uri, /./);
          return;
        }
        const link = parseMagnet(uri);
        const zeros = '00'.repeat(20);
        if (vector.v1 !== undefined) assert.equal(link.infoHashV1?.toString('hex') ?? zeros, vector.v1);
        if (vector.v2 !== undefined) assert.equal(link.infoHashV2?.toString('hex'), vector.v2);
        const trackers = vector.trackers_with_rtc ?? vector.trackers_unique ?? vector.trackers;
        if (trackers !== undefined) assert.deepEqual(link.trackers, trackers);
        if (vector.url_seeds !== undefined) assert.deepEqual(link.webSeeds, vector.url_seeds);
        if (vector.dht_nodes !== undefined)
          assert.deepEqual(
            link.nodes,
            vector.dht_nodes.map((node) => node.join(':')),
          );
        if (vector.select !== undefined) {
          assert.notEqual(link.selected, null);
          assert.deepEqual(flags(link, vector.select.length), vector.select);
        }
      });
    }
    for (const vector of vectors.generate) {
      test(`written: ${vector.uri}`, () => {
        const indices = (vector.select ?? []).flatMap((flag, at) => (flag === 1 ? [at] : []));
        const all = indices.length === (vector.select ?? []).length;
        const selected = parseMagnet(`magnet:?xt=urn:btih:${HASH}&so=${indices.join(',')}`).selected;
        const link = formatMagnet({
          infoHash: Buffer.from(vector.v1_hex, 'hex'),
          infoHashV1: infoHashV1(Buffer.from(vector.v1_hex, 'hex')),
          infoHashV2: vector.v2_hex === undefined ? null : infoHashV2(Buffer.from(vector.v2_hex, 'hex')),
          name: null,
          length: null,
          trackers: [],
          webSeeds: [],
          peers: [],
          nodes: (vector.dht_nodes ?? []).map((node) => node.join(':')),
          selected: all ? null : selected,
        });
        assert.equal(link, vector.uri);
      });
    }
  });
}
