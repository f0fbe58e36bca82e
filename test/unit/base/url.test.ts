import assert from 'node:assert/strict';
import { test } from 'node:test';
import { urlOf } from '../../../src/base/url.js';

const NO_URL = 'http://tracker.exampl\u00c4\u008b:8080/announce';

test('text is read as a URL, also relative to a base, or refused', () => {
  assert.equal(urlOf('http://Host.example/a')?.href, 'http://host.example/a');
  assert.equal(urlOf('b', 'http://host.example/a/')?.href, 'http://host.example/a/b');
  for (const text of ['', 'b', 'http://', 'http://[::1', NO_URL]) assert.equal(urlOf(text), undefined, text);
});

test('the answer stays the same when it is asked for many times', () => {
  for (let count = 0; count < 100_000; count += 1) assert.equal(urlOf(NO_URL), undefined);
});
