import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Runs } from '../../bench/harness/compete.js';
import { judge } from '../../bench/harness/judge.js';
import { goalsTable } from '../../bench/harness/tables.js';
import type { Goal } from '../../bench/row.js';

const btget: Runs = {
  contestant: 'btget',
  measurements: [
    { wall: 6, memory: 100 },
    { wall: 1, memory: 140 },
    { wall: 5, memory: 120 },
  ],
};
const rival: Runs = { contestant: 'rival', measurements: [{ wall: 10 }, { wall: 10 }, { wall: 10 }] };
const ratio: Goal = { contestant: 'btget', metric: 'wall', ratioTo: 'rival' };

test('a goal is met up to its bound and missed beyond it', () => {
  assert.deepEqual(
    [0.5, 0.49].map((atMost) => judge({ ...ratio, atMost }, [btget, rival]).word),
    ['met', 'missed'],
  );
  assert.deepEqual(
    [0.5, 0.51].map((atLeast) => judge({ ...ratio, atLeast }, [btget, rival]).word),
    ['met', 'missed'],
  );
  const memory: Goal = { contestant: 'btget', metric: 'memory', atMost: 120 };
  assert.equal(judge(memory, [btget]).figure, 120);
  assert.equal(judge(memory, [btget]).word, 'met');
});

test('a goal against a rival that did not run is not measured', () => {
  const { figure, word } = judge({ ...ratio, atMost: 1 }, [btget, { contestant: 'rival', measurements: [] }]);
  assert.ok(Number.isNaN(figure));
  assert.equal(word, 'not measured');
  assert.equal(judge({ ...ratio, atMost: 1 }, [btget]).word, 'not measured');
});

test('a contestant that failed has missed its goal, even when it was fast before', () => {
  assert.equal(judge({ ...ratio, atMost: 1 }, [{ ...btget, failure: 'died' }, rival]).word, 'missed');
});

test('a goal about a metric that no run measured throws', () => {
  assert.throws(() => judge({ contestant: 'btget', metric: 'wal', atMost: 1 }, [btget]), /btget did not measure wal/);
});

test('the table of goals shows each goal and its figure', () => {
  const memory: Goal = { contestant: 'btget', metric: 'memory', unit: 'MiB', digits: 0, atMost: 110 };
  const verdicts = [{ ...ratio, atMost: 0.6 }, memory].map((goal) => ({
    ...judge(goal, [btget, rival]),
    row: 'download',
  }));
  assert.equal(
    goalsTable(verdicts),
    [
      '| row | goal | measured |  |',
      '| --- | --- | --- | --- |',
      '| download | btget: wall ≤ 0.6 × rival | 0.50 × | met |',
      '| download | btget: memory ≤ 110 MiB | 120 MiB | missed |',
    ].join('\n'),
  );
});
