import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBencode } from '../../../src/bencode/bencode.js';
import { CANONICAL } from '../../../src/bencode/guard.js';
import {
  choosePieceLength,
  createMetainfo,
  inTorrentOrder,
  type NewTorrent,
} from '../../../src/metainfo/create-metainfo.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';

const torrent: NewTorrent = {
  name: 'top',
  content: [
    { path: ['a', 'run'], length: 20_000, executable: true },
    { path: ['b'], length: 5, executable: false },
  ],
  pieceLength: 16384,
  pieces: Buffer.alloc(40, 7),
  trackers: [['http://a/announce', 'http://b/announce'], ['udp://c:1']],
  webSeeds: ['http://seed/'],
  private: true,
  source: 'SRC',
  comment: 'hello',
  createdBy: 'btget',
  createdAt: 1_700_000_000,
};

test('a new torrent is canonical and reads back with the same values', () => {
  const bytes = createMetainfo(torrent);
  decodeBencode(bytes, CANONICAL);
  const { files, info, ...metainfo } = parseMetainfo(bytes);
  assert.deepEqual(
    files.map(({ path, length, executable }) => [path.join('/'), length, executable]),
    [
      ['top/a/run', 20_000, true],
      ['top/b', 5, false],
    ],
  );
  assert.match(info.toString('latin1'), /6:source3:SRC/);
  assert.deepEqual(metainfo, {
    version: '1',
    name: 'top',
    infoHash: metainfo.infoHash,
    infoHashV1: metainfo.infoHashV1,
    infoHashV2: null,
    pieceLength: 16384,
    pieceCount: 2,
    pieces: Buffer.alloc(40, 7),
    pieceRoots: null,
    missingLayers: [],
    length: 20_005,
    isFolder: true,
    trackers: [['http://a/announce', 'http://b/announce'], ['udp://c:1']],
    webSeeds: ['http://seed/'],
    nodes: [],
    private: true,
    comment: 'hello',
    createdBy: 'btget',
    createdAt: 1_700_000_000,
  });
});

test('a value that is null or empty is not written', () => {
  const bytes = createMetainfo({
    name: 'one',
    content: { length: 5, executable: false },
    pieceLength: 16384,
    pieces: Buffer.alloc(20, 'h'),
    trackers: [['http://a/']],
    webSeeds: [],
    private: false,
    source: null,
    comment: null,
    createdBy: null,
    createdAt: null,
  });
  const info = 'd6:lengthi5e4:name3:one12:piece lengthi16384e6:pieces20:hhhhhhhhhhhhhhhhhhhhe';
  assert.equal(bytes.toString(), `d8:announce9:http://a/4:info${info}e`);
});

test('the same torrent always has the same bytes', () => {
  assert.deepEqual(createMetainfo(torrent), createMetainfo({ ...torrent }));
});

test('files without any content are refused', () => {
  const content = [{ path: ['empty'], length: 0, executable: false }];
  assert.throws(() => createMetainfo({ ...torrent, content, pieces: Buffer.alloc(0) }), { code: 'torrent-invalid' });
});

test('hashes that do not fit the files are a bug, and throw', () => {
  assert.throws(() => createMetainfo({ ...torrent, pieces: Buffer.alloc(20) }), /20 bytes of hashes for 20005 bytes/);
});

test('files are ordered by the bytes of each path element, not by those of the whole path', () => {
  const paths = ['b', 'a/b', 'a.txt', 'a-b/c', 'a', '\u{1f600}', '\uffee', 'B'].map((path) => ({
    path: path.split('/'),
  }));
  assert.deepEqual(
    inTorrentOrder(paths).map(({ path }) => path.join('/')),
    ['B', 'a', 'a/b', 'a-b/c', 'a.txt', 'b', '\uffee', '\u{1f600}'],
  );
});

test('the piece length grows with the content, within bounds', () => {
  const MiB = 1024 * 1024;
  const lengths = [
    1,
    32 * MiB,
    32 * MiB + 1,
    700 * MiB,
    4096 * MiB,
    2 ** 40,
    2 ** 45,
    2 ** 45 + 1,
    Number.MAX_SAFE_INTEGER,
  ];
  assert.deepEqual(
    lengths.map((length) => choosePieceLength(length) / 1024),
    [16, 16, 32, 512, 2048, 16384, 16384, 32768, 524288],
  );
});
