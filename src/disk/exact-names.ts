/** Finds which files lie under the very names that a torrent spells, where btget itself would give them other ones. */
import { sep } from 'node:path';
import { isSystemError } from './failure.js';
import { below } from './system/guard.js';
import type { FileFacts, FileOperations } from './system/operations.js';

/** A file of which btget would write another path than the torrent spells. Elements below the download folder. */
export interface ExactCandidate {
  readonly file: number;
  readonly exact: readonly string[];
  /** As many elements as `exact`: those that a new file gets. */
  readonly clean: readonly string[];
  /**
   * What the exact name's file is called while it grows: an element, or null when that cannot be told from another's.
   */
  readonly exactPart: string | null;
  /** The name of another file in this folder that some disk takes for the same as the exact name, or null. */
  readonly twin: string | null;
}

export interface FoundName {
  readonly file: number;
  /** The folders above the file: exact ones as far as these exist. */
  readonly folders: readonly string[];
  /** A file has the exact name in there, or its part name. */
  readonly isExact: boolean;
}

/** The calls that looking for a name needs. */
type Calls = Pick<FileOperations, 'lookUp' | 'realPath'>;

/** One answer for each candidate. Looks at each folder once. */
export function findExactNames(
  calls: Calls,
  root: string,
  candidates: readonly ExactCandidate[],
): readonly FoundName[] {
  // By the folder that it lies in, a slash, and the exact name.
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
  // A link is the user's own, wherever it leads.
  if (facts?.kind !== 'file' && facts?.kind !== 'link') return part !== null && look(calls, at(part))?.kind === 'file';
  return twin === null || look(calls, at(twin))?.id !== facts.id;
}

/** What is a separator here would lead into another folder. */
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
 * A name that the system refuses (too long, not of its character set, in a folder that is closed to us) is not there.
 */
function orNothing<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}
