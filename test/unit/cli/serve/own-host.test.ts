import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mediaTypeOf } from '../../../../src/cli/serve/media-type.js';
import { isOurHost, isOurOrigin } from '../../../../src/cli/serve/own-host.js';

test('a host is ours by an address or as localhost, and by no name that someone may have pointed here', () => {
  for (const host of ['127.0.0.1:8080', '127.0.0.1', 'localhost', 'LocalHost:1', '[::1]:80', '[::1]', '192.168.1.2:9'])
    assert.equal(isOurHost(host), true, host);
  for (const host of [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example:80',
    '1.2.3',
    'a b',
  ])
    assert.equal(isOurHost(host), false, host);
});

test('a page of another host is turned away, and programs and extensions are not', () => {
  const host = '127.0.0.1:8080';
  for (const origin of [undefined, 'http://127.0.0.1:8080', 'chrome-extension://abc', 'moz-extension://abc'])
    assert.equal(isOurOrigin(origin, host), true, origin);
  for (const origin of ['null', 'http://evil.example', 'https://127.0.0.1', 'http://127.0.0.1:8081', 'HTTP://x'])
    assert.equal(isOurOrigin(origin, host), false, origin);
});

test('a media type goes by the extension, and nothing of a torrent is a web page', () => {
  assert.deepEqual(['a.MKV', 'b.mp4', 'c.srt', 'd.html', 'e.svg', 'f', 'g.constructor', '.mp4'].map(mediaTypeOf), [
    'video/x-matroska',
    'video/mp4',
    'application/x-subrip',
    ...['octet-stream', 'octet-stream', 'octet-stream', 'octet-stream'].map((type) => `application/${type}`),
    'video/mp4',
  ]);
});
