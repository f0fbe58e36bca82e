import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interrupted } from '../../../../src/base/failure.js';
import { encodeFailure } from '../../../../src/disk/failure.js';
import { PieceCommits } from '../../../../src/disk/files/piece-commits.js';
import type { Judged, StoragePlace, Told, Work, WorkKind } from '../../../../src/disk/protocol.js';

const KIB = 1024;
const RIGHT: Judged = { verdict: 'right', leaves: null };
const WRONG: Judged = { verdict: 'wrong', leaves: new Uint8Array(32) };
const INCONSISTENT: Judged = { verdict: 'inconsistent', leaves: null };
const FAILED = { ok: false, failure: encodeFailure(interrupted()) } as const;

function placeOf(id: number): StoragePlace {
  return { id, root: '/downloads', partNames: true, overwrite: false };
}

interface Asked {
  readonly what: string;
  readonly answer: (told: Told<never>) => void;
}

/** The two threads, whose answers the test gives. */
class Threads {
  /** What was asked, in order; a piece by its number. */
  readonly writer: Asked[] = [];
  readonly judge: Asked[] = [];
  /** Whether the thread that hashes has other work. */
  isBusy = false;
  readonly commits: PieceCommits;

  constructor(behindFrom: number) {
    this.commits = new PieceCommits({ ask: (...asked) => this.ask(...asked) }, this.#hashing(), { behindFrom });
  }

  ask<K extends WorkKind>(
    kind: K,
    request: Work[K]['request'],
    _moved: readonly ArrayBuffer[],
    answered: (told: Told<Work[K]['answer']>) => void,
  ): void {
    const number = 'data' in request ? ` ${request.data[0]}` : '';
    this.writer.push({ what: `${kind}${number}`, answer: answered });
  }

  #hashing(): ConstructorParameters<typeof PieceCommits>[1] {
    return {
      judge: ({ data }, answered) => {
        if (!this.isBusy) this.judge.push({ what: `${data[0]}`, answer: answered });
        return !this.isBusy;
      },
    };
  }

  get asked(): { readonly writer: string[]; readonly judge: string[] } {
    return { writer: this.writer.map(({ what }) => what), judge: this.judge.map(({ what }) => what) };
  }

  /** Answers what was asked of the thread first. */
  answer(thread: 'writer' | 'judge', told: Told<unknown>): void {
    (this[thread].shift() as Asked).answer(told as Told<never>);
  }
}

/** Commits the piece with this number and returns what it is told of it. */
function commit(threads: Threads, number: number, length = KIB, place = placeOf(0)): Told<Judged>[] {
  const told: Told<Judged>[] = [];
  const data = new Uint8Array(length).fill(number);
  const proof = { sha1: new Uint8Array(20), root: null, width: 0, contentLength: length };
  const writes = [{ file: 0, names: { part: 'a.part', final: 'a' }, begin: number * KIB, from: 0, length }];
  threads.commits.commit({ place, writes, data, proof }, (one) => told.push(one));
  return told;
}

/** Asks the writer for something else, in the order of the torrent's pieces. */
function askFor(threads: Threads, kind: 'sync' | 'closeStorage', id = 0): void {
  const place = placeOf(id);
  threads.commits.afterPieces(place, () => threads.ask(kind, { place, also: [] } as never, [], () => undefined));
}

describe('pieces that came in', () => {
  it('are judged and written by the thread that writes as long as it keeps up', () => {
    const threads = new Threads(2 * KIB);
    const told = [commit(threads, 1), commit(threads, 2)];
    assert.deepEqual(threads.asked, { writer: ['commit 1', 'commit 2'], judge: [] });
    threads.answer('writer', { ok: true, value: RIGHT });
    threads.answer('writer', { ok: true, value: WRONG });
    assert.deepEqual(told, [[{ ok: true, value: RIGHT }], [{ ok: true, value: WRONG }]]);
  });

  it('are judged by another thread when that one owes much, and then written, with no word before that', () => {
    const threads = new Threads(2 * KIB);
    for (const number of [1, 2]) commit(threads, number);
    const told = commit(threads, 3);
    assert.deepEqual(threads.asked, { writer: ['commit 1', 'commit 2'], judge: ['3'] });
    threads.answer('judge', { ok: true, value: RIGHT });
    assert.deepEqual(threads.asked, { writer: ['commit 1', 'commit 2', 'write 3'], judge: [] });
    for (let left = 0; left < 2; left += 1) threads.answer('writer', { ok: true, value: RIGHT });
    assert.deepEqual(told, []);
    threads.answer('writer', { ok: true, value: null });
    assert.deepEqual(told, [{ ok: true, value: RIGHT }]);
  });

  it('are divided so that neither thread has much more than the other', () => {
    const threads = new Threads(2 * KIB);
    for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 9]) commit(threads, number);
    assert.deepEqual(threads.asked, {
      writer: ['commit 1', 'commit 2', 'commit 6', 'commit 8'],
      judge: ['3', '4', '5', '7', '9'],
    });
    for (let left = 0; left < 5; left += 1) threads.answer('judge', { ok: true, value: WRONG });
    for (const number of [10, 11, 12, 13, 14, 15]) commit(threads, number);
    assert.deepEqual(threads.asked.judge, ['10', '11', '12', '13', '14'], 'when it has judged what it had');
  });

  it('go to the thread that writes alone again when it owes little', () => {
    const threads = new Threads(2 * KIB);
    for (const number of [1, 2, 3]) commit(threads, number);
    threads.answer('judge', { ok: true, value: RIGHT });
    threads.answer('writer', { ok: true, value: RIGHT });
    assert.deepEqual(threads.asked, { writer: ['commit 2', 'write 3'], judge: [] });
    commit(threads, 4);
    assert.deepEqual(threads.asked.judge, ['4'], 'a piece that is only written is owed too');
    threads.answer('judge', { ok: true, value: WRONG });
    threads.answer('writer', FAILED);
    threads.answer('writer', FAILED);
    commit(threads, 5);
    commit(threads, 6);
    assert.deepEqual(threads.asked, { writer: ['commit 5', 'commit 6'], judge: [] });
    commit(threads, 7);
    assert.deepEqual(threads.asked.judge, ['7'], 'nor is a failed write owed for ever, nor a wrong piece judged');
  });

  it('go to the thread that writes while the other one has other work', () => {
    const threads = new Threads(0);
    threads.isBusy = true;
    for (const number of [1, 2]) commit(threads, number);
    assert.deepEqual(threads.asked, { writer: ['commit 1', 'commit 2'], judge: [] });
    threads.isBusy = false;
    for (const number of [3, 4, 5, 6]) commit(threads, number);
    assert.deepEqual(threads.asked.judge, ['3', '4', '5'], 'what was not taken does not count as judged');
  });

  it('are not written when another thread finds them wrong', () => {
    for (const verdict of [WRONG, INCONSISTENT]) {
      const threads = new Threads(0);
      const told = commit(threads, 1);
      threads.answer('judge', { ok: true, value: verdict });
      assert.deepEqual([told, threads.asked.writer], [[{ ok: true, value: verdict }], []]);
    }
  });

  it('are judged by the thread that writes when the other one could not', () => {
    const threads = new Threads(0);
    const told = commit(threads, 1);
    threads.answer('judge', FAILED);
    assert.deepEqual([told, threads.asked], [[], { writer: ['commit 1'], judge: [] }]);
    threads.answer('writer', { ok: true, value: WRONG });
    assert.deepEqual(told, [{ ok: true, value: WRONG }]);
  });

  it('are told of as the disk refused them when it does not take them', () => {
    const threads = new Threads(0);
    const told = commit(threads, 1);
    threads.answer('judge', { ok: true, value: RIGHT });
    threads.answer('writer', FAILED);
    assert.deepEqual(told, [FAILED]);
  });
});

describe('what is asked for after pieces', () => {
  it('comes after those that are being judged, and after no later one', () => {
    const threads = new Threads(0);
    commit(threads, 1);
    commit(threads, 2);
    askFor(threads, 'sync');
    threads.answer('writer', { ok: true, value: RIGHT });
    commit(threads, 3);
    assert.deepEqual(threads.asked, { writer: [], judge: ['1'] });
    threads.answer('judge', { ok: true, value: RIGHT });
    assert.deepEqual(threads.asked.writer, ['write 1', 'sync', 'commit 3']);
  });

  it('comes at once when no piece of its torrent is being judged', () => {
    const threads = new Threads(0);
    askFor(threads, 'sync');
    commit(threads, 1);
    askFor(threads, 'closeStorage', 1);
    commit(threads, 2, KIB, placeOf(1));
    assert.deepEqual(threads.asked, { writer: ['sync', 'closeStorage', 'commit 2'], judge: ['1'] });
    threads.isBusy = true;
    askFor(threads, 'sync');
    commit(threads, 3, KIB, placeOf(1));
    assert.deepEqual(
      threads.asked.writer.slice(3),
      ['commit 3'],
      'nor does a piece wait for what another torrent asks',
    );
  });

  it('comes in its order, whatever becomes of the pieces', () => {
    for (const told of [{ ok: true, value: RIGHT }, { ok: true, value: WRONG }, FAILED] as const) {
      const threads = new Threads(0);
      commit(threads, 1, 1);
      commit(threads, 2, 4 * KIB);
      commit(threads, 3);
      askFor(threads, 'sync');
      commit(threads, 4);
      askFor(threads, 'closeStorage');
      assert.deepEqual(threads.asked, { writer: ['commit 2'], judge: ['1', '3', '4'] });
      for (let left = 0; left < 3; left += 1) threads.answer('judge', told);
      const own = (number: number): string[] => {
        if (!told.ok) return [`commit ${number}`];
        return told.value === RIGHT ? [`write ${number}`] : [];
      };
      const order = ['commit 2', ...own(1), ...own(3), 'sync', ...own(4), 'closeStorage'];
      assert.deepEqual(threads.asked.writer, order);
    }
  });
});
