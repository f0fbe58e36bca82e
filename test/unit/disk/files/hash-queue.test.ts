import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { HashQueue } from '../../../../src/disk/files/hash-queue.js';
import { PIECE_WORKER, WorkerThread } from '../../../../src/disk/files/worker-thread.js';
import type { HashAnswer, HashJob, Told, Work, WorkAnswer, WorkRequest } from '../../../../src/disk/protocol.js';

const JOB: HashJob = { sources: [{ kind: 'zeros', length: 1024 }], pieceLength: 1024, sha1: true, tree: null };
/** So long that no other job travels with it. */
const LONG_JOB: HashJob = { ...JOB, sources: [{ kind: 'zeros', length: 8 * 1024 * 1024 }] };
const HASHED: HashAnswer = {
  ...{ kind: 'hashed', hashes: new Uint8Array(20), roots: new Uint8Array(), leaves: new Uint8Array() },
};
const RIGHT: Told<Work['judge']['answer']> = { ok: true, value: { verdict: 'right', leaves: null } };
const OWNER = {};
const SEARCH: Work['findCandidates']['request'] = {
  ...{ folders: [], lengths: new Float64Array(), maxDepth: 1, pauseAfter: 1, maxNames: 1 },
};

/** A thread whose answers the test gives. */
class FakeWorker extends EventEmitter {
  readonly asked: WorkRequest[] = [];

  get kinds(): string[] {
    return this.asked.map(({ kind }) => kind);
  }

  postMessage(request: WorkRequest): void {
    this.asked.push(request);
  }

  /** Answers the oldest request. */
  answer(): void {
    const { id, kind } = this.asked.shift() as WorkRequest;
    const nothing = { found: [], rest: [], seen: 0, unreadable: [], isCut: false };
    const told: Partial<Record<typeof kind, WorkAnswer['told']>> = {
      hash: { ok: true, value: [HASHED] },
      judge: RIGHT,
      findCandidates: { ok: true, value: nothing },
    };
    this.emit('message', { id, told: told[kind] });
  }

  readonly ref = (): undefined => undefined;

  readonly unref = (): undefined => undefined;

  async terminate(): Promise<number> {
    return 0;
  }
}

function queueOf(count: number): { readonly queue: HashQueue; readonly workers: readonly FakeWorker[] } {
  const workers = Array.from({ length: count }, () => new FakeWorker());
  const threads = workers.map(
    (worker) => new WorkerThread(PIECE_WORKER, assert.fail, { take: () => worker as unknown as Worker }),
  );
  return { queue: new HashQueue(threads), workers };
}

const PIECE: Work['judge']['request'] = {
  data: new Uint8Array(1024),
  proof: { sha1: new Uint8Array(20), root: null, width: 0, contentLength: 1024 },
};

/** Has the queue judge a piece. `told` has what it was told of the pieces that it took. */
function judge(queue: HashQueue, told: boolean[]): boolean {
  return queue.judge(PIECE, ({ ok }) => told.push(ok));
}

function hash(queue: HashQueue, answers: string[], job: HashJob = JOB): void {
  queue.add(OWNER, job, ({ kind }) => answers.push(kind));
}

describe('a queue of what hashing threads do', () => {
  it('has one thread judge all pieces, in order', () => {
    const { queue, workers } = queueOf(2);
    const [first, second] = workers as [FakeWorker, FakeWorker];
    const told: boolean[] = [];
    assert.deepEqual([judge(queue, told), judge(queue, told), judge(queue, told)], [true, true, true]);
    assert.deepEqual([first.kinds, second.kinds], [['judge', 'judge', 'judge'], []]);
    first.answer();
    assert.deepEqual(told, [true]);
    assert.ok(judge(queue, told), 'while others of them are judged');
    for (let left = 0; left < 3; left += 1) first.answer();
    assert.deepEqual(told, [true, true, true, true]);
    hash(queue, []);
    assert.equal(judge(queue, told), false, 'it hashes');
  });

  it('judges no piece without a thread', () => {
    const told: boolean[] = [];
    assert.equal(judge(queueOf(0).queue, told), false);
    assert.deepEqual(told, []);
  });

  it('judges no piece while the thread hashes, looks for candidates or closes files', () => {
    for (const begin of [
      (queue: HashQueue) => hash(queue, []),
      (queue: HashQueue) => queue.findCandidates(SEARCH, () => undefined),
      (queue: HashQueue) => queue.closeFiles(() => undefined),
    ]) {
      const { queue, workers } = queueOf(1);
      const [worker] = workers as [FakeWorker];
      const told: boolean[] = [];
      begin(queue);
      assert.equal(judge(queue, told), false, worker.kinds.join());
      assert.equal(worker.asked.length, 1, 'nor later');
      worker.answer();
      assert.ok(judge(queue, told), 'it does when that is done');
      assert.deepEqual([worker.kinds, told], [['judge'], []]);
    }
  });

  it('goes on with jobs that waited for judged pieces, and takes no more pieces before', () => {
    const { queue, workers } = queueOf(1);
    const [worker] = workers as [FakeWorker];
    const told: boolean[] = [];
    const answers: string[] = [];
    assert.ok(judge(queue, told) && judge(queue, told) && judge(queue, told));
    hash(queue, answers, LONG_JOB);
    hash(queue, answers, LONG_JOB);
    assert.deepEqual(worker.kinds, ['judge', 'judge', 'judge'], 'so the jobs wait');
    assert.equal(judge(queue, told), false, 'or a stream of pieces would hold them up for ever');
    worker.answer();
    assert.equal(judge(queue, told), false);
    worker.answer();
    assert.deepEqual(worker.kinds, ['judge', 'hash']);
    worker.answer();
    assert.deepEqual(worker.kinds, ['hash', 'hash']);
    worker.answer();
    worker.answer();
    assert.deepEqual(
      [told, answers],
      [
        [true, true, true],
        ['hashed', 'hashed'],
      ],
    );
    assert.ok(judge(queue, told));
  });

  it('gives jobs to another thread while the first one judges', () => {
    const { queue, workers } = queueOf(2);
    const [first, second] = workers as [FakeWorker, FakeWorker];
    const told: boolean[] = [];
    const answers: string[] = [];
    assert.ok(judge(queue, told) && judge(queue, told));
    hash(queue, answers);
    assert.deepEqual([first.kinds, second.kinds], [['judge', 'judge'], ['hash']]);
    assert.ok(judge(queue, told), 'what another thread does is no hindrance');
  });

  it('says of each piece once that it could not be judged, when the threads are ended in the middle', () => {
    const { queue } = queueOf(1);
    const told: boolean[] = [];
    assert.ok(judge(queue, told) && judge(queue, told));
    queue.kill();
    assert.deepEqual(told, [false, false]);
  });

  it('says so too when the thread dies, which is loud', () => {
    const died: string[] = [];
    const worker = new FakeWorker();
    const thread = new WorkerThread(PIECE_WORKER, ({ message }) => died.push(message), {
      take: () => worker as unknown as Worker,
    });
    const queue = new HashQueue([thread]);
    const told: boolean[] = [];
    assert.ok(judge(queue, told));
    worker.emit('error', new Error('a bug'));
    worker.emit('exit', 1);
    assert.deepEqual([told, died], [[false], ['a bug']]);
  });
});
