import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressKey } from '../../src/discovery/dht/contact.js';
import { DhtWorld } from '../support/dht-world.js';

const MINUTE = 60_000;

interface Hunt {
  readonly tries: number;
  readonly found: number;
  readonly queries: number;
  /** Milliseconds until the first right peer, in the middle of all tries. */
  readonly median: number;
}

/** Torrents that somebody announces and somebody else then looks for. */
function hunt(world: DhtWorld, tries: number): Hunt {
  const { timeline, random } = world;
  const batch = 50;
  const times: number[] = [];
  let queries = 0;
  for (let begun = 0; begun < tries; begun += batch) {
    const torrents = Array.from({ length: Math.min(batch, tries - begun) }, () => {
      const announcer = world.anybody();
      const infoHash = random.bytes(20);
      const place = { port: 6881, impliedPort: false, isSeed: () => true };
      const announced = announcer.node.announce(infoHash, place, () => undefined);
      return { announcer, infoHash, announced };
    });
    timeline.run(MINUTE);
    let left = torrents.length;
    for (const { announcer, infoHash, announced } of torrents) {
      let searcher = world.anybody();
      while (searcher === announcer) searcher = world.anybody();
      const begin = timeline.now();
      let foundAt: number | null = null;
      searcher.node.search(
        infoHash,
        (peers) => {
          if (peers.some((peer) => addressKey(peer) === addressKey(announcer.address))) foundAt ??= timeline.now();
        },
        (outcome) => {
          queries += outcome.queries;
          left -= 1;
          if (foundAt !== null) times.push(foundAt - begin);
          announced.stop();
        },
      );
    }
    timeline.runUntil(() => left === 0, 5 * MINUTE);
  }
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

test('a thousand nodes, three of ten hostile: of a thousand lookups at least 950 find the peer', () => {
  const world = new DhtWorld(1, { lossPercent: 1, latency: [10, 120] });
  // Liars are there from the beginning, so that they get into everybody's table.
  world.conspire(300, 2_000);
  for (let number = 0; number < 700; number += 1) {
    // Three of ten honest nodes are of clients that take any id.
    world.join(number % 10 < 7);
    world.timeline.run(500);
  }
  world.timeline.run(10 * MINUTE);
  const result = hunt(world, 1_000);
  report('1,000 nodes, 300 hostile', world, result);
  assert.ok(result.found >= 950);
  assert.ok(result.queries <= 80);
});
