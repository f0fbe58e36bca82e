import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSlotPool } from '../../../src/disk/slot-pool.js';
import type { PieceSlot } from '../../../src/disk/storage.js';

const KIB = 1024;

describe('the slot pool', () => {
  it('hands out shared memory that is long enough', () => {
    const slot = createSlotPool({ bound: 64 * KIB, maxLength: 64 * KIB }).take(20_000);
    assert.ok(slot !== undefined && slot.data.length >= 20_000);
    assert.ok(slot.data.buffer instanceof SharedArrayBuffer);
  });

  it('gives nothing beyond its bound until a slot comes back', () => {
    const pool = createSlotPool({ bound: 96 * KIB, maxLength: 32 * KIB });
    const taken = Array.from({ length: 3 }, () => pool.take(32 * KIB));
    assert.ok(taken.every((slot) => slot !== undefined));
    assert.equal(pool.take(1), undefined);
    pool.giveBack(taken[1] as PieceSlot);
    assert.equal(pool.take(32 * KIB), taken[1]);
  });

  it('has no slot for a piece longer than its longest', () => {
    const pool = createSlotPool({ bound: 96 * KIB, maxLength: 32 * KIB });
    assert.equal(pool.take(32 * KIB + 1), undefined);
    assert.equal(pool.maxLength, 32 * KIB);
  });

  it('gives a longer slot rather than none', () => {
    const pool = createSlotPool({ bound: 64 * KIB, maxLength: 64 * KIB });
    const long = pool.take(64 * KIB) as PieceSlot;
    pool.giveBack(long);
    assert.equal(pool.take(16 * KIB), long);
  });

  it('lets go of short slots for a long one', () => {
    const pool = createSlotPool({ bound: 64 * KIB, maxLength: 64 * KIB });
    for (const slot of Array.from({ length: 4 }, () => pool.take(16 * KIB) as PieceSlot)) pool.giveBack(slot);
    assert.equal(pool.take(64 * KIB)?.data.length, 64 * KIB);
  });

  it('calls it a bug when a slot is given back twice, or is not its own', () => {
    const pool = createSlotPool({ bound: 64 * KIB, maxLength: 64 * KIB });
    const slot = pool.take(10) as PieceSlot;
    pool.giveBack(slot);
    assert.throws(() => pool.giveBack(slot), /not taken/);
    assert.throws(() => pool.giveBack({ data: Buffer.alloc(1) }), /not taken/);
  });

  it('never holds more than its bound, and always has room for one slot when all are back', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(256 * KIB)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (asked) => {
        const bound = 256 * KIB;
        const pool = createSlotPool({ bound, maxLength: bound });
        const taken: PieceSlot[] = [];
        for (const [taking, number] of asked) {
          if (!taking && taken.length > 0) pool.giveBack(taken.splice(number % taken.length, 1)[0] as PieceSlot);
          else {
            const slot = pool.take(number);
            if (slot !== undefined) {
              assert.ok(slot.data.length >= number && !taken.includes(slot));
              taken.push(slot);
            }
          }
          assert.ok(taken.reduce((sum, slot) => sum + slot.data.length, 0) <= bound);
        }
        for (const slot of taken) pool.giveBack(slot);
        assert.ok(pool.take(bound) !== undefined);
      }),
    );
  });
});
