import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { abridged, columnsOf, fitTo, jsonLine, printable } from '../../../src/cli/output/escape.js';
import {
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatRatio,
  formatRatioGoal,
  formatSize,
} from '../../../src/cli/output/format.js';
import { progressSentence } from '../../../src/cli/output/plain-progress.js';
import { TEXT_COLUMNS } from '../../support/text-columns.js';
import { makeStatus } from './support/fake-session.js';

/**
 * Characters that break a line, change the direction of writing or cannot be seen. The list is written out here, so
 * that the code is not checked against its own rule.
 */
const UNSEEN = [
  ...['\0', '\t', '\n', '\v', '\f', '\r', '\x1b', '\x7f', '\x85', '\x9b', '\u2028', '\u2029'],
  ...[
    '\u061c',
    '\u200e',
    '\u200f',
    '\u202a',
    '\u202b',
    '\u202c',
    '\u202d',
    '\u202e',
    '\u2066',
    '\u2067',
    '\u2068',
    '\u2069',
  ],
  ...[
    '\xad',
    '\u034f',
    '\u115f',
    '\u1160',
    '\u180e',
    '\u200b',
    '\u2060',
    '\u2061',
    '\u2064',
    '\u206a',
    '\u206f',
    '\u2800',
  ],
  ...['\u3164', '\ufeff', '\uffa0', '\ufff9', '\ufffb', '\ud800', '\udbff', '\udc80', '\udfff'],
  ...['\u{1d173}', '\u{e0000}', '\u{e0001}', '\u{e0041}', '\u{e007f}', '\u{e0100}', '\u{e01ef}'],
];
const LINE_BREAK_OR_UNSEEN = /[\p{Cc}\p{Cs}\p{Bidi_C}\u2028\u2029\ufeff\u{e0000}-\u{e0fff}]/u;

test('no text can control a terminal: control characters and changes of direction become escapes', () => {
  assert.equal(printable('a\x1b[31mb\nc\x07\x7f\x9b\u202egnp.exe'), 'a\\x1b[31mb\\x0ac\\x07\\x7f\\x9b\\u202egnp.exe');
  assert.equal(printable('a\u2028b\u2029c\u{e0041}d\udc80'), 'a\\u2028b\\u2029c\\u{e0041}d\\udc80');
  assert.equal(printable('ünïcode ☃ 漢字 🎉'), 'ünïcode ☃ 漢字 🎉');
  const unit = fc.string({ unit: 'binary' });
  fc.assert(fc.property(unit, (text) => !LINE_BREAK_OR_UNSEEN.test(printable(text))));
});

test('a character that breaks a line or cannot be seen becomes an escape, in a sentence and in JSON', () => {
  for (const character of UNSEEN) {
    assert.match(
      printable(character),
      /^\\(x[0-9a-f]{2}|u[0-9a-f]{4}|u\{[0-9a-f]{5}\})$/,
      character.codePointAt(0)?.toString(16),
    );
    const line = jsonLine(character);
    assert.match(line, /^"[\x20-\x7e]+"$/, character.codePointAt(0)?.toString(16));
    assert.equal(JSON.parse(line), character);
  }
});

test('joiners and variation selectors stay, which Persian, Hindi, Mongolian and emoji need', () => {
  for (const text of [
    'می\u200cخواهم',
    'क्\u200dष',
    '👩\u200d💻',
    '❤\ufe0f',
    'ᠠ\u180b',
    'a\u0301',
    '全\u3000角',
    'a\xa0b',
  ])
    assert.equal(printable(text), text);
});

test('JSON is one line without control characters, and a parser gets the same value', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = jsonLine({ text });
      assert.ok(!LINE_BREAK_OR_UNSEEN.test(line));
      assert.deepEqual(JSON.parse(line), { text });
    }),
  );
});

test('a long text keeps its beginning and its end, and no character is cut in half', () => {
  assert.equal(abridged('abcdefghi', 9), 'abcdefghi');
  assert.equal(abridged('abcdefghij', 9), 'abcde…hij');
  assert.equal(abridged('abcd🎉fg🎉ij', 9), 'abcd…ij');
  const unit = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(unit, fc.integer({ min: 6, max: 30 }), (text, length) => {
      const cut = abridged(text, length);
      assert.ok(cut.length <= length);
      assert.doesNotMatch(cut, /\p{Surrogate}/u);
      if (text.length <= length) assert.equal(cut, text);
    }),
  );
});

test('columns are those of graphemes: wide characters take two, marks none, and joined emoji are one picture', () => {
  for (const [text, columns, what] of TEXT_COLUMNS) assert.equal(columnsOf(text), columns, what);
});

test('text is cut to columns between graphemes', () => {
  const rows: readonly (readonly [text: string, columns: number, cut: string])[] = [
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 4, 'abc…'],
    ['漢字漢字', 6, '漢字…'],
    ['abc', 0, ''],
    ['abc', 1, '…'],
    ['a👨\u200d👩\u200d👧\u200d👦b', 4, 'a👨\u200d👩\u200d👧\u200d👦b'],
    ['a👨\u200d👩\u200d👧\u200d👦bc', 4, 'a👨\u200d👩\u200d👧\u200d👦…'],
    ['a👨\u200d👩\u200d👧\u200d👦bc', 3, 'a…'],
    ['🇩🇪🇫🇷🇮🇹', 4, '🇩🇪…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['\u1112\u1161\u11ab\u1100\u1173\u11af', 3, '\u1112\u1161\u11ab…'],
  ];
  for (const [text, columns, cut] of rows) assert.equal(fitTo(text, columns), cut);
});

test('what is cut never takes more columns than it has room for, and no grapheme is cut', () => {
  const sample = fc.constantFrom(
    ...TEXT_COLUMNS.map(([text]) => text),
    '\u200d',
    '\ufe0f',
    '🏽',
    '\u0600',
    '\u1100',
    '\u11a8',
  );
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.array(sample, { maxLength: 20, size: 'max' }).map((parts) => parts.join('')),
  );
  const borders = (text: string): Set<number> => {
    const segments = new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text);
    return new Set([...segments].map(({ index }) => index)).add(text.length);
  };
  fc.assert(
    fc.property(texts, fc.nat(30), (text, columns) => {
      const cut = fitTo(text, columns);
      assert.ok(columnsOf(cut) <= columns);
      if (cut === text) return;
      assert.ok(columnsOf(text) > columns);
      assert.ok(cut === '' || cut.endsWith('…'));
      const kept = cut.slice(0, -1);
      assert.ok(text.startsWith(kept) && borders(text).has(kept.length));
      // All that fits is kept.
      const next = [...borders(text)].sort((a, b) => a - b).find((border) => border > kept.length) ?? 0;
      if (columns > 0) assert.ok(columnsOf(text.slice(0, next)) > columns - 1);
    }),
    { numRuns: 1_000 },
  );
});

test('sizes, rates, durations and counts read well at every boundary', () => {
  const sizes = [0, 1, 1023, 1024, 1536, 102_350, 102_400, 1_048_575, 1_048_576, 3_379_068_928, 2 ** 50, 2 ** 53];
  assert.deepEqual(sizes.map(formatSize), [
    '0 B',
    '1 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '100 KiB',
    '100 KiB',
    '1 MiB',
    '1 MiB',
    '3.1 GiB',
    '1 PiB',
    '8 PiB',
  ]);
  assert.equal(formatRate(1536), '1.5 KiB/s');
  assert.deepEqual([0, 0.2, 59, 60, 61.5, 3599.5, 3600, 86_399, 86_400, 100_000].map(formatDuration), [
    '0s',
    '1s',
    '59s',
    '1m00s',
    '1m02s',
    '1h00m',
    '1h00m',
    '23h59m',
    '1d00h',
    '1d03h',
  ]);
  assert.deepEqual(
    [formatPercent(999_999, 1_000_000), formatPercent(0, 0), formatPercent(5, 5)],
    ['99%', '100%', '100%'],
  );
  const ratios = [0, 0.29, 0.999, 1.9999, 9.999, 10, 99.99, 100, 999.9, 1000, 123_456, 1e9];
  assert.deepEqual(ratios.map(formatRatio), [
    ...['0.00', '0.29', '0.99', '1.99', '9.99', '10.0', '99.9', '100', '999', '1k', '123k', '999k'],
  ]);
  assert.deepEqual([1, 1.5, 0.25, 1 / 3, 10].map(formatRatioGoal), ['1', '1.5', '0.25', '0.33', '10']);
  assert.deepEqual([formatCount(1, 'peer'), formatCount(1234, 'peer')], ['1 peer', '1,234 peers']);
});

const status = makeStatus({ wanted: 3 << 20, have: 1 << 20, downRate: 1 << 20, peers: 3, eta: 125 });

test('a progress sentence tells what matters in each state', () => {
  const states = [
    status,
    { ...status, state: 'stalled' as const, downRate: 0, eta: null },
    { ...status, state: 'checking' as const, checked: 512, checkLength: 1024 },
    { ...status, state: 'checking' as const, have: 0, checked: 0, checkLength: 0 },
    { ...status, state: 'seeding' as const, have: 3 << 20, upRate: 2048, uploaded: 1 << 20 },
    {
      ...status,
      state: 'seeding' as const,
      have: 3 << 20,
      uploaded: 1 << 20,
      seedGoal: { ratio: 1.5, timeLeft: 3660 },
    },
    { ...status, state: 'seeding' as const, have: 3 << 20, seedGoal: { ratio: null, timeLeft: null } },
    { ...status, eta: null },
    { ...status, state: 'paused' as const, waitsFor: { on: 'torrent', message: 'waits for y\x1b' } as const },
  ];
  assert.deepEqual(
    states.map((each) => progressSentence('x\x1b', each)),
    [
      'x\\x1b: 33%, 1 MiB of 3 MiB, down 1 MiB/s, 2m05s left, 3 peers',
      'x\\x1b: 33%, 1 MiB of 3 MiB, stalled, 3 peers',
      'x\\x1b: 50%, checking, 512 B of 1 KiB',
      'x\\x1b: 0%, checking',
      'x\\x1b: 100%, seeding, up 2 KiB/s, 3 peers, sent 1 MiB',
      'x\\x1b: 100%, seeding, up 0 B/s, 3 peers, sent 1 MiB, ratio 0.33 of 1.5, 1h01m left',
      'x\\x1b: 100%, seeding, up 0 B/s, 3 peers, sent 0 B',
      'x\\x1b: 33%, 1 MiB of 3 MiB, down 1 MiB/s, 3 peers',
      'x\\x1b: 33%, 1 MiB of 3 MiB, waits for y\\x1b',
    ],
  );
});
