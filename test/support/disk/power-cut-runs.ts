/** Downloads of all forms that are ended by a power cut, and what must hold when they go on. */
import assert from 'node:assert/strict';
import { type Random, shuffle } from '../../../src/base/random.js';
import type { Metainfo, TorrentFile } from '../../../src/metainfo/metainfo.js';
import { piecesOfFile } from '../../../src/metainfo/piece-layout.js';
import { SharedPieces } from '../../../src/metainfo/shared-pieces.js';
import { DEFAULT_JOURNAL_KEEPER_OPTIONS } from '../../../src/resume/journal-keeper.js';
import { type SampleTorrent, sampleTorrent } from '../sample-torrent.js';
import { v2Torrent } from '../v2-torrent.js';
import {
  contentOf,
  DEFAULT_DISK_DOWNLOAD_OPTIONS,
  type DiskDownload,
  type DiskDownloadOptions,
  DOWNLOADS,
  downloadOnto,
} from './disk-download.js';
import { cutPower, type Loss } from './power-cut.js';
import { emptyImage, type PowerImage } from './power-disk.js';

const KIB = 1024;
const TREE = [
  { path: 't/a', length: 50 * KIB },
  { path: 't/sub/b', length: 50 * KIB + 300 },
  { path: 't/empty' },
  { path: 't/sub/deep/c', length: 300 },
  { path: 't/d', length: 70 * KIB },
];
const SAMPLES: Readonly<Record<Metainfo['version'], SampleTorrent>> = {
  /** Piece 3 is part of two files, and piece 6 of three. */
  1: sampleTorrent(
    [
      { path: 't/a', length: 10 * KIB },
      { path: 't/sub/b', length: 10 * KIB + 300 },
      { path: 't/empty' },
      { path: 't/sub/deep/c', length: 300 },
      { path: 't/d', length: 14 * KIB },
    ],
    3 * KIB,
  ),
  2: v2Torrent(TREE, 16 * KIB, '2'),
  hybrid: v2Torrent(TREE, 16 * KIB, 'hybrid'),
};
const FLUSH_TIME = 60;
const JUDGE_TIME = 20;
const IN_DOWNLOAD = `${DOWNLOADS}/t/`;
const BORDER = /\/\.t\.[0-9a-f]{8}\.btget-border$/;

/** What the user asked for. All runs of one download have the same form. */
export interface Form {
  readonly partNames: boolean;
  /** Each run selects some files, and the next run selects those and perhaps more. */
  readonly selects: boolean;
  readonly version: Metainfo['version'];
}

export interface Recorded {
  readonly form: Form;
  readonly start: PowerImage;
  readonly options: DiskDownloadOptions;
  readonly run: DiskDownload;
}

/** Runs a download from nothing to its end or to an interrupt. */
export function record(form: Form, random: Random, options: Partial<DiskDownloadOptions> = {}): Recorded {
  const start = emptyImage(random.below(2) === 0 ? DOWNLOADS : null);
  const all = { ...optionsOf(form, random, null), ...options };
  return { form, start, options: all, run: downloadOnto(start, SAMPLES[form.version], random, all) };
}

/** Cuts the power after the first `count` events of `recorded`, and lets the next run come to its end. */
export function cutAndGoOn(recorded: Recorded, count: number, loss: Loss, random: Random): Recorded {
  const { form, start, run } = recorded;
  const left = cutPower(start, run.disk.events, count, loss, random);
  const options = { ...optionsOf(form, random, recorded.options), interruptAt: null };
  const old = loss === 'anyhow' ? [] : oldPieces(recorded, count);
  const mayMove = [...filesOf(left).keys()].some((path) => BORDER.test(path));
  const sample = SAMPLES[form.version];
  const kept = old.filter((piece) => !mayMove || !comesHome(sample, piece, options));
  return { form, start: left, options, run: goesOn(sample, left, kept, random, options) };
}

/**
 * Whether the piece may be on its way from aside into several files. When that is cut off, the piece is fetched again,
 * because some bytes of it may be right only in a file and others only aside.
 */
function comesHome(sample: SampleTorrent, piece: number, options: DiskDownloadOptions): boolean {
  const { files } = contentOf(sample, options);
  const isIn = (file: number): boolean => {
    const { first, end } = piecesOfFile(sample.metainfo.files[file] as TorrentFile, sample.layout);
    return first <= piece && piece < end;
  };
  return [...files].filter(isIn).length > 1;
}

function optionsOf(
  { partNames, selects, version }: Form,
  random: Random,
  before: DiskDownloadOptions | null,
): DiskDownloadOptions {
  return {
    ...DEFAULT_DISK_DOWNLOAD_OPTIONS,
    flushTime: () => 1 + random.below(FLUSH_TIME),
    pace: 1 + random.below(random.below(4) === 0 ? 250 : 20),
    interruptAt: random.below(3) === 0 ? 500 + random.below(2_000) : null,
    batch: 1 + random.below(16 * KIB),
    minLength: random.below(2) === 0 ? 1 : 64 * KIB,
    partNames,
    select: selects ? selectMore(SAMPLES[version], before?.select ?? [], random) : [],
    judge: random.below(2) === 0 ? 'writer' : 'other',
    judgeTime: () => random.below(JUDGE_TIME),
  };
}

/** Numbers of files, from 1. */
function selectMore({ metainfo }: SampleTorrent, before: readonly string[], random: Random): string[] {
  const count = metainfo.files.filter(({ padding }) => !padding).length;
  const others = Array.from({ length: count }, (_, index) => `${index + 1}`).filter((one) => !before.includes(one));
  const least = before.length === 0 ? 1 : 0;
  return [...before, ...shuffle(random, others).slice(0, Math.max(least, random.below(3)))];
}

/** Starts on what a power cut left, and asserts everything that is promised. The pieces `kept` must not be lost. */
function goesOn(
  sample: SampleTorrent,
  left: PowerImage,
  kept: readonly number[],
  random: Random,
  options: DiskDownloadOptions,
): DiskDownload {
  const before = filesOf(left);
  if (options.partNames)
    for (const [index, file] of sample.metainfo.files.entries()) {
      const bytes = before.get(pathOf(file));
      if (bytes !== undefined) assert.ok(bytes.equals(sample.fileBytes(index)), `${pathOf(file)} is not whole`);
    }
  const run = downloadOnto(left, sample, random, options);
  for (const piece of [...run.belief.believed, ...run.belief.doubted])
    assert.ok(isRight(sample, before, piece), `piece ${piece} is believed, and is not there`);
  for (const piece of run.verified)
    assert.ok(isRight(sample, before, piece), `piece ${piece} is verified, and is not there`);
  const verified = new Set<number>(run.verified);
  for (const piece of kept) assert.ok(verified.has(piece), `piece ${piece} is lost`);
  assert.ok(run.isDone);
  assertEnd(sample, run.disk.files(), options);
  return run;
}

/**
 * Asserts that the selected files are whole, that no other file is there, and that nothing useless lies beside the
 * download.
 */
function assertEnd(sample: SampleTorrent, files: ReadonlyMap<string, Buffer>, options: DiskDownloadOptions): void {
  const content = contentOf(sample, options);
  for (const index of content.files) {
    const path = pathOf(sample.metainfo.files[index] as TorrentFile);
    assert.ok(files.get(path)?.equals(sample.fileBytes(index)), `${path} at the end`);
  }
  const others = [...files.keys()].filter((path) => !path.startsWith(IN_DOWNLOAD));
  const strange = others.filter((path) => content.isAll || !BORDER.test(path));
  assert.deepEqual(strange, [], 'left beside the download');
  assert.equal(files.size - others.length, content.files.size, 'left in the download');
}

/** Pieces that came so long before the cut that no loss may take them, where names are kept in order. */
function oldPieces({ start, run }: Recorded, count: number): number[] {
  const timeOf = (index: number): bigint => (run.disk.events[index] ?? run.disk.events.at(-1))?.at ?? start.at;
  const now = timeOf(count - 1);
  // The time for a batch that is under way, for the wait until the next one, and for everything that is flushed for
  // each: five files, four folders, the journal.
  const span = BigInt(DEFAULT_JOURNAL_KEEPER_OPTIONS.interval + 2 * 12 * FLUSH_TIME) * 1_000_000n;
  const { believed, doubted, unknown } = run.belief;
  const said = new Set([...believed, ...doubted, ...unknown]);
  // A piece at a border is hashed even when no journal speaks of it. A run that selects all files does not look for it
  // so soon.
  const old: number[] = run.verified.filter((piece) => said.has(piece) || now - start.at > span);
  for (const [piece, index] of run.committed) if (index < count && now - timeOf(index - 1) > span) old.push(piece);
  return old;
}

function pathOf({ path }: TorrentFile): string {
  return `${DOWNLOADS}/${path.join('/')}`;
}

/**
 * Whether the files hold the right bytes of a piece, in their places or aside. Reads the files without the code under
 * test.
 */
function isRight(
  { metainfo, layout, content }: SampleTorrent,
  files: ReadonlyMap<string, Buffer>,
  piece: number,
): boolean {
  const begin = piece * metainfo.pieceLength;
  const end = begin + metainfo.pieceLength;
  const border = [...files].find(([path]) => BORDER.test(path))?.[1];
  const number = new SharedPieces(metainfo.files, layout).numberOf(piece);
  return metainfo.files.every((file) => {
    const from = Math.max(begin, file.begin);
    const to = Math.min(end, file.begin + file.length);
    if (from >= to || file.padding) return true;
    const right = content.subarray(from, to);
    // A whole file counts even while its part still lies beside it.
    for (const name of [`${pathOf(file)}.part`, pathOf(file)])
      if (
        files
          .get(name)
          ?.subarray(from - file.begin, to - file.begin)
          .equals(right)
      )
        return true;
    const aside = (number ?? 0) * metainfo.pieceLength - begin;
    return number !== undefined && (border?.subarray(from + aside, to + aside).equals(right) ?? false);
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
