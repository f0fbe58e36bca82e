/** The rows of the progress display: how wide they are, where their columns stand, and what they say in each state. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BtgetError } from '../../../src/base/failure.js';
import { columnsOf } from '../../../src/cli/output/escape.js';
import { formatRow, progressRow } from '../../../src/cli/output/progress-row.js';
import type { TorrentState, TorrentStatus } from '../../../src/torrent/status.js';
import { makeStatus } from './support/fake-session.js';

const MiB = 1 << 20;
const GiB = 1 << 30;

const TORRENTS: readonly (readonly [name: string, status: TorrentStatus])[] = [
  [
    'debian-12.7.0-amd64-DVD-1.iso',
    makeStatus({ wanted: 4 * GiB, have: 1.7 * GiB, downRate: 12.3 * MiB, upRate: 338 * 1024, eta: 730, peers: 23 }),
  ],
  ['漢字の名前のとても長いトレント', makeStatus({ wanted: 1023 * MiB, downRate: 1023 * 1024, eta: 1000, peers: 1 })],
  ['no more comes', makeStatus({ state: 'stalled', wanted: 99.9 * MiB, have: 33 * MiB, peers: 1234 })],
  ['is hashed', makeStatus({ state: 'checking', wanted: 5 * GiB, checked: GiB, checkLength: 4 * GiB })],
  ['a link', makeStatus({ state: 'metadata', wanted: 0, peers: 3 })],
  ['seeds', makeStatus({ state: 'seeding', wanted: GiB, have: GiB, uploaded: GiB / 2, upRate: MiB, peers: 2 })],
  [
    'seeds to a goal',
    makeStatus({
      ...{ state: 'seeding', wanted: GiB, have: GiB, uploaded: GiB / 3 },
      seedGoal: { ratio: 2, timeLeft: 3599 },
    }),
  ],
  [
    'waits',
    makeStatus({ state: 'paused', wanted: GiB, waitsFor: { on: 'torrent', message: 'waits for what writes it' } }),
  ],
];

function rowsAt(terminal: number): string[] {
  // Three columns of a terminal stay free.
  return TORRENTS.map(([name, status]) => formatRow(progressRow(name, status), terminal - 3));
}

test('in 80 columns a row has percent, size, rate, time left and peers, and a short bar', () => {
  assert.deepEqual(rowsAt(80), [
    'debian-12.7.0-a…  [####------]   42%     4 GiB  12.3 MiB/s  12m10s   23 peers',
    '漢字の名前のと…   [----------]    0%  1023 MiB  1023 KiB/s  16m40s    1 peer ',
    'no more comes     [###-------]   33%  99.9 MiB     stalled           1k peers',
    'is hashed         [##--------]   25%     4 GiB    checking            0 peers',
    'a link            [----------]    0%              metadata            3 peers',
    'seeds               ratio 0.50  100%     1 GiB     1 MiB/s            2 peers',
    'seeds to a goal   ratio 0.33/2  100%     1 GiB     seeding  59m59s    0 peers',
    'waits             [----------]    0%     1 GiB       waits for what writes it',
  ]);
});

test('in 60 columns the bar has gone, and nothing else', () => {
  assert.deepEqual(rowsAt(60), [
    'debian-12…   42%     4 GiB  12.3 MiB/s  12m10s   23 peers',
    '漢字の名…     0%  1023 MiB  1023 KiB/s  16m40s    1 peer ',
    'no more c…   33%  99.9 MiB     stalled           1k peers',
    'is hashed    25%     4 GiB    checking            0 peers',
    'a link        0%              metadata            3 peers',
    'seeds       100%     1 GiB     1 MiB/s            2 peers',
    'seeds to …  100%     1 GiB     seeding  59m59s    0 peers',
    'waits         0%     1 GiB       waits for what writes it',
  ]);
});

test('in 40 columns there are name, percent, rate and time left', () => {
  assert.deepEqual(rowsAt(40), [
    'debian-12.…   42%  12.3 MiB/s  12m10s',
    '漢字の名前…    0%  1023 KiB/s  16m40s',
    'no more co…   33%     stalled        ',
    'is hashed     25%    checking        ',
    'a link         0%    metadata        ',
    'seeds        100%     1 MiB/s        ',
    'seeds to a…  100%     seeding  59m59s',
    'waits          0%     waiting        ',
  ]);
});

test('in 30 columns there are name, percent and time left, or in its place what happens', () => {
  assert.deepEqual(rowsAt(30), [
    'debian-12.…   42%    12m10s',
    '漢字の名前…    0%    16m40s',
    'no more co…   33%   stalled',
    'is hashed     25%  checking',
    'a link         0%  metadata',
    'seeds        100%   seeding',
    'seeds to a…  100%    59m59s',
    'waits          0%   waiting',
  ]);
});

test('in 120 columns the cells say more', () => {
  assert.deepEqual(rowsAt(120), [
    'debian-12.7.0-amd64-DVD-1.…  [#######----------]   42%      1.7 GiB of 4 GiB  down 12.3 MiB/s  12m10s left   23 peers',
    '漢字の名前のとても長いトレ…  [-----------------]    0%       0 B of 1023 MiB  down 1023 KiB/s  16m40s left    1 peer ',
    'no more comes                [#####------------]   33%    33 MiB of 99.9 MiB          stalled                1k peers',
    'is hashed                    [####-------------]   25%        1 GiB of 4 GiB         checking                 0 peers',
    'a link                       [-----------------]    0%                               metadata                 3 peers',
    'seeds                                 ratio 0.50  100%        1 GiB of 1 GiB       up 1 MiB/s                 2 peers',
    'seeds to a goal                  ratio 0.33 of 2  100%        1 GiB of 1 GiB          seeding  59m59s left    0 peers',
    'waits                        [-----------------]    0%          0 B of 1 GiB                 waits for what writes it',
  ]);
});

test('in 200 columns the bar has grown, and the rate up has a column of its own', () => {
  assert.deepEqual(rowsAt(200), [
    'debian-12.7.0-amd64-DVD-1.iso                                      [##################--------------------------]   42%      1.7 GiB of 4 GiB  down 12.3 MiB/s   up 338 KiB/s  12m10s left   23 peers',
    '漢字の名前のとても長いトレント                                     [--------------------------------------------]    0%       0 B of 1023 MiB  down 1023 KiB/s                 16m40s left    1 peer ',
    'no more comes                                                      [##############------------------------------]   33%    33 MiB of 99.9 MiB          stalled                               1k peers',
    'is hashed                                                          [###########---------------------------------]   25%        1 GiB of 4 GiB         checking                                0 peers',
    'a link                                                             [--------------------------------------------]    0%                               metadata                                3 peers',
    'seeds                                                                                                  ratio 0.50  100%        1 GiB of 1 GiB          seeding     up 1 MiB/s                 2 peers',
    'seeds to a goal                                                                                   ratio 0.33 of 2  100%        1 GiB of 1 GiB          seeding                 59m59s left    0 peers',
    'waits                                                              [--------------------------------------------]    0%          0 B of 1 GiB                                waits for what writes it',
  ]);
});

const NAMES = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom(...'ab漢字🎉é ', '👩\u200d💻') }),
);
const BYTES = fc.oneof(fc.nat(2000), fc.maxSafeNat(), fc.constantFrom(0, 1023, 1023 * 1024, 1047 * 1024, 2 ** 53 - 1));
const SECONDS = fc.option(fc.oneof(fc.nat(100), fc.nat(100_000), fc.nat(2 ** 31)), { nil: null });
const STATES: readonly TorrentState[] = [
  ...(['metadata', 'checking', 'downloading', 'seeding', 'stalled', 'paused', 'stopped'] as const),
];
const WAITS = fc.constantFrom(null, { on: 'torrent' as const, message: 'waits for 漢字\x1b[2J\n' });
const GOALS = fc.option(
  fc.record({ ratio: fc.option(fc.double({ min: 0.001, max: 1e9, noNaN: true })), timeLeft: SECONDS }),
);

const STATUSES = fc
  .record({
    ...{ state: fc.constantFrom(...STATES), wanted: BYTES, have: BYTES, checkLength: BYTES, checked: BYTES },
    ...{ uploaded: BYTES, downRate: BYTES, upRate: BYTES, peers: fc.oneof(fc.nat(5), fc.nat(400_000)) },
    ...{ eta: SECONDS, seedGoal: GOALS, waitsFor: WAITS },
    diskFailure: fc.constantFrom(null, new BtgetError('disk-full', 'no space left on the device, says the system')),
  })
  .map((all) => {
    const [have, checked] = [Math.min(all.have, all.wanted), Math.min(all.checked, all.checkLength)];
    return makeStatus({ ...all, have, checked });
  });

test('a row of any torrent is exactly as wide as it may be, in any width, and has no control character', () => {
  fc.assert(
    fc.property(NAMES, STATUSES, fc.integer({ min: 1, max: 250 }), (name, status, columns) => {
      const row = formatRow(progressRow(name, status), columns);
      assert.equal(columnsOf(row), columns, row);
      assert.doesNotMatch(row, /\p{Cc}/u);
    }),
    { numRuns: 2000 },
  );
});

/** Where each kind of cell ends in a row, counted from the right, because a name of any width stands to the left. */
function endsOf(row: string): Record<string, number> {
  const ends: Record<string, number> = {};
  const found = (what: string, pattern: RegExp): void => {
    const match = pattern.exec(row);
    if (match !== null) ends[what] = columnsOf(row.slice(match.index + match[0].length));
  };
  found('bar', /[\]#-](?= +\d+%)/);
  found('percent', /\d%(?!.*%)/);
  found('size', /\d [KMGTP]?i?B(?= {2}|$)(?!\/s)/);
  found('down', /(?<!up [\d.]+ [KMGTP]?i?)B\/s/);
  found('up', /(?<=up [\d.]+ [KMGTP]?i?)B\/s/);
  found('left', /(?:\d[smhd]|>99d)(?: left)?(?= {2}|$)/);
  found('peers', /\d(?=k? peer)/);
  return ends;
}

test('the columns of all torrents line up, whatever their sizes, rates and states are', () => {
  const one = fc.record({ name: fc.string({ unit: fc.constantFrom(...'ab漢字🎉 ') }), status: STATUSES });
  fc.assert(
    fc.property(
      fc.array(one, { minLength: 2, maxLength: 8 }),
      fc.integer({ min: 16, max: 250 }),
      (torrents, columns) => {
        const seen = new Map<string, number>();
        // The reason of a pause takes the place of several columns, and the unit `k` of many peers that of a digit.
        const rows = torrents.flatMap(({ name, status }) =>
          status.state === 'paused' || status.peers >= 1000 ? [] : [formatRow(progressRow(name, status), columns)],
        );
        for (const row of rows) {
          for (const [what, end] of Object.entries(endsOf(row))) {
            assert.equal(end, seen.get(what) ?? end, `${what}\n${rows.join('\n')}`);
            seen.set(what, end);
          }
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('from 80 columns on no cell is missing, and in fewer the bar goes first and the time left last', () => {
  const status = makeStatus({ wanted: 1023 * MiB, have: MiB, downRate: 1023 * 1024, eta: 3599, peers: 999 });
  const cells = { bar: /\[-+\]/, peers: /999 peers/, size: /1023 MiB/, rate: /1023 KiB\/s/, left: /59m59s/ };
  const order: string[] = [];
  for (let columns = 250; columns > 0; columns -= 1) {
    const row = formatRow(progressRow('x', status), columns);
    for (const [what, pattern] of Object.entries(cells)) {
      if (pattern.test(row)) assert.ok(!order.includes(what), `${what} is back in ${columns} columns`);
      else if (!order.includes(what)) order.push(what);
    }
    if (columns >= 77) assert.deepEqual(order, [], `${columns} columns`);
    assert.ok(columns < 8 || / 0%/.test(row), `the percent stays in ${columns} columns`);
    assert.ok(columns < 6 || row.startsWith('x '), `the name stays in ${columns} columns`);
  }
  assert.deepEqual(order, ['bar', 'peers', 'size', 'rate', 'left']);
});

test('the bar grows with the terminal, and never beyond what is done', () => {
  const bars = [60, 74, 76, 80, 100, 120, 200].map((columns) => {
    const status = makeStatus({ wanted: 1000, have: 999 });
    return /\[(#*)(-*)\]/
      .exec(formatRow(progressRow('x', status), columns - 3))
      ?.slice(1)
      .map((part) => part.length);
  });
  assert.deepEqual(bars, [undefined, [3, 1], [5, 1], [9, 1], [12, 1], [16, 1], [43, 1]]);
});

test('the reason of a pause is shown where there is room, else a word', () => {
  const full = new BtgetError('disk-full', 'no space left');
  const status = makeStatus({ state: 'paused', wanted: GiB, diskFailure: full });
  const ends = (columns: number, more: Partial<TorrentStatus> = {}): string =>
    formatRow(progressRow('x', { ...status, ...more }), columns)
      .slice(-23)
      .trim();
  assert.equal(ends(77), 'paused: no space left');
  assert.equal(ends(37), '0%      paused');
  assert.equal(ends(27), '0%    paused');
  assert.equal(ends(27, { waitsFor: { on: 'lock', message: 'another btget' } }), '0%   waiting');
});

test('a time left is never told without being known, and a time of months is not spelled out', () => {
  const at = (eta: number | null): string =>
    formatRow(progressRow('x', makeStatus({ eta, peers: 1 })), 77)
      .slice(-19, -9)
      .trim();
  assert.deepEqual([null, 0, 99 * 86_400 + 23 * 3600, 100 * 86_400, 1e9].map(at), ['', '0s', '99d23h', '>99d', '>99d']);
});
