import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leavesOf } from '../../../../src/metainfo/leaves.js';
import { BLOCK_LENGTH } from '../../../../src/metainfo/piece-layout.js';
import {
  BlockJudge,
  DEFAULT_BLOCK_JUDGE_OPTIONS,
  type LeafSource,
  NO_LEAVES,
} from '../../../../src/swarm/download/block-judge.js';
import { HonestLeaves, rightLeaves } from '../../../support/fakes/honest-leaves.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

const PIECE = 4 * BLOCK_LENGTH;
/** Pieces of four blocks, of four and of three of which the last is short; then of one block alone. */
const TORRENT = v2Torrent(
  [
    { path: 'top/a', length: 2 * PIECE + 2 * BLOCK_LENGTH + 9 },
    { path: 'top/b', length: 100 },
  ],
  PIECE,
  '2',
);

/** The leaves of a piece in which these blocks are wrong. */
function leavesWith(piece: number, ...wrong: number[]): Buffer {
  const data = Buffer.from(TORRENT.bytesOf(piece));
  for (const block of wrong) data[block * BLOCK_LENGTH] = (data[block * BLOCK_LENGTH] as number) ^ 1;
  return leavesOf(data);
}

class Scene {
  readonly timeline = new Timeline();
  readonly log: string[] = [];
  readonly judge: BlockJudge;

  constructor(source: (timeline: Timeline) => LeafSource, options: Partial<typeof DEFAULT_BLOCK_JUDGE_OPTIONS> = {}) {
    this.judge = new BlockJudge(
      {
        timers: this.timeline,
        layout: TORRENT.layout,
        source: source(this.timeline),
        judged: (piece, wrong) => {
          this.log.push(`${this.timeline.now()}: ${piece} ${wrong === null ? 'nobody can tell' : wrong.join(' ')}`);
        },
      },
      { ...DEFAULT_BLOCK_JUDGE_OPTIONS, ...options },
    );
  }

  suspect(piece: number, ...wrong: number[]): void {
    this.judge.suspect(TORRENT.piece(piece), leavesWith(piece, ...wrong));
  }
}

/** A source that answers after a second. */
const honest = (timeline: Timeline): HonestLeaves => new HonestLeaves(TORRENT, timeline, () => 1_000);

describe('the judge of blocks', () => {
  it('names exactly the wrong blocks when the right leaves come', () => {
    const scene = new Scene(honest);
    scene.suspect(0, 1, 3);
    scene.suspect(2, 2);
    assert.ok(scene.judge.awaits(TORRENT.piece(0)));
    scene.timeline.run(60_000);
    assert.deepEqual(scene.log, ['1000: 0 1 3', '1000: 2 2']);
    assert.ok(!scene.judge.awaits(TORRENT.piece(0)));
    assert.equal(scene.timeline.pending, 0);
  });

  it('asks nobody for a piece of one block, whose leaf is its root', () => {
    const scene = new Scene(() => ({ fetchLeaves: () => assert.fail('nobody must be asked') }));
    scene.suspect(3, 0);
    assert.deepEqual(scene.log, ['0: 3 0']);
    assert.equal(scene.timeline.pending, 0);
  });

  it('asks once for a piece that fails again, and anew when it has passed in between', () => {
    const scene = new Scene(honest);
    scene.suspect(0, 1);
    scene.timeline.run(1_000);
    scene.suspect(0, 2);
    scene.judge.pieceVerified(TORRENT.piece(0));
    scene.suspect(0, 3);
    scene.timeline.run(1_000);
    assert.deepEqual(scene.log, ['1000: 0 1', '1000: 0 2', '2000: 0 3']);
  });

  it('cannot tell when the source gives nothing, at once or later, or nothing in time', () => {
    const none = new Scene(() => NO_LEAVES);
    none.suspect(0, 1);
    assert.deepEqual(none.log, ['0: 0 nobody can tell']);
    assert.equal(none.timeline.pending, 0);

    let source: HonestLeaves | undefined;
    const late = new Scene((timeline) => {
      source = new HonestLeaves(TORRENT, timeline, () => 50_000);
      return source;
    });
    late.suspect(0, 1);
    late.timeline.run(60_000);
    assert.deepEqual(late.log, ['20000: 0 nobody can tell']);
    assert.equal(source?.cancelled, 1, 'the question is withdrawn');
    assert.equal(late.timeline.pending, 0);
  });

  it('does not believe leaves that do not give the root of the piece', () => {
    const right = rightLeaves(TORRENT, TORRENT.piece(0));
    const forged = Buffer.from(right);
    forged[40] = (forged[40] as number) ^ 1;
    for (const leaves of [forged, right.subarray(32), Buffer.concat([right, right]), Buffer.alloc(0)]) {
      const scene = new Scene(() => ({
        fetchLeaves: (_piece, done) => {
          done(leaves);
          return { cancel: () => undefined };
        },
      }));
      scene.suspect(0, 1);
      assert.deepEqual(scene.log, ['0: 0 nobody can tell']);
    }
  });

  it('cannot tell when every block is right', () => {
    const scene = new Scene(honest);
    scene.suspect(0);
    scene.timeline.run(1_000);
    assert.deepEqual(scene.log, ['1000: 0 nobody can tell']);
  });

  it('lets one piece of any length wait long, and a further one for a short time', () => {
    const scene = new Scene(honest, { maxWaiting: PIECE - 1, shortPatience: 999 });
    scene.suspect(0, 1);
    scene.suspect(1, 1);
    scene.timeline.run(1_000);
    scene.suspect(1, 2);
    scene.timeline.run(1_000);
    assert.deepEqual(scene.log, ['999: 1 nobody can tell', '1000: 0 1', '2000: 1 2']);
  });

  it('judges a further piece when its leaves come within that short time', () => {
    const scene = new Scene(honest, { maxWaiting: PIECE - 1, shortPatience: 1_001 });
    scene.suspect(0, 1);
    scene.suspect(1, 2);
    scene.timeline.run(2_000);
    assert.deepEqual(scene.log, ['1000: 0 1', '1000: 1 2']);
  });

  it('forgets the leaves of the oldest piece beyond its bound', () => {
    const scene = new Scene(honest, { maxLeaves: 5 });
    for (const piece of [0, 1]) {
      scene.suspect(piece, 1);
      scene.timeline.run(1_000);
    }
    scene.suspect(1, 2);
    scene.suspect(0, 2);
    assert.deepEqual(scene.log, ['1000: 0 1', '2000: 1 1', '2000: 1 2']);
    scene.judge.stop();
    assert.equal(scene.timeline.pending, 0);
  });

  it('says nothing of a piece that is dropped, nor after the end', () => {
    const scene = new Scene(honest);
    scene.suspect(0, 1);
    scene.judge.drop(TORRENT.piece(0));
    scene.judge.drop(TORRENT.piece(0));
    scene.suspect(0, 1);
    scene.suspect(1, 1);
    scene.judge.stop();
    assert.equal(scene.timeline.pending, 0);
    assert.deepEqual(scene.log, []);
  });
});
