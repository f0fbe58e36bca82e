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

/** Each torrent is announced by one node, and then looked for by four others. */
function hunt(world: DhtWorld, tries: number): Hunt {
  const { timeline, random } = world;
  const times: number[] = [];
  let queries = 0;
  for (let begun = 0; begun < tries; begun += 100) {
    const torrents = Array.from({ length: 25 }, () => {
      const announcer = world.anybody();
      const infoHash = random.bytes(20);
      const place = { port: 6881, impliedPort: false, isSeed: () => true };
      const announced = announcer.node.announce(infoHash, place, () => undefined);
      return { announcer, infoHash, announced };
    });
    timeline.run(MINUTE);
    let left = 0;
    for (const { announcer, infoHash } of torrents) {
      for (const searcher of world.others(announcer, 4)) {
        const begin = timeline.now();
        let foundAt: number | null = null;
        left += 1;
        searcher.node.search(
          infoHash,
          (peers) => {
            if (peers.some((peer) => addressKey(peer) === addressKey(announcer.address))) foundAt ??= timeline.now();
          },
          (outcome) => {
            queries += outcome.queries;
            left -= 1;
            if (foundAt !== null) times.push(foundAt - begin);
          },
        );
      }
    }
    timeline.runUntil(() => left === 0, 5 * MINUTE);
    for (const { announced } of torrents) announced.stop();
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
  for (let number = 0; number < 1_000; number += 1) {
    // Of ten nodes three are liars, and two of clients that know nothing of BEP 42.
    const kind = number % 10;
    if (number > 10 && kind < 3) world.addLiars(1);
    else world.join(kind < 8);
    world.timeline.run(300);
  }
  world.timeline.run(3 * MINUTE);
  const result = hunt(world, 1_000);
  report('1,000 nodes, 300 hostile', world, result);
  assert.ok(result.found >= 950);
  assert.ok(result.queries <= 80);
});
