import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BtgetError } from '../../src/base/failure.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { distinctPaths } from '../../src/metainfo/path-policy.js';
import { dictionary, file, folder } from '../support/torrent-bytes.js';

/** The torrent, or undefined when it is refused; fails on anything else, and on a torrent that breaks its promises. */
function parse(bytes: Buffer): Metainfo | undefined {
  let metainfo: Metainfo;
  try {
    metainfo = parseMetainfo(bytes);
  } catch (error) {
    assert.ok(error instanceof BtgetError && ['not-bencoded', 'torrent-invalid'].includes(error.code), String(error));
    return undefined;
  }
  checkPromises(metainfo);
  return metainfo;
}

function checkPromises({ files, length, pieceLength, pieceCount, pieces, trackers }: Metainfo): void {
  let begin = 0;
  const written = new Set<string>();
  for (const { path, begin: fileBegin, length: fileLength, padding, symlink } of files) {
    assert.equal(fileBegin, begin);
    begin += fileLength;
    for (const element of [...path, ...(symlink ?? [])]) checkElement(element);
    assert.ok(path.length > 0);
    if (padding) continue;
    const key = path.join('/').toLowerCase();
    assert.ok(!written.has(key), `twice: ${key}`);
    written.add(key);
  }
  for (const path of written) assertNoFileAbove(path, written);
  assert.equal(begin, length);
  assert.equal(pieceCount, Math.ceil(length / pieceLength));
  assert.equal(pieces.length, pieceCount * 20);
  assert.ok(trackers.every((tier) => tier.length > 0));
}

function checkElement(element: string): void {
  assert.ok(element !== '' && element !== '.' && element !== '..', JSON.stringify(element));
  assert.doesNotMatch(element, /[/\\\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
  assert.ok(Buffer.byteLength(element) <= 240);
}

function assertNoFileAbove(path: string, written: ReadonlySet<string>): void {
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    assert.ok(!written.has(path.slice(0, slash)), `both a file and a folder: ${path.slice(0, slash)}`);
  }
}

const element = fc.oneof(
  fc.constantFrom(
    'a',
    'A',
    'a.1',
    'b',
    'é',
    'e\u0301',
    '..',
    '.',
    '',
    '/',
    '\\',
    '__proto__',
    'x'.repeat(300),
    `${'y'.repeat(250)}.txt`,
  ),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: 'binary', maxLength: 8 }),
);

const entry = fc
  .record({
    path: fc.array(element, { minLength: 1, maxLength: 3 }),
    length: fc.nat(50),
    attr: fc.constantFrom(undefined, 'p', 'x', 'l', 'hl'),
    target: fc.array(element, { minLength: 1, maxLength: 3 }),
  })
  .map(({ path, length, attr, target }) =>
    file(path, attr?.includes('l') ? 0 : length, { attr, 'symlink path': attr?.includes('l') ? target : undefined }),
  );

const files = fc.array(entry, { maxLength: 8 }).map((some) => [file(['first'], 1), ...some]);

test('a folder of any files parses, and its metainfo keeps every promise', () => {
  fc.assert(
    fc.property(files, element, (some, name) => {
      assert.ok(parse(folder(some, { name })) !== undefined);
    }),
    { numRuns: 1000 },
  );
});

test('a torrent with bytes replaced, left out or put in parses or is refused', () => {
  const change = fc.record({ at: fc.nat(), drop: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) });
  const root = {
    announce: 'http://a/',
    'announce-list': [['http://a/'], ['udp://b:1']],
    'creation date': 1,
    nodes: [['host', 1]],
    'url-list': ['http://s/'],
  };
  const extras = [{}, { 'meta version': 2, 'file tree': dictionary({}) }];
  let parsed = 0;
  fc.assert(
    fc.property(
      files,
      fc.constantFrom(...extras),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      (some, extra, changes) => {
        let bytes = folder(some, extra, root);
        for (const { at, drop, put } of changes) {
          const begin = at % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, begin), put, bytes.subarray(begin + drop)]);
        }
        if (parse(bytes) !== undefined) parsed += 1;
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(parsed > 0);
});

test('any field may be of any type', () => {
  const junk = fc.constantFrom(
    -1,
    0,
    2,
    2n ** 60n,
    '',
    'text',
    [],
    [[]],
    [''],
    [7],
    new Map(),
    dictionary({ '': new Map() }),
  );
  const keys = fc.constantFrom(
    'files',
    'length',
    'name',
    'name.utf-8',
    'piece length',
    'pieces',
    'private',
    'attr',
    'meta version',
    'file tree',
  );
  const rootKeys = fc.constantFrom(
    'announce',
    'announce-list',
    'url-list',
    'httpseeds',
    'nodes',
    'comment',
    'created by',
    'creation date',
    'info',
  );
  fc.assert(
    fc.property(
      fc.dictionary(keys, junk, { maxKeys: 3 }),
      fc.dictionary(rootKeys, junk, { maxKeys: 3 }),
      (info, root) => {
        parse(folder([file(['a'], 1)], info, root));
      },
    ),
    { numRuns: 1000 },
  );
});

test('paths that are distinct already stay as they are', () => {
  const names = fc.array(fc.constantFrom('a', 'A', 'b', 'a.1', 'A.1', 'a.txt', 'a.1.txt'), {
    minLength: 1,
    maxLength: 3,
  });
  const wanted = fc.array(fc.record({ path: names, padding: fc.constant(false) }), { maxLength: 12 });
  fc.assert(
    fc.property(wanted, (some) => {
      const once = distinctPaths(some);
      assert.deepEqual(distinctPaths(once.map((path) => ({ path, padding: false }))), once);
    }),
    { numRuns: 1000 },
  );
});
