import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolvePeers } from '../../../src/cli/source/resolve-peers.js';
import { resolveLinkPeers } from '../../../src/session/node-link-peers.js';

const ANY = { bind: null, proxy: null };

const found = (addresses: readonly string[]) => async () => ({ ok: true, addresses }) as const;

test('a peer that the user gives by name is dialled at every address of the name, eight at the most', async () => {
  const two = ['192.0.2.1', '2001:db8::1'];
  assert.deepEqual(
    await resolvePeers([{ host: 'peer.test', port: 7 }], ANY, found(two)),
    two.map((host) => ({ host, port: 7 })),
  );
  assert.deepEqual(
    await resolveLinkPeers(['peer.test:7'], null, found(two)),
    two.map((host) => ({ host, port: 7 })),
  );
  const many = Array.from({ length: 100 }, (_, index) => `192.0.2.${index}`);
  assert.equal((await resolvePeers([{ host: 'peer.test', port: 7 }], ANY, found(many))).length, 8);
});

test('localhost stands for both loopback addresses, and with --bind for the one of the same family', async () => {
  const peers = [{ host: 'localhost', port: 7 }];
  const both = [
    { host: '127.0.0.1', port: 7 },
    { host: '::1', port: 7 },
  ];
  assert.deepEqual(await resolvePeers(peers, ANY), both);
  assert.deepEqual(await resolvePeers(peers, { bind: '127.0.0.1', proxy: null }), both.slice(0, 1));
  assert.deepEqual(await resolveLinkPeers(['localhost:7'], '127.0.0.1'), both.slice(0, 1));
});
