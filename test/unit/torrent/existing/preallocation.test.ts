import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import type { DoneOutcome } from '../../../../src/disk/storage.js';
import { preallocate } from '../../../../src/torrent/existing/preallocation.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

const KIB = 1024;
const MIB = 1 << 20;

interface Case {
  readonly files?: readonly number[];
  readonly verified?: readonly number[];
  readonly allocated?: readonly number[];
  /** The write that fails, counting from 0. */
  readonly failing?: number;
}

function run({ files = [0, 1, 2], verified = [], allocated = [], failing = -1 }: Case) {
  const { metainfo, layout } = sampleTorrent(
    [
      { path: 't/a', length: 150 * KIB },
      { path: 't/b', length: 100 * KIB },
      { path: 't/c', length: 4 * MIB },
    ],
    2 * MIB,
  );
  const log: string[] = [];
  const due: (() => void)[] = [];
  let writes = 0;
  let most = 0;
  const ends: DoneOutcome[] = [];
  preallocate(
    {
      metainfo,
      layout,
      content: { files: new Set(files) },
      storage: {
        writeBlock(piece, begin, data, answered) {
          assert.ok(data.every((byte) => byte === 0));
          log.push(`${piece} ${begin / KIB}+${data.length / KIB}`);
          const ok = writes !== failing;
          writes += 1;
          due.push(() => answered(ok ? { ok } : { ok, failure: new BtgetError('disk-full', 'full') }));
          most = Math.max(most, due.length);
        },
      },
      isUsed: (piece) => verified.includes(piece),
      allocated,
      progress: (written, length) => log.push(`${written / KIB} of ${length / KIB}`),
    },
    (outcome) => ends.push(outcome),
  );
  for (let task = due.shift(); task !== undefined; task = due.shift()) task();
  return { log, ends, most };
}

test('zeros are written to all parts of the wanted files that are not verified, at most a mebibyte at once', () => {
  const { log, ends, most } = run({ files: [0, 2], verified: [1] });
  assert.deepEqual(log, [
    '0 of 2198',
    '0 0+150',
    '0 250+1024',
    '0 1274+774',
    '2 0+250',
    '150 of 2198',
    '1174 of 2198',
    '1948 of 2198',
    '2198 of 2198',
  ]);
  assert.deepEqual(ends, [{ ok: true }]);
  assert.ok(most <= 4);
});

test('a file that has its room already gets no zeros', () => {
  const { log, ends } = run({ files: [0, 1], allocated: [152 * KIB, 96 * KIB] });
  assert.deepEqual(log, ['0 of 100', '0 150+100', '100 of 100']);
  assert.deepEqual(ends, [{ ok: true }]);
});

test('when nothing is missing, nothing is written', () => {
  assert.deepEqual(run({ verified: [0, 1, 2] }), { log: ['0 of 0'], ends: [{ ok: true }], most: 0 });
});

test('the first failure ends the preallocation', () => {
  const { log, ends } = run({ failing: 1 });
  assert.deepEqual(ends, [{ ok: false, failure: new BtgetError('disk-full', 'full') }]);
  assert.ok(!log.some((line) => line.startsWith('2 ')), 'and nothing more is begun');
});
