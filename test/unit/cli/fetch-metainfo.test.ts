import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StallReason } from '../../../src/cli/output/events.js';
import { fetchMetainfo } from '../../../src/cli/run/fetch-metainfo.js';
import { DEFAULT_SESSION_OPTIONS } from '../../../src/session/session-options.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../src/torrent/torrent-options.js';
import { linkTo } from '../../support/worlds/magnet-world.js';
import { FakeIo } from './support/fake-io.js';
import { FakeSession, makeMetainfo } from './support/fake-session.js';

test('a link whose metadata does not come tells each reason, and what to do, to its owner', async () => {
  const io = new FakeIo();
  const session = new FakeSession();
  const family = { externalHost: null, sent: 0, received: 0, stored: { torrents: 0, peers: 0 } };
  session.dht = {
    families: [{ family: 4, good: 0, questionable: 0, ...family }],
    routers: [{ host: 'router', port: 1, state: 'silent' }],
  };
  const told: (readonly StallReason[])[] = [];
  const metainfo = makeMetainfo('x');
  const fetched = fetchMetainfo(
    { input: 'magnet:x', ok: true, kind: 'magnet', link: linkTo(metainfo.infoHash), peers: [] },
    session.create,
    { session: DEFAULT_SESSION_OPTIONS, torrent: DEFAULT_TORRENT_OPTIONS, deadline: { limit: null, left: null } },
    io,
    { warned: assert.fail, stalled: (reasons) => told.push(reasons) },
  );
  io.timers.run(11_000);
  const dht = 'no node of the DHT answers, 0 of 1 router reached';
  assert.deepEqual(told, [
    [
      { code: 'dht-unreached', message: dht, hint: 'a firewall may hold UDP back' },
      { code: 'no-trackers', message: 'no tracker to ask', hint: '--tracker and --peer name some' },
    ],
  ]);
  session.magnets[0]?.events.gotMetadata?.(metainfo);
  assert.equal(await fetched, metainfo);
});
