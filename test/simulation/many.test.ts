import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SampleTorrent } from '../support/sample-torrent.js';
import { SAMPLE, Swarm } from '../support/worlds/swarm.js';
import { zeroTorrent } from '../support/zero-torrent.js';

const KIB = 1024;

interface Outcome {
  /** When each leech was done, how much the seed sent, and what everybody wasted. */
  readonly log: readonly string[];
  readonly time: number;
}

const RATE = 2_000_000;

/** One seed of a limited rate, and so many leeches who know everybody. */
function distribute(leechCount: number, seed: number, torrent: SampleTorrent): Outcome {
  const swarm = new Swarm(torrent, seed);
  const giver = swarm.seed('10.0.0.1', { uploadRate: RATE });
  const leeches = Array.from({ length: leechCount }, (_, index) => swarm.member(`10.0.1.${index + 1}`));
  swarm.timeline.run(10);
  swarm.join(giver, ...leeches);
  const log: string[] = [];
  const waiting = new Set(leeches);
  swarm.timeline.runUntil(() => {
    for (const leech of waiting) {
      if (!leech.isDone) continue;
      waiting.delete(leech);
      log.push(`${leech.host} done at ${swarm.timeline.now()}, ${leech.downloader.wasted} wasted`);
    }
    return waiting.size === 0;
  }, 120_000);
  for (const leech of leeches) leech.check();
  log.push(`seed sent ${giver.uploader.total}`);
  return { log, time: swarm.timeline.now() };
}

describe('many leeches at one seed', () => {
  for (const [count, length] of [
    [400, 32 * KIB],
    [25, 512 * KIB],
  ] as const) {
    it(`are all done little later than the seed needs to send one copy, in ${count} pieces`, () => {
      const { time, log } = distribute(8, 1, zeroTorrent(count, length));
      const ideal = (count * length * 1000) / RATE;
      assert.ok(time <= 1.15 * ideal, `${time} ms, ideal is ${ideal}: ${log.join('; ')}`);
    });
  }

  it('do the same in the same order when chance is the same', () => {
    assert.deepEqual(distribute(5, 3, SAMPLE).log, distribute(5, 3, SAMPLE).log);
  });
});
