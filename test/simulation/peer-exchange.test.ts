import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SampleTorrent } from '../support/sample-torrent.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { SAMPLE } from '../support/worlds/two-hours.js';

const KIB = 1024;

/** A leech that knows nobody but another leech, which has a seed from the tracker. Tells whether it came to the seed. */
function findsTheSeed(sample: SampleTorrent, usePex: boolean): boolean {
  const swarm = new SimulatedSwarm(sample, 5);
  swarm.start({ seed: true, host: { upload: 10 * KIB } });
  const first = swarm.start();
  swarm.timeline.run(10_000);
  const second = swarm.start({ torrent: { trackers: [], peers: [first.address], usePex } });
  swarm.timeline.run(20_000);
  const found = second.torrent.status().seeds === 1;
  swarm.stop();
  assert.equal(swarm.timeline.pending, 0);
  return found;
}

test('a peer that the tracker does not know finds the others through one of them', () => {
  assert.equal(findsTheSeed(SAMPLE, true), true);
});

test('it does not when it wants no such news, and never in a private torrent', () => {
  assert.equal(findsTheSeed(SAMPLE, false), false);
  assert.equal(findsTheSeed({ ...SAMPLE, metainfo: { ...SAMPLE.metainfo, private: true } }, true), false);
});
