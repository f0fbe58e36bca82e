import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutText, distinctPaths, pathElement, splitExtension, torrentName } from '../../../src/metainfo/path-policy.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';
import { countLookUps } from '../../support/counted-steps.js';

const element = (text: string, encoding: BufferEncoding = 'utf8') => pathElement(Buffer.from(text, encoding));

/** The paths that files get. A path in brackets stands for a pad file. */
function distinct(...paths: string[]): string[] {
  return distinctPaths(
    paths.map((path) => ({ path: path.replace(/[[\]]/g, '').split('/'), padding: path.startsWith('[') })),
  ).map((path) => path.join('/'));
}

test('separators, controls and characters that disguise a name are removed', () => {
  assert.equal(element('a/b\\c'), 'abc');
  assert.equal(element('a\0b\nc\x1b[31md\x7fe\u009bf'), 'abc[31mdef');
  assert.equal(element('photo\u202egpj.exe'), 'photogpj.exe');
  assert.equal(element('a\u200bb\u061cc\u2066d\ufeffe'), 'abcde');
});

test('an element is never empty, this folder or the one above', () => {
  for (const name of ['', '.', '..', '/', '../', '/..', '\0', '.\u200b.']) assert.equal(element(name), '_', name);
  for (const name of ['...', '.a', '..a', ' ', 'a ', '-rf']) assert.equal(element(name), name);
});

test('each run of bytes that are not UTF-8 becomes one underscore', () => {
  assert.equal(element('file\x80\x81.foo', 'latin1'), 'file_.foo');
  assert.equal(element('\xff', 'latin1'), '_');
  assert.equal(element('\ufffd.foo'), '\ufffd.foo');
});

test('an element is cut at 240 bytes between characters, and keeps its extension', () => {
  assert.equal(element('x'.repeat(300)), 'x'.repeat(240));
  assert.equal(element(`${'x'.repeat(300)}.test`), `${'x'.repeat(235)}.test`);
  assert.equal(element(`${'x'.repeat(300)}.notanextension`), 'x'.repeat(240));
  assert.equal(element('é'.repeat(300)), 'é'.repeat(120));
  assert.equal(element(`a${'💈'.repeat(100)}`), `a${'💈'.repeat(59)}`);
});

test('text is cut between characters', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7].map((length) => cutText('a💈b', length)),
    ['', 'a', 'a', 'a', 'a', 'a💈', 'a💈b', 'a💈b'],
  );
});

test('an extension begins at the last dot, and is short', () => {
  const split = (name: string) => Object.values(splitExtension(name));
  assert.deepEqual(split('a.tar.gz'), ['a.tar', '.gz']);
  assert.deepEqual(split('.hidden'), ['.hidden', '']);
  assert.deepEqual(split('a.'), ['a', '.']);
  assert.deepEqual(split('a.123456789'), ['a', '.123456789']);
  assert.deepEqual(split('a.1234567890'), ['a.1234567890', '']);
});

test("a torrent's name without a usable character is undefined", () => {
  const name = (text: string) => torrentName(Buffer.from(text));
  assert.deepEqual([name('a'), name(''), name('..'), name('//')], ['a', '_', undefined, undefined]);
});

test('files that differ only in case get numbers, each in its own folder', () => {
  assert.deepEqual(distinct('t/a.txt', 't/A.txt', 't/a.TXT', 't/b/A.TXT', 't/a.txt'), [
    't/a.txt',
    't/A.1.txt',
    't/a.2.TXT',
    't/b/A.TXT',
    't/a.3.txt',
  ]);
});

test('names that differ only in Unicode composition are the same', () => {
  assert.deepEqual(distinct('t/\u00e9', 't/e\u0301'), ['t/\u00e9', 't/e\u0301.1']);
});

test('names that some disk takes for one are the same', () => {
  const rows = [
    ['ΟΔΟΣ', 'οδοσ'],
    ['Straße', 'STRASSE'],
    ['ſo', 'so'],
    ['ﬁle', 'file'],
    ['\u212a', 'k'],
    ['\u00e9', 'E\u0301'],
  ];
  for (const [one = '', other = ''] of rows)
    assert.deepEqual(distinct(`t/${one}`, `t/${other}`), [`t/${one}`, `t/${other}.1`]);
});

test('names of members of JavaScript objects are ordinary names', () => {
  const paths = ['t/__proto__/constructor', 't/constructor', 't/__proto__', 't/toString', 't/hasOwnProperty/__proto__'];
  assert.deepEqual(distinct(...paths), [
    't/__proto__/constructor',
    't/constructor',
    't/__proto__.1',
    't/toString',
    't/hasOwnProperty/__proto__',
  ]);
});

test('a file that is named like a folder is renamed, even when it comes first', () => {
  assert.deepEqual(distinct('t/a', 't/A/b', 't/a/b/c'), ['t/a.1', 't/A/b.1', 't/a/b/c']);
});

test('a number that another file has already is skipped, and that file keeps its name', () => {
  assert.deepEqual(distinct('t/a', 't/a', 't/a.1', 't/a.2', 't/a'), ['t/a', 't/a.3', 't/a.1', 't/a.2', 't/a.4']);
});

test('a pad file takes no name from another file', () => {
  assert.deepEqual(distinct('[t/.pad/7]', 't/.pad/7', '[t/.pad/7]', '[t/x]', '[t/x]', '[t/y/z]', 't/y'), [
    't/.pad/7.1',
    't/.pad/7',
    't/.pad/7.2',
    't/x',
    't/x',
    't/y/z',
    't/y',
  ]);
});

test('a long name that collides still fits into the limit', () => {
  const long = `${'x'.repeat(236)}.txt`;
  const [, second] = distinct(`t/${long}`, `t/${long}`);
  assert.equal(second, `t/${'x'.repeat(228)}.1.txt`);
});

test('collisions cost linear time, for any choice of names', () => {
  const stem = 'x'.repeat(232);
  const hostile = {
    'the same name': Array.from({ length: 50_000 }, () => 't/same.txt'),
    'names that occupy the numbers': Array.from({ length: 50_000 }, (_, i) => (i % 2 ? 't/a.b' : `t/a.${i}.b`)),
    'long names cut to the same stem': Array.from(
      { length: 50_000 },
      (_, i) => `t/${stem}${String(i >> 1).padStart(8, '0')}`,
    ),
  };
  for (const [name, paths] of Object.entries(hostile)) {
    let found: readonly string[] = [];
    const lookUps = countLookUps(() => {
      found = distinct(...paths);
    });
    assert.equal(new Set(found).size, paths.length, name);
    assert.ok(lookUps <= 20 * paths.length, `${name}: ${lookUps} look-ups`);
  }
});

if (hasCorpus('the path vectors')) {
  interface Hex {
    readonly hex: string;
  }
  const vectors = JSON.parse(readCorpus('vectors/path-vectors.json').toString()) as {
    readonly sanitize: readonly {
      readonly test: string;
      readonly elements: readonly Hex[];
      readonly force_element: boolean;
      readonly expect_posix: Hex;
    }[];
    readonly resolve_duplicates_case_insensitive: readonly (readonly {
      readonly path: string;
      readonly pad: boolean;
      readonly expect: string;
    }[])[];
  };

  test('path elements are as in the test vectors of another client', () => {
    for (const vector of vectors.sanitize) {
      // Elements that may vanish are a matter of torrent names. We remove control characters within a name, and our 240
      // bytes include the extension.
      // We keep joiners.
      if (vector.elements.some(({ hex }) => /[\u200c\u200d]/.test(Buffer.from(hex, 'hex').toString()))) continue;
      const vanishes = !vector.force_element && /^sanitize_path(_zeroes)?$/.test(vector.test);
      if (vanishes || /control_chars|truncate/.test(vector.test)) continue;
      const path = vector.elements.map(({ hex }) => pathElement(Buffer.from(hex, 'hex'))).join('/');
      assert.equal(Buffer.from(path).toString('hex'), vector.expect_posix.hex, vector.test);
    }
  });

  test('collisions are resolved as in the test vectors of another client', () => {
    for (const files of vectors.resolve_duplicates_case_insensitive) {
      const wanted = files.map(({ path, pad }) => ({ path: path.split('/'), padding: pad }));
      assert.deepEqual(
        distinctPaths(wanted).map((path) => path.join('/')),
        files.map(({ expect }) => expect),
      );
    }
  });
}
