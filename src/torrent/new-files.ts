/**
 * Files that grow under their final names are made before anything is written to them, so that it can be written down
 * that they are ours: a kill must not leave bytes under a name of which nobody can tell whose they are.
 */
import type { FileIdentity, FileSurvey, MakeOutcome, Storage } from '../disk/storage.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { WantedContent } from './content/wanted-content.js';

// Another torrent's pieces need not wait until 100,000 files are made.
const MADE_AT_ONCE = 1000;

/** The selected files that are not there and will have bytes. */
export function filesToMake(
  { files }: Pick<Metainfo, 'files'>,
  content: Pick<WantedContent, 'files'>,
  survey: readonly FileSurvey[],
): number[] {
  return files.flatMap(({ length, padding, symlink }, index) => {
    const hasBytes = length > 0 && !padding && symlink === null;
    return hasBytes && content.files.has(index) && survey[index]?.found === 'absent' ? [index] : [];
  });
}

/** Answers with what all of them are like, or with the first failure. */
export function makeFiles(
  storage: Pick<Storage, 'makeFiles'>,
  files: readonly number[],
  answered: (outcome: MakeOutcome) => void,
): void {
  const all = new Map<number, FileIdentity>();
  const next = (begin: number): void => {
    const some = files.slice(begin, begin + MADE_AT_ONCE);
    if (some.length === 0) {
      answered({ ok: true, made: all });
      return;
    }
    storage.makeFiles(some, (outcome) => {
      if (!outcome.ok) {
        answered(outcome);
        return;
      }
      for (const [file, identity] of outcome.made) all.set(file, identity);
      next(begin + MADE_AT_ONCE);
    });
  };
  next(0);
}
