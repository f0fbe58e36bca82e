import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameText } from '../../../../src/base/raw-name.js';
import { fileUrl } from '../../../../src/swarm/web-seed/file-url.js';
import { hasCorpus, readCorpus } from '../../../support/corpus.js';

interface Vector {
  readonly seed: string;
  readonly name: string;
  readonly path: readonly string[] | null;
  readonly url: string | null;
  readonly why: string;
}

const VECTORS = 'reach/webseed-url-vectors.json';

test('the url of a file follows from the url of the seed and the path in the torrent', () => {
  const single = { path: ['a b+.bin'] };
  assert.equal(fileUrl('http://h/d/', false, single), 'http://h/d/a%20b%2B.bin');
  assert.equal(fileUrl('http://h/d', false, single), 'http://h/d');
  assert.equal(fileUrl('http://h/d?a=1', false, single), 'http://h/d?a=1');
  assert.equal(fileUrl('http://h/d', true, { path: ['t', 'x', 'y'] }), 'http://h/d/t/x/y');
  assert.equal(fileUrl('http://u:p@h/', true, { path: ['t', 'ü'] }), 'http://u:p@h/t/%C3%BC');
  assert.equal(fileUrl('http://h/?a=1', true, { path: ['t', 'x'] }), null);
  assert.equal(fileUrl('ftp://h/', true, { path: ['t', 'x'] }), null);
});

test('a name that is not text, or that we changed, is asked for byte for byte as the torrent has it', () => {
  const exactPath = ['t', nameText(Buffer.from([0x66, 0xe9]))];
  assert.equal(fileUrl('http://h/', true, { path: ['t', 'f_'], exactPath }), 'http://h/t/f%E9');
});

test('the urls are those of the vectors', () => {
  if (!hasCorpus('urls of web seeds')) return;
  const { urls } = JSON.parse(readCorpus(VECTORS).toString()) as { readonly urls: readonly Vector[] };
  for (const { seed, name, path, url, why } of urls)
    assert.equal(
      fileUrl(seed, path !== null, { path: path === null ? [name] : [name, ...path] }),
      url,
      `${seed}: ${why}`,
    );
});
