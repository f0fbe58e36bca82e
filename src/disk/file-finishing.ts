/** What becomes of a file as a whole: found, taken back, made whole under its final name. */
import { BtgetError } from '../base/failure.js';
import type { StoragePlace, Work } from './file-disk-protocol.js';
import { about, encodeFailure, type FailureMessage, fileFailure, LostName } from './file-failure.js';
import type { Flushed } from './file-flusher.js';
import {
  behindLink,
  below,
  type FolderPlace,
  findFolder,
  foldersExist,
  inFolderOf,
  lastOf,
  notAFile,
} from './file-guard.js';
import type { FileNames } from './file-names.js';
import type { FileFacts, FileOperations } from './file-operations.js';
import { type FoundFile, foreignFile, type StorageFiles } from './file-writing.js';
import type { FileSurvey } from './storage.js';

const COMPARE_LENGTH = 256 * 1024;
const READERS = 0o444;

const ABSENT: FileSurvey = { found: 'absent', length: 0, identity: null, bothNames: false };

/**
 * Looks which files are there, through links too. What cannot be looked at, or is no file, has a failure in the place
 * of its survey.
 */
export function surveyFiles(
  operations: FileOperations,
  place: StoragePlace,
  names: readonly FileNames[],
): readonly (FileSurvey | FailureMessage)[] {
  const folders = new Map<string, FolderPlace>();
  return names.map(({ part, final }) => {
    const folder = final.slice(0, final.lastIndexOf('/') + 1);
    try {
      let found = folders.get(folder);
      if (found === undefined) {
        found = findFolder(operations, place.root, final);
        folders.set(folder, found);
      }
      if (found === 'absent') return ABSENT;
      if (found === 'nowhere') return { ...ABSENT, linked: { kind: 'folder', path: null } };
      const survey = surveyFile(operations, place, part, final);
      return found === 'inside' ? survey : surveyOutside(operations, place, part, final, survey);
    } catch (error) {
      if (!(error instanceof BtgetError)) throw error;
      return encodeFailure(error);
    }
  });
}

function surveyFile(operations: FileOperations, place: StoragePlace, part: string, final: string): FileSurvey {
  const atPart = lookUp(operations, below(place.root, part));
  const finalFacts = lookUp(operations, below(place.root, final));
  const hasFinal = finalFacts?.kind === 'file' || (finalFacts?.kind === 'link' && !place.overwrite);
  // What is no file is nobody's part: beside the file itself it hides nothing, and else it is in the way.
  if (atPart !== undefined && atPart.kind !== 'file' && !hasFinal) throw notAFile(below(place.root, part), atPart);
  const partFacts = atPart?.kind === 'file' ? atPart : undefined;
  const taken = atPart !== undefined && partFacts === undefined ? ({ isPartTaken: true } as const) : {};
  if (partFacts === undefined && finalFacts?.kind === 'link' && !place.overwrite)
    return { ...surveyLink(operations, below(place.root, final)), ...taken };
  // What is no file, but may be replaced, counts as absent; a folder is replaced by nothing.
  const inTheWay = finalFacts !== undefined && finalFacts.kind !== 'file';
  if (inTheWay && finalFacts.kind !== 'link' && (!place.overwrite || finalFacts.kind === 'folder')) {
    throw notAFile(below(place.root, final), finalFacts);
  }
  if (partFacts === undefined && (finalFacts === undefined || inTheWay)) return ABSENT;
  const found = partFacts === undefined ? 'final' : 'part';
  const name = below(place.root, found === 'part' ? part : final);
  const identity = about(name, () => operations.identify(name));
  if (identity === undefined) return ABSENT;
  const bothNames = partFacts !== undefined && partFacts.id === finalFacts?.id;
  const survey: FileSurvey = { found, length: identity.length, identity, bothNames, ...taken };
  const hasFinalBeside = partFacts !== undefined && finalFacts?.kind === 'file' && !bothNames;
  return hasFinalBeside ? { ...survey, hasFinalBeside } : survey;
}

/** The link `name` is in the place of a file under its final name. */
function surveyLink(operations: FileOperations, name: string): FileSurvey {
  const behind = behindLink(operations, name);
  if (behind === undefined) return { ...ABSENT, linked: { kind: 'file', path: null } };
  if (behind.facts.kind !== 'file') throw notAFile(name, behind.facts);
  const identity = about(name, () => operations.identify(behind.name));
  if (identity === undefined) return { ...ABSENT, linked: { kind: 'file', path: null } };
  return {
    found: 'final',
    length: identity.length,
    identity,
    bothNames: false,
    linked: { kind: 'file', path: behind.name },
  };
}

/** `survey` is of a file in a folder that is reached by a link out of the download folder. */
function surveyOutside(
  operations: FileOperations,
  { root }: StoragePlace,
  part: string,
  final: string,
  survey: FileSurvey,
): FileSurvey {
  const name = below(root, survey.found === 'part' ? part : final);
  const path = survey.found === 'absent' ? null : (behindLink(operations, name)?.name ?? null);
  return { ...survey, linked: { kind: 'folder', path } };
}

/**
 * The file under the final name is ours, and incomplete: it gets its part name back where part names are used. If it
 * has both, it keeps that one. With `keepsFinal` a copy gets the part name, and the file stays as it is.
 */
export function demoteFile(
  operations: FileOperations,
  files: StorageFiles,
  names: FileNames,
  keepsFinal: boolean,
): void {
  const { root, partNames } = files.place;
  const found = files.lookAt(names);
  if (found?.path === names.part && lookUp(operations, below(root, names.final))?.id === found.facts.id) {
    files.unlink(names.final);
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
  files.rename(names.final, names.part, false);
  files.release(names);
  files.claim(names, names.part, found.facts);
}

/** A copy that is cut off is what a download is that has only begun. */
function copyToPart(operations: FileOperations, files: StorageFiles, names: FileNames, { length }: FileFacts): void {
  const final = below(files.place.root, names.final);
  const { facts } = files.create(names, names.part);
  const from = about(final, () => operations.open(final, 'read', false));
  try {
    files.change(names.part, (to) => {
      const bytes = Buffer.allocUnsafeSlow(COMPARE_LENGTH);
      for (let at = 0; at < length; ) {
        const count = operations.read(from, bytes, Math.min(COMPARE_LENGTH, length - at), at);
        if (count === 0) break;
        for (let done = 0; done < count; ) done += operations.write(to, bytes, done, count - done, at + done);
        at += count;
      }
    });
  } finally {
    about(final, () => operations.close(from));
  }
  files.claim(names, names.part, { ...facts, length });
}

/** Removes a file that is ours, if it is there. `answered` may be called within the call. */
export function removeFile(operations: FileOperations, files: StorageFiles, names: FileNames, answered: Flushed): void {
  files.release(names);
  if (lookUp(operations, below(files.place.root, names.final))?.kind === 'file') files.unlink(names.final);
  files.flushFolders(answered);
}

/** Carries out `finish` of the protocol. `answered` may be called within the call. */
export function finishFile(
  operations: FileOperations,
  files: StorageFiles,
  request: Work['finish']['request'],
  answered: Flushed,
): void {
  const { names, link } = request;
  const { root } = files.place;
  const steps = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      answered(fileFailure(error, below(root, names.final)));
    }
  };
  steps(() => {
    if (link !== null) {
      finishLink(operations, files, names, link);
      files.flushFolders(answered);
      return;
    }
    const path = prepare(operations, files, request);
    files.flushFile(path, (failure) => {
      if (failure !== null) {
        answered(failure);
        return;
      }
      steps(() => {
        // Flushing may take its time.
        const { path: stillThere, facts } = findWhole(operations, files, names, request.length);
        if (stillThere !== path || facts.length !== request.length) {
          throw new LostName(names.part, `${below(root, path)}: somebody has changed it meanwhile`);
        }
        if (path === names.part) takeFinalName(operations, files, request);
        files.release(names);
        files.flushFolders(answered);
      });
    });
  });
}

function finishLink(operations: FileOperations, files: StorageFiles, names: FileNames, target: string): void {
  const { root, overwrite } = files.place;
  const name = below(root, names.final);
  const there = foldersExist(operations, root, names.final) ? lookUp(operations, name) : undefined;
  if (there?.kind === 'link' && about(name, () => operations.readLink(name)) === target) return;
  if (there !== undefined) {
    if (!overwrite || there.kind === 'folder') throw foreignFile(name);
    files.unlink(names.final);
  }
  files.makeLink(target, names.final);
}

/** Gives the bytes their length and mode, and says under which name they are. */
function prepare(operations: FileOperations, files: StorageFiles, request: Work['finish']['request']): string {
  const { names, length, executable } = request;
  const { path, facts, ours } = findWhole(operations, files, names, length);
  if (facts.length < length) {
    const name = below(files.place.root, path);
    throw new LostName(names.part, `cannot finish ${name}: it has ${facts.length} of ${length} bytes`);
  }
  if (facts.length > length) {
    files.change(path, (descriptor) => operations.setLength(descriptor, length));
    if (ours) files.claim(names, path, { ...facts, length });
  }
  const mode = facts.mode | ((facts.mode & READERS) >> 2);
  // A file that came to us whole keeps the mode that its owner gave it.
  if (executable && ours && mode !== facts.mode) setMode(operations, files.place.root, path, mode);
  return path;
}

/** The owner of a file may change its mode, though it may not write to it. */
function setMode(operations: FileOperations, root: string, path: string, mode: number): void {
  about(below(root, path), () => {
    const descriptor = inFolderOf(operations, root, path, (nameIn) =>
      operations.open(nameIn(lastOf(path)), 'read', false),
    );
    try {
      operations.setMode(descriptor, mode);
    } finally {
      operations.close(descriptor);
    }
  });
}

/** The file to finish; an empty one is made here. */
function findWhole(operations: FileOperations, files: StorageFiles, names: FileNames, length: number): FoundFile {
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

function takeFinalName(operations: FileOperations, files: StorageFiles, request: Work['finish']['request']): void {
  const { names, length } = request;
  const { root, overwrite } = files.place;
  const part = below(root, names.part);
  const final = below(root, names.final);
  const there = lookUp(operations, final);
  if (there === undefined) files.rename(names.part, names.final, false);
  else if (
    there.kind === 'link'
      ? !overwrite && sameBehind(operations, part, final, length)
      : sameFile(operations, part, final, there, length)
  )
    files.unlink(names.part);
  else if (overwrite) files.rename(names.part, names.final, true);
  else throw foreignFile(final);
}

/** As `sameFile`, of what the link `final` leads to. */
function sameBehind(operations: FileOperations, part: string, final: string, length: number): boolean {
  const behind = behindLink(operations, final);
  return behind !== undefined && sameFile(operations, part, behind.name, behind.facts, length);
}

/** Whether both names hold the same `length` bytes; the file under `part` has that length. */
function sameFile(
  operations: FileOperations,
  part: string,
  final: string,
  finalFacts: FileFacts,
  length: number,
): boolean {
  if (finalFacts.kind !== 'file' || finalFacts.length !== length) return false;
  if (lookUp(operations, part)?.id === finalFacts.id) return true;
  const one = about(part, () => operations.open(part, 'read', false));
  try {
    const other = about(final, () => operations.open(final, 'read', false));
    try {
      return sameBytes(operations, { name: part, descriptor: one }, { name: final, descriptor: other }, length);
    } finally {
      about(final, () => operations.close(other));
    }
  } finally {
    about(part, () => operations.close(one));
  }
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
