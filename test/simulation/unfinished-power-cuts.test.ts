/** The power goes in the midst of pieces that are written block by block: what was written down of them is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '../../src/base/random.js';
import type { Storage } from '../../src/disk/storage.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import {
  DEFAULT_DISK_DOWNLOAD_OPTIONS,
  type DiskDownload,
  type DiskDownloadOptions,
  DOWNLOADS,
  downloadOnto,
} from '../support/disk/disk-download.js';
import { cutPower, LOSSES, type Loss } from '../support/disk/power-cut.js';
import { emptyImage } from '../support/disk/power-disk.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { v2Torrent } from '../support/v2-torrent.js';

const KIB = 1024;
const FILES = [
  { path: 't/a', length: 300 * KIB },
  { path: 't/b', length: 211 * KIB },
];
const SAMPLES: Readonly<Record<Metainfo['version'], SampleTorrent>> = {
  1: sampleTorrent(FILES, 128 * KIB),
  2: v2Torrent(FILES, 128 * KIB, '2'),
  hybrid: v2Torrent(FILES, 128 * KIB, 'hybrid'),
};

interface Counts {
  /** Blocks that were written down. */
  claimed: number;
  /** Of how many pieces some were, and others were not. */
  pieces: number;
}

function optionsOf(random: Random): DiskDownloadOptions {
  return {
    ...DEFAULT_DISK_DOWNLOAD_OPTIONS,
    flushTime: () => 1 + random.below(8),
    pace: 1 + random.below(40),
    inBlocks: 1 + random.below(3),
    blockPace: random.below(60),
    batch: 1 + random.below(24 * KIB),
    minLength: random.below(2) === 0 ? 1 : 64 * KIB,
    judge: random.below(2) === 0 ? 'writer' : 'other',
    judgeTime: () => random.below(40),
  };
}

/** Asserts that all blocks are there that an unfinished piece was said to have, and that the download comes to its end. */
function assertKept(
  { layout }: SampleTorrent,
  { belief, verified, unfinished, isDone }: DiskDownload,
  counts: Counts,
  loss: Loss,
): void {
  for (const [piece, sums] of belief.unfinished) {
    if (verified.includes(piece)) continue;
    // Where names are not kept in order, a file may be gone that had just got its final name.
    if (loss === 'anyhow' && !unfinished.has(piece)) continue;
    assert.deepEqual([...(unfinished.get(piece) ?? [])].sort(byBlock), [...sums].sort(byBlock), `piece ${piece}`);
    counts.claimed += sums.size;
    if (sums.size < layout.blockCount(piece)) counts.pieces += 1;
  }
  assert.ok(isDone);
}

function byBlock([one]: readonly [number, number], [other]: readonly [number, number]): number {
  return one - other;
}

function cutOften(sample: SampleTorrent, cuts: number, more: Partial<DiskDownloadOptions>): Counts {
  const random = seededRandom(4);
  const counts: Counts = { claimed: 0, pieces: 0 };
  for (let run = 0; run < cuts / 20; run += 1) {
    const start = emptyImage(DOWNLOADS);
    const recorded = downloadOnto(start, sample, random, { ...optionsOf(random), ...more });
    for (let cut = 0; cut < 20; cut += 1) {
      const count = random.below(recorded.disk.events.length + 1);
      const loss = LOSSES[random.below(LOSSES.length)] as Loss;
      const left = cutPower(start, recorded.disk.events, count, loss, random);
      assertKept(sample, downloadOnto(left, sample, random, optionsOf(random)), counts, loss);
    }
  }
  return counts;
}

for (const [version, sample] of Object.entries(SAMPLES))
  test(`after a power cut every block is there that is written down, in the midst of its piece, version ${version}`, () => {
    const { claimed, pieces } = cutOften(sample, 400, {});
    assert.ok(claimed > 200 && pieces > 30, `of ${claimed} blocks of ${pieces} pieces little can be learnt`);
  });

test('these power cuts tell: blocks that are written down before they are flushed are found to be missing', () => {
  const hasty = (storage: Storage): Pick<Storage, 'sync'> => ({
    sync: (_also, answered) => {
      storage.survey((outcome) => {
        if (!outcome.ok) throw outcome.failure;
        answered({ ok: true, flushed: new Map() });
      });
    },
  });
  assert.throws(() => cutOften(SAMPLES[1], 600, { flushed: hasty }), /piece \d+/);
});
