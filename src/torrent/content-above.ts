/**
 * Finds out whether the user has named the torrent's own folder as the place for it. A user who stands in that folder,
 * or names it with `-d`, would otherwise fetch everything again into a new folder below it.
 */
import { withoutEnd } from '../base/without-end.js';
import type { FileSurvey, OpenStorage } from '../disk/storage.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceLayout } from '../metainfo/piece-layout.js';

export interface ContentAboveParts {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly openStorage: OpenStorage;
  /** The name of the folder `dir`. */
  readonly folderName: string;
}

/**
 * Looks in `dir` for the files that belong in the torrent's folder. Answers once, after the call: with the options `-d`
 * and `-o` that find them, or with null when they are not there. It compares lengths and reads no file.
 */
export function lookForContentAbove(
  { metainfo, layout, openStorage, folderName }: ContentAboveParts,
  dir: string,
  answered: (place: string | null) => void,
): void {
  const above = dir === '.' ? '..' : `${withoutEnd(dir, '/')}/..`;
  const storage = openStorage({
    // The answer must come even when the torrent has ended, because the storage has to be closed.
    timers: null,
    metainfo,
    layout,
    dir: above,
    output: folderName,
    partNames: true,
    overwrite: false,
    selected: null,
  });
  storage.survey((outcome) => {
    const isOwn = folderName === topFolder(metainfo);
    const lies = outcome.ok && liesThere(metainfo, outcome.files, isOwn);
    storage.close(() => answered(lies ? `-d ${shellWord(above)}${isOwn ? '' : ` -o ${shellWord(folderName)}`}` : null));
  });
}

/** `text` as one word for a shell, so that a user can copy it. */
function shellWord(text: string): string {
  return /^[\p{L}\p{N}_./+@%:,=-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The name of the torrent's top folder; null for a torrent of one file without a folder. */
export function topFolder({ files }: Pick<Metainfo, 'files'>): string | null {
  const [name, ...below] = files[0]?.path ?? [];
  return name === undefined || below.length === 0 ? null : name;
}

/**
 * Whether the torrent's files lie there. When the folder has the torrent's name, one file of the right name and length
 * is enough, or one part file. When it has another name, there must be at least two files, more than half of the files
 * and more than half of the bytes: a copy of a single file may lie anywhere.
 */
function liesThere({ files }: Metainfo, survey: readonly FileSurvey[], isOwn: boolean): boolean {
  let count = 0;
  let length = 0;
  let foundCount = 0;
  let foundLength = 0;
  for (const [index, file] of files.entries()) {
    if (file.padding || file.symlink !== null || file.length === 0) continue;
    count += 1;
    length += file.length;
    const there = survey[index];
    if (there?.found === 'part' && isOwn) return true;
    if (there?.found !== 'final' || there.length !== file.length) continue;
    foundCount += 1;
    foundLength += file.length;
  }
  return isOwn ? foundCount > 0 : foundCount > 1 && foundCount * 2 > count && foundLength * 2 > length;
}
