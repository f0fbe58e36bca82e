import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UploadQueue } from '../../../../src/swarm/upload/upload-queue.js';
import { UploadBatch } from '../../../../src/swarm/upload/upload-reads.js';
import { layoutOf } from '../../../support/pieces.js';

const PATIENCE = 5_000;
const layout = layoutOf(10, 100);

class World {
  now = 0;
  isShort = true;
  readonly given = new Set<number>();
  readonly queue = new UploadQueue({
    now: () => this.now,
    patience: PATIENCE,
    isShort: () => this.isShort,
    isFirst: (piece) => !this.given.has(piece),
  });

  add(...pieces: number[]): void {
    for (const piece of pieces)
      this.queue.add(piece * 100, { piece: layout.pieceIndex(piece)!, begin: 0, length: 100 });
  }

  /** The pieces that leave when this many bytes are allowed. */
  fill(allowance: number): string {
    const moved: number[] = [];
    this.queue.fill(new UploadBatch(Buffer.alloc(1_000)), allowance, (position) => moved.push(position / 100));
    return moved.join(' ');
  }
}

describe('the queue of an upload', () => {
  it('gives requests in the order of asking, as many as are allowed and fit, but at least one', () => {
    const world = new World();
    world.add(...Array.from({ length: 10 }, (_, piece) => piece));
    assert.deepEqual(
      [world.fill(0), world.fill(199), world.fill(200), world.fill(9_999)],
      ['0', '1', '2 3', '4 5 6 7 8 9'],
    );
    world.add(...Array.from({ length: 10 }, (_, piece) => piece));
    assert.equal(world.fill(9_999), '0 1 2 3 4 5 6 7');
  });

  it('under a limit, gives pieces that no peer has got before pieces that some peer has got', () => {
    const world = new World();
    world.given.add(1).add(2);
    world.add(1, 2, 3, 4);
    assert.equal(world.queue.patientUntil(), Number.NEGATIVE_INFINITY);
    assert.equal(world.fill(9_999), '3 4');
    assert.equal(world.queue.patientUntil(), PATIENCE);
    assert.equal(world.fill(9_999), '1 2');
  });

  it('without a limit, keeps the order of asking', () => {
    const world = new World();
    world.isShort = false;
    world.given.add(1);
    world.add(1);
    assert.equal(world.queue.patientUntil(), Number.NEGATIVE_INFINITY);
    world.add(2);
    assert.equal(world.fill(9_999), '1 2');
  });

  it('is not patient for longer than allowed, whatever comes later', () => {
    const world = new World();
    world.given.add(1).add(2);
    world.add(1);
    world.now = PATIENCE - 1;
    world.add(2);
    assert.equal(world.queue.patientUntil(), PATIENCE);
    world.now = PATIENCE;
    assert.equal(world.queue.patientUntil(), Number.NEGATIVE_INFINITY);
    assert.equal(world.fill(9_999), '1');
    assert.equal(world.queue.patientUntil(), 2 * PATIENCE - 1);
  });

  it('removes a request that is withdrawn by its position and length', () => {
    const world = new World();
    world.add(1, 2);
    world.queue.withdraw(100, 99);
    world.queue.withdraw(200, 100);
    world.queue.withdraw(300, 100);
    assert.equal(world.fill(9_999), '1');
  });
});
