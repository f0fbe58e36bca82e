import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Blocklist } from '../../../src/net/blocklist.js';
import { BlocklistParser, MAX_LINE_LENGTH } from '../../../src/net/blocklist-parser.js';
import { ipOfBytes } from '../../../src/net/ip-address.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { splits } from '../../support/splits.js';

/** What a line says: the ranges as `first-last`, or null for a bad line. */
function read(text: string): readonly string[] | null {
  const parser = new BlocklistParser();
  parser.feed(Buffer.from(text, 'latin1'));
  const { badLines } = parser.endList();
  const { firsts, lasts, ipv6 } = parser.tables();
  const textOf = (at: number): string => {
    const words = Array.from(ipv6.subarray(at, at + 4), (word) => word.toString(16).padStart(8, '0'));
    return ipOfBytes(Buffer.from(words.join(''), 'hex')).text;
  };
  const found = Array.from(firsts, (first, index) => `${dotted(first)}-${dotted(lasts[index] as number)}`);
  for (let at = 0; at < ipv6.length; at += 8) found.push(`${textOf(at)}-${textOf(at + 4)}`);
  return badLines > 0 ? null : found;
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map((bits) => (number >>> bits) & 255).join('.');
}

const LINES: Readonly<Record<string, readonly string[] | null>> = {
  // P2P.
  'Some Name:1.2.3.4-1.2.3.9': ['1.2.3.4-1.2.3.9'],
  'a:b:c - d:1.2.3.4-1.2.3.4': ['1.2.3.4-1.2.3.4'],
  '1.1.1.1-2.2.2.2:1.2.3.4-1.2.3.9': ['1.2.3.4-1.2.3.9'],
  '1.1.1.1 - 2.2.2.2 mail:1.2.3.4-1.2.3.9': ['1.2.3.4-1.2.3.9'],
  ':1.2.3.4-1.2.3.9': ['1.2.3.4-1.2.3.9'],
  'dead::1.2.3.4-1.2.3.9': ['1.2.3.4-1.2.3.9'],
  'x: 1.2.3.4 - 1.2.3.9': ['1.2.3.4-1.2.3.9'],
  'x:1.2.3.9-1.2.3.4': ['1.2.3.4-1.2.3.9'],
  'x:001.002.003.004-001.002.003.009': ['1.2.3.4-1.2.3.9'],
  'x:0.0.0.0-255.255.255.255': ['0.0.0.0-255.255.255.255'],
  '\xe9\xff:1.2.3.4-1.2.3.9': ['1.2.3.4-1.2.3.9'],
  'x:2001:db8::1-2001:db8::9': ['2001:db8::1-2001:db8::9'],
  'a:b:2001:db8::1-2001:db8::9': ['2001:db8::1-2001:db8::9'],
  'ab:cd:ef:2001:db8::1-2001:db8::9': ['2001:db8::1-2001:db8::9'],
  'a:b:1:2:3:4:5:6:7::-1:2:3:4:5:6:7::': ['1:2:3:4:5:6:7:0-1:2:3:4:5:6:7:0'],
  ':::1-::2': ['::1-::2'],
  '::1-::2': ['::1-::2'],
  'x: 2001:db8::1 - 2001:db8::9': ['2001:db8::1-2001:db8::9'],
  'x:::ffff:1.2.3.4-::ffff:1.2.3.9': ['1.2.3.4-1.2.3.9'],
  'x:2001:db8::9-2001:db8::1': ['2001:db8::1-2001:db8::9'],
  'x:1.2.3.256-1.2.4.1': null,
  'x:1.2.3-1.2.4.1': null,
  'x:1.2.3.4-1.2.3.9.1': null,
  'x:1.2.3.4-': null,
  'x:-1.2.3.4': null,
  'x:1.2.3.4': null,
  'x:1.2.3.4-2001:db8::1': null,
  'x:0001.2.3.4-1.2.3.9': null,
  // eMule.
  '001.009.096.105 - 001.009.096.105 , 000 , Some organization': ['1.9.96.105-1.9.96.105'],
  '1.0.0.0 - 1.0.0.255 , 127 , x, y - z:1': ['1.0.0.0-1.0.0.255'],
  '1.0.0.0 - 1.0.0.255 , 128 , allowed': [],
  '1.0.0.0-1.0.0.255,200': [],
  '1.0.0.0-1.0.0.255,0': ['1.0.0.0-1.0.0.255'],
  '2001:db8::1 - 2001:db8::9 , 000 , x': ['2001:db8::1-2001:db8::9'],
  '2001:db8::1 - 2001:db8::9 , 128 , x': [],
  '1.0.0.0 - 1.0.0.255 , low , x': null,
  '1.0.0.0 - 1.0.0.255 x': null,
  // Networks, ranges and addresses alone.
  '192.0.2.1': ['192.0.2.1-192.0.2.1'],
  '192.0.2.77/24': ['192.0.2.0-192.0.2.255'],
  '192.0.2.77/32': ['192.0.2.77-192.0.2.77'],
  '0.0.0.0/0': ['0.0.0.0-255.255.255.255'],
  '1.2.3.4-1.2.3.9': ['1.2.3.4-1.2.3.9'],
  '1.10.16.0/20 ; SBL256894': ['1.10.16.0-1.10.31.255'],
  '192.0.2.1 # x': ['192.0.2.1-192.0.2.1'],
  '192.0.2.1 // x': ['192.0.2.1-192.0.2.1'],
  '2001:db8::1': ['2001:db8::1-2001:db8::1'],
  '2001:db8::/32': ['2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  '2001:db8::/126 ; x': ['2001:db8::-2001:db8::3'],
  '::ffff:192.0.2.1': ['192.0.2.1-192.0.2.1'],
  '::ffff:192.0.2.0/120': ['192.0.2.0-192.0.2.255'],
  '1.2.3.4/33': null,
  '1.2.3.4/': null,
  '2001:db8::/129': null,
  '1.2.3.4:6881': null,
  '1.2.3.4.5': null,
  '1.2.3': null,
  '1.2.3.': null,
  '16909060': null,
  '0x1.2.3.4': null,
  'example.org': null,
  '<html>': null,
  '-': null,
  ':': null,
  // No range.
  '': [],
  ' \t ': [],
  '# 1.2.3.4': [],
  '// 1.2.3.4': [],
  '; 1.2.3.4': [],
  '  #': [],
  // Lines that end with a carriage return alone are one line to us.
  'a:1.2.3.4-1.2.3.9\rb:1.2.3.10-1.2.3.20\r': null,
  '1.2.3.4 # x\r1.2.3.5': null,
  // What is around lines.
  'x:1.2.3.4-1.2.3.9\r': ['1.2.3.4-1.2.3.9'],
  '  1.2.3.4  \r\n': ['1.2.3.4-1.2.3.4'],
  '\xef\xbb\xbf1.2.3.4': ['1.2.3.4-1.2.3.4'],
  '\xef\xbb\xbf# x\n1.2.3.4': ['1.2.3.4-1.2.3.4'],
  '1.2.3.4\n\xef\xbb\xbf1.2.3.5': null,
};

describe('a line of a blocklist', () => {
  for (const [line, ranges] of Object.entries(LINES))
    it(`${JSON.stringify(line)} means ${ranges === null ? 'nothing and is bad' : ranges.join() || 'nothing'}`, () => {
      assert.deepEqual(read(line), ranges);
    });

  it('means what the vectors of the corpus say', () => {
    if (!hasCorpus('lines of blocklists')) return;
    const { lines } = JSON.parse(readCorpus('reach/blocklist-vectors.json').toString());
    assert.ok(lines.length > 10);
    for (const { line, ranges } of lines)
      assert.deepEqual(read(line), ranges?.map((ends: readonly string[]) => ends.join('-')) ?? null, line);
  });
});

describe('a blocklist', () => {
  const TEXT = [
    '# a list',
    'x:1.2.3.4-1.2.3.9',
    'rubbish',
    '',
    '2001:db8::/32',
    'y'.repeat(MAX_LINE_LENGTH + 1),
    '1.2.3.10 - 1.2.3.20 , 000 , z\r',
    '9.9.9.9 - 9.9.9.9 , 200 , z',
    '8.8.8.8',
  ];

  it('is the same in whatever parts it comes', () => {
    for (const end of ['', '\n', '\r\n'])
      for (const parts of splits(Buffer.from(TEXT.join('\n') + end), seededRandom(3), 20)) {
        const parser = new BlocklistParser();
        for (const part of parts) parser.feed(part);
        assert.deepEqual(parser.endList(), { ranges: 5, badLines: 2, firstBadLine: 3 });
        const list = new Blocklist(parser.tables());
        assert.equal(list.status.ranges, 3);
        const hosts = ['1.2.3.3', '1.2.3.4', '1.2.3.20', '1.2.3.21', '2001:db8::5', '9.9.9.9', '8.8.8.8'];
        assert.deepEqual(
          hosts.filter((host) => list.hasHost(host)),
          ['1.2.3.4', '1.2.3.20', '2001:db8::5', '8.8.8.8'],
        );
      }
  });

  it('has lines of 4096 bytes at the most, in whatever parts they come', () => {
    const comment = (length: number): string => `${'x'.repeat(length - ':1.2.3.4-1.2.3.4'.length)}:1.2.3.4-1.2.3.4`;
    for (const [length, badLines] of [
      [MAX_LINE_LENGTH, 0],
      [MAX_LINE_LENGTH + 1, 1],
      [1 << 20, 1],
    ] as const)
      for (const part of [1000, MAX_LINE_LENGTH, 1 << 21]) {
        const bytes = Buffer.from(`${comment(length)}\n5.5.5.5\n`);
        const parser = new BlocklistParser();
        for (let at = 0; at < bytes.length; at += part) parser.feed(bytes.subarray(at, at + part));
        const { ranges, ...bad } = parser.endList();
        assert.deepEqual([ranges, bad.badLines, bad.firstBadLine], [2 - badLines, badLines, badLines === 0 ? null : 1]);
      }
  });

  it('counts its own lines, and several lists are one set', () => {
    const parser = new BlocklistParser();
    parser.feed(Buffer.from('1.2.3.4\nbad'));
    assert.deepEqual(parser.endList(), { ranges: 1, badLines: 1, firstBadLine: 2 });
    // The rest of the first list is not the begin of the second one.
    parser.feed(Buffer.from('1.2.3.5\n\nbad\nworse'));
    assert.deepEqual(parser.endList(), { ranges: 1, badLines: 2, firstBadLine: 3 });
    assert.equal(new Blocklist(parser.tables()).status.ranges, 1);
  });
});
