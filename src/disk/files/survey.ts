/** Looks at all files of a torrent before anything is written. */
import type { BtgetError } from '../../base/failure.js';
import type { TorrentFile } from '../../metainfo/metainfo.js';
import type { ExactCandidate, FoundName } from '../exact-names.js';
import { decodeFailure, type FailureMessage } from '../failure.js';
import type { StoragePlace, SurveyedFile, Told, Work } from '../protocol.js';
import type { DiskRoom, FileSurvey, PassOverOutcome, SurveyOutcome, SurveyRefused } from '../storage.js';
import type { RootAnchor } from '../system/anchor.js';
import type { FilePlaces } from './places.js';

export interface SurveyParts {
  readonly files: readonly TorrentFile[];
  readonly place: StoragePlace & { readonly anchor: RootAnchor };
  readonly places: FilePlaces;
  /** Asks a worker. */
  readonly ask: <K extends 'identifyRoot' | 'findExact' | 'survey' | 'measureFiles' | 'measureFree'>(
    kind: K,
    request: Work[K]['request'],
    answered: (told: Told<Work[K]['answer']>) => void,
  ) => void;
}

// A worker looks at that many files in one go, so that another torrent's pieces need not wait for a look at 100,000.
const LOOK_COUNT = 1000;

const ABSENT: SurveyedFile = { survey: { found: 'absent', length: 0, identity: null, bothNames: false }, ids: [] };

/** `Storage.survey`; the places know by it what was there. */
export function surveyInBatches(
  parts: SurveyParts,
  answered: (outcome: SurveyOutcome) => void,
  refused: SurveyRefused | null,
): void {
  const { files, place, places, ask } = parts;
  const found: SurveyedFile[] = files.map(() => ABSENT);
  const end = (border: SurveyedFile): void => {
    const surveys = found.map(({ survey }) => survey);
    const hasBorderFile = border.survey.found !== 'absent';
    // Without part names a final name says nothing: what lies aside of the file may not have come home.
    const known = place.partNames ? surveys : surveys.map((file) => (file.found === 'final' ? growing(file) : file));
    places.map.surveyed(known, hasBorderFile);
    places.surveyed(found, border);
    answered({ ok: true, files: surveys, hasBorderFile });
  };
  let first: BtgetError | null = null;
  const see = (file: number, seen: SurveyedFile | FailureMessage): void => {
    if ('survey' in seen) found[file] = seen;
    else if (refused !== null) refused(file, decodeFailure(seen));
    else first ??= decodeFailure(seen);
  };
  const survey = (): void =>
    lookAtFiles(parts, 'survey', see, (failure) => {
      const refusal = failure ?? first;
      if (refusal !== null) answered({ ok: false, failure: refusal });
      else if (!places.map.hasBorders) end(ABSENT);
      else {
        ask('survey', { place, names: [places.borderNames] }, (told) => {
          const [border] = told.ok ? told.value : [told.failure];
          // Nothing that we put aside lies behind a link.
          if (border !== undefined && 'survey' in border) end(border.survey.linked === undefined ? border : ABSENT);
          // Without it the files can be looked at all the same, and where nothing is put aside they can be written too.
          else if (border === undefined || refused !== null || !places.map.keepsAside) end(ABSENT);
          else answered({ ok: false, failure: decodeFailure(border) });
        });
      }
    });
  ask('identifyRoot', { place }, (told) => {
    // All torrents of that folder share the anchor; the folder that the first of them saw stays.
    if (told.ok) place.anchor.id ??= told.value;
    findExact(parts, (failure) => {
      if (failure === null) survey();
      else answered({ ok: false, failure });
    });
  });
}

/** `Storage.passOverParts`, once the names are set: a part name that somebody has taken is passed over as well. */
export function passOverParts(
  { place, places, ask }: Pick<SurveyParts, 'place' | 'places' | 'ask'>,
  files: readonly number[],
  answered: (outcome: PassOverOutcome) => void,
): void {
  const found = new Map<number, FileSurvey>();
  const look = (some: readonly number[]): void => {
    if (some.length === 0) {
      answered({ ok: true, files: files.map((file) => found.get(file) ?? ABSENT.survey) });
      return;
    }
    const now = some.slice(0, LOOK_COUNT);
    ask('survey', { place, names: now.map((file) => places.names.of(file)) }, (told) => {
      const failure = told.ok ? told.value.find((seen) => !('survey' in seen)) : told.failure;
      if (failure !== undefined && !('survey' in failure)) {
        answered({ ok: false, failure: decodeFailure(failure) });
        return;
      }
      const taken: number[] = [];
      for (const [at, seen] of told.ok ? told.value.entries() : []) {
        const file = now[at] as number;
        if (!('survey' in seen)) continue;
        if (seen.survey.found === 'part') taken.push(file);
        else {
          found.set(file, seen.survey);
          places.pin(seen.ids);
        }
      }
      places.names.passOver(taken);
      look([...taken, ...some.slice(LOOK_COUNT)]);
    });
  };
  look(files);
}

/** Only before anything is written: what is written later has the names that were found then. */
function findExact({ place, places, ask }: SurveyParts, answered: (failure: BtgetError | null) => void): void {
  if (places.namesAreSettled) {
    answered(null);
    return;
  }
  const candidates = places.names.candidates();
  const found: FoundName[] = [];
  const next = (begin: number): void => {
    const some: readonly ExactCandidate[] = candidates.slice(begin, begin + LOOK_COUNT);
    if (some.length === 0) {
      places.settleNames(candidates, found);
      answered(null);
      return;
    }
    ask('findExact', { place, candidates: some }, (told) => {
      if (!told.ok) {
        answered(decodeFailure(told.failure));
        return;
      }
      found.push(...told.value);
      next(begin + LOOK_COUNT);
    });
  };
  next(0);
}

/** `Storage.measureRoom`. */
export function measureRoom(parts: SurveyParts, answered: (room: DiskRoom) => void): void {
  const allocated = parts.files.map(() => 0);
  const see = (file: number, length: number): void => {
    allocated[file] = length;
  };
  // A file that cannot be looked at counts as absent: what is wrong with it is found when it is written.
  lookAtFiles(parts, 'measureFiles', see, () =>
    parts.ask('measureFree', { place: parts.place }, (told) =>
      answered({ allocated, free: told.ok ? told.value : null }),
    ),
  );
}

function lookAtFiles<K extends 'survey' | 'measureFiles'>(
  { files, place, places, ask }: SurveyParts,
  kind: K,
  see: (file: number, what: Work[K]['answer'][number]) => void,
  answered: (failure: BtgetError | null) => void,
): void {
  const real = files.flatMap((file, index) => (file.padding || file.symlink !== null ? [] : [index]));
  const next = (begin: number): void => {
    const some = real.slice(begin, begin + LOOK_COUNT);
    if (some.length === 0) {
      answered(null);
      return;
    }
    const names = some.map((index) => places.names.of(index));
    ask(kind, { place, names }, (told) => {
      if (!told.ok) {
        answered(decodeFailure(told.failure));
        return;
      }
      for (const [at, what] of told.value.entries()) see(some[at] as number, what);
      next(begin + LOOK_COUNT);
    });
  };
  next(0);
}

/** An empty file was made and has got nothing yet. */
function growing({ length }: FileSurvey): Pick<FileSurvey, 'found'> {
  return { found: length === 0 ? 'absent' : 'part' };
}
