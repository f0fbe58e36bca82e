/**
 * The power goes at any moment of a download, with any part of what was not flushed. The next start reads whatever is
 * left, believes nothing that is not there, and comes to its end. The real code of the disk runs on a simulated one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '../../src/base/random.js';
import type { FileIdentity, Storage } from '../../src/disk/storage.js';
import { DEFAULT_JOURNAL_KEEPER_OPTIONS } from '../../src/resume/journal-keeper.js';
import {
  DEFAULT_DISK_DOWNLOAD_OPTIONS,
  type DiskDownload,
  type DiskDownloadOptions,
  DOWNLOADS,
  downloadOnto,
} from '../support/disk-download.js';
import { cutPower, LOSSES, type Loss } from '../support/power-cut.js';
import { emptyImage, type PowerImage } from '../support/power-disk.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/seeded-random.js';

const KIB = 1024;
const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: 12 * KIB },
    { path: 't/sub/b', length: 8 * KIB + 300 },
    { path: 't/empty' },
    { path: 't/sub/deep/c', length: 300 },
    { path: 't/d', length: 14 * KIB },
  ],
  3 * KIB,
);
const { metainfo } = SAMPLE;
const FLUSH_TIME = 60;
const RANDOM_CUTS = 10_000;

interface Recorded {
  readonly start: PowerImage;
  readonly run: DiskDownload;
}

/** Downloads of all kinds, from nothing to their end or to an interrupt. */
function optionsOf(random: Random): DiskDownloadOptions {
  return {
    ...DEFAULT_DISK_DOWNLOAD_OPTIONS,
    flushTime: () => 1 + random.below(FLUSH_TIME),
    pace: 1 + random.below(random.below(4) === 0 ? 250 : 20),
    interruptAt: random.below(3) === 0 ? 500 + random.below(2_000) : null,
    batch: 1 + random.below(16 * KIB),
    minLength: random.below(2) === 0 ? 1 : 64 * KIB,
  };
}

function pathOf(file: number): string {
  return `${DOWNLOADS}/${(metainfo.files[file]?.path ?? []).join('/')}`;
}

/** Whether the image's files hold the right bytes of a piece, by its own look at them. */
function isRight(files: ReadonlyMap<string, Buffer>, piece: number): boolean {
  const begin = piece * metainfo.pieceLength;
  const end = Math.min(begin + metainfo.pieceLength, metainfo.length);
  return metainfo.files.every((file, index) => {
    const from = Math.max(begin, file.begin);
    const to = Math.min(end, file.begin + file.length);
    if (from >= to) return true;
    const bytes = files.get(`${pathOf(index)}.part`) ?? files.get(pathOf(index));
    return bytes?.subarray(from - file.begin, to - file.begin).equals(SAMPLE.content.subarray(from, to)) ?? false;
  });
}

function filesOf(image: PowerImage): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  const look = (key: number, path: string): void => {
    const node = image.nodes.get(key);
    if (node?.kind === 'file') found.set(path, node.bytes);
    else for (const [name, inner] of node?.entries ?? []) look(inner, path === '/' ? `/${name}` : `${path}/${name}`);
  };
  look(0, '/');
  return found;
}

/** Starts on what a power cut left, and asserts all that is promised. `kept` are pieces that must not be lost. */
function goesOn(left: PowerImage, kept: readonly number[], random: Random, options: DiskDownloadOptions): DiskDownload {
  const before = filesOf(left);
  if (options.partNames)
    for (const [index] of metainfo.files.entries()) {
      const bytes = before.get(pathOf(index));
      if (bytes !== undefined) assert.ok(bytes.equals(SAMPLE.fileBytes(index)), `${pathOf(index)} is not whole`);
    }
  const run = downloadOnto(left, SAMPLE, random, options);
  for (const piece of [...run.belief.believed, ...run.belief.doubted])
    assert.ok(isRight(before, piece), `piece ${piece} is believed, and is not there`);
  for (const piece of run.verified) assert.ok(isRight(before, piece), `piece ${piece} is verified, and is not there`);
  const verified = new Set<number>(run.verified);
  for (const piece of kept) assert.ok(verified.has(piece), `piece ${piece} is lost`);
  if (!run.isDone) return run;
  const files = run.disk.files();
  for (const [index] of metainfo.files.entries())
    assert.ok(files.get(pathOf(index))?.equals(SAMPLE.fileBytes(index)), `${pathOf(index)} at the end`);
  const others = [...files.keys()].filter((path) => !path.startsWith(`${DOWNLOADS}/t/`));
  // A note that has not become the lock, or a name that was to go, has a part of chance, so that nobody looks for it.
  const strange = others.filter((path) => !/\.btget\.lock\.[-0-9a-f]+(\.new)?$/.test(path));
  assert.deepEqual(strange, [], 'left beside the download');
  assert.equal(files.size - others.length, metainfo.files.length, 'left in the download');
  return run;
}

/** Pieces that came so long before the cut that every kind of loss must spare them, where names are kept in order. */
function oldPieces({ start, run }: Recorded, count: number): number[] {
  const timeOf = (index: number): bigint => (run.disk.events[index] ?? run.disk.events.at(-1))?.at ?? start.at;
  const now = timeOf(count - 1);
  // A batch that is under way, the wait for the next, and what is flushed for each: four files, three folders, the journal.
  const span = BigInt(DEFAULT_JOURNAL_KEEPER_OPTIONS.interval + 2 * 10 * FLUSH_TIME) * 1_000_000n;
  const old: number[] = [...run.verified];
  for (const [piece, index] of run.committed) if (index < count && now - timeOf(index - 1) > span) old.push(piece);
  return old;
}

function cutAndGoOn(recorded: Recorded, count: number, loss: Loss, random: Random): Recorded {
  const { start, run } = recorded;
  const left = cutPower(start, run.disk.events, count, loss, random);
  const kept = loss === 'anyhow' ? [] : oldPieces(recorded, count);
  const options = { ...optionsOf(random), interruptAt: null };
  return { start: left, run: goesOn(left, kept, random, options) };
}

function record(random: Random, options: Partial<DiskDownloadOptions> = {}): Recorded {
  const start = emptyImage(DOWNLOADS);
  return { start, run: downloadOnto(start, SAMPLE, random, { ...optionsOf(random), ...options }) };
}

test('after each of the things that a download does, whatever a power cut leaves is believed rightly and made whole', () => {
  const random = seededRandom(1);
  let believed = 0;
  for (const interruptAt of [null, 1_500]) {
    const recorded = record(random, { pace: 120, interruptAt });
    for (let count = 0; count <= recorded.run.disk.events.length; count += 1)
      for (const loss of LOSSES) {
        const { belief } = cutAndGoOn(recorded, count, loss, random).run;
        believed += belief.believed.length + belief.doubted.length;
      }
  }
  assert.ok(believed > 1_000, `of ${believed} believed pieces little can be learnt`);
});

test(`of ${RANDOM_CUTS} power cuts at random, in downloads and in those that went on after one, none does harm`, () => {
  const random = seededRandom(2);
  const fresh = Array.from({ length: 60 }, () => record(random));
  const runs = [...fresh];
  let believed = 0;
  for (let cut = 0; cut < RANDOM_CUTS; cut += 1) {
    const slot = random.below(runs.length);
    const before = runs[slot] as Recorded;
    const count = random.below(before.run.disk.events.length + 1);
    const after = cutAndGoOn(before, count, LOSSES[random.below(LOSSES.length)] as Loss, random);
    believed += after.run.belief.believed.length + after.run.belief.doubted.length;
    // The next cut may befall what went on, or a download from its beginning.
    runs[slot] = after.run.disk.events.length > 40 ? after : (fresh[slot] as Recorded);
  }
  assert.ok(believed > 2 * RANDOM_CUTS, `of ${believed} believed pieces little can be learnt`);
});

/** Fails as soon as one of many cuts does harm. */
function cutOften(options: Partial<DiskDownloadOptions>): void {
  const random = seededRandom(3);
  for (let run = 0; run < 20; run += 1) {
    const recorded = record(random, options);
    for (let cut = 0; cut < 20; cut += 1) {
      const count = random.below(recorded.run.disk.events.length + 1);
      cutAndGoOn(recorded, count, LOSSES[random.below(LOSSES.length)] as Loss, random);
    }
  }
}

test('these power cuts tell: a flush that is left out, or a journal that is written before it, is found', () => {
  assert.doesNotThrow(() => cutOften({}));
  const isData = (name: string): boolean => name.endsWith('.part');
  const isFolder = (name: string): boolean => /(downloads|\/t|sub|deep)$/.test(name);
  const isJournal = (name: string): boolean => /\.btget(\.new)?$/.test(name);
  assert.throws(() => cutOften({ flushes: (name) => !isData(name) }), /is believed|is not whole|is lost/);
  assert.throws(() => cutOften({ flushes: (name) => !isFolder(name) }), /is lost/);
  assert.throws(() => cutOften({ flushes: (name) => !isJournal(name) }), /is lost|no-journal/);
  const hasty = (storage: Storage): Pick<Storage, 'sync'> => ({
    sync: (also, answered) => {
      let identities: ReadonlyMap<number, FileIdentity> = new Map();
      storage.sync(also, (outcome) => {
        if (outcome.ok) identities = outcome.flushed;
      });
      storage.survey((outcome) => {
        if (!outcome.ok) throw outcome.failure;
        for (const [file, { identity }] of outcome.files.entries())
          if (identity !== null) identities = new Map([...identities, [file, identity]]);
        answered({ ok: true, flushed: identities });
      });
    },
  });
  assert.throws(() => cutOften({ flushed: hasty }), /is believed/);
});
