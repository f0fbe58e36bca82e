import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UNPRINTABLE } from '../../../../src/base/unprintable.js';
import { announceUrl, printable, shownUrl } from '../../../../src/discovery/trackers/announce-url.js';
import type { AnnounceRequest } from '../../../../src/discovery/trackers/tracker-client.js';
import { byUser } from '../../../support/sourced-url.js';

const REQUEST: AnnounceRequest = {
  ...byUser('http://tracker.test:8080/announce'),
  infoHash: Buffer.from('00417a2d2e5f7e2b2f20ff80313233343536370a', 'hex'),
  peerId: Buffer.from('-BG0001-abcdefghijkl'),
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  event: null,
  numwant: 50,
  key: '0123abcd',
  trackerId: null,
  encryption: 'none',
};

function urlOf({ url, ...request }: Partial<Omit<AnnounceRequest, 'url'>> & { url?: string }): string {
  const outcome = announceUrl({ ...REQUEST, ...request, ...(url === undefined ? {} : byUser(url)) });
  return outcome.ok ? outcome.url.href : `${outcome.code}: ${outcome.message}`;
}

const QUERY =
  'info_hash=%00Az-._~%2B%2F%20%FF%801234567%0A&peer_id=-BG0001-abcdefghijkl&port=6881&uploaded=1&downloaded=2&left=3' +
  '&key=0123abcd&compact=1&numwant=50';

test('an announce has all its fields, with their bytes escaped', () => {
  assert.equal(urlOf({}), `http://tracker.test:8080/announce?${QUERY}`);
  assert.equal(
    urlOf({ event: 'completed', trackerId: 'ÿ &=#\n' }),
    `http://tracker.test:8080/announce?${QUERY}&event=completed&trackerid=%FF%20%26%3D%23%0A`,
  );
});

test('our query follows the query of the tracker’s URL, and a fragment is left out', () => {
  assert.equal(urlOf({ url: 'https://t.test/a?passkey=%41&x' }), `https://t.test/a?passkey=%41&x&${QUERY}`);
  assert.equal(urlOf({ url: 'https://t.test/a?' }), `https://t.test/a?${QUERY}`);
  assert.equal(urlOf({ url: 'https://t.test/a?x&&#part' }), `https://t.test/a?x&${QUERY}`);
});

test('an announce says whether we take encrypted connections, and whether we take nothing else', () => {
  assert.equal(urlOf({ encryption: 'supported' }), `http://tracker.test:8080/announce?${QUERY}&supportcrypto=1`);
  assert.equal(urlOf({ encryption: 'required' }), `http://tracker.test:8080/announce?${QUERY}&requirecrypto=1`);
});

test('URLs that are not fetched are refused with the reason', () => {
  const told: Record<string, string> = {};
  const urls = [
    'udp://tracker.test:80/announce',
    'file:///etc/passwd',
    'unix:/run/docker.sock',
    'javascript:alert(1)',
    'tracker.test/announce',
    'http://',
    'http://user:secret@[/',
    'http://tracker.test/\r\nX-Injected: yes',
    'http://tracker.test/\tannounce',
    'http://tracker.test/a b',
    'http://tracker.test/\0',
  ];
  for (const url of urls) told[url] = urlOf({ url });
  assert.deepEqual(told, {
    'udp://tracker.test:80/announce': 'forbidden: udp: urls are not fetched',
    'file:///etc/passwd': 'forbidden: file: urls are not fetched',
    'unix:/run/docker.sock': 'forbidden: unix: urls are not fetched',
    'javascript:alert(1)': 'forbidden: javascript: urls are not fetched',
    'tracker.test/announce': 'forbidden: not a url: tracker.test/announce',
    'http://': 'forbidden: not a url: http://',
    'http://user:secret@[/': 'forbidden: not a url: http://[/',
    'http://tracker.test/\r\nX-Injected: yes': 'forbidden: url holds a control character or a space',
    'http://tracker.test/\tannounce': 'forbidden: url holds a control character or a space',
    'http://tracker.test/a b': 'forbidden: url holds a control character or a space',
    'http://tracker.test/\0': 'forbidden: url holds a control character or a space',
  });
  assert.equal(
    urlOf({ url: `http://t.test/${'a'.repeat(1 << 20)}` }),
    'forbidden: url of 1048590 characters is too long',
  );
});

test('every URL of a torrent is either refused or safe to put in a request line', () => {
  const pieces = fc.constantFrom(
    'http://',
    'https://',
    'h',
    '@',
    ':',
    '/',
    '?',
    '#',
    '%0d%0a',
    '%',
    '\r\n',
    ' ',
    '\0',
    'ü',
    '[',
    ']',
    '🙂',
  );
  const url = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces).map((parts) => `http://h${parts.join('')}`),
  );
  fc.assert(
    fc.property(url, fc.string(), (text, trackerId) => {
      const outcome = announceUrl({ ...REQUEST, ...byUser(text), trackerId });
      if (!outcome.ok) assert.match(outcome.message, /^\P{Cc}*$/u);
      else assert.match(`${outcome.url.host} ${outcome.url.pathname}${outcome.url.search}`, /^[!-~]+ [!-~]+$/);
    }),
  );
});

test('a shown URL has no password, no key and no control characters', () => {
  assert.equal(shownUrl('http://user:secret@t.test/announce?x=1'), 'http://t.test/announce?x=1');
  assert.equal(shownUrl('http://user:secret@bad host/\u001b[31m'), 'http://bad host/ [31m');
});

test('shown text is cut at a whole character, and has none that moves a cursor or reverses the line', () => {
  assert.equal(printable('\u001b[2Jre\u202ed\r\n\u0085end\u0007', 100), '[2Jre d end');
  // Invisible characters make two names look like one: marks, fillers, tags, halves of surrogate pairs.
  for (const unseen of ['\u061c', '\u200b', '\u2060', '\ufeff', '\u2800', '\u3164', '\u{e0041}', '\ud800']) {
    assert.equal(printable(`pay${unseen}pal`, 100), 'pay pal', unseen.codePointAt(0)?.toString(16));
  }
  assert.equal(printable('می\u200cخواهم 👩\u200d💻', 100), 'می\u200cخواهم 👩\u200d💻');
  assert.equal(printable('aé', 2), 'a');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 40 }), (text, maxLength) => {
      const shown = printable(text, maxLength);
      assert.ok(Buffer.byteLength(shown) <= maxLength);
      assert.doesNotMatch(shown, UNPRINTABLE);
      assert.ok(!shown.includes('\ufffd') || Buffer.from(text).toString().includes('\ufffd'));
    }),
  );
});
