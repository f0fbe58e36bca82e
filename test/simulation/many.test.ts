import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Swarm } from '../support/swarm.js';
import type { SwarmMember } from '../support/swarm-member.js';

const KIB = 1024;

interface Outcome {
  /** When each leech was done, how much the seed sent, and what everybody wasted. */
  readonly log: readonly string[];
  readonly time: number;
  readonly seed: SwarmMember;
}

/** One seed that sends 1 MB a second, and so many leeches who know everybody. */
function distribute(leechCount: number, seed: number): Outcome {
  const swarm = new Swarm(undefined, seed);
  const giver = swarm.seed('10.0.0.1', { uploadRate: 1000 * KIB });
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
  return { log, time: swarm.timeline.now(), seed: giver };
}

describe('many leeches at one seed', () => {
  it('are all done little later than the seed needs to send one copy', () => {
    const { time, log } = distribute(8, 1);
    const ideal = ((4 * 1024 * KIB + 777) / (1000 * KIB)) * 1000;
    assert.ok(time <= 1.3 * ideal, `${time} ms, ideal is ${ideal}: ${log.join('; ')}`);
  });

  it('do the same in the same order when chance is the same', () => {
    assert.deepEqual(distribute(5, 3).log, distribute(5, 3).log);
  });
});
