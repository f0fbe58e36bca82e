import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PieceMemory } from '../../../src/pieces/piece-memory.js';
import { MemorySlotPool } from '../../support/fakes/memory-slot-pool.js';
import { Timeline } from '../../support/simulation/timeline.js';

describe('the memory for pieces', () => {
  it('gives no slot while enough whole pieces wait for the disk, and says when there is room again', () => {
    const log: string[] = [];
    const timeline = new Timeline();
    const memory = new PieceMemory(
      new MemorySlotPool(1000),
      timeline,
      { spillAfter: 10_000, roomInterval: 1_000, maxSettling: 200 },
      {
        makeRoom: () => log.push(`${timeline.now()}: make room`),
        roomForPieces: () => log.push(`${timeline.now()}: room`),
      },
    );
    const first = memory.take(100);
    const second = memory.take(100);
    assert.ok(first && second);
    memory.settling(100);
    const third = memory.take(100);
    assert.ok(third, 'one piece is not enough to wait for');
    memory.settling(100);
    assert.equal(memory.take(100), undefined);
    timeline.run(7);
    memory.settled(100);
    memory.giveBack(first);
    timeline.run(0);
    assert.deepEqual(log, ['7: room']);
    assert.ok(memory.take(100));
    memory.close();
  });
});
