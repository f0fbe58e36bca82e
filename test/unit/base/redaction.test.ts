import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { redactText, redactUrl } from '../../../src/base/redaction.js';
import { SecretUrl } from '../../../src/base/secret-url.js';

const HEX = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
const BASE32 = 'MZXW6YTBOI2DSNZQKRUGS4ZANFZSAYJA';

/** URLs in the forms that private trackers use, each with what we show of it. */
const TRACKERS: readonly (readonly [url: string, shown: string])[] = [
  [`http://t.example:2710/${HEX}/announce`, 'http://t.example:2710/0f1e…/announce'],
  [`http://t.example/announce/${HEX}`, 'http://t.example/announce/0f1e…'],
  [`https://t.example/a/${HEX}/announce`, 'https://t.example/a/0f1e…/announce'],
  [`https://t.example/tracker.php/${HEX}/announce`, 'https://t.example/tracker.php/0f1e…/announce'],
  [`https://t.example/announce.php/${BASE32}`, 'https://t.example/announce.php/MZXW…'],
  [`http://t.example/announce.php?passkey=${HEX}`, 'http://t.example/announce.php?passkey=0f1e…'],
  ['http://t.example/ann?uk=aB3dE5gH7j', 'http://t.example/ann?uk=…'],
  ['http://t.example/announce?pid=42&uid=7&x=1', 'http://t.example/announce?pid=…&uid=…&x=1'],
  [
    `https://t.example/d.php?id=7&authkey=ab12&torrent_pass=${HEX}`,
    'https://t.example/d.php?id=7&authkey=…&torrent_pass=0f1e…',
  ],
  [
    'https://t.example/announce?credential=c2lnbj1hYmNkZWYx%3D%3D&n=1',
    'https://t.example/announce?credential=c2ln…&n=1',
  ],
  [`https://t.example/announce.php?${HEX}`, 'https://t.example/announce.php?0f1e…'],
  [`https://t.example/passkey=${HEX}/announce`, 'https://t.example/passkey=0f1e…/announce'],
  [`https://t.example/announce;key=${HEX}`, 'https://t.example/announce;key=0f1e…'],
  [`https://t.example/dl/7/${HEX}.torrent`, 'https://t.example/dl/7/0f1e….torrent'],
  ['https://t.example/123e4567-e89b-12d3-a456-426614174000/announce', 'https://t.example/123e…/announce'],
  ['https://t.example/s3cr3tpass99/announce', 'https://t.example/…/announce'],
  ['https://t.example/deadbeefdeadbeefdeadbeef/announce', 'https://t.example/dead…/announce'],
  ['https://t.example/my-secret-passkey-1/announce', 'https://t.example/my-s…/announce'],
  ['https://t.example/%30f1e2d3c4b5a69788796/announce', 'https://t.example/0f1e…/announce'],
  [`udp://t.example:6969/${HEX}`, 'udp://t.example:6969/0f1e…'],
  ['udp://u:p@t.example:6969/announce', 'udp://t.example:6969/announce'],
  ['http://user:secret@t.example/announce', 'http://t.example/announce'],
  ['http://us%40er:p@ss@t.example/announce', 'http://t.example/announce'],
  ['http://token@t.example/announce', 'http://t.example/announce'],
  ['HTTP:/\\u:p@t.example/a', 'HTTP:/\\t.example/a'],
  ['http:u:p@t.example/a', 'http:t.example/a'],
  ['ftp://u:p@t.example/a', 'ftp://t.example/a'],
  ['http://u:pa/ss@t.example/a', 'http://t.example/a'],
  ['http://u:p@bad host/', 'http://bad host/'],
  ['http://u:p@[/', 'http://[/'],
  ['http://u:p', 'http://'],
  ['//u:p@t.example/a', '//t.example/a'],
  [`https://${HEX}.t.example/announce`, 'https://0f1e….t.example/announce'],
  [`http://${BASE32}.t.example:80/announce`, 'http://MZXW….t.example:80/announce'],
  ['http://t.example/deadbeefcafe/announce', 'http://t.example/…/announce'],
  ['http://t.example/1234567890ab/announce', 'http://t.example/…/announce'],
  ['http://t.example/announce?passkey%3Dab12', 'http://t.example/announce?passkey=…'],
  ['http://h/a?auth=…&key=ab12…', 'http://h/a?auth=…&key=ab12…'],
  [`http://t.example/a#${HEX}`, 'http://t.example/a#0f1e…'],
  [
    `https://t.example/go?to=${encodeURIComponent(`http://u:p@h/${HEX}`)}`,
    `https://t.example/go?to=${encodeURIComponent('http://h/0f1e…')}`,
  ],
];

const ORDINARY: readonly string[] = [
  'http://t.example:6969/announce',
  'udp://t.example:1337',
  'udp://tracker.opentrackr.org:1337/announce',
  'http://[2001:db8::1]:80/announce.php',
  'https://t.example/announce?compact=1&info_hash=%00%01%02%03%04%05%06%07%08%09%0a%0b%0c%0d%0e%0f%10%11%12%13',
  'https://t.example/iso/ubuntu-22.04.3-desktop-amd64.iso',
  'https://t.example/pub/Linux_Distributions/Debian_12_netinst/',
  'https://archive.org/download/some-book-title/',
  'http://t.example/a@b',
  'https://d111111abcdef8.cloudfront.net/announce',
  'http://ec2-12-34-56-78.compute-1.amazonaws.com/announce',
  'http://expyuzz4wqqyqhjn.onion/announce',
  'http://internationalization.t.example/announce',
  'http://t.example/202401151230/announce',
  'http://t.example/a?name%3Dfilm',
  'not a url',
  'host:80/announce',
  '',
];

test('a URL is shown without user name, password and keys, in every shape that private trackers have', () => {
  for (const [url, shown] of TRACKERS) {
    assert.equal(redactUrl(url), shown, url);
    assert.equal(redactUrl(shown), shown, 'what is shown is shown alike');
  }
});

test('a URL without secrets is shown as it is spelled', () => {
  for (const url of ORDINARY) assert.equal(redactUrl(url), url);
});

test('the URLs in a magnet link lose their secrets, and the link is still a magnet link', () => {
  const link = (tracker: string): string => `magnet:?xt=urn:btih:${HEX}01234567&dn=a&tr=${tracker}&so=1`;
  assert.equal(
    redactUrl(link(encodeURIComponent(`http://u:p@h:1/${HEX}/announce`))),
    link('http://h:1/0f1e…/announce'),
  );
  assert.equal(redactUrl(link(`http://u:p@h/a`)), link('http://h/a'));
  assert.equal(redactUrl(link(`u:p@h/${HEX}/announce`)), link('h/0f1e…/announce'));
  assert.doesNotMatch(redactUrl(link(encodeURIComponent(encodeURIComponent('http://u:secret@h')))), /secret/);
  assert.equal(redactUrl(link('udp%3A%2F%2Fh%3A1')), link('udp%3A%2F%2Fh%3A1'));
  assert.doesNotMatch(redactUrl(encodeURIComponent(link('http%3A%2F%2Fu%3Asecret%40h'))), /secret/);
});

test('a text is shown without the secrets of the URLs in it', () => {
  const texts: readonly (readonly [text: string, shown: string])[] = [
    [`cannot fetch http://u:p@h/${HEX}: refused`, 'cannot fetch http://h/0f1e…: refused'],
    ["--tracker: 'ws://u:p@h' is not", "--tracker: 'ws://h' is not"],
    ['no such file: user:pass@host/x.torrent', 'no such file: host/x.torrent'],
    ['no such file: htp://user:pass@host/x', 'no such file: htp://host/x'],
    [`(see magnet:?tr=http://h/${HEX}).`, '(see magnet:?tr=http://h/0f1e…).'],
    ['http%3A%2F%2Fu%3Ap%40h%2Fx', 'http%3A%2F%2Fh%2Fx'],
    ['12:30 mail bob@example.org about a/b:c@d', '12:30 mail bob@example.org about a/b:c@d'],
  ];
  for (const [text, shown] of texts) assert.equal(redactText(text), shown, text);
});

test('every way to print a secret URL leaves out its secrets', () => {
  const url = new SecretUrl(`http://user:hunter22@h/${HEX}/announce`);
  const printed = [
    `${url}`,
    JSON.stringify({ url }),
    inspect({ url }),
    inspect(url, { showHidden: true }),
    String(url),
  ];
  for (const text of printed) assert.doesNotMatch(text, /hunter22|user|2d3c4b5a/, text);
  assert.equal(url.whole, `http://user:hunter22@h/${HEX}/announce`);
});

test('the text of a server loses the secrets of the request URL, in every form that it may quote', () => {
  const url = new SecretUrl(`http://alice:hunt%20er@h/${HEX}/announce?authkey=ab12`);
  const basic = Buffer.from('alice:hunt er').toString('base64');
  assert.equal(url.hide(`no ${HEX.toUpperCase()} for alice`), 'no … for …');
  assert.equal(url.hide(`hunt er, hunt%20er, ${basic}, ab12`), '…, …, …, …');
  assert.equal(url.hide(`cut short: ${HEX.slice(0, 9)}`), 'cut short: …');
  const escaped = (spell: (code: number) => string) => [...HEX].map((each) => spell(each.charCodeAt(0))).join('');
  assert.equal(url.hide(`no ${escaped((code) => `%${code.toString(16)}`)}!`), 'no …!');
  assert.equal(url.hide(`no ${escaped((code) => `%25${code.toString(16)}`)}!`), 'no …!');
  assert.equal(url.hide(`no ${escaped((code) => `&#${code};`)}!`), 'no …!');
  assert.equal(url.hide(`no ${escaped((code) => `&#x${code.toString(16)};`)}!`), 'no …!');
  assert.equal(url.hide(`no %3${HEX}`), 'no %3…');
  assert.equal(url.hide(`cut short: %30${HEX.slice(1, 9)}`), 'cut short: …');
  assert.equal(url.hide('all is well'), 'all is well');
  assert.equal(url.hide('100%25 of &#38; is %E2%80%A6 well%2e'), '100%25 of &#38; is %E2%80%A6 well%2e');
});

test('many secrets in one URL, and a secret of any length, are hidden in little time', () => {
  const long = new SecretUrl(`http://h/?passkey=${'a'.repeat(1 << 16)}`);
  assert.equal(long.hide(`no b${'%61'.repeat(1 << 10)}`), 'no b…');
  assert.equal(long.hide('url is too long'), 'url is too long');
  const keys = Array.from({ length: 5_000 }, (_, index) => `pk=${100_000 + index}`);
  const many = new SecretUrl(`http://h/?${keys.join('&')}`);
  assert.equal(many.hide(`${'x%41'.repeat(500)} 10%3499%39`), `${'x%41'.repeat(500)} …`);
});

test('no password and no key is left, wherever the URL stands in a text', () => {
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 40 });
  const word = fc.string({ unit: fc.constantFrom(...'abcxyz019-._~!$'), minLength: 8, maxLength: 20 });
  const place = fc.constantFrom('/announce/KEY', '/KEY/announce', '/a?passkey=KEY', '/a?x=1&KEY', '/a?x=KEY&y');
  const scheme = fc.constantFrom('http://', 'https://', 'udp://', 'HTTP://', 'foo://');
  fc.assert(
    fc.property(scheme, word, hex, place, fc.string(), (start, password, key, path, around) => {
      const url = `${start}u:${password}@h:80${path.replace('KEY', key)}`;
      for (const shown of [redactUrl(url), redactText(`${around} ${url} ${around}`), `${new SecretUrl(url)}`]) {
        const own = shown.replaceAll(around, '');
        assert.ok(!own.includes(`${password}@`) && !own.includes(key), shown);
      }
    }),
  );
});

test('any text is made safe in little time', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(typeof redactText(text), 'string')));
  for (const part of ['http://', 'a:', '@', '%3a', 'magnet:?tr=', '&tr=http://a:b@'])
    assert.equal(typeof redactText(part.repeat(20_000)), 'string', part);
});
