import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import type { CandidateSearch, CandidatesOutcome } from '../../../../src/disk/storage.js';
import { FileSearch, type SearchEnd, type SearchLimits } from '../../../../src/torrent/existing/file-search.js';

/** Each request takes a second, sees `seen` names, and leaves one folder to be searched, without an end. */
function run(limits: Partial<SearchLimits>, { seen = 1, fails = false } = {}) {
  const asked: CandidateSearch[] = [];
  const due: (() => void)[] = [];
  let now = 0;
  const ends: SearchEnd[] = [];
  const storage = {
    findCandidates: (search: CandidateSearch, answered: (outcome: CandidatesOutcome) => void) => {
      asked.push(search);
      due.push(() => {
        now += 1000;
        const found = [{ path: `/${asked.length}`, id: '', length: 5 }];
        const rest = [{ path: '/more', depth: 1 }];
        if (fails) answered({ ok: false, failure: new BtgetError('io', 'it failed') });
        else answered({ ok: true, found, rest, seen, unreadable: [], isCut: false });
      });
    },
  };
  const all = { maxDepth: 3, maxNames: 1e6, maxTime: 1e6, ...limits };
  const search = new FileSearch({ timers: { now: () => now }, storage }, [5, 6], all, (end) => ends.push(end));
  search.begin(['/a', '/b']);
  return {
    asked,
    ends,
    search,
    answer: () => {
      for (let task = due.shift(); task !== undefined; task = due.shift()) task();
    },
  };
}

test('an endless search ends with its time, and with its names', () => {
  for (const [limits, requests] of [
    [{ maxTime: 5000 }, 5],
    [{ maxNames: 7 }, 7],
  ] as const) {
    const { asked, ends, answer } = run(limits);
    answer();
    assert.equal(asked.length, requests);
    assert.deepEqual(
      ends.map(({ found, isCut }) => [found.length, isCut]),
      [[requests, true]],
    );
  }
});

test('no request asks for more names than are left, and the first folder is searched first', () => {
  const { asked, answer } = run({ maxNames: 2500 }, { seen: 1000 });
  answer();
  assert.deepEqual(
    asked.map(({ maxNames, pauseAfter, maxDepth }) => [maxNames, pauseAfter, maxDepth]),
    [
      [2500, 2500, 3],
      [1500, 1500, 3],
      [500, 500, 3],
    ],
  );
  assert.deepEqual(
    asked[0]?.folders.map(({ path }) => path),
    ['/b', '/a'],
  );
});

test('a worker that fails ends the search with what was found, and a stopped search says nothing', () => {
  const failed = run({}, { fails: true });
  failed.answer();
  assert.deepEqual(
    failed.ends.map(({ unreadable }) => unreadable),
    [['it failed']],
  );
  const stopped = run({});
  stopped.search.stop();
  stopped.answer();
  assert.deepEqual(stopped.ends, []);
});
