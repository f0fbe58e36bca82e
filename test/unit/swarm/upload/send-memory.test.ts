import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MemoryHolder, SendMemory } from '../../../../src/swarm/upload/send-memory.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const OPTIONS = { length: 100, count: 2, patience: 10_000, lookInterval: 1_000 };

/** Holders that log the calls that they get. A test sets since when each is stuck. */
class World {
  readonly timeline = new Timeline();
  readonly memory = new SendMemory(this.timeline, OPTIONS);
  readonly log: string[] = [];
  readonly came = new Map<string, Buffer>();

  holder(name: string, stuckSince: () => number = () => this.timeline.now()): MemoryHolder {
    return {
      stuckSince,
      memoryCame: (memory) => {
        this.came.set(name, memory);
        this.log.push(`${name} has it at ${this.timeline.now()}`);
      },
      memoryWanted: () => this.log.push(`${name} is asked at ${this.timeline.now()}`),
    };
  }

  take(holder: MemoryHolder): Buffer {
    const memory = this.memory.take(holder);
    assert.ok(memory !== undefined);
    return memory;
  }
}

describe('memory for sending', () => {
  it('is used again, and never exceeds its limit', () => {
    const world = new World();
    const one = world.take(world.holder('a'));
    const two = world.take(world.holder('a'));
    assert.deepEqual([one.length, two.length, one === two], [100, 100, false]);
    assert.equal(world.memory.take(world.holder('b')), undefined);
    world.memory.giveBack(one);
    const next = world.holder('c');
    world.memory.giveBack(two);
    assert.ok([one, two].includes(world.take(next)));
  });

  it('goes to the holders that wait, in the order of waiting, and not to one that has withdrawn', () => {
    const world = new World();
    const [one, two] = [world.take(world.holder('a')), world.take(world.holder('a'))];
    const [b, c, d] = [world.holder('b'), world.holder('c'), world.holder('d')];
    for (const holder of [b, c, d, b]) assert.equal(world.memory.take(holder), undefined);
    world.memory.withdraw(c);
    world.memory.giveBack(one);
    world.memory.giveBack(two);
    assert.deepEqual(world.log, ['b has it at 0', 'd has it at 0']);
    assert.deepEqual([world.came.get('b'), world.came.get('d')], [one, two]);
    assert.equal(world.timeline.pending, 0);
  });

  it('is made anew when a holder had to drop it', () => {
    const world = new World();
    const [one, two] = [world.take(world.holder('a')), world.take(world.holder('a'))];
    world.memory.take(world.holder('b'));
    world.memory.drop(one);
    const fresh = world.came.get('b');
    assert.ok(fresh !== undefined && fresh !== one && fresh !== two);
    world.memory.drop(two);
    assert.notEqual(world.take(world.holder('c')), two);
    assert.throws(() => world.memory.giveBack(one), /not taken/);
  });

  it('is asked back from holders that are stuck for long, while another waits', () => {
    const world = new World();
    world.take(world.holder('stuck', () => 2_500));
    world.take(world.holder('busy'));
    world.timeline.run(60_000);
    assert.deepEqual(world.log, []);
    const late = world.holder('late');
    world.memory.take(late);
    world.timeline.run(1_500);
    world.memory.withdraw(late);
    world.timeline.run(60_000);
    assert.deepEqual(world.log, ['stuck is asked at 61000']);
  });

  it('is left to stuck holders until `patience` is over', () => {
    const world = new World();
    world.take(world.holder('stuck', () => 0));
    world.take(world.holder('busy'));
    world.memory.take(world.holder('late'));
    world.timeline.run(9_999);
    assert.deepEqual(world.log, []);
    world.timeline.run(1);
    assert.deepEqual(world.log, ['stuck is asked at 10000']);
  });
});
