/** Looks whether files are still what they were, a batch at a time. */
import { decodeFailure } from '../failure.js';
import type { WatchedState } from '../protocol.js';
import { type ConfirmedFile, type ConfirmOutcome, FileLost } from '../storage.js';
import { below } from '../system/guard.js';
import { LOOK_COUNT, type SurveyParts } from './survey.js';

const WHAT_WAS_DONE: Readonly<Record<Exclude<WatchedState['state'], 'same'>, string>> = {
  cut: 'changed its length',
  replaced: 'replaced it',
  removed: 'removed it',
};

/** Does what `Storage.confirmFiles` asks. */
export function confirmFiles(
  { place, places, ask }: Pick<SurveyParts, 'place' | 'places' | 'ask'>,
  files: readonly number[],
  isWhole: (file: number) => boolean,
  answered: (outcome: ConfirmOutcome) => void,
): void {
  const confirmed: ConfirmedFile[] = [];
  const next = (begin: number): void => {
    const watched = files.slice(begin, begin + LOOK_COUNT).flatMap((file) => {
      const known = places.watched(file, isWhole(file));
      return known === null ? [] : [{ file, ...known }];
    });
    ask('confirm', { place, files: watched }, (told) => {
      if (!told.ok) {
        answered({ ok: false, failure: decodeFailure(told.failure) });
        return;
      }
      for (const [at, { file, names, isWritten, places: known }] of watched.entries()) {
        const { state, identity } = told.value[at] ?? { state: 'same', identity: known[0]?.identity ?? null };
        const name = below(place.root, isWritten ? names.part : names.final);
        const message = state === 'same' ? null : `${name}: somebody has ${WHAT_WAS_DONE[state]} meanwhile`;
        const lost = message === null ? null : new FileLost(file, 'io', message);
        confirmed.push({ file, lost, identity, isWritten });
      }
      if (begin + LOOK_COUNT < files.length) next(begin + LOOK_COUNT);
      else answered({ ok: true, files: confirmed });
    });
  };
  next(0);
}
