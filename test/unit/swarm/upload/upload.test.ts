import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import type { BlockRead, DoneOutcome } from '../../../../src/disk/storage.js';
import { DROPPED_PRICE, repeatPrice } from '../../../../src/swarm/price.js';
import { DEFAULT_RATE_LIMITER_OPTIONS, RateLimiter } from '../../../../src/swarm/rate-limiter.js';
import { FirstCopies } from '../../../../src/swarm/upload/first-copies.js';
import { DEFAULT_SEND_MEMORY_OPTIONS, SendMemory } from '../../../../src/swarm/upload/send-memory.js';
import { DEFAULT_UPLOAD_OPTIONS, type Upload, type UploadOptions } from '../../../../src/swarm/upload/upload.js';
import { Uploader } from '../../../../src/swarm/upload/uploader.js';
import { countCalls, countLookUps } from '../../../support/counted-steps.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
import { bitfieldOf, layoutOf, pieceAt } from '../../../support/pieces.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const BLOCK = 16 * 1024;
const READ_TIME = 10;

/**
 * Serves one peer. The disk takes 10 ms for each read. There are four pieces of four blocks; we lack the last piece.
 */
class Serving {
  readonly timeline = new Timeline();
  readonly connection = new RecordedConnection();
  readonly memory: SendMemory;
  readonly reads: string[] = [];
  readonly failures: string[] = [];
  readonly uploader: Uploader;
  readonly upload: Upload;
  readonly have = bitfieldOf('*** ');
  failure: BtgetError | null = null;
  /** A block that no read gets, written as in `reads`. */
  bad: string | null = null;
  /** When a read fails, the first piece is lost. */
  loses = false;

  constructor(rate: number | null = null, options: Partial<UploadOptions> = {}) {
    this.memory = new SendMemory(this.timeline, DEFAULT_SEND_MEMORY_OPTIONS);
    this.uploader = new Uploader(
      {
        timers: this.timeline,
        layout: layoutOf(4, 4 * BLOCK),
        source: { have: this.have, readBlocks: (reads, answered) => this.#read(reads, answered) },
        limiter: new RateLimiter(this.timeline, rate, DEFAULT_RATE_LIMITER_OPTIONS),
        memory: this.memory,
        gotReadFailure: (failure) => {
          this.failures.push(failure.message);
          if (this.loses) this.have.clear(0);
        },
      },
      { ...DEFAULT_UPLOAD_OPTIONS, ...options },
    );
    this.upload = this.uploader.createUpload(this.connection);
  }

  /** The peer is interested and unchoked, and the messages about that are gone. */
  open(): this {
    this.upload.gotInterested();
    this.upload.unchoke();
    assert.deepEqual(this.connection.said(), ['unchoke']);
    return this;
  }

  /** All these requests come in one event. */
  ask(piece: number, ...blocks: number[]): void {
    for (const block of blocks) assert.equal(this.upload.gotRequest(piece, block * BLOCK, BLOCK).kind, 'fine');
    this.timeline.run(0);
  }

  #read(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    const asked = reads.map(({ piece, begin }) => `${piece}:${begin / BLOCK}`);
    this.reads.push(asked.join(' '));
    const isBad = this.bad !== null && asked.includes(this.bad);
    const failure = isBad ? new BtgetError('io', 'a bad block') : this.failure;
    this.timeline.addTask(() => {
      for (const { piece, into } of reads) into.fill(piece);
      answered(failure === null ? { ok: true } : { ok: false, failure });
    }, READ_TIME);
  }
}

describe('Upload', () => {
  it('reads all queued blocks in one read, and sends them in one send', () => {
    const serving = new Serving().open();
    serving.ask(0, 0, 1, 2, 3);
    serving.timeline.run(100);
    assert.deepEqual(serving.reads, ['0:0 0:1 0:2 0:3']);
    assert.deepEqual(serving.connection.said(), [
      'piece 0:0+16384, piece 0:16384+16384, piece 0:32768+16384, piece 0:49152+16384',
    ]);
    assert.equal(serving.upload.total, 4 * BLOCK);
    assert.equal(serving.uploader.total, 4 * BLOCK);
    assert.equal(serving.upload.queuedCount, 0);
  });

  it('waits while a full batch waits in the socket, and goes on when the socket is flushed', () => {
    const serving = new Serving().open();
    serving.connection.unsentLength = 65 * 1024;
    serving.ask(0, 0, 1);
    assert.deepEqual(serving.reads, []);
    serving.connection.unsentLength = 0;
    serving.upload.connectionFlushed();
    assert.deepEqual(serving.reads, ['0:0 0:1']);
  });

  it('reads one batch, and a second one at the same time only when that is full', () => {
    const serving = new Serving().open();
    serving.connection.unsentLength = 65 * 1024;
    serving.ask(0, 0, 1, 2, 3);
    serving.ask(1, 0, 1, 2, 3);
    serving.ask(2, 0, 1, 2, 3);
    serving.connection.unsentLength = 0;
    serving.upload.connectionFlushed();
    assert.deepEqual(serving.reads, ['0:0 0:1 0:2 0:3', '1:0 1:1 1:2 1:3']);
  });

  it('while a batch is being read, lets the next one wait until it is full', () => {
    const serving = new Serving().open();
    serving.ask(0, 0, 1, 2, 3);
    serving.ask(1, 0, 1, 2);
    assert.deepEqual(serving.reads, ['0:0 0:1 0:2 0:3']);
    serving.timeline.run(READ_TIME);
    assert.deepEqual(serving.reads, ['0:0 0:1 0:2 0:3', '1:0 1:1 1:2']);
  });

  it('does not send a block that was cancelled, whether it was queued or being read', () => {
    const serving = new Serving().open();
    serving.ask(0, 0);
    serving.ask(0, 1, 2);
    assert.equal(serving.upload.gotCancel(0, 0, BLOCK).kind, 'junk');
    assert.equal(serving.upload.gotCancel(0, BLOCK, BLOCK).kind, 'idle');
    assert.equal(serving.upload.gotCancel(2, BLOCK, BLOCK).kind, 'idle');
    assert.equal(serving.upload.gotCancel(0, 2 * BLOCK, 1).kind, 'idle');
    assert.equal(serving.upload.gotCancel(9, 0, BLOCK).kind, 'junk');
    serving.timeline.run(100);
    assert.deepEqual(serving.connection.said(), ['piece 0:32768+16384']);
  });

  it('sends nothing after a choke, not even blocks that were being read, and forgets queued requests', () => {
    const serving = new Serving().open();
    serving.ask(0, 0, 1);
    serving.upload.choke();
    serving.upload.unchoke();
    serving.ask(1, 0);
    serving.timeline.run(100);
    assert.deepEqual(serving.connection.said(), ['choke', 'unchoke', 'piece 1:0+16384']);
    assert.deepEqual(serving.reads, ['0:0 0:1', '1:0']);
  });

  it('forgets queued requests when the peer loses interest or is lost', () => {
    for (const end of ['gotNotInterested', 'connectionLost'] as const) {
      const serving = new Serving().open();
      serving.ask(0, 0, 1);
      serving.upload[end]();
      serving.timeline.run(100);
      assert.deepEqual(serving.connection.said(), []);
      assert.equal(serving.upload.queuedCount, 0);
    }
  });

  it('counts as junk a request of a choked or uninterested peer, or for a piece that we lack', () => {
    const serving = new Serving();
    const request = () => serving.upload.gotRequest(0, 0, BLOCK).kind;
    serving.upload.gotInterested();
    assert.equal(request(), 'junk');
    serving.upload.unchoke();
    assert.equal(serving.upload.gotRequest(3, 0, BLOCK).kind, 'junk');
    serving.upload.gotNotInterested();
    assert.equal(request(), 'junk');
    serving.timeline.run(100);
    assert.deepEqual(serving.reads, []);
  });

  it('refuses a request that lies outside the torrent or is too long, and drops what is too much', () => {
    const serving = new Serving().open();
    const codes = [
      [4, 0, BLOCK],
      [2 ** 31, 0, BLOCK],
      [0, 2 ** 31, BLOCK],
      [0, 4 * BLOCK - 1, 2],
      [0, 0, 0],
      [0, 0, 2 ** 30],
      [0, 0, 128 * 1024 + 1],
    ].map(([piece, begin, length]) => {
      const judgement = serving.upload.gotRequest(piece!, begin!, length!);
      return judgement.kind === 'refuse' ? judgement.reason.code : judgement.kind;
    });
    assert.deepEqual(codes, [...Array(5).fill('block-out-of-range'), 'request-too-long', 'request-too-long']);

    serving.connection.unsentLength = 10 * 1024 * 1024;
    for (let begin = 0; begin < 2_000; begin += 1) assert.equal(serving.upload.gotRequest(0, begin, 1).kind, 'fine');
    assert.equal(serving.upload.gotRequest(0, 2_000, 1).kind, 'fine');
    assert.equal(serving.upload.queuedCount, 2_000);
  });

  it('answers each request of a peer that does not know our limit once, and without a choke', () => {
    for (const ahead of [512, 2_000]) {
      const serving = new Serving().open();
      for (let begin = 0; begin < ahead; begin += 1) serving.upload.gotRequest(0, begin, 1);
      serving.timeline.run(5_000);
      const said = serving.connection.said().flatMap((batch) => batch.split(', '));
      assert.deepEqual(
        said,
        Array.from({ length: ahead }, (_, begin) => `piece 0:${begin}+1`),
      );
    }
  });

  it('when the queue is empty, makes the peer ask again for what did not fit', () => {
    const serving = new Serving().open();
    serving.connection.unsentLength = 10 * 1024 * 1024;
    for (let begin = 0; begin < 2_001; begin += 1) serving.upload.gotRequest(0, begin, 1);
    serving.connection.unsentLength = 0;
    serving.upload.connectionFlushed();
    serving.timeline.run(1_000);
    const said = serving.connection.said().flatMap((batch) => batch.split(', '));
    assert.equal(said.filter((message) => message.startsWith('piece')).length, 2_000);
    assert.deepEqual(said.slice(2_000), ['choke', 'unchoke']);
    serving.ask(1, 0);
    serving.timeline.run(100);
    assert.deepEqual(serving.connection.said(), ['piece 1:0+16384']);
  });

  it('neither waits for memory nor keeps it when the peer has cancelled all its requests', () => {
    const others = { memoryCame: () => undefined, memoryWanted: () => undefined, stuckSince: () => 0 };
    for (const cancelsFirst of [true, false]) {
      const serving = new Serving().open();
      const taken = Array.from({ length: DEFAULT_SEND_MEMORY_OPTIONS.count }, () => serving.memory.take(others));
      serving.ask(0, 0);
      const steps = [
        () => assert.equal(serving.upload.gotCancel(0, 0, BLOCK).kind, 'idle'),
        () => serving.memory.giveBack(taken[0]!),
      ];
      for (const step of cancelsFirst ? steps : steps.reverse()) step();
      serving.timeline.run(0);
      assert.notEqual(serving.memory.take(others), undefined);
    }
  });

  it('takes the same work for a request and a cancel whether 2,000 requests wait or 20', () => {
    const MESSAGES = 200;
    /** Rounds in each of which a request comes, and then its cancel. */
    const stepsOf = (waiting: number, rate: number | null): number => {
      const serving = new Serving(rate).open();
      // Another peer has got the pieces that this one asks for, so its requests let others go first.
      serving.uploader.goes(pieceAt(0), {}, 4 * BLOCK);
      serving.connection.unsentLength = rate === null ? 10 * DEFAULT_UPLOAD_OPTIONS.maxBatch : 0;
      serving.uploader.limiter.spend(1_000_000);
      const ask = (number: number) => assert.equal(serving.upload.gotRequest(0, number * 16, 8).kind, 'fine');
      for (let number = 0; number <= waiting; number += 1) ask(number);
      serving.timeline.run(READ_TIME);
      assert.ok(serving.upload.queuedCount > waiting - MESSAGES, `${serving.upload.queuedCount}`);
      let isFirst = 0;
      const lookUps = countLookUps(() => {
        isFirst = countCalls(FirstCopies.prototype, ['isFirst'], () => {
          for (let round = 0; round < MESSAGES; round += 1) {
            ask(3_000 + round);
            serving.timeline.run(0);
            assert.equal(serving.upload.gotCancel(0, (3_000 + round) * 16, 8).kind, 'idle');
            serving.timeline.run(0);
          }
        });
      });
      return (lookUps + isFirst) / MESSAGES;
    };
    for (const rate of [null, 1]) {
      const [few, many] = [20, 1_990].map((waiting) => stepsOf(waiting, rate)) as [number, number];
      assert.ok(few > 0 && many <= few + 1, `${few} and ${many} steps`);
    }
  });

  it('queues a repeated request only once', () => {
    const serving = new Serving().open();
    serving.connection.unsentLength = 10 * 1024 * 1024;
    for (let time = 0; time < 10_000; time += 1) serving.ask(0, 1);
    assert.equal(serving.upload.queuedCount, 1);
  });

  it('charges a peer for each request for a block that waits already or was just sent to it', () => {
    const serving = new Serving().open();
    serving.ask(0, 1, 1, 1);
    assert.equal(serving.connection.idleWork, 2 * repeatPrice(16_384));
    serving.timeline.run(100);
    serving.ask(0, 1);
    serving.timeline.run(100);
    assert.equal(serving.connection.idleWork, 3 * repeatPrice(16_384));
    serving.ask(0, 2, 3);
    serving.timeline.run(100);
    assert.equal(serving.connection.idleWork, 3 * repeatPrice(16_384));
  });

  it('gives a peer credit for the blocks that go to it', () => {
    const serving = new Serving().open();
    serving.ask(0, 1, 2);
    assert.equal(serving.connection.earned, 0);
    serving.timeline.run(100);
    assert.equal(serving.connection.earned, serving.upload.total);
    assert.ok(serving.connection.earned > 0);
  });

  it('gives no credit for blocks beyond three copies of the torrent and some more: they are repetitions', () => {
    assert.equal(new Serving().uploader.mostNeeded, 3 * 16 * BLOCK + (64 << 20));
    const serving = new Serving(null, { maxCopies: 0, maxSpare: 2 * BLOCK }).open();
    for (const block of [0, 1, 2]) {
      serving.ask(0, block);
      serving.timeline.run(100);
    }
    assert.deepEqual([serving.connection.idleWork, serving.connection.earned], [0, 2 * BLOCK]);
    serving.ask(0, 3);
    serving.timeline.run(100);
    assert.deepEqual([serving.connection.idleWork, serving.connection.earned], [repeatPrice(BLOCK), 2 * BLOCK]);
    assert.equal(serving.upload.total, 4 * BLOCK);
  });

  it('charges a peer for each request that does not fit in the queue', () => {
    const serving = new Serving(null, { maxQueued: 2 }).open();
    serving.connection.unsentLength = 10 * 1024 * 1024;
    serving.ask(0, 0, 1, 2, 3);
    assert.equal(serving.connection.idleWork, 2 * DROPPED_PRICE);
  });

  it('charges nothing for requests made again because a choke dropped them', () => {
    const serving = new Serving().open();
    serving.connection.unsentLength = 10 * 1024 * 1024;
    for (let time = 0; time < 100; time += 1) {
      serving.ask(0, 0, 1, 2, 3);
      serving.upload.choke();
      serving.upload.unchoke();
    }
    assert.equal(serving.connection.idleWork, 0);
  });

  it('reports a failed read, and makes the peer ask again for what was dropped', () => {
    const serving = new Serving().open();
    serving.failure = new BtgetError('io', 'cannot read x');
    serving.ask(0, 0, 1);
    serving.timeline.run(READ_TIME);
    assert.deepEqual(serving.failures, ['cannot read x']);
    assert.deepEqual(serving.connection.said(), ['choke, unchoke']);
    serving.failure = null;
    serving.ask(0, 0, 1);
    serving.timeline.run(100);
    assert.deepEqual(serving.connection.said(), ['piece 0:0+16384', 'piece 0:16384+16384']);
    assert.deepEqual(serving.reads, ['0:0 0:1', '0:0', '0:1'], 'one at a time, for one of them may be bad');
    assert.equal(serving.connection.refusal, null);
  });

  it('parts from a peer that asks again and again for a bad block, but serves it good blocks', () => {
    const serving = new Serving().open();
    serving.bad = '1:2';
    const said: string[] = [];
    for (let round = 0; round < 6 && serving.connection.refusal === null; round += 1) {
      serving.ask(1, ...(said.includes('piece 1:49152+16384') ? [2] : [2, 3]));
      serving.timeline.run(100);
      said.push(...serving.connection.said());
    }
    assert.deepEqual(serving.reads, ['1:2 1:3', '1:2', '1:3', '1:2', '1:2', '1:2']);
    const again = 'choke, unchoke';
    assert.deepEqual(said, [again, 'piece 1:49152+16384', again, again, again]);
    assert.deepEqual(serving.connection.refusal, { code: 'cannot-serve' });
  });

  it('does not part from a peer when its piece is lost: the torrent does that', () => {
    const serving = new Serving().open();
    serving.failure = new BtgetError('io', 'x is gone');
    serving.loses = true;
    for (let time = 0; time < 5; time += 1) {
      serving.ask(0, time % 4);
      serving.timeline.run(100);
      serving.have.set(0);
    }
    assert.deepEqual(serving.connection.said(), []);
    assert.equal(serving.connection.refusal, null);
  });

  it('holds the upload limit, a block at a time when the limit is low', () => {
    const serving = new Serving(BLOCK).open();
    serving.ask(0, 0, 1, 2, 3);
    serving.timeline.run(2_500);
    assert.deepEqual(serving.reads, ['0:0', '0:1', '0:2']);
    assert.equal(serving.timeline.pending, 1);
    serving.upload.choke();
    assert.equal(serving.timeline.pending, 0);
    serving.timeline.run(10_000);
    assert.equal(serving.reads.length, 3);
  });

  it('gives back to the limit what it did not send', () => {
    const serving = new Serving(BLOCK).open();
    serving.ask(0, 0);
    serving.upload.gotCancel(0, 0, BLOCK);
    serving.timeline.run(50);
    serving.ask(0, 1);
    serving.timeline.run(50);
    assert.deepEqual(serving.connection.said(), ['piece 0:16384+16384']);
  });
});
