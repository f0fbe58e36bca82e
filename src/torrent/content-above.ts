/**
 * Whether a folder that is named as the place *for* a torrent's folder is that folder: who stands in it, or names it
 * with `-d`, would fetch everything again into a folder below it.
 */
import type { FileSurvey, OpenStorage } from '../disk/storage.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceLayout } from '../metainfo/piece-layout.js';

export interface ContentAboveParts {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly openStorage: OpenStorage;
  /** What `dir` itself is called. */
  readonly folderName: string;
}

/**
 * Looks into `dir` for the files that belong into the torrent's folder. Answers once, later: how `-d` and `-o` must be
 * for them to be found, or null when they are not there. Lengths are compared and nothing is read.
 */
export function lookForContentAbove(
  { metainfo, layout, openStorage, folderName }: ContentAboveParts,
  dir: string,
  answered: (place: string | null) => void,
): void {
  const above = dir === '.' ? '..' : `${dir.replace(/\/+$/, '')}/..`;
  const storage = openStorage({
    // A torrent that ends meanwhile would never hear the answer, and the storage has to be closed.
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

/** `text` as one word of a shell, so that a user can copy it. */
function shellWord(text: string): string {
  return /^[\p{L}\p{N}_./+@%:,=-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Null for a torrent of one file that has no folder. */
export function topFolder({ files }: Pick<Metainfo, 'files'>): string | null {
  const [name, ...below] = files[0]?.path ?? [];
  return name === undefined || below.length === 0 ? null : name;
}

/**
 * In a folder that is called as the torrent's own, one file of the right name and length says enough, or one that
 * grows. In one of another name there must be two, and most of the files and of the bytes: a copy of one of them may be
 * anywhere.
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
