import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outbox } from '../../../../src/swarm/upload/outbox.js';
import { type MemoryHolder, SendMemory } from '../../../../src/swarm/upload/send-memory.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const OTHER: MemoryHolder = {
  stuckSince: () => Number.POSITIVE_INFINITY,
  memoryCame: () => undefined,
  memoryWanted: () => undefined,
};

/** An outbox over four buffers of 100 bytes, whose socket holds `unsent` bytes. */
class World {
  readonly timeline = new Timeline();
  readonly memory = new SendMemory(this.timeline, { length: 100, count: 4, patience: 10_000, lookInterval: 1_000 });
  readonly log: string[] = [];
  unsent = 0;
  readonly outbox = new Outbox(this.memory, {
    now: () => this.timeline.now(),
    unsentLength: () => this.unsent,
    memoryCame: () => this.log.push('came'),
    memoryWanted: () => this.log.push('wanted'),
  });

  /** How many buffers no other holder can have. */
  get taken(): number {
    const free: Buffer[] = [];
    for (let memory = this.memory.take(OTHER); memory !== undefined; memory = this.memory.take(OTHER))
      free.push(memory);
    this.memory.withdraw(OTHER);
    for (const memory of free) this.memory.giveBack(memory);
    return 4 - free.length;
  }

  take(): Buffer {
    const memory = this.outbox.take();
    assert.ok(memory !== undefined);
    return memory;
  }

  send(length: number): void {
    this.outbox.send(this.take(), length);
    this.unsent += length;
  }
}

describe('an outbox', () => {
  it('gives back each buffer that the kernel has taken whole, the oldest first', () => {
    const world = new World();
    for (const length of [100, 50, 100]) world.send(length);
    const left = [250, 151, 150, 101, 100, 1, 0].map((unsent) => {
      world.unsent = unsent;
      world.outbox.recover();
      return world.taken;
    });
    assert.deepEqual(left, [3, 3, 2, 2, 1, 1, 0]);
  });

  it('gives back at once a buffer of which nothing is sent', () => {
    const world = new World();
    world.outbox.send(world.take(), 0);
    assert.equal(world.taken, 0);
  });

  it('drops all its memory when its connection ends, and ignores a later send of it', () => {
    const world = new World();
    world.send(100);
    const filling = world.take();
    world.outbox.end();
    assert.equal(world.taken, 0);
    world.outbox.send(filling, 100);
    assert.equal(world.taken, 0);
    // A buffer that the socket may still read is not given to another holder.
    const next = Array.from({ length: 4 }, () => world.memory.take(OTHER));
    assert.ok(!next.includes(filling));
  });

  it('keeps memory that has come until it is taken, and gives it back when it is no longer needed', () => {
    const world = new World();
    const others = Array.from({ length: 4 }, () => world.memory.take(OTHER) as Buffer);
    assert.equal(world.outbox.take(), undefined);
    world.memory.giveBack(others[0] as Buffer);
    assert.deepEqual(world.log, ['came']);
    assert.equal(world.take(), others[0]);
    assert.equal(world.outbox.take(), undefined);
    world.memory.giveBack(others[1] as Buffer);
    world.outbox.withdraw();
    assert.equal(world.taken, 3);
  });

  it('is stuck since its peer was last seen to take something', () => {
    const world = new World();
    const since: number[] = [];
    const look = (): void => {
      world.timeline.run(1_000);
      since.push(world.outbox.stuckSince());
    };
    look();
    world.send(100);
    look();
    look();
    world.unsent = 60;
    look();
    // A message that is not from the outbox waits behind ours.
    world.unsent = 70;
    look();
    world.unsent = 0;
    look();
    look();
    assert.deepEqual(since, [1_000, 1_000, 1_000, 4_000, 4_000, 6_000, 7_000]);
  });
});
