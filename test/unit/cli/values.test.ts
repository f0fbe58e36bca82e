import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import * as values from '../../../src/cli/values.js';

type Reader = (text: string, option: string) => unknown;

const READ: readonly [Reader, string, unknown][] = [
  [values.readDuration, '90', 90_000],
  [values.readDuration, '90s', 90_000],
  [values.readDuration, '30m', 1_800_000],
  [values.readDuration, '1.5h', 5_400_000],
  [values.readDuration, '1D', 86_400_000],
  [values.readDuration, '1h30m', 5_400_000],
  [values.readDuration, '1d12h', 129_600_000],
  [values.readDuration, '1D2H3M4.5S', 93_784_500],
  [values.readDuration, '3650d', 315_360_000_000],
  [values.readDuration, '0', 0],
  [values.readInterval, '1', 1000],
  [values.readInterval, '30m', 1_800_000],
  [values.readTimeLimit, '0', null],
  [values.readTimeLimit, '0s', null],
  [values.readTimeLimit, '0d0h', null],
  [values.readTimeLimit, '1m', 60_000],
  [values.readTimeLimit, '0.0001', 1],
  [values.readRate, '500', 500],
  [values.readRate, '500K', 512_000],
  [values.readRate, '1.5M', 1_572_864],
  [values.readRate, '1GiB', 1_073_741_824],
  [values.readRate, '10MiB/s', 10_485_760],
  [values.readRate, '10MB/s', 10_485_760],
  [values.readRate, '10M/S', 10_485_760],
  [values.readRate, '500KiB', 512_000],
  [values.readRate, '500kB', 512_000],
  [values.readRate, '500B/s', 500],
  [values.readRate, '500/s', 500],
  [values.readRate, '0', null],
  [values.readRate, '0.0', null],
  [values.readRate, '0K', null],
  [values.readRate, '0MiB/s', null],
  [values.readPieceLength, '256k', 262_144],
  [values.readName, 'a b…', 'a b…'],
  [values.readNewName, 'a b…', 'a b…'],
  [values.readPhrase, 'Größe 漢字', 'Größe 漢字'],
  [values.readRatio, '1.5', 1.5],
  [values.readRatio, '0', Number.POSITIVE_INFINITY],
  [values.readRatio, '0.0', Number.POSITIVE_INFINITY],
  [values.readPorts, '0', { first: 0, last: 0 }],
  [values.readPorts, '6881', { first: 6881, last: 6881 }],
  [values.readPorts, '6881-6999', { first: 6881, last: 6999 }],
  [values.readPeer, '10.0.0.1:6881', { host: '10.0.0.1', port: 6881 }],
  [values.readPeer, '[2001:db8::1]:1', { host: '2001:db8::1', port: 1 }],
  [values.readPeer, 'seed.example:6881', { host: 'seed.example', port: 6881 }],
  [values.readTrackerUrl, 'udp://t.example:80', 'udp://t.example:80'],
  [values.readTrackerUrl, 'http://t.example/announce?x=1', 'http://t.example/announce?x=1'],
  [values.readTrackerUrl, ' https://t.example/announce\r\n', 'https://t.example/announce'],
  [values.readTrackerUrl, 'udp://[2001:db8::1]:80/announce', 'udp://[2001:db8::1]:80/announce'],
  [values.readWebUrl, 'http://w.example/a b\n', 'http://w.example/a b'],
  [values.readDate, '1700000000', 1_700_000_000],
  [values.readDate, '2024-02-29', 1_709_164_800],
  [values.readDate, '100000000000', 100_000_000_000],
  [values.readDate, '2024-03-01T01:00:00+02:00', 1_709_247_600],
  [values.readDate, '2024-02-29T12:00', 1_709_208_000],
  [values.readDate, '2024-02-29 12:00:00', 1_709_208_000],
  [values.readDate, '2024-02-29t12:00:00.5z', 1_709_208_000],
  [values.readWhole(1, 9), '9', 9],
];

test('option values are read in every form that users write', () => {
  for (const [read, text, value] of READ) assert.deepEqual(read(text, '--x'), value, text);
});

const WRONG: readonly [Reader, readonly string[]][] = [
  [values.readDuration, ['', 'x', '5x', '-1', 'Infinity', 'NaN', '99999d', ' 1', '1e9', '0x10', '1,5h', '.5h', 's']],
  [values.readInterval, ['0', '0s', '0.999', '0.0001', '-1', 'x', '']],
  [values.readDuration, ['30m1h', '1h1h', '1h30', '1h-1m', '3650d1s', '9'.repeat(400), '1h 30m']],
  [values.readTimeLimit, ['', '-0', '-1', '1e9', 'never']],
  [values.readRate, ['-1', '1e9', 'NaN', '0x10', '9'.repeat(400), '/s', 'M/s', '5iB', '1M/h', '10Mbit/s']],
  [values.readRate, ['', '-0', '-5', '5T', '5 K', 'K', '99999999999G', '0.5']],
  [values.readRatio, ['', '-1', 'NaN', '1,5', '1e400', '0x1', '9'.repeat(400)]],
  [values.readPorts, ['', '65536', '2-1', '-1', '1-', '1-2-3', 'http']],
  [values.readPeer, ['', '10.0.0.1', '10.0.0.1:0', '10.0.0.1:65536', '::1:80', 'a b:1', '[x]:1', 'h:1 ']],
  [values.readTrackerUrl, ['', 'tracker', 'ftp://x', 'wss://x/announce', 'javascript:1']],
  [values.readTrackerUrl, ['http:/x', 'http:x/announce', 'http:///x', 'http://x/a\nb', 'http://x/\tb']],
  [values.readTrackerUrl, ['udp://x', 'udp://x/announce', 'udp://x:0', `http://x/${'a/'.repeat(2048)}`]],
  [values.readWebUrl, ['udp://x', 'x', 'http:/x', 'http:x', 'http:///x', 'http://x/a\rb']],
  [
    values.readDate,
    [
      '',
      'soon',
      '-5',
      '2024-02-30',
      '2023-02-29',
      '2024-04-31T10:00:00Z',
      '2024-13-01',
      '2024-01-00',
      '2024-02-29 12:00 PST',
      '2024-02-29T25:00',
      '9999-12-31',
      '100000000001',
    ],
  ],
  [values.readPieceLength, ['8K', '1G', '100K', '0', 'x']],
  [values.readName, ['', '.', '..', 'a/b', 'a\\b', 'a\nb', 'x'.repeat(241)]],
  [values.readWhole(1, 9), ['0', '10', '1.5', '-1', '', 'x']],
  [values.readText, ['', 'a\0b']],
  [values.readNewName, ['', 'a/b', 'Gr\ufffd\ufffde']],
  [values.readPhrase, ['', 'a\0b', 'Gr\ufffd\ufffde']],
];

test('a wrong value is a usage failure that names the option', () => {
  for (const [read, texts] of WRONG)
    for (const text of texts)
      assert.throws(
        () => read(text, '--some-option'),
        (error) =>
          error instanceof BtgetError &&
          error.code === 'usage' &&
          error.message.startsWith('--some-option: ') &&
          (text === '' || error.message.includes(text)),
        `${read.name} ${text}`,
      );
});

test('a date without a zone is of UTC, wherever the user is', (t) => {
  const { TZ } = process.env;
  t.after(() => {
    if (TZ === undefined) delete process.env['TZ'];
    else process.env['TZ'] = TZ;
  });
  for (const zone of ['America/New_York', 'Asia/Tokyo']) {
    process.env['TZ'] = zone;
    assert.notEqual(new Date('2024-02-29T12:00').getTime(), 1_709_208_000_000, 'the zone counts here');
    assert.equal(values.readDate('2024-02-29T12:00', '--date'), 1_709_208_000);
  }
});
