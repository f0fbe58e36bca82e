import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import { decodeBencode } from '../../../src/bencode/bencode.js';
import { CANONICAL } from '../../../src/bencode/guard.js';
import { chooseAlignedPieceLength, choosePieceLength } from '../../../src/metainfo/choose-piece-length.js';
import {
  checkBeforeHashing,
  createMetainfo,
  inTorrentOrder,
  type NewTorrent,
} from '../../../src/metainfo/create-metainfo.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { NOTHING_SAID } from '../../support/torrent-bytes.js';
import { type V2SampleFile, v2Torrent } from '../../support/v2-torrent.js';

const torrent: NewTorrent = {
  metaVersion: '1',
  name: 'top',
  content: [
    { path: ['a', 'run'], length: 20_000, executable: true },
    { path: ['b'], length: 5, executable: false },
  ],
  pieceLength: 16384,
  pieces: Buffer.alloc(40, 7),
  pieceRoots: null,
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
    httpSeeds: [],
    nodes: [],
    private: true,
    comment: 'hello',
    createdBy: 'btget',
    createdAt: 1_700_000_000,
  });
});

test('a value that is null or empty is not written', () => {
  const bytes = createMetainfo({
    ...NOTHING_SAID,
    metaVersion: '1',
    name: 'one',
    content: { length: 5, executable: false },
    pieceLength: 16384,
    pieces: Buffer.alloc(20, 'h'),
    pieceRoots: null,
    trackers: [['http://a/']],
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
    [16, 16, 32, 512, 2048, 16384, 65536, 65536, 524288],
  );
});

const KiB = 1024;

/** What `createMetainfo` needs to make the same torrent as `v2Torrent`. */
function newTorrentOf(samples: readonly V2SampleFile[], pieceLength: number, metaVersion: '2' | 'hybrid') {
  const { metainfo, torrent: expected } = v2Torrent(samples, pieceLength, metaVersion);
  const files = metainfo.files
    .filter((file) => !file.padding)
    .map(({ path, length, executable }) => ({ path: path.slice(1), length, executable }));
  const made: NewTorrent = {
    ...NOTHING_SAID,
    metaVersion,
    name: metainfo.name,
    content: metainfo.isFolder ? files : (files[0] as NewTorrent['content']),
    pieceLength,
    pieces: metainfo.pieces,
    pieceRoots: metainfo.pieceRoots,
  };
  return { made, expected };
}

const SAMPLES: Readonly<Record<string, readonly V2SampleFile[]>> = {
  'one file': [{ path: 'one', length: 100_000, executable: true }],
  'a file of one byte': [{ path: 'one', length: 1 }],
  'a folder': [
    { path: 'top/B', length: 0 },
    { path: 'top/a-b/c', length: 40_000, executable: true },
    { path: 'top/a.txt', length: 16_384 },
    { path: 'top/a/b', length: 1 },
    { path: 'top/a/c/d', length: 300_000 },
    { path: 'top/a/c/e', length: 300_001 },
    { path: 'top/\uffee', length: 5 },
    { path: 'top/\u{1f600}', length: 70_000 },
    { path: 'top/z', length: 0 },
  ],
  'the same bytes twice': [
    { path: 'top/a', content: Buffer.alloc(200_000, 'x') },
    { path: 'top/b', content: Buffer.alloc(200_000, 'x') },
  ],
};

for (const version of ['2', 'hybrid'] as const)
  for (const [what, samples] of Object.entries(SAMPLES))
    for (const pieceLength of [16 * KiB, 64 * KiB, 256 * KiB])
      test(`${what} as version ${version} in pieces of ${pieceLength} has the bytes of a plain encoder`, () => {
        const { made, expected } = newTorrentOf(samples, pieceLength, version);
        const bytes = createMetainfo(made);
        decodeBencode(bytes, CANONICAL);
        assert.deepEqual(bytes, expected);
        parseMetainfo(bytes);
      });

test('a hybrid of a folder with one file has no pad file', () => {
  const { made } = newTorrentOf([{ path: 'one', length: 5 }], 16 * KiB, 'hybrid');
  const content = [{ path: ['a'], length: 5, executable: false }];
  const { files } = parseMetainfo(createMetainfo({ ...made, name: 'top', content }));
  assert.deepEqual(
    files.map(({ path }) => path.join('/')),
    ['top/a'],
  );
});

test('version 2 refuses what its tree cannot say', () => {
  const file = (path: string) => ({ path: path.split('/'), length: 5, executable: false });
  const make = (name: string, ...paths: string[]) =>
    createMetainfo({
      ...NOTHING_SAID,
      metaVersion: '2',
      name,
      content: paths.map(file),
      pieceLength: 16 * KiB,
      pieces: Buffer.alloc(0),
      pieceRoots: Buffer.alloc(32 * paths.length, 1),
    });
  const said = (name: string, ...paths: string[]): string => {
    try {
      make(name, ...paths);
    } catch (error) {
      if (error instanceof BtgetError) return `${error.code}: ${error.message}`;
      throw error;
    }
    return 'made';
  };
  const prefix = 'torrent-invalid: torrent is not valid: file tree';
  assert.deepEqual(
    [
      said('top', 'b', 'a'),
      said('top', 'a', 'a'),
      said('top', 'a', 'a/b'),
      said('top', 'top'),
      said('top', 'top', 'x'),
      said('top', 'top/top'),
    ],
    [
      `${prefix} would not have b and a in this order`,
      `${prefix} would not have a and a in this order`,
      `${prefix} cannot have both a and a/b`,
      'torrent-invalid: torrent is not valid: name is that of the folder and of its only file: version 2 cannot tell ' +
        'them from a file without a folder; give one of them another name, or make version 1',
      'made',
      'made',
    ],
  );
});

test('version 2 counts the pieces that longer pieces can spare, so that many small files keep short pieces', () => {
  const MiB = 1024 * KiB;
  const lengths: readonly (readonly number[])[] = [
    [1],
    [32 * MiB],
    [32 * MiB + 1],
    [0, 0, 4096 * MiB],
    Array(100_000).fill(10_000),
    [...Array(100_000).fill(10_000), 700 * MiB],
    Array(2048).fill(2 * MiB),
    [2 ** 45],
  ];
  assert.deepEqual(
    lengths.map((files) => chooseAlignedPieceLength(files) / KiB),
    [16, 16, 32, 2048, 16, 512, 2048, 131_072],
  );
});

test('a torrent beyond the limits is refused before its bytes are hashed', () => {
  const said = (metaVersion: NewTorrent['metaVersion'], content: NewTorrent['content'], pieceLength = 16 * KiB) => {
    try {
      checkBeforeHashing({ ...NOTHING_SAID, metaVersion, name: 'top', content, pieceLength });
    } catch (error) {
      if (error instanceof BtgetError) return error.message.replace('torrent is not valid: ', '');
      throw error;
    }
    return 'fits';
  };
  const one = (length: number) => ({ length, executable: false });
  const MiB = 1024 * KiB;
  const small = Array.from({ length: 2000 }, (_, index) => ({ path: [`${index}`.padStart(4, '0')], ...one(4 * MiB) }));
  const deep = (elements: number) => [{ path: Array(elements).fill('a'), ...one(5000 * MiB) }];
  assert.equal(said('hybrid', deep(96), MiB), 'fits');
  const most = 2_097_152 * 16 * KiB;
  for (const version of ['1', '2', 'hybrid'] as const)
    assert.deepEqual(
      [
        said(version, one(most + 1)),
        said(version, one(most)),
        said(version, small, 4 * MiB),
        said(version, deep(300), MiB),
      ].map((text) => text.replace(/least \d+/, 'least N')),
      [
        'pieces would be 2097153, 2097152 is the most',
        'the file would have at least N bytes, 33554432 is the most',
        'fits',
        version === '1'
          ? 'files[0].path has 300 elements, 255 is the most'
          : `file tree would have a path of 300 elements, 96 is the most: ${Array(300).fill('a').join('/')}`,
      ],
    );
  const many = Array.from({ length: 129 }, (_, index) => ({ path: [`${index}`.padStart(4, '0')], ...one(2 ** 34) }));
  assert.equal(said('2', many, 2 ** 20).replace(/\d{7}/, 'N'), 'pieces would be N, 2097152 is the most');
});
