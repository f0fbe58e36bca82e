import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { liveTwoHours, SAMPLE } from '../support/worlds/two-hours.js';

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

/** What was told, and what each gave to the swarm: that hangs on every unchoke and on every choice of a piece. */
function account(swarm: SimulatedSwarm): string[] {
  return [...swarm.log, ...swarm.clients.map(({ name, torrent }) => `${name} gave ${torrent.status().uploaded}`)];
}

/** Nineteen leeches that come at once and compete for the two slots of each. */
function crowd(seed: number): SimulatedSwarm {
  const swarm = new SimulatedSwarm(SAMPLE, seed);
  swarm.start({ seed: true, host: { upload: 40 * KiB } });
  for (let leech = 1; leech < 20; leech += 1) {
    swarm.start({ torrent: { uploadSlots: 2 }, host: { upload: 30 * KiB, latency: leech * 7 } });
  }
  swarm.untilAllDone(HOUR);
  return swarm;
}

for (const [name, live] of [
  ['over two hours', liveTwoHours],
  ['in a crowd', crowd],
] as const) {
  test(`the same seed of chance gives the same log, and another seed another, ${name}`, () => {
    const [first, again, other] = [7, 7, 8].map((seed) => account(live(seed)));
    assert.deepEqual(first, again);
    assert.notDeepEqual(first, other);
  });
}

test('twenty seeds that have parted stay apart, though all of them tell each other of the others', () => {
  const swarm = liveTwoHours(1);
  const parted = swarm.clients.map(({ torrent }) => torrent.refusals.get('both-complete') ?? 0);
  const pairs = (swarm.clients.length * (swarm.clients.length - 1)) / 2;
  const total = parted.reduce((sum, count) => sum + count, 0);
  assert.ok(total > 0 && total <= 2 * pairs, `parted ${total} times`);
  swarm.stop();
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
