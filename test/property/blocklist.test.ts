import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Blocklist } from '../../src/net/blocklist.js';
import { BlocklistParser, type ListReport } from '../../src/net/blocklist-parser.js';
import { ipOfBytes, parseIp } from '../../src/net/ip-address.js';
import { isMapped, readIpv6 } from '../../src/net/ipv6-text.js';

function read(...parts: readonly Uint8Array[]): { readonly report: ListReport; readonly list: Blocklist } {
  const parser = new BlocklistParser();
  for (const part of parts) parser.feed(part);
  return { report: parser.endList(), list: new Blocklist(parser.tables()) };
}

/** What lists are made of, in any order. */
const words = fc.constantFrom(
  ...[
    '1.2.3.4',
    '1.2.3.255',
    '2001:db8::',
    '::ffff:1.2.3.4',
    '::',
    ':',
    '-',
    ' - ',
    ',',
    ' , ',
    '000',
    '128',
    '/',
    '24',
  ],
  ...['\n', '\r\n', '\t', '#', '//', ';', 'a', 'name', '.', '256', '\xef\xbb\xbf', '\0', '%eth0'],
);
const soup = fc.array(words, { maxLength: 60 }).map((all) => Buffer.from(all.join(''), 'latin1'));
const bytes = fc.oneof(
  soup,
  fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all)),
);

describe('any bytes as a blocklist', () => {
  it('are read without a failure, the same in whatever parts they come', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(300)), (whole, cuts) => {
        const { report, list } = read(whole);
        const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length])];
        places.sort((a, b) => a - b);
        const parts = places.slice(1).map((place, index) => whole.subarray(places[index], place));
        const again = read(...parts);
        assert.deepEqual(again.report, report);
        assert.deepEqual(again.list.status, list.status);
        assert.ok(report.ranges + report.badLines <= whole.toString('latin1').split('\n').length);
        assert.equal(report.firstBadLine === null, report.badLines === 0);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** A comment of P2P: it must not hold a line's end, and the line must not begin as a remark does. */
const comment = fc.string({ maxLength: 40 }).map((text) => `a${text.replace(/[\r\n]/g, '')}`);

describe('each way to write a range', () => {
  it('means the range, whatever the comment says', () => {
    const end = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((all) => ipOfBytes(Buffer.from(all)).text);
    const padded = (ip: string): string =>
      ip
        .split('.')
        .map((octet) => octet.padStart(3, '0'))
        .join('.');
    fc.assert(
      fc.property(comment, end, end, fc.integer({ min: 0, max: 127 }), (said, a, b, level) => {
        const level3 = String(level).padStart(3, '0');
        for (const line of [`${said}:${a}-${b}`, `${padded(a)} - ${padded(b)} , ${level3} , ${said}`, `${a}-${b}`]) {
          const { report, list } = read(Buffer.from(line));
          assert.deepEqual([report.badLines, list.status.ranges], [0, 1], line);
          assert.ok(list.hasHost(a) && list.hasHost(b), line);
        }
      }),
    );
  });
});

describe('the address of IPv6 in a text', () => {
  it('is the one that the system reads there', () => {
    const parts = fc.constantFrom(
      '0',
      '1',
      'db8',
      'FFFF',
      '12345',
      'g',
      ':',
      '::',
      ':',
      '1.2.3.4',
      '01.2.3.4',
      '256.1.1.1',
      '.',
    );
    const texts = fc.oneof(
      fc.ipV6(),
      fc.array(parts, { maxLength: 20 }).map((all) => all.join('')),
      fc
        .array(fc.constantFrom('0', 'a', '::', 'ffff:'), { maxLength: 12 })
        .map((all) => all.join(':').replace(/:{3,}/g, '::')),
    );
    const words = new Uint32Array(4);
    fc.assert(
      fc.property(texts, (text) => {
        const ip = text.includes(':') ? parseIp(text) : undefined;
        const bytes = Buffer.from(`:${text}:`);
        assert.equal(readIpv6(bytes, 1, bytes.length - 1, words), ip !== undefined, text);
        if (ip === undefined) return;
        const read = Buffer.alloc(16);
        for (const [word, value] of words.entries()) read.writeUInt32BE(value, 4 * word);
        assert.equal(ipOfBytes(read).text, ip.text);
        assert.equal(isMapped(words), ip.family === 4);
      }),
      { numRuns: 5_000 },
    );
  });
});
