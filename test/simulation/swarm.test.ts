import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedSwarm } from '../support/simulated-swarm.js';
import { liveTwoHours, SAMPLE } from '../support/two-hours.js';

const KiB = 1024;
const HOUR = 3_600_000;

test('twenty peers live two hours: all complete with equal bytes, and nothing is left behind', () => {
  const swarm = liveTwoHours(1);
  for (const client of swarm.clients) {
    assert.equal(client.failure, null);
    assert.equal(client.done, true, `${client.name} is not done: ${JSON.stringify(client.torrent.status())}`);
    assert.ok(client.storage.contents().equals(SAMPLE.content), `${client.name} has other bytes`);
  }
  swarm.stop();
  for (const client of swarm.clients) assert.equal(client.slots.taken, 0, `${client.name} keeps slots`);
  assert.equal(swarm.timeline.pending, 0);
});

test('the same seed of chance gives the same log', () => {
  assert.deepEqual(liveTwoHours(7).log, liveTwoHours(7).log);
});

test('a seed gives less than three copies to five leeches that come together', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  const seed = swarm.start({ seed: true, host: { upload: 50 * KiB } });
  for (let leech = 1; leech <= 5; leech += 1) swarm.start({ host: { upload: 50 * KiB } });
  swarm.untilAllDone(HOUR);
  const copies = seed.torrent.status().uploaded / SAMPLE.content.length;
  assert.ok(copies < 3, `the seed gave ${copies.toFixed(2)} copies`);
  swarm.stop();
});
