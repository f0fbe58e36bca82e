import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BtgetError } from '../../../src/base/failure.js';
import { encodeTorrent } from '../../../src/metainfo/create-metainfo.js';
import { formatMagnet, linkOf, parseMagnet } from '../../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { file, folder, singleFile } from '../../support/torrent-bytes.js';
import { parseMetadataNow } from '../../support/worlds/magnet-world.js';

const LINK = { trackers: ['http://a/', 'udp://b:1/'], webSeeds: ['http://w/seed'], nodes: ['n:1'] };

test('metadata and its link make a metainfo, each tracker a tier of its own', () => {
  const { info, infoHash } = parseMetainfo(singleFile());
  const metainfo = parseMetadataNow(info, LINK);
  assert.deepEqual(metainfo.infoHash, infoHash);
  assert.deepEqual(metainfo.trackers, [['http://a/'], ['udp://b:1/']]);
  assert.deepEqual([metainfo.webSeeds, metainfo.nodes], [['http://w/seed'], ['n:1']]);
});

test('a web seed of a folder ends in a slash', () => {
  const { info } = parseMetainfo(folder([file(['a'], 5)]));
  assert.deepEqual(parseMetadataNow(info, LINK).webSeeds, ['http://w/seed/']);
});

test('metadata that is not a torrent is not valid, bencoded or not', () => {
  const { info } = parseMetainfo(singleFile());
  const more = Buffer.concat([info, Buffer.from('3:zooi1e')]);
  for (const bytes of [Buffer.from('d3:fooi1ee'), Buffer.from('i5e'), info.subarray(0, -1), Buffer.alloc(0), more]) {
    assert.throws(
      () => parseMetadataNow(bytes, LINK),
      (error) => error instanceof BtgetError && error.code === 'torrent-invalid',
      bytes.toString('latin1'),
    );
  }
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
        assert.deepEqual(parseMetadataNow(bytes, LINK).info, bytes);
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
