import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BtgetError } from '../../../src/base/failure.js';
import { createGlob } from '../../../src/metainfo/glob.js';

const meant = (pattern: string, paths: readonly string[]): string[] => {
  const matches = createGlob(pattern, '--select');
  return paths.filter((path) => matches(path.split('/')));
};

test('braces stand for each of their alternatives, also for several elements, none at all and one another', () => {
  assert.deepEqual(meant('*.{mkv,srt}', ['a.mkv', 'a.srt', 'a.nfo', 'b/c.srt']), ['a.mkv', 'a.srt', 'b/c.srt']);
  assert.deepEqual(meant('{a/b,c}', ['a/b', 'a/b/d', 'x/c', 'a/d', 'b']), ['a/b', 'a/b/d', 'x/c']);
  assert.deepEqual(meant('x{,y}', ['x', 'xy', 'y']), ['x', 'xy']);
  assert.deepEqual(meant('{{a,b}c,d*}', ['ac', 'bc', 'cc', 'dx']), ['ac', 'bc', 'dx']);
  assert.deepEqual(meant('{*a*b,b*}c', ['xaybc', 'bzc', 'xayb']), ['xaybc', 'bzc']);
});

test('braces around two numbers stand for all from the one to the other, with the zeros of the first', () => {
  assert.deepEqual(meant('e{8..11}', ['e7', 'e8', 'e08', 'e10', 'e11', 'e12']), ['e8', 'e10', 'e11']);
  assert.deepEqual(meant('e{08..11}', ['e8', 'e08', 'e10']), ['e08', 'e10']);
  assert.deepEqual(meant('{3..1}', ['2', '{3..1}']), ['{3..1}']);
});

test('braces that are escaped, alone, or hold one thing stand for themselves', () => {
  assert.deepEqual(meant('\\{a,b\\}', ['{a,b}', 'a']), ['{a,b}']);
  assert.deepEqual(meant('{a', ['{a', 'a']), ['{a']);
  assert.deepEqual(meant('a}', ['a}', 'a']), ['a}']);
  assert.deepEqual(meant('{a}', ['{a}', 'a']), ['{a}']);
  assert.deepEqual(meant('[{,}]', ['{', ',', 'x']), ['{', ',']);
});

test('a pattern without a slash means names anywhere, one with a slash a path and all in its folder', () => {
  const paths = ['video', 'a/video', 'a/video/b', 'video/c'];
  assert.deepEqual(meant('video', paths), paths);
  assert.deepEqual(meant('video/', paths), ['video', 'video/c']);
  assert.deepEqual(meant('a/**/b', ['a/b', 'a/c/b', 'a/c/d/b', 'b', 'a/c']), ['a/b', 'a/c/b', 'a/c/d/b']);
  assert.deepEqual(meant('**/b', ['b', 'a/b', 'a/b/c']), ['b', 'a/b', 'a/b/c']);
  assert.deepEqual(meant('./video', paths), ['video', 'video/c']);
  assert.deepEqual(meant('././a/.//video//', paths), ['a/video', 'a/video/b']);
  assert.deepEqual(meant('/', paths), []);
  assert.deepEqual(meant('/video', paths), []);
  assert.deepEqual(meant('**', paths), paths);
});

test('a pattern with a slash may begin with a folder in which the paths begin, one without means no such folder', () => {
  const tops = [['c2'], ['', 'home', 'c2']];
  const inTops = (pattern: string): boolean => createGlob(pattern, '--exclude')(['key'], tops);
  for (const pattern of ['key', './key', 'c2/key', './c2/*', '/home/c2/key', 'c2/', '/home/', '*/key'])
    assert.ok(inTops(pattern), pattern);
  for (const pattern of ['c2', 'home', 'home/c2/key', '/key', '/c2/key', 'c2/c2/key'])
    assert.ok(!inTops(pattern), pattern);
});

test('? is one character of any plane, and names that begin with a dot or hold a line break are as any other', () => {
  assert.deepEqual(meant('?', ['a', '😀', 'é', 'ab']), ['a', '😀', 'é']);
  assert.deepEqual(meant('*', ['.hidden', 'a\nb']), ['.hidden', 'a\nb']);
  assert.deepEqual(meant('[!a]', ['a', '!', '.', '😀']), ['!', '.', '😀']);
  assert.deepEqual(meant('[]a]x', [']x', 'ax', 'bx']), [']x', 'ax']);
  assert.deepEqual(meant('[z-a]', ['z', 'a', '-']), []);
});

test('what other globs and regular expressions take for special stands for itself', () => {
  for (const name of ['!a', '@(a)', '+(a)', 'a|b', '(2019)', '^a$', '"a"', 'a+', '\\', '\\\\\\\\', '.', 'a.b', '#a~'])
    assert.deepEqual(meant(name.replaceAll('\\', '\\\\'), [name, 'a', 'b', '2019', 'aa', 'axb']), [name]);
});

test('a glob matches the same names as the equivalent regular expression', () => {
  const meaning: Record<string, string> = { '*': '.*', '?': '.', '[!a]': '[^a]', '(': '\\(', '|': '\\|', '+': '\\+' };
  const part = fc.constantFrom('a', 'b', '[ab]', ...Object.keys(meaning));
  fc.assert(
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 8 }),
      fc.string({ unit: fc.constantFrom('a', 'b', 'c', '(', '|', '+'), minLength: 1, maxLength: 10 }),
      (parts, name) => {
        const pattern = new RegExp(`^${parts.map((each) => meaning[each] ?? each).join('')}$`, 's');
        assert.equal(createGlob(parts.join(''), '')([name]), pattern.test(name));
      },
    ),
  );
});

test('no text hangs or breaks, as a pattern or as a name', () => {
  const unit = fc.constantFrom('a', '*', '?', '[', ']', '!', '{', '}', ',', '.', '/', '\\', '(', '|', '"', '\ud800');
  const text = fc.string({ unit, maxLength: 30 });
  fc.assert(fc.property(text, text, (pattern, name) => void createGlob(pattern, '')(name.split('/'))));
});

test('hostile globs and names cost at most the product of their lengths', () => {
  const long = 'a'.repeat(255);
  const deep = Array.from({ length: 255 }, () => long);
  for (const pattern of [
    `${'*a'.repeat(1000)}b`,
    `${'*[a]'.repeat(500)}b`,
    `${'*'.repeat(4000)}b`,
    `${'*?'.repeat(500)}b`,
    `${'**/*a*a*a*a*b/'.repeat(100)}b`,
    `${'**/'.repeat(1000)}b`,
    `{${'*a'.repeat(100)}b,${'*aa'.repeat(100)}b}`,
    '\\'.repeat(4000),
    '['.repeat(4000),
    '{'.repeat(4000),
    '{a,b,'.repeat(600),
  ])
    assert.equal(createGlob(pattern, '--select')(deep), false, pattern.slice(0, 20));
});

test('a glob that is too long, or stands for too many others, is refused', () => {
  for (const pattern of [
    'a'.repeat(4097),
    '{a,b}'.repeat(800),
    '{1..999999999}',
    '{a,'.repeat(1010) + '}'.repeat(1010),
  ])
    assert.throws(
      () => createGlob(pattern, '--select'),
      (error) => error instanceof BtgetError && error.code === 'usage' && error.message.startsWith('--select: '),
    );
});
