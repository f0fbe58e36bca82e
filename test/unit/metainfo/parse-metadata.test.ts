import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha1, sha256 } from '../../../src/base/digest.js';
import { BtgetError } from '../../../src/base/failure.js';
import { encodeTorrent } from '../../../src/metainfo/create-metainfo.js';
import { formatMagnet, linkOf, parseMagnet } from '../../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { file, folder, singleFile } from '../../support/torrent-bytes.js';
import { v2Torrent } from '../../support/v2-torrent.js';
import { parseMetadataNow } from '../../support/worlds/magnet-world.js';

const SOURCES = { trackers: ['http://a/', 'udp://b:1/'], webSeeds: ['http://w/seed'], nodes: ['n:1'] };

const linkOfInfo = (info: Buffer) => ({ ...SOURCES, infoHash: sha1(info) });

test('metadata and its link make a metainfo, each tracker a tier of its own', () => {
  const { info, infoHash } = parseMetainfo(singleFile());
  const metainfo = parseMetadataNow(info, linkOfInfo(info));
  assert.deepEqual(metainfo.infoHash, infoHash);
  assert.deepEqual(metainfo.trackers, [['http://a/'], ['udp://b:1/']]);
  assert.deepEqual([metainfo.webSeeds, metainfo.nodes], [['http://w/seed'], ['n:1']]);
});

test('a web seed of a folder ends in a slash', () => {
  const { info } = parseMetainfo(folder([file(['a'], 5)]));
  assert.deepEqual(parseMetadataNow(info, linkOfInfo(info)).webSeeds, ['http://w/seed/']);
});

test('metadata that is not a torrent is not valid, bencoded or not', () => {
  const { info } = parseMetainfo(singleFile());
  const more = Buffer.concat([info, Buffer.from('3:zooi1e')]);
  for (const bytes of [Buffer.from('d3:fooi1ee'), Buffer.from('i5e'), info.subarray(0, -1), Buffer.alloc(0), more]) {
    assert.throws(
      () => parseMetadataNow(bytes, linkOfInfo(bytes)),
      (error) => error instanceof BtgetError && error.code === 'torrent-invalid',
      bytes.toString('latin1'),
    );
  }
  assert.throws(() => parseMetadataNow(more, linkOfInfo(more)), /info ends before its bytes do/);
});

test('metadata of version 2 and of a hybrid lacks the layers of its longer files', () => {
  const files = [
    { path: 'top/a', length: 100_000 },
    { path: 'top/b', length: 10 },
  ];
  for (const version of ['2', 'hybrid'] as const) {
    const { metainfo } = v2Torrent(files, 16_384, version);
    for (const infoHash of [metainfo.infoHash, sha256(metainfo.info).subarray(0, 20)]) {
      const parsed = parseMetadataNow(metainfo.info, { ...SOURCES, infoHash });
      assert.deepEqual([parsed.version, parsed.missingLayers], [version, [0]]);
      assert.deepEqual([parsed.infoHashV1, parsed.infoHashV2], [metainfo.infoHashV1, metainfo.infoHashV2]);
    }
  }
});

test('a hash of the other version does not name metadata', () => {
  const refused = (info: Buffer, infoHash: Buffer) =>
    assert.throws(() => parseMetadataNow(info, { ...SOURCES, infoHash }), /another version than the hash in the link/);
  const v1 = parseMetainfo(singleFile()).info;
  refused(v1, sha256(v1).subarray(0, 20));
  const v2 = v2Torrent([{ path: 'a', length: 1 }], 16_384, '2').metainfo.info;
  refused(v2, sha1(v2));
});

test('any bytes are the metadata of a torrent, or are not valid', () => {
  const { info } = parseMetainfo(folder([file(['a'], 5), file(['b'], 7)]));
  const changed = fc
    .tuple(fc.nat(info.length - 1), fc.nat(info.length), fc.uint8Array({ maxLength: 20 }))
    .map(([from, length, bytes]) => Buffer.concat([info.subarray(0, from), bytes, info.subarray(from + length)]));
  const anything = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(changed, anything), (bytes) => {
      try {
        assert.deepEqual(parseMetadataNow(bytes, linkOfInfo(bytes)).info, bytes);
      } catch (error) {
        assert.ok(error instanceof BtgetError && error.code === 'torrent-invalid', String(error));
      }
    }),
  );
});

test('a .torrent that is written from a metainfo reads back as the same metainfo', () => {
  for (const root of [
    {},
    { announce: 'http://a/', comment: 'c', 'created by': 'me', 'creation date': 5, 'url-list': ['http://w/'] },
    { httpseeds: ['http://s/seed.php?a=b', 'http://s/a b'], 'url-list': ['http://w/'] },
    {
      'announce-list': [['http://a/', 'http://b/'], ['udp://c:1/']],
      nodes: [
        ['::1', 5],
        ['host', 6],
      ],
    },
  ]) {
    const metainfo = parseMetainfo(singleFile({}, root));
    assert.deepEqual(parseMetainfo(encodeTorrent(metainfo)), metainfo);
  }
});

test('the link to a torrent names it, its length and its trackers', () => {
  const metainfo = parseMetainfo(singleFile({}, { announce: 'http://a/x?y=z&w' }));
  const { infoHash, name, length, trackers } = parseMagnet(formatMagnet(linkOf(metainfo)));
  assert.deepEqual([infoHash, name, length, trackers], [metainfo.infoHash, 'file.bin', 40_000, ['http://a/x?y=z&w']]);
});

test('the link to a torrent has the hash of each version that the torrent speaks', () => {
  const v2 = (version: '2' | 'hybrid') => v2Torrent([{ path: 'a', length: 1 }], 16_384, version).metainfo;
  for (const metainfo of [parseMetainfo(singleFile()), v2('2'), v2('hybrid')]) {
    const { infoHash, infoHashV1, infoHashV2 } = parseMagnet(formatMagnet(linkOf(metainfo)));
    assert.deepEqual([infoHash, infoHashV1, infoHashV2], [metainfo.infoHash, metainfo.infoHashV1, metainfo.infoHashV2]);
  }
});
