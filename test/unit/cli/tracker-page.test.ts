import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_STYLE, writeTrackerPage } from '../../../src/cli/output/tracker-page.js';
import { TrackerCounts } from '../../../src/tracker/tracker-counts.js';
import type { ListedTorrent, TrackerStanding } from '../../../src/tracker/tracker-standing.js';

const standing: TrackerStanding = {
  version: '1.2.3',
  uptime: 90_061,
  torrents: 12_345,
  seeds: 1_000,
  leeches: 23,
  counts: Object.assign(new TrackerCounts(), {
    announces: { http: 1_234_567, udp: 8 },
    scrapes: { http: 3, udp: 4 },
    refusals: { malformed: 1, not_served: 2, other_peer: 30 },
    completions: 9,
  }),
};
const torrent: ListedTorrent = {
  infoHash: 'ab'.repeat(20),
  name: 'Debian',
  length: 3_379_068_928,
  seeds: 1_200,
  leeches: 3,
  downloaded: 45,
};

/** The cells of each row, as text. */
function rowsOf(page: string): string[][] {
  return [...page.matchAll(/<tr>([^\n]*)/g)].map(([, row = '']) =>
    row
      .split(/<t[hd][^>]*>/)
      .slice(1)
      .map((cell) => cell.replace(/<[^>]*>/g, '')),
  );
}

test('the page has the totals and a row for each listed torrent, with numbers on the right', () => {
  const page = writeTrackerPage(standing, [torrent, { ...torrent, name: null, length: null, seeds: 0 }]);
  assert.deepEqual(rowsOf(page), [
    ['torrents', '12,345'],
    ['seeds', '1,000'],
    ['leeches', '23'],
    ['downloads', '9'],
    ['announces over HTTP', '1,234,567'],
    ['announces over UDP', '8'],
    ['announces refused', '33'],
    ['scrapes', '7'],
    ['up for', '1d01h'],
    ['name', 'size', 'seeds', 'leeches', 'downloads', 'info-hash'],
    ['Debian', '3.1 GiB', '1,200', '3', '45', torrent.infoHash],
    ['–', '–', '0', '3', '45', torrent.infoHash],
  ]);
  assert.match(page, /<p>and 12,343 torrents not listed here\n/);
  assert.match(page, /<td class="n">3\.1 GiB<td class="n">1,200<td class="n">3<td class="n">45<td>/);
  assert.match(PAGE_STYLE, /\.n\{text-align:right;/);
  assert.match(PAGE_STYLE, /color-scheme:light dark/);
  assert.match(PAGE_STYLE, /@media \(prefers-color-scheme:dark\)/);
});

test('without names there are no columns for them, and without torrents no table of them', () => {
  const page = writeTrackerPage({ ...standing, torrents: 1 }, [{ ...torrent, name: null, length: null }]);
  assert.deepEqual(rowsOf(page).slice(9), [
    ['seeds', 'leeches', 'downloads', 'info-hash'],
    ['1,200', '3', '45', torrent.infoHash],
  ]);
  assert.doesNotMatch(page, /not listed/);
  assert.equal(rowsOf(writeTrackerPage({ ...standing, torrents: 0 }, [])).length, 9);
  assert.match(writeTrackerPage({ ...standing, torrents: 2 }, []), /<p>2 torrents not listed here\n/);
});

test('of a long name the begin and the end are shown', () => {
  const page = writeTrackerPage(standing, [{ ...torrent, name: `begin${'-'.repeat(300)}end` }]);
  assert.match(page, /<bdi>begin-{74}…-{37}end<\/bdi>/);
});

test('a name is text and nothing else, whatever it holds', () => {
  const tags = (page: string): string[] => [...page.matchAll(/<\/?[^\s>]*/g)].map(([tag]) => tag);
  const plain = tags(writeTrackerPage(standing, [torrent]));
  assert.ok(!plain.includes('<script') && !plain.includes('<link') && !plain.includes('<img'));
  const names = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", '/', 'script', 'bdi', '--', '\u202e', '\0', '\n') }),
  );
  fc.assert(
    fc.property(names, (name) => {
      const page = writeTrackerPage(standing, [{ ...torrent, name }]);
      assert.deepEqual(tags(page), plain);
      assert.doesNotMatch(page, /[^\P{Cc}\n]|\u202e/u);
      const [, shown = ''] = /<bdi>(.*)<\/bdi>/.exec(page) ?? [];
      const entities = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };
      const read = shown.replace(
        /&[^;]*;/g,
        (entity) => entities[entity as keyof typeof entities] ?? assert.fail(entity),
      );
      // What cannot be printed is an escape.
      if (/^[\x20-\x7e]{0,120}$/.test(name)) assert.equal(read, name);
    }),
    { numRuns: 500 },
  );
});
