import { BtgetError } from '../../base/failure.js';
import { about, fileFailure, isSystemError } from '../failure.js';
import { isOursBeside } from '../names.js';
import type { Candidate, CandidateSearch, CandidatesFound, SearchedFolder } from '../storage.js';
import { below } from '../system/guard.js';
import type { FileOperations } from '../system/operations.js';

type Looks = Pick<FileOperations, 'lookUp' | 'listSome' | 'realPath'>;

/** Does what `Storage.findCandidates` asks. Reads names and no bytes, so a pipe or a device cannot hold it up. */
export function findCandidates(operations: Looks, search: CandidateSearch): CandidatesFound {
  const { maxDepth, pauseAfter, maxNames } = search;
  const lengths = new Set(search.lengths);
  const found: Candidate[] = [];
  const unreadable: string[] = [];
  // The last one is searched next: so the list of folders that wait stays short.
  const rest: SearchedFolder[] = [...search.folders];
  let seen = 0;
  let isCut = false;
  for (let next = rest.pop(); next !== undefined; next = seen >= pauseAfter ? undefined : rest.pop()) {
    const { depth } = next;
    const folder = depth === 0 ? namedFolder(operations, next.path) : next.path;
    const names = folder instanceof BtgetError ? folder : namesIn(operations, folder, maxNames);
    if (folder instanceof BtgetError || names instanceof BtgetError) {
      const failure = folder instanceof BtgetError ? folder : names;
      if (depth === 0 && failure instanceof BtgetError) unreadable.push(failure.message);
      continue;
    }
    seen += names.length + 1;
    if (names.length === maxNames) isCut = true;
    for (const name of names) {
      const path = below(folder, name);
      const facts = orUndefined(() => operations.lookUp(path));
      if (facts?.kind === 'folder') {
        if (depth < maxDepth) rest.push({ path, depth: depth + 1 });
        else isCut = true;
      } else if (facts?.kind === 'file' && lengths.has(facts.length) && !isOursBeside(name)) {
        found.push({ path, id: facts.id, length: facts.length });
      }
    }
  }
  return { found, rest, seen, unreadable, isCut };
}

/** The real path of a folder that the user names, which may be a link; or why there is none. */
function namedFolder(operations: Looks, named: string): string | BtgetError {
  try {
    const real = about(named, () => operations.realPath(named));
    const facts = about(real, () => operations.lookUp(real));
    return facts?.kind === 'folder' ? real : new BtgetError('cannot-open', `${named} is not a folder`);
  } catch (error) {
    return fileFailure(error, named);
  }
}

function namesIn(operations: Looks, folder: string, most: number): readonly string[] | BtgetError {
  try {
    return operations.listSome(folder, most);
  } catch (error) {
    return fileFailure(error, folder);
  }
}

/** A name that is gone meanwhile, or that nobody may look at, is no candidate. */
function orUndefined<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}
