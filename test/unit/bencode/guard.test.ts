import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BencodeRules, CANONICAL, scanBencode, TOLERANT } from '../../../src/bencode/guard.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';
import { countedBytes, countLookUps } from '../../support/counted-steps.js';

const scan = (text: string, rules: BencodeRules) => scanBencode(Buffer.from(text, 'latin1'), rules);

/** What the guard says about each text: ok, or the offset and the reason. */
function verdicts(texts: readonly string[], rules: BencodeRules): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const result = scan(text, rules);
      return [text, result.ok ? 'ok' : `${result.at}: ${result.why}`];
    }),
  );
}

/** A scan that found nothing but where the value ends. */
const PASSED = { ok: true, raw: null, isRawCanonical: true, unread: new Map(), oddities: [] };

test('canonical values are accepted', () => {
  for (const text of [
    'i0e',
    'i-1e',
    'i12453e',
    '0:',
    '3:abc',
    'le',
    'de',
    'li1e3:fooli2eed1:xi1eee',
    'd0:i1e1:ai2ee',
  ]) {
    assert.deepEqual(scan(text, CANONICAL), { ...PASSED, end: text.length }, text);
  }
});

test('broken bencode is refused with the offset of the wrong byte', () => {
  const broken = {
    '': '0: the bytes end too early',
    e: '0: a value should begin here',
    x: '0: a value should begin here',
    i: '1: the bytes end too early',
    ie: '1: a digit should stand here',
    'i-e': '2: a digit should stand here',
    'i+1e': '1: a digit should stand here',
    'i1.5e': '2: a digit should stand here',
    'i1-2e': '2: a digit should stand here',
    i10: '3: the bytes end too early',
    i184467440737095516154e: '21: an integer has more than 20 digits',
    '-1:a': '0: a value should begin here',
    '3:ab': '1: a string goes beyond the end',
    '3': '0: a string is longer than all bytes there are',
    '3-abc': '1: a colon should stand here',
    '99999999999999999999:a': '1: a string is longer than all bytes there are',
    l: '1: the bytes end too early',
    'l-3:': '1: a value should begin here',
    'l-4:': '1: a value should begin here',
    d: '1: the bytes end too early',
    'd-3:': '1: the length of a string should stand here',
    di1ei2ee: '1: the length of a string should stand here',
    dlei1ee: '1: the length of a string should stand here',
    'd1:ae': '4: a key has no value',
    'd1:a': '4: the bytes end too early',
    'd1:ai1e': '7: the bytes end too early',
  };
  assert.deepEqual(verdicts(Object.keys(broken), TOLERANT), broken);
  assert.deepEqual(verdicts(Object.keys(broken), CANONICAL), broken);
});

test('bencode that is not canonical is refused by canonical rules, and by no others', () => {
  const loose = {
    i01e: '1: an integer begins with zero',
    'i-0e': '2: an integer begins with zero',
    '01:a': '2: the length of a string begins with zero',
    'd1:bi1e1:ai2ee': '7: a key is out of order',
    'd1:ai1e1:ai2ee': '7: a key stands twice in one dictionary',
    i1ex: '3: bytes follow the end',
  };
  assert.deepEqual(verdicts(Object.keys(loose), CANONICAL), loose);
  for (const [text, verdict] of Object.entries(verdicts(Object.keys(loose), TOLERANT)))
    assert.equal(verdict, 'ok', text);
});

test('the scan says where the root value ends, so that bytes after it can be used', () => {
  assert.deepEqual(scan('d1:ai1eeTRAILING', TOLERANT), { ...PASSED, end: 8 });
});

test('the raw value is that of the key in the root dictionary, also when the key stands elsewhere too', () => {
  const text = 'd1:ad4:infoi1ee4:infod1:xi1ee1:zi1ee';
  const result = scan(text, { ...TOLERANT, rawKey: 'info' });
  assert.ok(result.ok && result.raw !== null);
  assert.equal(text.slice(result.raw.begin, result.raw.end), 'd1:xi1ee');
  assert.deepEqual(scan('d1:ad4:infoi1eee', { ...TOLERANT, rawKey: 'info' }), { ...PASSED, end: 16 });
});

test('the scan says whether the raw value is canonical, whatever stands around it', () => {
  const raws = {
    'd1:ai1e1:bli0e2:xxee': true,
    i0e: true,
    'd1:ai01ee': false,
    'd1:ai-0ee': false,
    'l01:ae': false,
    'd1:bi1e1:ai1ee': false,
    'd1:ad1:bi1e1:ai1eee': false,
  };
  for (const [raw, isCanonical] of Object.entries(raws)) {
    const result = scan(`d1:zi01e4:info${raw}1:ai-0ee`, { ...TOLERANT, rawKey: 'info' });
    assert.equal(scan(raw, CANONICAL).ok, isCanonical, raw);
    assert.ok(result.ok);
    assert.equal(result.isRawCanonical, isCanonical, raw);
  }
});

test('the unread value is that of the key in the raw dictionary alone, and nothing in it is an oddity', () => {
  const rules = { ...TOLERANT, rawKey: 'info', unreadKeys: ['tree', 'list'] };
  const found = (text: string) => {
    const result = scan(text, rules);
    assert.ok(result.ok);
    return result.oddities.map(({ kind, begin, end }) => [kind, text.slice(begin, end)]);
  };
  const tree = 'd1:\xffd4:treei1ee1:\xfei9007199254740992ee';
  for (const value of [tree, 'i9007199254740992e', 'le', '0:'])
    assert.deepEqual(found(`d4:infod1:\xffi1e4:tree${value}1:\xfei1ee4:treei1ee`), [
      ['key', '1:\xff'],
      ['unread', value],
      ['key', '1:\xfe'],
    ]);
  const both = scan('d4:infod4:listle4:treedeee', rules);
  const spans = [
    ['list', { begin: 14, end: 16 }],
    ['tree', { begin: 22, end: 24 }],
  ];
  assert.deepEqual(both.ok && [...both.unread], spans);
  assert.deepEqual(found('d4:infod1:ad4:treei1eee4:treei1ee'), []);
  assert.deepEqual(found('d4:infold4:treei1eeee'), []);
  assert.equal(scan('d4:infod4:treei1e4:treei1eee', rules).ok, false);
  assert.equal(scan('d4:infod4:tree', rules).ok, false);
});

test('the raw key and all keys inside its value must be unique, even under tolerant rules', () => {
  const rules = { ...TOLERANT, rawKey: 'info' };
  const texts = {
    'd4:infodee': 'ok',
    'd4:infode4:infodee': '9: a key stands twice in one dictionary',
    'd4:infode1:ai1e4:infodee': '15: a key stands twice in one dictionary',
    'd4:infod1:ai1e1:ai1eee': '14: a key stands twice in one dictionary',
    'd4:infod1:bi1e1:ai1e1:bi1eee': '20: a key stands twice in one dictionary',
    'd4:infod1:bi1e1:ai1e1:ai1eee': '20: a key stands twice in one dictionary',
    'd4:infod1:xd1:ai1e1:ai1eeee': '18: a key stands twice in one dictionary',
    'd1:ai1e1:ai1e4:infodee': 'ok',
    'd4:infode1:zi1e1:zi1ee': 'ok',
  };
  assert.deepEqual(verdicts(Object.keys(texts), rules), texts);
});

test('tokens that the package would misread are listed as oddities', () => {
  const text = 'd1:ai1e1:ai2e9:__proto__i3e1:\xffi9007199254740992e1:zi9007199254740991ee';
  const result = scan(text, TOLERANT);
  assert.ok(result.ok);
  assert.deepEqual(
    result.oddities.map(({ kind, begin, end }) => [kind, text.slice(begin, end)]),
    [
      ['duplicate', '1:a'],
      ['key', '9:__proto__'],
      ['key', '1:\xff'],
      ['integer', 'i9007199254740992e'],
    ],
  );
});

test('the limits of nesting and tokens are exact', () => {
  const depth = (n: number) => scan('l'.repeat(n) + 'e'.repeat(n), { ...TOLERANT, maxDepth: 3 }).ok;
  assert.deepEqual([depth(3), depth(4)], [true, false]);
  const tokens = (n: number) => scan(`l${'i0e'.repeat(n)}e`, { ...TOLERANT, maxTokens: 3 }).ok;
  assert.deepEqual([tokens(2), tokens(3)], [true, false]);
});

test('the guard reads each byte only a few times, whatever the input', () => {
  const hostile = {
    'two million lists': Buffer.alloc(2_000_000, 'l'),
    'two million nested dictionaries': Buffer.from('d1:a'.repeat(500_000)),
    'a string of two gigabytes': Buffer.from('2147483648:abc'),
    'four million tokens': Buffer.from(`l${'0:'.repeat(4_000_000)}`),
    'a dictionary of two hundred thousand keys': Buffer.from(
      `d${Array.from({ length: 200_000 }, (_, key) => `6:${key + 100_000}0:`).join('')}e`,
    ),
    'as many keys out of order': Buffer.from(
      `d${Array.from({ length: 200_000 }, (_, key) => `6:${999_999 - key}0:`).join('')}e`,
    ),
    'a million digits': Buffer.from(`i${'1'.repeat(1_000_000)}e`),
    'a length of a million digits': Buffer.from(`${'0'.repeat(1_000_000)}:`),
  };
  for (const [name, bytes] of Object.entries(hostile)) {
    const counted = countedBytes(bytes);
    const lookUps = countLookUps(() => void scanBencode(counted.bytes, CANONICAL));
    assert.ok(counted.reads() <= 4 * bytes.length, `${name}: ${counted.reads()} bytes read of ${bytes.length}`);
    assert.ok(lookUps <= bytes.length, `${name}: ${lookUps} look-ups`);
  }
});

if (hasCorpus('the bencode vectors')) {
  interface Vector {
    readonly test: string;
    readonly input: { readonly hex: string };
    readonly hard_error: string | false | null;
    readonly soft_error: string | false | null;
    readonly _note?: string;
  }
  const { vectors } = JSON.parse(readCorpus('vectors/bdecode-vectors.json').toString()) as { vectors: Vector[] };

  test('the guard accepts and refuses the test vectors of another client as that client does', () => {
    for (const { test: name, input, hard_error, soft_error, _note } of vectors) {
      if (_note?.includes('skip in JS')) continue;
      const bytes = Buffer.from(input.hex, 'hex');
      const tolerant = scanBencode(bytes, TOLERANT).ok;
      const label = `${name}: ${bytes.toString('latin1')}`;
      if (hard_error !== null) assert.equal(tolerant, hard_error === false, label);
      if (typeof soft_error !== 'string') continue;
      assert.equal(tolerant, true, label);
      assert.equal(scanBencode(bytes, CANONICAL).ok, false, label);
    }
  });
}
