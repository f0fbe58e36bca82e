import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dhtStatePath } from '../../../src/cli/dht-state-path.js';

test('the state of the DHT lies in the cache folder, and has no path when the environment names no folder', () => {
  const paths = [
    { XDG_CACHE_HOME: '/cache', HOME: '/home/u' },
    { XDG_CACHE_HOME: 'relative', HOME: '/home/u' },
    { USERPROFILE: '/users/u' },
    { HOME: '' },
    {},
  ].map(dhtStatePath);
  assert.deepEqual(paths, [
    '/cache/btget/dht.state',
    '/home/u/.cache/btget/dht.state',
    '/users/u/.cache/btget/dht.state',
    null,
    null,
  ]);
});
