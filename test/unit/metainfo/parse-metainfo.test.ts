import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha1, sha256 } from '../../../src/base/digest.js';
import { BtgetError } from '../../../src/base/failure.js';
import { encodeBencode } from '../../../src/bencode/encode.js';
import { infoHashV1 } from '../../../src/metainfo/info-hash.js';
import type { TorrentFile } from '../../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { countLookUps } from '../../support/counted-steps.js';
import { dictionary, type Fields, file, folder, singleFile } from '../../support/torrent-bytes.js';
import { v2Torrent } from '../../support/v2-torrent.js';

/** The message with which the bytes are refused. */
function refusal(bytes: Buffer): string {
  try {
    parseMetainfo(bytes);
  } catch (error) {
    assert.ok(error instanceof BtgetError, String(error));
    return `${error.code}: ${error.message.replace('torrent is not valid: ', '')}`;
  }
  throw new Error('was accepted');
}

test('a torrent of one file is read whole', () => {
  const info = { length: 40_000, name: 'file.bin', 'piece length': 16384, pieces: Buffer.alloc(60, 1) };
  const raw = encodeBencode(dictionary(info));
  const root = {
    announce: 'http://tracker.example/announce',
    comment: 'a comment',
    'created by': 'somebody',
    'creation date': 1_600_000_000,
    nodes: [['router.example', 6881]],
    'url-list': 'http://seed.example/file.bin',
    httpseeds: ['http://seed.example/seed.php'],
  };
  assert.deepEqual(parseMetainfo(singleFile({}, root)), {
    version: '1',
    name: 'file.bin',
    infoHash: sha1(raw),
    infoHashV1: infoHashV1(sha1(raw)),
    infoHashV2: null,
    info: raw,
    pieceLength: 16384,
    pieceCount: 3,
    pieces: Buffer.alloc(60, 1),
    pieceRoots: null,
    missingLayers: [],
    length: 40_000,
    files: [
      { path: ['file.bin'], begin: 0, length: 40_000, padding: false, executable: false, hidden: false, symlink: null },
    ],
    isFolder: false,
    trackers: [['http://tracker.example/announce']],
    webSeeds: ['http://seed.example/file.bin'],
    httpSeeds: ['http://seed.example/seed.php'],
    nodes: ['router.example:6881'],
    private: false,
    comment: 'a comment',
    createdBy: 'somebody',
    createdAt: 1_600_000_000,
  });
});

test('the files of a folder follow one another, with their attributes', () => {
  const { files, isFolder, length } = parseMetainfo(
    folder([
      file(['bin', 'run'], 10, { attr: 'x' }),
      file(['.pad', '6'], 6, { attr: 'p' }),
      file(['.secret'], 5, { attr: 'hx' }),
      file(['_____padding_file_0_if you see this file'], 4),
      file(['empty'], 0),
      file(['link'], 0, { attr: 'l', 'symlink path': ['bin', 'run'] }),
    ]),
  );
  assert.deepEqual(
    files.map(({ path, begin, padding, executable, hidden, symlink }) => [
      path.join('/'),
      begin,
      `${padding ? 'p' : ''}${executable ? 'x' : ''}${hidden ? 'h' : ''}`,
      symlink?.join('/') ?? null,
    ]),
    [
      ['top/bin/run', 0, 'x', null],
      ['top/.pad/6', 10, 'p', null],
      ['top/.secret', 16, 'xh', null],
      ['top/_____padding_file_0_if you see this file', 21, 'p', null],
      ['top/empty', 25, '', null],
      ['top/link', 25, '', 'top/bin/run'],
    ],
  );
  assert.deepEqual([isFolder, length], [true, 25]);
});

test('only an empty entry with a target in the torrent is a link; others are files', () => {
  const link = { attr: 'l', 'symlink path': ['file'] };
  const { files } = parseMetainfo(
    folder([
      file(['file'], 1),
      file(['link'], 0, link),
      dictionary({ path: ['no length'], ...link }),
      file(['with content'], 5, link),
      file(['to nothing'], 0, { attr: 'l', 'symlink path': ['..', 'etc'] }),
      file(['without target'], 0, { attr: 'l' }),
      file(['without attribute'], 0, { 'symlink path': ['file'] }),
    ]),
  );
  assert.deepEqual(
    files.map(({ begin, length, symlink }) => [begin, length, symlink?.join('/') ?? null]),
    [
      [0, 1, null],
      [1, 0, 'top/file'],
      [1, 0, 'top/file'],
      [1, 5, null],
      [6, 0, null],
      [6, 0, null],
      [6, 0, null],
    ],
  );
});

test('a folder of a single file is a folder', () => {
  const { isFolder, files } = parseMetainfo(folder([file(['one'], 1)]));
  assert.deepEqual([isFolder, files[0]?.path], [true, ['top', 'one']]);
});

test('names in UTF-8 win over their plain twins, unless they are unusable', () => {
  const path = (fields: Fields) => parseMetainfo(folder([file(['plain'], 1, fields)])).files[0]?.path.join('/');
  assert.equal(path({ 'path.utf-8': ['näher'] }), 'top/näher');
  assert.equal(path({ 'path.utf-8': [] }), 'top/plain');
  assert.equal(path({ 'path.utf-8': [7] }), 'top/plain');
  assert.equal(parseMetainfo(singleFile({ 'name.utf-8': 'näher' })).name, 'näher');
  assert.equal(parseMetainfo(singleFile({ 'name.utf-8': 7 })).name, 'file.bin');
});

test('no path leaves the folder of the torrent', () => {
  const paths = [
    ['..'],
    ['.'],
    [''],
    ['/etc/passwd'],
    ['..', '..', 'x'],
    ['a/../../b'],
    ['\\\\host\\share'],
    ['\0x'],
    ['c:', 'x'],
  ];
  const { files } = parseMetainfo(folder(paths.map((path) => file(path, 1))));
  assert.deepEqual(
    files.map(({ path }) => path.join('/')),
    ['top/_.1', 'top/_.2', 'top/_.3', 'top/etcpasswd', 'top/_/_/x', 'top/a....b', 'top/hostshare', 'top/x', 'top/c:/x'],
  );
});

test('a name without a usable character becomes the info-hash', () => {
  for (const name of ['..', '/', '\u202e']) {
    const { name: actual, infoHash } = parseMetainfo(singleFile({ name }));
    assert.equal(actual, infoHash.toString('hex'));
  }
});

test('the info-hash is that of the original bytes, with keys in any order', () => {
  const info = 'd4:name1:a6:lengthi010e12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae';
  const { infoHash, length } = parseMetainfo(Buffer.from(`d4:info${info}7:comment1:xe and bytes after it`));
  assert.deepEqual(infoHash, sha1(Buffer.from(info)));
  assert.equal(length, 10);
});

test("the metainfo has a copy of the original bytes, so later changes to the file's bytes do not matter", () => {
  const bytes = singleFile();
  const { info, infoHash } = parseMetainfo(bytes);
  bytes.fill(0);
  assert.deepEqual(sha1(info), infoHash);
});

test('a torrent is private only when its info says 1', () => {
  const isPrivate = (info: Fields, root: Fields = {}) => parseMetainfo(singleFile(info, root)).private;
  assert.deepEqual(
    [isPrivate({ private: 1 }), isPrivate({ private: 0 }), isPrivate({ private: '1' }), isPrivate({}, { private: 1 })],
    [true, false, false, false],
  );
});

test('a date in milliseconds becomes seconds, and nonsense is no date', () => {
  const createdAt = (date: number | bigint | string) =>
    parseMetainfo(singleFile({}, { 'creation date': date })).createdAt;
  assert.deepEqual(
    [
      createdAt(0),
      createdAt(1_452_468_725_091),
      createdAt(-1),
      createdAt(2 ** 53 - 1),
      createdAt(2n ** 63n),
      createdAt('x'),
    ],
    [0, 1_452_468_725, null, null, null, null],
  );
});

test('the message says which field is wrong and why', () => {
  const cases: readonly (readonly [Buffer, string])[] = [
    [Buffer.from('<html>'), 'not-bencoded: not bencoded: a value should begin here, at byte 0'],
    [Buffer.from('4:text'), 'torrent-invalid: the file is not a dictionary'],
    [Buffer.from('de'), 'torrent-invalid: info is missing'],
    [Buffer.from('d4:info4:texte'), 'torrent-invalid: info is not a dictionary'],
    [Buffer.from('d11:magnet-infodee'), 'torrent-invalid: info is missing: this is a magnet link in a file'],
    [singleFile({ name: undefined }), 'torrent-invalid: name is not a string'],
    [singleFile({ length: undefined }), 'torrent-invalid: length is not a number of bytes'],
    [singleFile({ length: -1 }), 'torrent-invalid: length is not a number of bytes'],
    [singleFile({ length: 2n ** 60n }), 'torrent-invalid: length is not a number of bytes'],
    [singleFile({ length: 0, pieces: '' }), 'torrent-invalid: length is 0: the torrent has no content'],
    [singleFile({ 'piece length': undefined }), 'torrent-invalid: piece length is not a number of bytes'],
    [singleFile({ 'piece length': 0 }), 'torrent-invalid: piece length is 0, it must be from 1 to 536870912'],
    [singleFile({ 'piece length': -1 }), 'torrent-invalid: piece length is -1, it must be from 1 to 536870912'],
    [
      singleFile({ 'piece length': 2 ** 31 }),
      'torrent-invalid: piece length is 2147483648, it must be from 1 to 536870912',
    ],
    [singleFile({ pieces: 1 }), 'torrent-invalid: pieces is not a string'],
    [singleFile({ pieces: Buffer.alloc(61) }), 'torrent-invalid: pieces has 61 bytes, but 3 pieces need 60'],
    [
      singleFile({ 'piece length': 1, length: 2_097_153 }),
      'torrent-invalid: pieces would be 2097153, 2097152 is the most',
    ],
    [folder([]), 'torrent-invalid: files is empty'],
    [singleFile({ files: 7 }), 'torrent-invalid: files is not a list'],
    [folder([7]), 'torrent-invalid: files[0] is not a dictionary'],
    [folder([file(['a'], 1), file([], 1)]), 'torrent-invalid: files[1].path is not a list of names'],
    [folder([file(['a'], 1), dictionary({ length: 1 })]), 'torrent-invalid: files[1].path is not a list of names'],
    [
      folder([file(['a'], 1), dictionary({ length: 1, attr: 'p', path: 'a' })]),
      'torrent-invalid: files[1].path is not a list of names',
    ],
    [folder([file(['a'], -1)]), 'torrent-invalid: files[0].length is not a number of bytes'],
    [folder([file(Array(256).fill('a'), 1)]), 'torrent-invalid: files[0].path has 256 elements, 255 is the most'],
    [folder([file(['a'], 2 ** 53 - 1), file(['b'], 1)]), 'torrent-invalid: length is beyond 2^53 bytes in all'],
    [
      singleFile({ 'meta version': 3 }),
      'torrent-invalid: meta version is 3: a newer program made the torrent, and we know version 2',
    ],
    [singleFile({ 'meta version': 2, pieces: undefined }), 'torrent-invalid: file tree is missing'],
    [Buffer.alloc(33 * 1024 * 1024), 'torrent-invalid: the file has 34603008 bytes, 33554432 is the most'],
  ];
  assert.deepEqual(
    cases.map(([bytes]) => refusal(bytes)),
    cases.map(([, message]) => message),
  );
});

test('a key that occurs twice in the info is refused, because clients would disagree about it', () => {
  const text = singleFile().toString('latin1').replace('4:name', '4:name1:x4:name');
  assert.match(refusal(Buffer.from(text, 'latin1')), /^not-bencoded: .* a key stands twice/);
});

const root = (length: number) => dictionary({ '': dictionary({ length, 'pieces root': Buffer.alloc(32, 1) }) });

function hybrid(files: Parameters<typeof folder>[0], tree: Fields, info: Fields = {}): Buffer {
  const pieces = Buffer.alloc(40);
  return folder(files, { 'file tree': dictionary(tree), 'meta version': 2, 'piece length': 16384, pieces, ...info });
}

test('a hybrid has both hashes and is read by its v1 side', () => {
  const metainfo = parseMetainfo(
    hybrid([file(['a'], 10), file(['.pad', '16374'], 16374, { attr: 'p' }), file(['b', 'c'], 20)], {
      a: root(10),
      b: dictionary({ c: root(20) }),
    }),
  );
  assert.equal(metainfo.version, 'hybrid');
  assert.deepEqual(metainfo.infoHash, sha1(metainfo.info));
  assert.deepEqual(metainfo.infoHashV2, sha256(metainfo.info));
});

test('a hybrid whose two sides disagree is refused', () => {
  const pad = file(['.pad', '16374'], 16374, { attr: 'p' });
  const files = [file(['a'], 10), pad, file(['b'], 20)];
  const cases: readonly (readonly [Buffer, string])[] = [
    [hybrid(files, { a: root(10) }), 'torrent-invalid: file tree lacks b (20 bytes), which the v1 list has'],
    [
      hybrid(files, { a: root(10), c: root(20) }),
      'torrent-invalid: file tree has c (20 bytes) where the v1 list has b (20 bytes)',
    ],
    [
      hybrid(files, { a: root(11), b: root(20) }),
      'torrent-invalid: file tree has a (11 bytes) where the v1 list has a (10 bytes)',
    ],
    [
      hybrid(
        [file(['a'], 10), file(['l'], 0, { attr: 'l', 'symlink path': ['a'] })],
        { a: root(10), l: dictionary({ '': dictionary({ attr: 'l', length: 0, 'symlink path': ['b'] }) }) },
        { pieces: Buffer.alloc(20) },
      ),
      'torrent-invalid: file tree has l -> b where the v1 list has l -> a',
    ],
    [hybrid(files, { a: root(10), b: 7 }), 'torrent-invalid: file tree[b] is not a dictionary'],
    [
      hybrid([file(['a'], 10), file(['b'], 20)], { a: root(10), b: root(20) }, { pieces: Buffer.alloc(20) }),
      'torrent-invalid: files are not aligned: b (20 bytes) does not begin with a piece, as v2 wants it',
    ],
    ...[
      [file(['a'], 10), pad, file(['.pad', '16384'], 16384, { attr: 'p' }), file(['b'], 20)],
      [...files, file(['.pad', '16384'], 16384, { attr: 'p' })],
    ].map((padded) => {
      const pieces = Buffer.alloc(20 * 3);
      const message = 'files have a piece of padding alone, which v2 lacks: .pad/16384 (16384 bytes)';
      const bytes = hybrid(padded, { a: root(10), b: root(20) }, { pieces });
      return [bytes, `torrent-invalid: ${message}`] as const;
    }),
    [
      hybrid(files, { a: root(10), b: root(20) }, { 'piece length': 16394 }),
      'torrent-invalid: piece length 16394 is not a power of two from 16384 on, as v2 wants it',
    ],
    [hybrid(files, {}, { 'file tree': undefined }), 'torrent-invalid: file tree is missing'],
    [hybrid(files, {}, { 'file tree': 7 }), 'torrent-invalid: file tree is not a dictionary'],
  ];
  assert.deepEqual(
    cases.map(([bytes]) => refusal(bytes)),
    cases.map(([, message]) => message),
  );
});

test('a hybrid that is not canonical is refused, where a v1 torrent is not', () => {
  const bytes = hybrid([file(['a'], 20000)], { a: root(20000) });
  assert.equal(parseMetainfo(bytes).version, 'hybrid');
  const text = bytes.toString('latin1').replace('lengthi20000e', 'lengthi020000e');
  assert.match(
    refusal(Buffer.from(text, 'latin1')),
    /^torrent-invalid: info is not canonical, as v2 wants it: an integer begins with zero, at byte \d+ of it$/,
  );
});

/** The bytes of a folder of 100,000 files, written by hand because that is quicker. */
function hundredThousandFiles(pathOf: (i: number) => readonly string[], length: number, pieceCount: number): Buffer {
  const files = Array.from({ length: 100_000 }, (_, i) => {
    const path = pathOf(i).map((element) => `${element.length}:${element}`);
    return `d6:lengthi${length}e4:pathl${path.join('')}ee`;
  });
  const rest = `e4:name3:top12:piece lengthi16384e6:pieces${pieceCount * 20}:`;
  return Buffer.concat([
    Buffer.from(`d4:infod5:filesl${files.join('')}${rest}`),
    Buffer.alloc(pieceCount * 20),
    Buffer.from('ee'),
  ]);
}

test('the largest torrents are read in a number of steps that grows linearly with their size', () => {
  const torrents = {
    'a hundred thousand files in 1.3 million pieces': hundredThousandFiles(
      (i) => [`${i % 100}`, `${i}`],
      16384 * 13,
      1_300_000,
    ),
    'a hundred thousand files of one name': hundredThousandFiles(() => ['same.txt'], 16384, 100_000),
  };
  for (const [name, bytes] of Object.entries(torrents)) {
    let files: readonly TorrentFile[] = [];
    const lookUps = countLookUps(() => {
      files = parseMetainfo(bytes).files;
    });
    assert.equal(new Set(files.map(({ path }) => path.join('/'))).size, 100_000, name);
    assert.ok(lookUps <= 40 * files.length, `${name}: ${lookUps} look-ups`);
  }
});

for (const version of ['2', 'hybrid'] as const)
  test(`files whose names are numbers keep the order of their bytes in version ${version}`, () => {
    const names = ['1', '10', '100', '2', '21', '3/10', '3/9', 'a', '٣'];
    const { metainfo } = v2Torrent(
      names.map((name) => ({ path: `top/${name}`, length: 5 })),
      16 * 1024,
      version,
    );
    assert.deepEqual(
      metainfo.files.filter(({ padding }) => !padding).map(({ path }) => path.slice(1).join('/')),
      names,
    );
  });
