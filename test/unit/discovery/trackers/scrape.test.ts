import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Encodable, encodeBencode } from '../../../../src/bencode/encode.js';
import { decodeScrapeResponse, scrapeUrl } from '../../../../src/discovery/trackers/scrape.js';
import { hasCorpus, readCorpus } from '../../../support/corpus.js';

const TORRENT = Buffer.alloc(20, 0xfe);
const OTHER = Buffer.alloc(20, 0x41);

const dictionary = (fields: Record<string, Encodable>) => new Map(Object.entries(fields));

function decoded(fields: Record<string, Encodable>) {
  return decodeScrapeResponse(encodeBencode(dictionary(fields)), [TORRENT, OTHER]);
}

test('the URL of a scrape stands beside that of the announce, and keeps its query', () => {
  const rows: readonly [string, string][] = [
    ['http://t.test/announce', 'http://t.test/scrape?'],
    ['http://t.test/x/announce', 'http://t.test/x/scrape?'],
    ['http://t.test/announce.php?key=1&', 'http://t.test/scrape.php?key=1&'],
    ['https://t.test/announce/announce#a', 'https://t.test/announce/scrape?'],
  ];
  for (const [text, expected] of rows) {
    const outcome = scrapeUrl(text, [TORRENT, OTHER]);
    const query = `info_hash=${'%FE'.repeat(20)}&info_hash=${'A'.repeat(20)}`;
    assert.equal(outcome.ok && outcome.url.href, expected + query);
  }
  for (const text of ['http://t.test/', 'http://u:p@t.test/x', 'http://t.test/announce/x', 'http://t.test/xannounce']) {
    const outcome = scrapeUrl(text, []);
    assert.equal(outcome.ok || outcome.message, `${text.replace('u:p@', '')} has no scrape beside it`);
  }
  assert.equal(scrapeUrl('ftp://t.test/announce', []).ok, false);
});

test('each torrent is found by its info-hash, and a count that the tracker does not tell is null', () => {
  const files = new Map<string, Encodable>([
    [TORRENT.toString('latin1'), dictionary({ complete: 1, downloaded: -2, incomplete: 'x' })],
    ['short', dictionary({ complete: 9 })],
  ]);
  assert.deepEqual(decoded({ files }), { ok: true, torrents: [{ seeds: 1, downloaded: null, leeches: null }, null] });
  assert.deepEqual(decoded({ files: dictionary({}) }), { ok: true, torrents: [null, null] });
  assert.deepEqual(decoded({ files: 5 }), { ok: false, code: 'bad-answer', message: 'the answer has no files' });
  assert.deepEqual(decoded({ 'failure reason': 'no\nscrape' }), { ok: false, code: 'refused', message: 'no scrape' });
});

test('the answers in another client’s tests are read as it reads them', { skip: !hasCorpus('scrapes') }, () => {
  const { http_tracker_responses: section } = JSON.parse(readCorpus('vectors/more-vectors.json').toString());
  assert.ok(section.scrape.length > 0);
  for (const { hex, info_hash, complete, incomplete, downloaded } of section.scrape) {
    assert.deepEqual(decodeScrapeResponse(Buffer.from(hex, 'hex'), [Buffer.from(info_hash, 'hex')]), {
      ok: true,
      torrents: [{ seeds: complete, downloaded, leeches: incomplete }],
    });
  }
});

test('no answer, random or mutated, makes the reader throw', () => {
  const files = new Map<string, Encodable>([[OTHER.toString('latin1'), dictionary({ complete: 1, downloaded: 2 })]]);
  const valid = encodeBencode(dictionary({ files }));
  const mutated = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
    const bytes = Buffer.from(valid);
    for (const [at, byte] of changes) bytes[at] = byte;
    return bytes;
  });
  const random = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(random, mutated), (body) => {
      const outcome = decodeScrapeResponse(body, [OTHER]);
      if (outcome.ok) assert.equal(outcome.torrents.length, 1);
    }),
    { numRuns: 1000 },
  );
});
