import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseUdpUrl } from '../../../../src/discovery/trackers/udp-tracker-call.js';

function spelled(url: string): string {
  const outcome = parseUdpUrl(url);
  return outcome.ok ? `${outcome.host} ${outcome.port} ${outcome.urlData}` : outcome.message;
}

test('the URL of a tracker gives a host, a port, and its path with its query', () => {
  const rows: readonly [string, string][] = [
    ['udp://tracker.test:6969/announce', 'tracker.test 6969 /announce'],
    ['UDP://Tracker.Test:80', 'tracker.test 80 '],
    ['udp://tracker.test:443/', 'tracker.test 443 '],
    ['udp://tracker.test:443/?key=1', 'tracker.test 443 /?key=1'],
    ['udp://tracker.test:6969/a?b=c#d', 'tracker.test 6969 /a?b=c'],
    ['udp://192.0.2.1:1', '192.0.2.1 1 '],
    ['udp://0x7f.1:1', '127.0.0.1 1 '],
    ['udp://[2001:DB8:0::1]:1', '[2001:db8::1] 1 '],
    ['udp://bücher.example:1', 'xn--bcher-kva.example 1 '],
    ['udp://user:secret@tracker.test:1/x', 'tracker.test 1 /x'],
  ];
  for (const [url, parts] of rows) assert.equal(spelled(url), parts);
});

test('a URL that names no tracker is refused with a sentence that hides the password', () => {
  const rows: readonly [string, string][] = [
    ['udp://tracker.test/announce', 'udp://tracker.test/announce has no port'],
    ['udp://user:secret@tracker.test/', 'udp://tracker.test/ has no port'],
    ['udp://tracker.test:0', 'udp://tracker.test:0 has no port'],
    ['udp://tracker.test:65536', 'not a url: udp://tracker.test:65536'],
    ['udp://tracker test:1', 'url holds a control character or a space'],
    ['udp://a%00b:1', 'not a host: udp://a%00b:1'],
    ['udp:', 'udp: has no port'],
  ];
  for (const [url, message] of rows) assert.equal(spelled(url), message);
});

test('no text makes the reader throw', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary' }).map((rest) => `udp://${rest}`),
    fc.tuple(fc.string(), fc.integer(), fc.string()).map(([host, port, rest]) => `udp://${host}:${port}/${rest}`),
  );
  fc.assert(
    fc.property(text, (url) => {
      const outcome = parseUdpUrl(url);
      if (!outcome.ok) return;
      assert.ok(outcome.port >= 1 && outcome.port <= 65_535);
      assert.match(outcome.host + outcome.urlData, /^[\x21-\x7e]+$/);
    }),
    { numRuns: 2000 },
  );
});
