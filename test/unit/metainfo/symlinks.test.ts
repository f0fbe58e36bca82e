import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveSymlinks } from '../../../src/metainfo/symlinks.js';

/** Where links lead. A line is `path`, or `path -> target`, below the folder `t`. */
function targets(...lines: string[]): Record<string, string | null> {
  const files = lines.map((line) => {
    const [path = '', target] = line.split(' -> ');
    const elements = ['t', ...path.split('/')];
    return { path: elements, finalPath: elements, target: target?.split('/') ?? null, padding: false };
  });
  const resolved = resolveSymlinks(files).map((target) => target?.join('/') ?? null);
  return Object.fromEntries(
    lines.map((line, i) => [line, resolved[i] ?? null] as const).filter(([line]) => line.includes('->')),
  );
}

test('a link leads to a file or folder of the torrent, counted from its top', () => {
  assert.deepEqual(targets('a/b/file', 'x/l -> a/b/file', 'm -> a/b'), {
    'x/l -> a/b/file': 't/a/b/file',
    'm -> a/b': 't/a/b',
  });
});

test("a target that is not below the torrent's top is tried below the folder of the link", () => {
  assert.deepEqual(targets('Versions/A/file', 'Versions/Current -> A'), { 'Versions/Current -> A': 't/Versions/A' });
});

test('a link may go through other links, whatever their order', () => {
  assert.deepEqual(targets('l -> m/file', 'm -> n', 'n -> a', 'a/file'), {
    'l -> m/file': 't/m/file',
    'm -> n': 't/n',
    'n -> a': 't/a',
  });
});

test('a link to nothing, to outside or in a circle is no link', () => {
  const lines = ['file', 'a -> nothing', 'b -> _/_/etc', 'c -> c', 'd -> e', 'e -> d', 'f -> file/x', 'g -> a'];
  assert.deepEqual(Object.values(targets(...lines)), [null, null, null, null, null, null, null]);
});

test('a folder wins over a link of its name, so that no file is written through a link', () => {
  assert.deepEqual(targets('l -> a', 'a/x', 'l/file', 'm -> l/file'), { 'l -> a': 't/a', 'm -> l/file': 't/l/file' });
});

test('a link to a file that was renamed leads to its final name', () => {
  const files = [
    { path: ['t', 'a'], finalPath: ['t', 'a.1'], target: null, padding: false },
    { path: ['t', 'l'], finalPath: ['t', 'l'], target: ['a'], padding: false },
  ];
  assert.deepEqual(resolveSymlinks(files), [null, ['t', 'a.1']]);
});

test('nothing leads to a pad file', () => {
  const files = [
    { path: ['t', 'p'], finalPath: ['t', 'p'], target: null, padding: true },
    { path: ['t', 'l'], finalPath: ['t', 'l'], target: ['p'], padding: false },
  ];
  assert.deepEqual(resolveSymlinks(files), [null, null]);
});

test('a chain of links ends after forty, and a long one costs no stack', () => {
  const chain = (length: number) =>
    targets('end', ...Array.from({ length }, (_, i) => `l${i} -> ${i + 1 < length ? `l${i + 1}` : 'end'}`));
  assert.equal(chain(40)['l0 -> l1'], 't/l1');
  assert.equal(chain(41)['l0 -> l1'], null);
  assert.equal(chain(50_000)['l49999 -> end'], 't/end');
});
