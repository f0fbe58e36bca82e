/** Which torrents the progress display shows when there are several, in which order, and what the total says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { columnsOf } from '../../../src/cli/output/escape.js';
import { ProgressList } from '../../../src/cli/output/progress-list.js';
import type { TorrentStatus } from '../../../src/torrent/status.js';
import { makeStatus } from './support/fake-session.js';

const ROOM = { columns: 77, rows: 23 };
const LOADS = { wanted: 1000, have: 250, downRate: 10, eta: 75, peers: 2 };

function listOf(torrents: Readonly<Record<string, Partial<TorrentStatus>>>): ProgressList {
  const list = new ProgressList();
  for (const [name, status] of Object.entries(torrents)) list.tell(name, name, makeStatus(status));
  return list;
}

/** The first word of each line. */
function namesIn(lines: readonly string[]): string[] {
  return lines.map((line) => /^total|^\S+( \d+ more)?/.exec(line)?.[0] ?? '');
}

test('one torrent has no total, and of several the total is the last line', () => {
  assert.deepEqual(new ProgressList().lines(ROOM), []);
  assert.deepEqual(listOf({ a: LOADS }).lines(ROOM), [
    'a                 [##--------]   25%    1000 B      10 B/s   1m15s    2 peers',
  ]);
  assert.deepEqual(listOf({ a: LOADS, b: { ...LOADS, have: 750, eta: 25, upRate: 3 } }).lines(ROOM), [
    'a                 [##--------]   25%    1000 B      10 B/s   1m15s    2 peers',
    'b                 [#######---]   75%    1000 B      10 B/s     25s    2 peers',
    'total 0/2         [#####-----]   50%     2 KiB      20 B/s   1m15s    4 peers',
  ]);
});

test('first come those to which something comes, then those that give, and last those that wait', () => {
  const list = listOf({
    paused: { state: 'paused' },
    idle: { state: 'seeding', have: 1000 },
    stalled: { state: 'stalled' },
    gives: { state: 'seeding', have: 1000, upRate: 5 },
    link: { state: 'metadata', wanted: 0 },
    silent: { ...LOADS, downRate: 0 },
    hashes: { state: 'checking' },
    first: LOADS,
    second: LOADS,
  });
  assert.deepEqual(namesIn(list.lines(ROOM)), [
    ...['hashes', 'first', 'second', 'gives', 'link', 'silent', 'stalled', 'idle', 'paused', 'total'],
  ]);
});

test('torrents that are alike keep their order, however often they tell their progress', () => {
  const list = listOf({ a: LOADS, b: LOADS, c: LOADS });
  list.tell('b', 'b', makeStatus({ ...LOADS, have: 900, downRate: 99 }));
  list.tell('a', 'a', makeStatus({ ...LOADS, have: 999, downRate: 1 }));
  assert.deepEqual(namesIn(list.lines(ROOM)), ['a', 'b', 'c', 'total']);
});

test('of forty torrents on 24 rows the active ones are shown, and the count of the others and the total stay', () => {
  const list = new ProgressList();
  for (let index = 0; index < 40; index += 1) {
    const isActive = index % 4 === 3;
    list.tell(
      `${index}`,
      `t${index}`,
      makeStatus(isActive ? LOADS : { ...LOADS, state: 'stalled', downRate: 0, eta: null }),
    );
  }
  const lines = list.lines(ROOM);
  assert.equal(lines.length, 23);
  const active = Array.from({ length: 10 }, (_, at) => `t${4 * at + 3}`);
  const rest = Array.from({ length: 40 }, (_, index) => `t${index}`).filter((name) => !active.includes(name));
  assert.deepEqual(namesIn(lines), [...active, ...rest.slice(0, 11), 'and 19 more', 'total']);
  assert.equal(lines.at(-2), 'and 19 more');
  assert.equal(lines.at(-1), 'total 0/40        [##--------]   25%  39.1 KiB     100 B/s           80 peers');
});

test('there are never more lines than rows, and the total is the last to go', () => {
  const list = listOf({ a: LOADS, b: LOADS, c: LOADS, d: LOADS });
  const at = (rows: number): string[] => namesIn(list.lines({ columns: 77, rows }));
  assert.deepEqual([5, 4, 3, 2, 1].map(at), [
    ['a', 'b', 'c', 'd', 'total'],
    ['a', 'b', 'and 2 more', 'total'],
    ['a', 'and 3 more', 'total'],
    ['a', 'total'],
    ['total'],
  ]);
  fc.assert(
    fc.property(
      fc.nat(30),
      fc.nat(30),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 220 }),
      (count, gone, rows, columns) => {
        const some = new ProgressList();
        for (let index = 0; index < count; index += 1) some.tell(`${index}`, 'x', makeStatus(LOADS));
        for (let index = 0; index < gone; index += 1) some.over(`${index}`);
        const lines = some.lines({ columns, rows });
        assert.equal(lines.length, some.lineCount(rows));
        assert.ok(lines.length <= rows);
        assert.ok(lines.every((line) => columnsOf(line) <= columns));
      },
    ),
  );
});

test('a torrent that is done leaves its row, and the total goes on to count it', () => {
  const list = listOf({ a: LOADS, b: LOADS, c: LOADS });
  const total = (): string => (list.lines({ ...ROOM, columns: 97 }).at(-1) ?? '').replace(/ +/g, ' ');
  assert.equal(total(), 'total: 0 of 3 done [###----------] 25% 2.9 KiB down 30 B/s 1m15s left 6 peers');
  list.tell('a', 'a', makeStatus({ ...LOADS, state: 'seeding', have: 1000, downRate: 0, eta: 0 }));
  list.over('a');
  assert.deepEqual(namesIn(list.lines(ROOM)), ['b', 'c', 'total']);
  assert.equal(total(), 'total: 1 of 3 done [######-------] 50% 2.9 KiB down 20 B/s 1m15s left 4 peers');
  list.over('b');
  assert.equal(
    total(),
    'total: 1 of 2 done [########-----] 62% 2 KiB down 10 B/s 1m15s left 2 peers',
    'one that failed is not waited for',
  );
  list.tell('c', 'c', makeStatus({ ...LOADS, state: 'seeding', have: 1000, downRate: 0, eta: 0 }));
  list.over('c');
  assert.deepEqual(list.lines(ROOM), []);
  assert.equal(list.lineCount(5), 0);
});

test('a link whose name changes with its metadata is one torrent', () => {
  const list = listOf({ link: { state: 'metadata', wanted: 0 } });
  list.over('link');
  list.tell('hash', 'name', makeStatus(LOADS));
  assert.deepEqual(namesIn(list.lines(ROOM)), ['name']);
});

test('the total tells no time left when one of the torrents knows none, and seeds do not matter then', () => {
  const left = (...torrents: Partial<TorrentStatus>[]): string => {
    const list = listOf(Object.fromEntries(torrents.map((status, index) => [`${index}`, status])));
    return (list.lines(ROOM).at(-1) ?? '').slice(-19, -9).trim();
  };
  const seeds = { state: 'seeding', wanted: 10, have: 10, eta: 0 } as const;
  assert.equal(left(LOADS, { ...LOADS, eta: 3600 }), '1h00m');
  assert.equal(left(LOADS, { ...LOADS, eta: null }), '');
  assert.equal(left(LOADS, seeds), '1m15s');
  assert.equal(left(seeds, seeds), '');
  const goal = (timeLeft: number | null) => ({ ...seeds, seedGoal: { ratio: null, timeLeft } });
  assert.equal(left(goal(10), goal(50)), '50s');
  assert.equal(left(goal(10), goal(null)), '');
});

test('the total of seeds tells what they give', () => {
  const seeds = { state: 'seeding', wanted: 1000, have: 1000, uploaded: 500, upRate: 7, peers: 1 } as const;
  const lines = listOf({ a: seeds, b: { ...seeds, uploaded: 1000, seedGoal: { ratio: 1.5, timeLeft: null } } }).lines(
    ROOM,
  );
  assert.deepEqual(lines, [
    'a                   ratio 0.50  100%    1000 B       7 B/s            1 peer ',
    'b                     1.00/1.5  100%    1000 B       7 B/s            1 peer ',
    'total of 2          ratio 0.75  100%     2 KiB      14 B/s            2 peers',
  ]);
});

test('the total of links knows no size', () => {
  const link = { state: 'metadata', wanted: 0, peers: 3 } as const;
  assert.deepEqual(
    listOf({ a: link, b: link }).lines(ROOM).at(-1),
    'total 0/2         [----------]    0%                 0 B/s            6 peers',
  );
});
