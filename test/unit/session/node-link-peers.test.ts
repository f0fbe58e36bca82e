import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { getEventListeners, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HostsTable } from '../../../src/discovery/http/http-hosts-table.js';
import { DEFAULT_NAME_LOOKUP_OPTIONS } from '../../../src/discovery/http/http-name-lookup.js';
import { lookUpHost, resolveLinkPeers } from '../../../src/session/node-link-peers.js';
import { scratch } from '../../support/disk/scratch.js';

test('the look-up of a peer that a link names ends with the signal, and leaves nothing on it', async (t) => {
  const silent = createSocket('udp4');
  t.after(() => silent.close());
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  const hosts = join(scratch(t), 'hosts');
  writeFileSync(hosts, '192.0.2.1 known.test\n');
  const servers = [`127.0.0.1:${silent.address().port}`];
  const options = { ...DEFAULT_NAME_LOOKUP_OPTIONS, hosts: new HostsTable(hosts), servers, askSystem: false };
  const why = new Error('no more patience');
  const ending = new AbortController();
  const { signal } = ending;
  const lookUp = (host: string) => lookUpHost(host, signal, options);
  assert.deepEqual(await resolveLinkPeers(['known.test:7'], null, lookUp), [{ host: '192.0.2.1', port: 7 }]);
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
  const asked = once(silent, 'message');
  const looking = resolveLinkPeers(['known.test:7', 'peer.test:7'], null, lookUp);
  await Promise.all([
    assert.rejects(looking, { code: 'interrupted', cause: why }),
    asked.then(() => ending.abort(why)),
  ]);
  await assert.rejects(lookUp('peer.test'), { code: 'interrupted', cause: why });
});
