/** Finds the files that lie under the exact names that a torrent spells, where btget itself would write other names. */
import { sep } from 'node:path';
import { isSystemError } from './failure.js';
import { below } from './system/guard.js';
import type { FileFacts, FileOperations } from './system/operations.js';

/**
 * A file whose path btget would write differently from how the torrent spells it. Paths are elements below the download
 * folder.
 */
export interface ExactCandidate {
  readonly file: number;
  readonly exact: readonly string[];
  /** What btget calls a new file: as many elements as `exact`. */
  readonly clean: readonly string[];
  /**
   * The name (the last element) that the file has while it grows under its exact name. Null when no such name is this
   * file's alone.
   */
  readonly exactPart: string | null;
  /**
   * The name of another file in this folder, which some disks take for the same as the exact name. Null when there is
   * no such file.
   */
  readonly twin: string | null;
}

export interface FoundName {
  readonly file: number;
  /** The folders above the file. Each has its exact name if a folder of that name exists. */
  readonly folders: readonly string[];
  /** Whether a file in these folders has the exact name, or the part name that belongs to it. */
  readonly isExact: boolean;
}

/** The system calls that the search needs. */
type Calls = Pick<FileOperations, 'lookUp' | 'realPath'>;

/** Gives one answer for each candidate, in order. Looks at each folder once. */
export function findExactNames(
  calls: Calls,
  root: string,
  candidates: readonly ExactCandidate[],
): readonly FoundName[] {
  // By path below the root: whether a folder is there.
  const folders = new Map<string, boolean>();
  const isFolder = (path: string): boolean => {
    let is = folders.get(path);
    if (is === undefined) {
      is = kindOf(calls, below(root, path)) === 'folder';
      folders.set(path, is);
    }
    return is;
  };
  return candidates.map(({ file, exact, clean, exactPart, twin }) => {
    const found: string[] = [];
    for (const [at, element] of clean.slice(0, -1).entries()) {
      const wanted = exact[at] as string;
      const isThere = wanted !== element && mayBeName(wanted) && isFolder([...found, wanted].join('/'));
      found.push(isThere ? wanted : element);
    }
    const at = (name: string): string => below(root, [...found, name].join('/'));
    const last = exact.at(-1) as string;
    const isChanged = last !== clean.at(-1) && mayBeName(last);
    return { file, folders: found, isExact: isChanged && isThere(calls, at, last, exactPart, twin) };
  });
}

function isThere(
  calls: Calls,
  at: (name: string) => string,
  exact: string,
  part: string | null,
  twin: string | null,
): boolean {
  const facts = look(calls, at(exact));
  // A link counts too, wherever it leads: the user made it.
  if (facts?.kind !== 'file' && facts?.kind !== 'link') return part !== null && look(calls, at(part))?.kind === 'file';
  return twin === null || look(calls, at(twin))?.id !== facts.id;
}

/** An element with a separator of this system in it would lead into another folder. */
function mayBeName(element: string): boolean {
  return !element.includes(sep);
}

function kindOf(calls: Calls, name: string): FileFacts['kind'] | undefined {
  const facts = look(calls, name);
  if (facts?.kind !== 'link') return facts?.kind;
  return orNothing(() => calls.lookUp(calls.realPath(name)))?.kind;
}

function look(calls: Calls, name: string): FileFacts | undefined {
  return orNothing(() => calls.lookUp(name));
}

/**
 * Takes a name that the system refuses for one that is not there. The name may be too long, may have characters that
 * the file system does not know, or may lie in a folder that is closed to us.
 */
function orNothing<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}
