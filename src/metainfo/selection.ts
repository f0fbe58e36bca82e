/** Finds out which files of a torrent the user wants. */
import { BtgetError } from '../base/failure.js';
import { createGlob } from './glob.js';
import type { FileRange } from './magnet.js';
import type { Metainfo, TorrentFile } from './metainfo.js';

/** What a user wants of a torrent, said before its files are known. */
export interface SelectionRequest {
  /** Numbers as `show` prints them (`1-3,7`), or globs. A file is wanted when one of them matches it. Empty: all. */
  readonly select: readonly string[];
  /** Numbers or globs of files that are not wanted, even when `select` matches them. */
  readonly exclude: readonly string[];
  /** What a magnet link selects, by index in the metainfo. It counts only when `select` is empty. Null: all. */
  readonly ranges: readonly FileRange[] | null;
}

const NUMBERS = /^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/;

/**
 * The wanted files, by index in the metainfo and in order. Pad files are never wanted. Throws a 'usage' failure for a
 * number that no file has, for a pattern that matches no file, and when no file is left. `selecting` is what the user
 * calls the patterns of `select`.
 */
export function selectFiles(
  metainfo: Metainfo,
  request: SelectionRequest,
  selecting = '--select',
): ReadonlySet<number> {
  const files = metainfo.files.map((file, index) => ({ file, index })).filter(({ file }) => !file.padding);
  const selected = new Set<number>();
  const meant = (option: string, pattern: string): number[] => {
    const all = NUMBERS.test(pattern) ? byNumbers(files, option, pattern) : byGlob(files, option, pattern);
    if (all.length === 0) throw new BtgetError('usage', `${option}: no file of ${metainfo.name} matches ${pattern}`);
    return all.map(({ index }) => index);
  };
  for (const pattern of request.select) for (const index of meant(selecting, pattern)) selected.add(index);
  if (request.select.length === 0) {
    for (const { index } of files) if (isInRanges(index, request.ranges)) selected.add(index);
  }
  for (const pattern of request.exclude) for (const index of meant('--exclude', pattern)) selected.delete(index);
  if (selected.size === 0) throw new BtgetError('usage', `no file of ${metainfo.name} is selected`);
  return new Set([...selected].sort((a, b) => a - b));
}

function byNumbers<T>(files: readonly T[], option: string, pattern: string): T[] {
  return pattern.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    for (const number of [first, last]) {
      if (number < 1 || number > files.length)
        throw new BtgetError('usage', `${option}: there is no file ${number}: the torrent has ${files.length}`);
    }
    if (first > last) throw new BtgetError('usage', `${option}: the range ${part} ends before it begins`);
    return files.slice(first - 1, last);
  });
}

/** A path may be written with or without the torrent's top folder. */
function byGlob<T extends { readonly file: TorrentFile }>(files: readonly T[], option: string, pattern: string): T[] {
  const matches = createGlob(pattern, option);
  return files.filter(({ file: { path } }) => matches(path) || (path.length > 1 && matches(path.slice(1))));
}

function isInRanges(index: number, ranges: readonly FileRange[] | null): boolean {
  return ranges === null || ranges.some(({ first, last }) => first <= index && index <= last);
}
