import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BtgetError } from '../../../src/base/failure.js';
import { type Encodable, encodeBencode } from '../../../src/bencode/encode.js';
import { encodeTorrent } from '../../../src/metainfo/create-metainfo.js';
import { withLayers, withoutV2 } from '../../../src/metainfo/layers.js';
import { paddingHash } from '../../../src/metainfo/merkle.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { PieceLayout } from '../../../src/metainfo/piece-layout.js';
import { dictionary, type Fields } from '../../support/torrent-bytes.js';
import { type V2SampleFile, v2Torrent } from '../../support/v2-torrent.js';

const KIB = 1024;
const ROOT = Buffer.alloc(32, 1);

/** The dictionary of a file in a tree. */
const leaf = (fields: Fields = {}) => dictionary({ '': dictionary({ length: 10, 'pieces root': ROOT, ...fields }) });

function torrentOf(tree: Encodable, info: Fields = {}, root: Fields = {}): Buffer {
  const fields = { 'file tree': tree, 'meta version': 2, name: 'top', 'piece length': 16 * KIB, ...info };
  return encodeBencode(dictionary({ info: dictionary(fields), ...root }));
}

const refuses = (bytes: Buffer, why: RegExp) =>
  assert.throws(
    () => parseMetainfo(bytes),
    (error) => error instanceof BtgetError && error.code === 'torrent-invalid' && why.test(error.message),
    String(why),
  );

test('the files of a tree are in the order of the bytes of their names, also of names that are numbers', () => {
  const names = ['10', '9', 'a', '2', '1', 'ä', '__proto__', 'constructor', 'Z', '01'];
  const tree = new Map(names.map((name) => [Buffer.from(name).toString('latin1'), leaf()]));
  const { files } = parseMetainfo(torrentOf(tree));
  const sorted = ['01', '1', '10', '2', '9', 'Z', '__proto__', 'a', 'constructor', 'ä'];
  assert.deepEqual(
    files.map(({ path }) => path.join('/')),
    sorted.map((name) => `top/${name}`),
  );
  assert.deepEqual(
    files.map(({ begin }) => begin),
    sorted.map((_, index) => index * 16 * KIB),
  );
});

test('what a tree says of a file is read whatever else stands there, and does not count when it is of another kind', () => {
  const more = { abc: dictionary({ '': 1 }), nix: ['x', 2], zzz: 'end' };
  const link = { length: undefined, 'pieces root': undefined, attr: 'l', 'symlink path': ['a'] };
  const tree = dictionary({
    a: leaf({ ...more, attr: 'hx' }),
    b: leaf({ ...more, attr: 7, 'symlink path': 'a' }),
    c: dictionary({}),
    d: leaf(link),
    e: leaf({ ...link, length: 0, 'symlink path': ['a', 7] }),
    f: leaf({ length: 0, 'pieces root': undefined }),
  });
  assert.deepEqual(
    parseMetainfo(torrentOf(tree)).files.map((file) => [
      file.path.join('/'),
      file.length,
      file.executable,
      file.hidden,
      file.symlink?.join('/') ?? null,
      file.piecesRoot?.equals(ROOT) ?? null,
    ]),
    [
      ['top/a', 10, true, true, null, true],
      ['top/b', 10, false, false, null, true],
      ['top/d', 0, false, false, 'top/a', null],
      ['top/e', 0, false, false, null, null],
      ['top/f', 0, false, false, null, null],
    ],
  );
  refuses(torrentOf(dictionary({ a: leaf({ length: 2n ** 53n }) })), /file tree\[a\]\.length is not a number/);
  refuses(torrentOf(dictionary({ a: leaf({ 'pieces root': 7 }) })), /pieces root is missing/);
  refuses(torrentOf(dictionary({ a: leaf({ ...link, 'symlink path': [] }) })), /length is not a number/);
});

test('a tree is sorted element by element, so that a folder stands where its own name does', () => {
  const paths = ['top/a-b', 'top/a/b', 'top/a.c', 'top/a0'];
  const { metainfo } = v2Torrent(
    paths.map((path) => ({ path, length: 1 })),
    16 * KIB,
    'hybrid',
  );
  assert.deepEqual(
    metainfo.files.filter(({ padding }) => !padding).map(({ path }) => path.join('/')),
    ['top/a/b', 'top/a-b', 'top/a.c', 'top/a0'],
  );
});

test('a tree that says something impossible is refused, and the message names the file', () => {
  refuses(torrentOf(7), /file tree is not a dictionary/);
  refuses(torrentOf(new Map()), /file tree has no files/);
  refuses(torrentOf(leaf()), /file tree has a file without a name/);
  const inside = (value: Encodable) => dictionary({ a: dictionary({ b: value }) });
  refuses(torrentOf(inside(7)), /file tree\[a\/b\] is not a dictionary/);
  refuses(torrentOf(inside(dictionary({ '': 7 }))), /file tree\[a\/b\] does not say what the file is like/);
  refuses(torrentOf(inside(new Map([...leaf(), ['c', leaf()]]))), /file tree\[a\/b\] is a file and a folder at once/);
  refuses(torrentOf(inside(leaf({ length: undefined }))), /file tree\[a\/b\]\.length is not a number/);
  refuses(torrentOf(inside(leaf({ length: -1 }))), /file tree\[a\/b\]\.length is not a number/);
  refuses(torrentOf(inside(leaf({ attr: 'p' }))), /file tree\[a\/b\] is a pad file/);
  refuses(torrentOf(inside(leaf({ 'pieces root': undefined }))), /file tree\[a\/b\]\.pieces root is missing/);
  for (const length of [31, 33]) {
    const cut = leaf({ 'pieces root': Buffer.alloc(length, 1) });
    refuses(torrentOf(inside(cut)), new RegExp(`pieces root has ${length} bytes, not 32`));
  }
  refuses(torrentOf(inside(leaf({ 'pieces root': Buffer.alloc(32) }))), /pieces root is all zeros/);
  refuses(torrentOf(inside(leaf()), { 'piece length': 24 * KIB }), /piece length 24576 is not a power of two/);
  refuses(torrentOf(inside(leaf()), { 'piece length': 8 * KIB }), /piece length 8192 is not a power of two/);
  refuses(torrentOf(inside(leaf()), { pieces: ROOT }), /half of a hybrid/);
  refuses(torrentOf(inside(leaf()), { 'meta version': undefined }), /meta version is missing/);
  refuses(torrentOf(inside(leaf({ length: 2 ** 52 }))), /pieces would be/);
  const nested = (depth: number) => {
    let tree: Encodable = dictionary({ a: leaf() });
    for (let folder = 1; folder < depth; folder += 1) tree = dictionary({ a: tree });
    return torrentOf(tree);
  };
  assert.equal(parseMetainfo(nested(96)).files[0]?.path.length, 97);
  assert.throws(() => parseMetainfo(nested(97)), /nested deeper than 100/);
});

test('piece layers that do not prove what they claim are refused', () => {
  const { torrent, metainfo, layers } = v2Torrent([{ path: 'one', length: 100 * KIB }], 16 * KIB, '2');
  const root = metainfo.files[0]?.piecesRoot as Buffer;
  const layer = layers.get(0) as Buffer;
  const tree = { one: leaf({ length: 100 * KIB, 'pieces root': root }) };
  const given = (more: Encodable) => torrentOf(dictionary(tree), { name: 'one' }, { 'piece layers': more });
  const keyed = (key: Buffer, value: Encodable) => new Map([[key.toString('latin1'), value]]);
  assert.deepEqual(parseMetainfo(given(keyed(root, layer))).pieceRoots, parseMetainfo(torrent).pieceRoots);
  const wrong = Buffer.from(layer);
  wrong[40] = (wrong[40] as number) ^ 1;
  refuses(given(7), /piece layers is not a dictionary/);
  refuses(given(keyed(root, 7)), /a layer that is not a string/);
  refuses(given(keyed(ROOT, layer)), /a layer of no file/);
  for (const bad of [wrong, layer.subarray(32), layer.subarray(1), Buffer.concat([layer, paddingHash(0)])]) {
    refuses(given(keyed(root, bad)), /do not give the pieces root of one/);
  }
  const short = { one: leaf({ length: 16 * KIB, 'pieces root': ROOT }) };
  const ofShort = (layer: Buffer) =>
    torrentOf(dictionary(short), { name: 'one' }, { 'piece layers': keyed(ROOT, layer) });
  assert.deepEqual(parseMetainfo(ofShort(ROOT)).pieceRoots, ROOT);
  for (const bad of [Buffer.alloc(32, 2), Buffer.concat([ROOT, ROOT]), Buffer.alloc(0)])
    refuses(ofShort(bad), /a wrong layer of one, which has one piece/);
  assert.deepEqual(parseMetainfo(given(new Map())).missingLayers, [0]);
});

test('a link of the tree leads to its file, and an empty file has no root', () => {
  const { metainfo } = v2Torrent(
    [{ path: 't/a' }, { path: 't/b', length: 5, hidden: true }, { path: 't/l', symlink: 't/b' }],
    16 * KIB,
    '2',
  );
  assert.deepEqual(
    metainfo.files.map(({ symlink, piecesRoot, hidden }) => [symlink, piecesRoot?.length, hidden]),
    [
      [null, undefined, false],
      [null, 32, true],
      [['t', 'b'], undefined, false],
    ],
  );
});

const element = fc.constantFrom('a', 'a-', 'b', '1', '10', '9', 'ä', '__proto__');
const lengths = fc.oneof(fc.constantFrom(0, 1, 16 * KIB, 32 * KIB, 32 * KIB + 1), fc.nat(200 * KIB));
const trees: fc.Arbitrary<V2SampleFile[]> = fc
  .uniqueArray(fc.record({ path: fc.array(element, { minLength: 1, maxLength: 3 }), length: lengths }), {
    minLength: 1,
    maxLength: 8,
    selector: ({ path }) => path.join('/'),
  })
  .map((files) => {
    const isFree = (path: string) => !files.some((other) => other.path.join('/').startsWith(`${path}/`));
    return files
      .filter(({ path }) => isFree(path.join('/')))
      .map(({ path, length }, index) => ({
        path: ['top', ...path].join('/'),
        length: index === 0 ? length + 1 : length,
      }));
  });

test('in any tree each piece belongs to one file, and has the root that its content gives', () => {
  fc.assert(
    fc.property(trees, fc.constantFrom('2', 'hybrid'), (files, version) => {
      const { metainfo, layout, leavesOf, layers } = v2Torrent(files, 32 * KIB, version);
      assert.deepEqual(metainfo.missingLayers, []);
      let next = 0;
      for (const [index, { length, begin, padding, piecesRoot }] of metainfo.files.entries()) {
        if (padding || length === 0) continue;
        assert.equal(begin, next * 32 * KIB);
        for (let piece = 0; piece < Math.ceil(length / (32 * KIB)); piece += 1, next += 1) {
          const at = layout.pieceIndex(next);
          assert.ok(at !== undefined);
          const rest = Math.min(32 * KIB, length - piece * 32 * KIB);
          const { sha1, root, width } = layout.proofOf(at);
          assert.equal(layout.fileOf(at), index);
          assert.equal(layout.contentLengthOf(at), rest);
          if (version === '2') assert.equal(layout.lengthOf(at), rest);
          assert.equal(sha1 === null, version === '2');
          assert.equal(width, leavesOf(index).length === 1 ? 1 : 2);
          assert.deepEqual(root, layers.get(index)?.subarray(piece * 32, piece * 32 + 32) ?? piecesRoot);
        }
      }
      assert.equal(next, metainfo.pieceCount);
    }),
    { numRuns: 60 },
  );
});

test('a .torrent of any tree is written with its layers and reads back, and layers complete its metadata', () => {
  fc.assert(
    fc.property(trees, fc.constantFrom('2', 'hybrid'), (files, version) => {
      const { metainfo, torrent, layers } = v2Torrent(files, 16 * KIB, version);
      assert.deepEqual(encodeTorrent(metainfo), torrent);
      const bare = v2Torrent(files, 16 * KIB, version, { layers: false }).metainfo;
      assert.deepEqual(bare.missingLayers, [...layers.keys()]);
      assert.deepEqual(parseMetainfo(encodeTorrent(bare)), bare);
      assert.deepEqual(withLayers(bare, layers), metainfo);
    }),
    { numRuns: 40 },
  );
});

test('a torrent that is changed anywhere is refused as invalid, or says what it says without another error', () => {
  const { torrent } = v2Torrent(
    [
      { path: 't/a', length: 40_000 },
      { path: 't/b/c', length: 5 },
    ],
    16 * KIB,
    'hybrid',
  );
  const part = fc.uint8Array({ maxLength: 3 });
  fc.assert(
    fc.property(fc.nat(torrent.length - 1), fc.nat(3), part, (at, length, bytes) => {
      try {
        parseMetainfo(Buffer.concat([torrent.subarray(0, at), bytes, torrent.subarray(at + length)]));
      } catch (error) {
        assert.ok(error instanceof BtgetError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('one layer serves all files with its root, a wrong one is none, and others stay missing', () => {
  const content = Buffer.alloc(50_000, 'x');
  const files = [
    { path: 't/a', content },
    { path: 't/b', length: 40_000 },
    { path: 't/c', content },
  ];
  const { metainfo, layers } = v2Torrent(files, 16 * KIB, '2', { layers: false });
  const layer = layers.get(2) as Buffer;
  assert.deepEqual(metainfo.missingLayers, [0, 1, 2]);
  const more = withLayers(metainfo, new Map([[2, layer]]));
  assert.deepEqual(more?.missingLayers, [1]);
  assert.deepEqual(metainfo.missingLayers, [0, 1, 2]);
  assert.deepEqual(parseMetainfo(encodeTorrent(more as typeof metainfo)).missingLayers, [1]);
  assert.equal(withLayers(metainfo, new Map([[1, layer]])), undefined);
  assert.equal(withLayers(metainfo, new Map([[2, layer.subarray(32)]])), undefined);
});

test('layers that are missing take no room, and those that are known stand at their pieces', () => {
  const huge = parseMetainfo(torrentOf(dictionary({ a: leaf({ length: 2 ** 34 }), b: leaf() })));
  assert.deepEqual([huge.pieceCount, huge.pieceRoots], [2 ** 20 + 1, ROOT]);
  const files = [40_000, 50_000, 60_000, 5].map((length, index) => ({ path: `t/${index}`, length }));
  const whole = v2Torrent(files, 16 * KIB, '2');
  const bare = v2Torrent(files, 16 * KIB, '2', { layers: false }).metainfo;
  const one = withLayers(bare, new Map([[1, whole.layers.get(1) as Buffer]]));
  assert.ok(one !== undefined);
  const layout = new PieceLayout(one);
  const known = [...layout.pieceIndices()].map((piece) => layout.proofOf(piece).root);
  const all = [...whole.layout.pieceIndices()].map((piece) => whole.layout.proofOf(piece).root);
  const zeros = Buffer.alloc(32);
  assert.deepEqual(
    known,
    all.map((root, piece) => ((piece >= 3 && piece < 7) || piece === 11 ? root : zeros)),
  );
  const rest = new Map([0, 2].map((index) => [index, whole.layers.get(index) as Buffer]));
  assert.deepEqual(withLayers(one, rest)?.pieceRoots, whole.metainfo.pieceRoots);
});

test('a hybrid can go on by its version 1, and a torrent of version 2 alone cannot', () => {
  const sample = (version: '2' | 'hybrid') =>
    v2Torrent([{ path: 'a', length: 40_000 }], 16 * KIB, version, { layers: false }).metainfo;
  const { pieceRoots, missingLayers, infoHashV2 } = withoutV2(sample('hybrid'));
  assert.deepEqual([pieceRoots, missingLayers, infoHashV2?.length], [null, [], 32]);
  assert.throws(() => withoutV2(sample('2')), /cannot do without/);
});
