/** What a worker does with a file as a whole: surveys it, takes it back, removes it, or gives it its final name. */
import { BtgetError } from '../../base/failure.js';
import { about, encodeFailure, type FailureMessage, fileFailure, LostName, takesNoModes } from '../failure.js';
import type { FileNames } from '../names.js';
import type { NamedLink, StoragePlace, SurveyedFile, Work } from '../protocol.js';
import type { FileSurvey, LinkedPlace, SymlinkPlace } from '../storage.js';
import {
  behindLink,
  below,
  confirmRoot,
  type FolderPlace,
  findFolder,
  foldersExist,
  fromTop,
  inFolderOf,
  lastOf,
  notAFile,
  type PathRoot,
} from '../system/guard.js';
import { copyBytes } from '../system/hard-links.js';
import type { FileFacts, FileOperations, IdentifiedFile } from '../system/operations.js';
import type { Flushed } from './flusher.js';
import { folderInPlace, foreignFile } from './folder-entries.js';
import { type FoundFile, identityOf, type OwnFiles } from './own-files.js';

const COMPARE_LENGTH = 256 * 1024;
const READERS = 0o444;

const ABSENT: SurveyedFile = { survey: { found: 'absent', length: 0, identity: null, bothNames: false }, ids: [] };

/**
 * Looks which files are there, through links too. When something that is no file has the name, or a file cannot be
 * looked at, a failure stands in the place of the survey. Throws when the root is another folder than it was: there all
 * files would seem absent.
 */
export function surveyFiles(
  operations: FileOperations,
  place: StoragePlace,
  names: readonly FileNames[],
): readonly (SurveyedFile | FailureMessage)[] {
  return surveyEach(operations, place, names, ({ part, final }, folderOf) => {
    const where = folderOf(final);
    if (where === 'absent') return ABSENT;
    if (where === 'nowhere') return linkedTo('folder', null, ABSENT.survey);
    const seen = surveyFile(operations, place, part, final);
    return where === 'inside' ? seen : surveyOutside(operations, place, seen);
  });
}

/** As `surveyFiles`, for links that the torrent holds. None of them is followed; links to folders above them are. */
export function surveySymlinks(
  operations: FileOperations,
  place: StoragePlace,
  links: readonly NamedLink[],
): readonly (SurveyedFile | FailureMessage)[] {
  return surveyEach(operations, place, links, (link, folderOf) => {
    const where = folderOf(link.name);
    const isReached = where === 'inside' || where === 'outside';
    const symlink = isReached ? symlinkPlace(operations, below(place.root, link.name), link.target) : 'absent';
    const seen: SurveyedFile = { survey: { ...ABSENT.survey, symlink }, ids: [] };
    const leaves = where === 'outside' || where === 'nowhere';
    // A link that is right is left as it is. Any other one would have to be made, and not through a link.
    return leaves && symlink !== 'right' ? linkedTo('folder', null, seen.survey) : seen;
  });
}

/** What has the name, a full path, of a link that holds `target`. */
function symlinkPlace(operations: FileOperations, name: string, target: string): SymlinkPlace {
  const there = lookUp(operations, name);
  if (there === undefined) return 'absent';
  return there.kind === 'link' && about(name, () => operations.readLink(name)) === target ? 'right' : there.kind;
}

/** Looks at each of `these`; `look` gets it and a test for where the folder of a name is. */
function surveyEach<T>(
  operations: FileOperations,
  place: StoragePlace,
  these: readonly T[],
  look: (one: T, folderOf: (name: string) => FolderPlace) => SurveyedFile,
): readonly (SurveyedFile | FailureMessage)[] {
  const folders = new Map<string, FolderPlace>();
  const folderOf = (name: string): FolderPlace => {
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    let where = folders.get(folder);
    if (where === undefined) {
      where = findFolder(operations, place.root, name);
      folders.set(folder, where);
    }
    return where;
  };
  const found = these.map((one) => {
    try {
      return look(one, folderOf);
    } catch (error) {
      if (!(error instanceof BtgetError)) throw error;
      return encodeFailure(error);
    }
  });
  confirmRoot(operations, place);
  return found;
}

function surveyFile(operations: FileOperations, place: StoragePlace, part: string, final: string): SurveyedFile {
  const atPart = lookUp(operations, below(place.root, part));
  const finalFacts = lookUp(operations, below(place.root, final));
  const hasFinal = finalFacts?.kind === 'file' || (finalFacts?.kind === 'link' && !place.overwrite);
  // Something that is no file is no part. When the final name has the file, it counts as absent. Else it is in the way.
  if (atPart !== undefined && atPart.kind !== 'file' && !hasFinal) throw notAFile(below(place.root, part), atPart);
  const partFacts = atPart?.kind === 'file' ? atPart : undefined;
  const taken = atPart !== undefined && partFacts === undefined ? ({ isPartTaken: true } as const) : {};
  if (partFacts === undefined && finalFacts?.kind === 'link' && !place.overwrite) {
    const { survey, ids } = surveyLink(operations, below(place.root, final));
    return { survey: { ...survey, ...taken }, ids };
  }
  // Something that is no file, but may be replaced, counts as absent. A folder is never replaced.
  const inTheWay = finalFacts !== undefined && finalFacts.kind !== 'file';
  if (inTheWay && finalFacts.kind !== 'link' && (!place.overwrite || finalFacts.kind === 'folder')) {
    throw notAFile(below(place.root, final), finalFacts);
  }
  const facts = partFacts ?? (inTheWay ? undefined : finalFacts);
  if (facts === undefined) return ABSENT;
  const path = partFacts === undefined ? final : part;
  const found = identify(operations, below(place.root, path), facts.id);
  if (found === undefined) return ABSENT;
  const bothNames = partFacts !== undefined && partFacts.id === finalFacts?.id;
  const hasFinalBeside = partFacts !== undefined && finalFacts?.kind === 'file' && !bothNames;
  return {
    survey: {
      found: partFacts === undefined ? 'final' : 'part',
      length: found.length,
      identity: identityOf(found),
      bothNames,
      ...taken,
      ...(hasFinalBeside ? { hasFinalBeside } : {}),
    },
    ids: [path, ...(bothNames ? [final] : [])].map((name) => [name, found.id]),
  };
}

/** Undefined when the name has another file now than that with this `id`. */
function identify(operations: FileOperations, name: string, id: string): IdentifiedFile | undefined {
  const found = about(name, () => operations.identify(name));
  return found?.id === id ? found : undefined;
}

/** Surveys a file whose final name is a link; `name` is its full path. */
function surveyLink(operations: FileOperations, name: string): SurveyedFile {
  const behind = behindLink(operations, name);
  if (behind === undefined) return linkedTo('file', null, ABSENT.survey);
  if (behind.facts.kind !== 'file') throw notAFile(name, behind.facts);
  const found = identify(operations, behind.name, behind.facts.id);
  if (found === undefined) return linkedTo('file', null, ABSENT.survey);
  const survey: FileSurvey = {
    found: 'final',
    length: found.length,
    identity: identityOf(found),
    bothNames: false,
  };
  return linkedTo('file', { path: behind.name, id: found.id }, survey);
}

/** The survey, so far, is of a file in a folder that is reached by a link out of the download folder. */
function surveyOutside(
  operations: FileOperations,
  { root }: StoragePlace,
  { survey, ids }: SurveyedFile,
): SurveyedFile {
  const [first] = ids;
  if (first === undefined) return linkedTo('folder', null, survey);
  const [name, id] = first;
  // When the name itself is a link, `surveyLink` has followed it.
  const path = survey.linked === undefined ? behindLink(operations, below(root, name))?.name : name;
  return linkedTo('folder', path === undefined ? null : { path, id }, survey);
}

function linkedTo(
  kind: LinkedPlace['kind'],
  target: { readonly path: string; readonly id: string } | null,
  survey: FileSurvey,
): SurveyedFile {
  return {
    survey: { ...survey, linked: { kind, path: target?.path ?? null } },
    ids: target === null ? [] : [[target.path, target.id]],
  };
}

/**
 * Takes back the file with the final name, which is ours and incomplete: it gets its part name where part names are
 * used. A file that has both names keeps the part name. With `keepsFinal` a copy gets the part name, and the file stays
 * as it is.
 */
export function demoteFile(operations: FileOperations, files: OwnFiles, names: FileNames, keepsFinal: boolean): void {
  const { root, partNames } = files.place;
  const found = files.lookAt(names);
  if (found?.path === names.part && lookUp(operations, below(root, names.final))?.id === found.facts.id) {
    files.entries.unlink(names.final);
    files.claim(names, names.part, found.facts);
    return;
  }
  if (found?.path !== names.final) {
    const why = found === undefined ? 'it is not there' : `${below(root, names.part)} is beside it`;
    throw new BtgetError('io', `cannot take back ${below(root, names.final)}: ${why}`);
  }
  if (!partNames) {
    files.claim(names, names.final, found.facts);
    return;
  }
  if (keepsFinal) {
    copyToPart(operations, files, names, found.facts);
    return;
  }
  files.entries.rename(names.final, names.part, false);
  files.release(names);
  files.claim(names, names.part, found.facts);
}

/** Copies the file to its part name. When a crash cuts the copy off, it is like a download that has only begun. */
function copyToPart(operations: FileOperations, files: OwnFiles, names: FileNames, { id, length }: FileFacts): void {
  const final = below(files.place.root, names.final);
  const { facts } = files.create(names, names.part);
  const from = openIn(operations, files.place, names.final);
  try {
    if (about(final, () => operations.facts(from)).id !== id)
      throw new LostName(names.part, `${final}: somebody has replaced it meanwhile`);
    files.change(names.part, (to) => copyBytes(operations, from, to, length));
  } finally {
    about(final, () => operations.close(from));
  }
  files.claim(names, names.part, { ...facts, length });
}

/** Removes a file that is ours, if it is there. `answered` may be called within the call. */
export function removeFile(operations: FileOperations, files: OwnFiles, names: FileNames, answered: Flushed): void {
  files.release(names);
  if (lookUp(operations, below(files.place.root, names.final))?.kind === 'file') files.entries.unlink(names.final);
  files.entries.flush(answered);
}

/**
 * Does what `finish` of the protocol asks. `answered` may be called within the call. `finished` is the file that has
 * the final name then; null for a link.
 */
export function finishFile(
  operations: FileOperations,
  files: OwnFiles,
  request: Work['finish']['request'],
  answered: (failure: BtgetError | null, finished: IdentifiedFile | null) => void,
): void {
  const { names, link } = request;
  const { root } = files.place;
  const steps = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      answered(fileFailure(error, below(root, names.final)), null);
    }
  };
  const flushNames = (finished: IdentifiedFile | null): void =>
    files.entries.flush((failure) => answered(failure, finished));
  steps(() => {
    if (link !== null) {
      finishLink(operations, files, names, link);
      flushNames(null);
      return;
    }
    const path = prepare(operations, files, request);
    files.flushFile(path, (failure) => {
      if (failure !== null) {
        answered(failure, null);
        return;
      }
      steps(() => {
        // A flush may take long, so we look again.
        const { path: stillThere, facts } = findWhole(operations, files, names, request.length);
        if (stillThere !== path || facts.length !== request.length) {
          throw new LostName(names.part, `${below(root, path)}: somebody has changed it meanwhile`);
        }
        const id = path === names.part ? takeFinalName(operations, files, request, facts) : facts.id;
        const final = below(root, names.final);
        const finished = id === null ? null : identify(operations, final, id);
        if (finished === undefined) throw new LostName(names.part, `${final}: somebody has replaced it meanwhile`);
        files.release(names);
        flushNames(finished);
      });
    });
  });
}

function finishLink(operations: FileOperations, files: OwnFiles, names: FileNames, target: string): void {
  const { root, overwrite } = files.place;
  const name = below(root, names.final);
  const where = findFolder(operations, root, names.final);
  const isReached = where === 'inside' || where === 'outside';
  const there = isReached ? symlinkPlace(operations, name, target) : 'absent';
  if (there === 'right') return;
  if (foldersExist(operations, root, names.final) && there !== 'absent') {
    if (there === 'folder') throw folderInPlace(name);
    if (!overwrite) throw foreignFile(name);
    files.entries.unlink(names.final);
  }
  files.entries.makeLink(target, names.final);
}

/** Sets the length and mode of the file, and returns the name that it has. */
function prepare(operations: FileOperations, files: OwnFiles, request: Work['finish']['request']): string {
  const { names, length, executable } = request;
  const { path, facts, ours } = findWhole(operations, files, names, length);
  const name = below(files.place.root, path);
  if (facts.length < length) {
    throw new LostName(names.part, `cannot finish ${name}: it has ${facts.length} of ${length} bytes`);
  }
  if (facts.length > length) {
    if (!ours && facts.links > 1) throw foreignFile(name);
    files.change(path, (descriptor) => operations.setLength(descriptor, length));
    if (ours) files.claim(names, path, { ...facts, length });
  }
  const mode = facts.mode | ((facts.mode & READERS) >> 2);
  // A file that we did not write keeps the mode that its owner gave it, and so does one that has other names.
  if (executable && ours && facts.links === 1 && mode !== facts.mode) setMode(operations, files.place, path, mode);
  return path;
}

/** Opens the file for reading: its owner may change its mode even without leave to write to it. */
function setMode(operations: FileOperations, at: PathRoot, path: string, mode: number): void {
  const descriptor = openIn(operations, at, path);
  about(below(at.root, path), () => {
    try {
      operations.setMode(descriptor, mode);
    } catch (error) {
      // The file is whole without its mode, and on this file system it never gets one.
      if (!takesNoModes(error)) throw error;
    } finally {
      operations.close(descriptor);
    }
  });
}

/** Finds the file to finish. Makes it when it is an empty one that is not there. */
function findWhole(operations: FileOperations, files: OwnFiles, names: FileNames, length: number): FoundFile {
  const { root, partNames, overwrite } = files.place;
  const final = below(root, names.final);
  const found = files.lookAt(names);
  if (length > 0) {
    if (found === undefined) throw new LostName(names.part, `cannot finish ${final}: it is not there`);
    if (found.path === names.part && !found.ours) throw foreignFile(below(root, names.part));
    return found;
  }
  // No byte of an empty file has been verified, so nothing proves a longer one to be this torrent's.
  const foreign = found !== undefined && !found.ours && found.facts.length > 0;
  if (foreign && !overwrite) throw foreignFile(final);
  if (found !== undefined && !foreign) return found;
  const free = foldersExist(operations, root, names.final) && lookUp(operations, final) === undefined;
  return files.create(names, free && !partNames ? names.final : names.part);
}

/** Gives the part the final name. Returns which file has it then; null for a link to the same bytes. */
function takeFinalName(
  operations: FileOperations,
  files: OwnFiles,
  { names, length }: Work['finish']['request'],
  facts: FileFacts,
): string | null {
  const { place } = files;
  const final = below(place.root, names.final);
  const there = lookUp(operations, final);
  const part = { ...place, path: names.part, facts };
  if (there === undefined) files.entries.rename(names.part, names.final, false);
  else if (there.kind === 'link' && !place.overwrite && sameBehind(operations, part, final, length)) {
    files.entries.unlink(names.part);
    return null;
  } else if (sameFile(operations, part, { ...place, path: names.final, facts: there }, length)) {
    files.entries.unlink(names.part);
    return there.id;
  } else if (place.overwrite) files.entries.rename(names.part, names.final, true);
  else throw foreignFile(final);
  return facts.id;
}

/** A file that was looked at. */
interface SeenFile extends PathRoot {
  readonly path: string;
  readonly facts: FileFacts;
}

/** As `sameFile`, for the file that the link `final` leads to. */
function sameBehind(operations: FileOperations, part: SeenFile, final: string, length: number): boolean {
  const behind = behindLink(operations, final);
  return behind !== undefined && sameFile(operations, part, { ...fromTop(behind.name), facts: behind.facts }, length);
}

/** Whether both hold the same `length` bytes; `part` has that length. */
function sameFile(operations: FileOperations, part: SeenFile, other: SeenFile, length: number): boolean {
  if (other.facts.kind !== 'file' || other.facts.length !== length) return false;
  if (part.facts.id === other.facts.id) return true;
  const one = openSeen(operations, part);
  try {
    const two = openSeen(operations, other);
    try {
      return one !== null && two !== null && sameBytes(operations, one, two, length);
    } finally {
      if (two !== null) about(two.name, () => operations.close(two.descriptor));
    }
  } finally {
    if (one !== null) about(one.name, () => operations.close(one.descriptor));
  }
}

/** Null when another file has the name by now. */
function openSeen(operations: FileOperations, { path, facts, ...at }: SeenFile): Named | null {
  const name = below(at.root, path);
  const descriptor = openIn(operations, at, path);
  if (about(name, () => operations.facts(descriptor)).id === facts.id) return { name, descriptor };
  about(name, () => operations.close(descriptor));
  return null;
}

/** Opens the file at `path`, which is no link, for reading. */
function openIn(operations: FileOperations, at: PathRoot, path: string): number {
  return about(below(at.root, path), () =>
    inFolderOf(operations, at, path, (nameIn) => operations.open(nameIn(lastOf(path)), 'read', false)),
  );
}

interface Named {
  readonly name: string;
  readonly descriptor: number;
}

function sameBytes(operations: FileOperations, one: Named, other: Named, length: number): boolean {
  const bytes = Buffer.allocUnsafeSlow(COMPARE_LENGTH);
  const otherBytes = Buffer.allocUnsafeSlow(COMPARE_LENGTH);
  for (let at = 0; at < length; ) {
    const count = about(one.name, () => operations.read(one.descriptor, bytes, COMPARE_LENGTH, at));
    const read = Math.min(count, length - at);
    for (let begin = 0; begin < read; ) {
      const into = otherBytes.subarray(begin, read);
      const got = about(other.name, () => operations.read(other.descriptor, into, into.length, at + begin));
      if (got === 0) return false;
      begin += got;
    }
    if (read === 0 || bytes.compare(otherBytes, 0, read, 0, read) !== 0) return false;
    at += read;
  }
  return true;
}

function lookUp(operations: FileOperations, name: string): FileFacts | undefined {
  return about(name, () => operations.lookUp(name));
}
