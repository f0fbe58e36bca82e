/** Looks whether files are still what they were when a worker looked at them, wrote them or finished them. */
import { about, decodeFailure, type FailureMessage } from '../failure.js';
import type { KnownPlace, StoragePlace, SurveyedFile, WatchedFile, WatchedState } from '../protocol.js';
import { isSameFile, isUnchanged } from '../same-file.js';
import type { FileIdentity } from '../storage.js';
import { confirmRoot } from '../system/guard.js';
import type { FileOperations } from '../system/operations.js';
import { surveyFiles, surveySymlinks } from './finish-file.js';
import { identityOf, type OwnFiles } from './own-files.js';

const REMOVED: WatchedState = { state: 'removed', identity: null };
const REPLACED: WatchedState = { state: 'replaced', identity: null };
const SAME: WatchedState = { state: 'same', identity: null };

/** Does what `confirm` of the protocol asks. `own` are the files that this worker writes to. */
export function confirmFiles(
  operations: FileOperations,
  place: StoragePlace,
  own: Pick<OwnFiles, 'confirm'> | undefined,
  files: readonly WatchedFile[],
): readonly (WatchedState | null)[] {
  const states = files.map((file) => {
    if (file.link !== null) return ofLink(operations, place, file.names.final, file.link);
    if (file.isWritten) return own?.confirm(file.names) ?? SAME;
    if (file.places.length === 0) return ofUnknown(operations, place, file);
    return ofKnown(operations, file.places, file.length);
  });
  // In another folder all files would seem removed.
  confirmRoot(operations, place);
  return states;
}

function ofLink(operations: FileOperations, place: StoragePlace, name: string, target: string): WatchedState {
  const { symlink } = surveyed(surveySymlinks(operations, place, [{ name, target }]));
  if (symlink === 'right') return SAME;
  return symlink === 'absent' ? REMOVED : REPLACED;
}

/** A whole file whose name is a link to a file that was compared with ours. */
function ofUnknown(operations: FileOperations, place: StoragePlace, { names, length }: WatchedFile): WatchedState {
  const { found, ...seen } = surveyed(surveyFiles(operations, place, [names]));
  if (found === 'absent') return REMOVED;
  return found === 'final' && (length === null || seen.length === length) ? SAME : REPLACED;
}

function surveyed([seen]: readonly (SurveyedFile | FailureMessage)[]): SurveyedFile['survey'] {
  if (seen === undefined) throw new Error('a survey of one file has no answer');
  if (!('survey' in seen)) throw decodeFailure(seen);
  return seen.survey;
}

/** The file may be at any of `places`. Null: it is as it was. There may be very many such files. */
function ofKnown(
  operations: FileOperations,
  places: readonly KnownPlace[],
  length: number | null,
): WatchedState | null {
  let other = REMOVED;
  for (const known of places) {
    const now = about(known.name, () => operations.identify(known.name));
    if (now === undefined) continue;
    if (!isSameFile(known, now)) other = REPLACED;
    else if (length !== null && now.length !== length) return { state: 'cut', identity: identityOf(now) };
    else if (known === places[0] && known.identity !== null && isAsItWas(known.identity, now)) return null;
    else return { state: 'same', identity: identityOf(now) };
  }
  return other;
}

function isAsItWas(then: FileIdentity, now: FileIdentity): boolean {
  return now.inode === then.inode && isUnchanged(then, now);
}
