/** Looks at all files of a torrent before anything is written, a batch at a time. */
import type { BtgetError } from '../../base/failure.js';
import type { TorrentFile } from '../../metainfo/metainfo.js';
import type { ExactCandidate, FoundName } from '../exact-names.js';
import { decodeFailure, type FailureMessage } from '../failure.js';
import type { FreeRoom, MeasuredFile, StoragePlace, SurveyedFile, Told, Work } from '../protocol.js';
import type { DiskRoom, FileSurvey, PassOverOutcome, SurveyOutcome, SurveyRefused } from '../storage.js';
import type { RootAnchor } from '../system/anchor.js';
import type { FilePlaces } from './places.js';

type SurveyWork =
  | 'confirm'
  | 'identifyRoot'
  | 'findExact'
  | 'isAnyThere'
  | 'survey'
  | 'surveySymlinks'
  | 'measureFiles'
  | 'measureFree';

export interface SurveyParts {
  readonly files: readonly TorrentFile[];
  readonly place: StoragePlace & { readonly anchor: RootAnchor };
  readonly places: FilePlaces;
  /** Asks a worker. */
  readonly ask: <K extends SurveyWork>(
    kind: K,
    request: Work[K]['request'],
    answered: (told: Told<Work[K]['answer']>) => void,
  ) => void;
}

// How many files a worker looks at in one request. A look at 100,000 in one go would make the pieces of other torrents
// wait.
export const LOOK_COUNT = 1000;

const ABSENT: SurveyedFile = { survey: { found: 'absent', length: 0, identity: null, bothNames: false }, ids: [] };
const ABSENT_SYMLINK: SurveyedFile = { ...ABSENT, survey: { ...ABSENT.survey, symlink: 'absent' } };

/** Does what `Storage.survey` asks, and tells the places what was there. */
export function surveyInBatches(
  parts: SurveyParts,
  answered: (outcome: SurveyOutcome) => void,
  refused: SurveyRefused | null,
): void {
  const { files, place, places, ask } = parts;
  const found: SurveyedFile[] = files.map(({ symlink }) => (symlink === null ? ABSENT : ABSENT_SYMLINK));
  const end = (border: SurveyedFile): void => {
    const surveys = found.map(({ survey }) => survey);
    const hasBorderFile = border.survey.found !== 'absent';
    // Without part names a final name does not say that the file is whole: some of its bytes may still lie aside.
    const known = place.partNames ? surveys : surveys.map((file) => (file.found === 'final' ? growing(file) : file));
    places.map.surveyed(known, hasBorderFile);
    places.surveyed(found, border);
    answered({ ok: true, files: surveys, hasBorderFile });
  };
  let first: BtgetError | null = null;
  const see = (file: number, seen: SurveyedFile | FailureMessage): void => {
    if ('survey' in seen) found[file] = seen;
    else if (refused !== null) refused(file, decodeFailure(seen));
    // A file that is not selected, and cannot be looked at, counts as absent.
    else if (places.isSelected(file)) first ??= decodeFailure(seen);
  };
  const survey = (): void =>
    lookAtAll(parts, see, (failure) => {
      const refusal = failure ?? first;
      if (refusal !== null) answered({ ok: false, failure: refusal });
      else if (!places.map.hasBorders) end(ABSENT);
      else {
        ask('survey', { place, names: [places.borderNames] }, (told) => {
          const [border] = told.ok ? told.value : [told.failure];
          // We never put anything aside through a link.
          if (border !== undefined && 'survey' in border) end(border.survey.linked === undefined ? border : ABSENT);
          // Files can be surveyed without the border file, and where nothing goes aside they can be written without it
          // too.
          else if (border === undefined || refused !== null || !places.map.keepsAside) end(ABSENT);
          else answered({ ok: false, failure: decodeFailure(border) });
        });
      }
    });
  ask('identifyRoot', { place }, (told) => {
    // All torrents of that folder share the anchor. What the first of them saw stays.
    if (told.ok) place.anchor.id ??= told.value;
    findExact(parts, (failure) => {
      if (failure === null) survey();
      else answered({ ok: false, failure });
    });
  });
}

/**
 * Does what `Storage.passOverParts` asks. The names are set already; a part name that another file has is passed over
 * as well.
 */
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
          places.pin(seen);
        }
      }
      places.names.passOver(taken);
      look([...taken, ...some.slice(LOOK_COUNT)]);
    });
  };
  look(files);
}

/** Looks for exact names, before the first survey only: what is written later has the names that were found then. */
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

/** Does what `Storage.measureRoom` asks. */
export function measureRoom(parts: SurveyParts, answered: (room: DiskRoom) => void): void {
  const allocated = parts.files.map(() => 0);
  const mounts = parts.files.map(() => '');
  const see = (file: number, measured: MeasuredFile): void => {
    allocated[file] = measured.allocated;
    mounts[file] = measured.mount;
  };
  // A file that cannot be measured counts as absent. The first write to it shows what is wrong.
  lookAtFiles(parts, 'measureFiles', see, () => {
    const folders = [...new Set(['', ...mounts])];
    parts.ask('measureFree', { place: parts.place, folders }, (told) => {
      const free = told.ok ? told.value : [];
      // One file system may be met at several folders.
      const devices = [...new Set(free.map(({ device }) => device))];
      const fileSystems = devices.map((device) => {
        const at = free.findIndex((room) => room.device === device);
        return { folder: folders[at] as string, free: (free[at] as FreeRoom).free };
      });
      const numbers = new Map(folders.map((folder, at) => [folder, devices.indexOf(free[at]?.device ?? '')]));
      const fileSystemOf = mounts.map((mount) => Math.max(0, numbers.get(mount) ?? 0));
      const unknown = { folder: '', free: null };
      answered({ allocated, fileSystemOf, fileSystems: fileSystems.length > 0 ? fileSystems : [unknown] });
    });
  });
}

/** Looks at the files, and then at the links that the torrent holds. */
function lookAtAll(
  parts: SurveyParts,
  see: (file: number, what: SurveyedFile | FailureMessage) => void,
  answered: (failure: BtgetError | null) => void,
): void {
  const { files, place, places } = parts;
  const links: number[] = [];
  for (const [index, { symlink }] of files.entries()) if (symlink !== null) links.push(index);
  const linksOf = (some: readonly number[]): Work['surveySymlinks']['request'] => ({
    place,
    links: some.map((link) => ({
      name: places.names.of(link).final,
      target: places.names.linkTarget(link) as string,
    })),
  });
  lookAtFiles(parts, 'survey', see, (failure, isAnyThere) => {
    if (failure !== null || !isAnyThere || links.length === 0) answered(failure);
    else lookInBatches(parts, 'surveySymlinks', links, linksOf, see, answered);
  });
}

function lookAtFiles<K extends 'survey' | 'measureFiles'>(
  parts: SurveyParts,
  kind: K,
  see: (file: number, what: Work[K]['answer'][number]) => void,
  answered: (failure: BtgetError | null, isAnyThere: boolean) => void,
): void {
  const { files, place, places, ask } = parts;
  const real: number[] = [];
  for (const [index, { padding, symlink }] of files.entries()) if (!padding && symlink === null) real.push(index);
  const look = (some: readonly number[], isAnyThere: boolean): void =>
    lookInBatches(
      parts,
      kind,
      some,
      (batch) => ({ place, names: batch.map((index) => places.names.of(index)) }),
      see,
      (failure) => answered(failure, isAnyThere),
    );
  const tops = real.length > LOOK_COUNT ? places.names.topFolders() : null;
  if (tops === null) {
    look(real, true);
    return;
  }
  // A download that begins has no folder yet, and so none of its very many files.
  ask('isAnyThere', { place, names: tops }, (told) => {
    const isAnyThere = !told.ok || told.value;
    look(isAnyThere ? real : [], isAnyThere);
  });
}

/** Asks at least once: the answer also tells when the folder is not the one that it was. */
function lookInBatches<K extends 'survey' | 'surveySymlinks' | 'measureFiles'>(
  { ask }: Pick<SurveyParts, 'ask'>,
  kind: K,
  files: readonly number[],
  requestFor: (some: readonly number[]) => Work[K]['request'],
  see: (file: number, what: Work[K]['answer'][number]) => void,
  answered: (failure: BtgetError | null) => void,
): void {
  const next = (begin: number): void => {
    const some = files.slice(begin, begin + LOOK_COUNT);
    if (some.length === 0 && begin > 0) {
      answered(null);
      return;
    }
    ask(kind, requestFor(some), (told) => {
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

/**
 * What a file under its final name counts as where files grow under that name. An empty one was made and has no bytes
 * yet.
 */
function growing({ length }: FileSurvey): Pick<FileSurvey, 'found'> {
  return { found: length === 0 ? 'absent' : 'part' };
}
