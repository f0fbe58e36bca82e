import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import type { EncryptionPolicy } from '../../src/swarm/connections/dial-ways.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { type Client, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { linkTo, magnetSample } from '../support/worlds/magnet-world.js';

const SAMPLE = sampleTorrent([{ path: 'sample', length: 300_005 }], 32 * 1024);
const LINKED = magnetSample();
/** Nobody is named by a tracker: who dials is what the test says. */
const NO_TRACKER = { announce: () => ({ cancel: () => undefined }) };

type Outcome = 'plain' | 'encrypted' | 'nothing';

/** What two clients make of it when the leech dials the seed. */
function outcomeOf(dialler: EncryptionPolicy, acceptor: EncryptionPolicy): Outcome {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const seed = swarm.start({
    seed: true,
    session: { encryption: acceptor },
    // Slow enough for a look at the connection.
    host: { upload: 128 * 1024 },
    trackerClient: NO_TRACKER,
  });
  swarm.timeline.run(1_000);
  const leech = swarm.start({
    session: { encryption: dialler },
    torrent: { peers: [seed.address] },
    trackerClient: NO_TRACKER,
  });
  for (let step = 0; step < 600 && leech.torrent.status().have === 0; step += 1) swarm.timeline.run(100);
  const { peers, encrypted, have } = leech.torrent.status();
  const seen = seed.torrent.status();
  if (have > 0) swarm.timeline.runUntil(() => leech.done, 60_000);
  swarm.stop();
  if (have === 0) {
    assert.deepEqual([peers, leech.done], [0, false]);
    return 'nothing';
  }
  assert.ok(leech.done && leech.storage.contents().equals(SAMPLE.content));
  assert.deepEqual([peers, seen.peers, seen.encrypted], [1, 1, encrypted]);
  return encrypted === 1 ? 'encrypted' : 'plain';
}

describe('a leech that dials a seed gets everything, by what both want', () => {
  const policies = ['off', 'allow', 'prefer', 'require'] as const;
  const table: Readonly<Record<EncryptionPolicy, readonly Outcome[]>> = {
    off: ['plain', 'plain', 'plain', 'nothing'],
    allow: ['plain', 'plain', 'plain', 'encrypted'],
    prefer: ['plain', 'encrypted', 'encrypted', 'encrypted'],
    require: ['nothing', 'encrypted', 'encrypted', 'encrypted'],
  };
  for (const dialler of policies)
    for (const [column, acceptor] of policies.entries())
      it(`${dialler} dials ${acceptor}: ${table[dialler][column]}`, () => {
        assert.equal(outcomeOf(dialler, acceptor), table[dialler][column]);
      });
});

test('a magnet link gets its metadata and its content over encrypted connections, and its peers tell each other', () => {
  const swarm = new SimulatedSwarm(LINKED, 2);
  const session = { encryption: 'require' } as const;
  const seed = swarm.start({ seed: true, session, host: { upload: 128 * 1024 } });
  swarm.timeline.run(1_000);
  const leeches = [1, 2, 3].map(() => swarm.startMagnet(linkTo(LINKED.metainfo.infoHash), { session }));
  swarm.timeline.runUntil(() => leeches.every(({ done }) => done), 120_000);
  assert.deepEqual(
    leeches.map(({ done }) => done),
    [true, true, true],
  );
  const { peers, encrypted } = seed.torrent.status();
  assert.equal(encrypted, peers);
  swarm.stop();
});

test('a peer that refuses a plain dial is dialled once more, encrypted', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  const seed = swarm.start({ seed: true, session: { encryption: 'require' }, trackerClient: NO_TRACKER });
  swarm.timeline.run(1_000);
  const refusedAfter = (clients: readonly Client[]): number => {
    swarm.timeline.runUntil(() => clients.every(({ done }) => done), 60_000);
    return seed.session.refusals.get('not-encrypted') ?? 0;
  };
  const leech = swarm.start({ torrent: { peers: [seed.address] }, trackerClient: NO_TRACKER });
  assert.equal(refusedAfter([leech]), 1);
  swarm.stop();
});

test('a peer of which another one says that it likes encryption is dialled encrypted at once', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 4);
  const slow = { host: { upload: 16 * 1024 }, trackerClient: NO_TRACKER };
  const seed = swarm.start({ ...slow, seed: true, session: { encryption: 'require' } });
  swarm.timeline.run(1_000);
  const middle = swarm.start({ ...slow, torrent: { peers: [seed.address] } });
  swarm.timeline.runUntil(() => middle.torrent.status().encrypted === 1, 30_000);
  assert.equal(seed.session.refusals.get('not-encrypted'), 1);
  const last = swarm.start({ ...slow, torrent: { peers: [middle.address] } });
  swarm.timeline.runUntil(() => seed.torrent.status().peers === 2, 120_000);
  assert.deepEqual([last.torrent.status().peers, last.torrent.status().encrypted], [2, 1]);
  assert.equal(seed.session.refusals.get('not-encrypted'), 1, 'no plain try');
  swarm.stop();
});
