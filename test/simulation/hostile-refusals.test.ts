import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RefusalCode } from '../../src/wire/refusal.js';
import { HOSTILE_ACTS, type HostileAct } from '../support/worlds/hostile-acts.js';
import { HostileWorld } from '../support/worlds/hostile-world.js';

const ACTS = Object.entries(HOSTILE_ACTS) as [RefusalCode, HostileAct][];

describe('a peer beside an honest seed is refused once, for what it did, and the download completes:', () => {
  for (const [code, act] of ACTS) {
    it(code, () => {
      const world = new HostileWorld({ victim: { session: act.session ?? {} } });
      act.provoke(world);
      if (!world.victim.done) world.untilDone(20_000);
      if (act.afterwards === undefined) world.runUntil(() => world.refusalsFor(code) > 0, 600_000);
      act.afterwards?.(world);
      if (code === 'both-complete') assert.deepEqual([world.refusalsFor(code), world.refusals], [2, []]);
      else assert.deepEqual(world.refusals, [`${code} 1`]);
    });
  }
});
