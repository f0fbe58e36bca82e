import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressKey } from '../../src/discovery/dht/contact.js';
import { DhtWorld, type HonestNode } from '../support/worlds/dht-world.js';

const MINUTE = 60_000;
/** A multiple of ten. A thousand take some 45 s of a processor. */
const NODES = Number(process.env['DHT_NODES'] ?? 300);
const SILENCE = 15_000;

interface Hunt {
  readonly tries: number;
  readonly found: number;
  readonly queries: number;
  /** Milliseconds until the first right peer, in the middle of all tries. */
  readonly median: number;
}

/** `tries` lookups: each torrent is announced by one node, and then looked for by ten others. */
function hunt(world: DhtWorld, tries: number): Hunt {
  const { timeline, random } = world;
  const torrents = Array.from({ length: tries / 10 }, () => {
    const announcer = world.randomNode();
    const infoHash = random.bytes(20);
    const place = { port: 6881, impliedPort: false, isSeed: () => true };
    return { announcer, infoHash, announced: announcer.node.announce(infoHash, place, () => undefined) };
  });
  timeline.run(MINUTE);
  const begin = timeline.now();
  const before = world.peerQueries.length;
  const times: number[] = [];
  const searches = torrents.flatMap(({ announcer, infoHash }) =>
    world.others(announcer, 10).map((searcher) => {
      let isFound = false;
      return searcher.node.announce(infoHash, null, (peers) => {
        if (isFound || !peers.some((peer) => addressKey(peer) === addressKey(announcer.address))) return;
        isFound = true;
        times.push(timeline.now() - begin);
      });
    }),
  );
  // The next lookup is a quarter of an hour away: after a silence all of these have ended.
  const isSilent = () => timeline.now() - Math.max(begin, ...world.peerQueries.slice(-1)) > SILENCE;
  timeline.runUntil(isSilent, 5 * MINUTE);
  const queries = world.peerQueries.length - before;
  for (const { announced } of torrents) announced.stop();
  for (const search of searches) search.stop();
  times.sort((a, b) => a - b);
  return { tries, found: times.length, queries: queries / tries, median: times[times.length >> 1] ?? Number.NaN };
}

function report(what: string, world: DhtWorld, { tries, found, queries, median }: Hunt): void {
  const good = world.honest.reduce((sum, { node }) => sum + (node.status().families[0]?.good ?? 0), 0);
  console.log(
    `${what}: ${found} of ${tries} found, ${queries.toFixed(1)} queries a lookup, first peer after ${median} ms (median), ` +
      `${(good / world.honest.length).toFixed(0)} good nodes in a table, ${world.datagrams.sent} packets in all`,
  );
}

test('of many nodes three of ten are hostile: of a hundred lookups at least 95 find the peer', () => {
  const world = new DhtWorld(1, { lossPercent: 1, latency: [10, 120] });
  for (let number = 0; number < NODES; number += 1) {
    // Of ten nodes three are liars, and two of clients that know nothing of BEP 42.
    const kind = number % 10;
    if (number > 10 && kind < 3) world.addLiars(1);
    else world.join(kind < 8);
    world.timeline.run(300);
  }
  world.timeline.run(2 * MINUTE);
  const result = hunt(world, NODES);
  report(`${NODES} nodes, ${(NODES * 3) / 10} hostile`, world, result);
  assert.ok(result.found >= 0.95 * NODES);
  assert.ok(result.queries <= 100);
});

test('nodes that leave and come, and every tenth packet lost: lookups still find the peer', () => {
  const world = new DhtWorld(2, { lossPercent: 10, latency: [10, 120] });
  for (let number = 0; number < 100; number += 1) {
    world.join(number % 5 < 4);
    world.timeline.run(300);
  }
  // In ten minutes half of the nodes are replaced.
  for (let number = 0; number < 50; number += 1) {
    world.leave(world.honest[3 + world.random.below(world.honest.length - 3)] as HonestNode);
    world.join();
    world.timeline.run(12_000);
  }
  const result = hunt(world, 100);
  report('100 nodes, half of them replaced, 10 % loss', world, result);
  assert.ok(result.found >= 95);
  assert.ok(result.queries <= 60);
});

test('in a network without faults every lookup finds the peer, with few queries', () => {
  const world = new DhtWorld(3, { lossPercent: 0, latency: [10, 120] });
  for (let number = 0; number < 100; number += 1) {
    world.join();
    world.timeline.run(300);
  }
  const result = hunt(world, 100);
  report('100 nodes', world, result);
  assert.equal(result.found, 100);
  assert.ok(result.queries <= 40);
});

test('the same seed gives the same network', () => {
  const life = () => {
    const world = new DhtWorld(4, { lossPercent: 5, latency: [10, 120] });
    for (let number = 0; number < 30; number += 1) {
      if (number > 10 && number % 3 === 0) world.addLiars(1);
      else world.join();
      world.timeline.run(1_000);
    }
    const { found, queries, median } = hunt(world, 20);
    return [found, queries, median, world.datagrams.sent];
  };
  assert.deepEqual(life(), life());
});
