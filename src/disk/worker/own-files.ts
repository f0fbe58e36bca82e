/**
 * The files of one torrent as the writing worker knows them: which file is ours, how long it is at least, and what is
 * not flushed yet. The worker writes only to files that it made or adopted.
 */
import { BtgetError } from '../../base/failure.js';
import { about, LostName } from '../failure.js';
import type { FileNames } from '../names.js';
import type { FileWrite, NamedFile, StoragePlace, WatchedState, Work } from '../protocol.js';
import { isSameFile, isUnchanged } from '../same-file.js';
import type { FileIdentity } from '../storage.js';
import type { RootAnchor } from '../system/anchor.js';
import { below, confirmRoot, folderOf, foldersExist, notAFile } from '../system/guard.js';
import { hasOtherNames, replaceByCopy, sharedFile } from '../system/hard-links.js';
import type { FileFacts, FileOperations, IdentifiedFile } from '../system/operations.js';
import type { FilePool, OpenFile } from './file-pool.js';
import { type FileFlusher, type Flushed, type MadeFolders, UnflushedNames } from './flusher.js';
import { FolderEntries, foreignFile } from './folder-entries.js';

/** A file that we write to. */
interface OurFile {
  /** The name that it has now, below the root. */
  readonly path: string;
  id: string;
  /** What it was like when we claimed it; null once it has been opened. */
  claimed: FileIdentity | null;
  /** It was at least this long when we last looked. A shorter file shows that another program cut it. */
  extent: number;
  /**
   * Another program took the file from us, and the bytes in it are gone. A file that comes to its place may even get
   * its `id`.
   */
  lost: LostName | null;
}

interface TouchedFile {
  readonly names: FileNames;
  readonly id: string;
}

type Identities = ReadonlyMap<number, FileIdentity>;

export interface FoundFile {
  /** The name under which it was found, below the root. */
  readonly path: string;
  readonly facts: FileFacts;
  /** Whether we may write to it. */
  readonly ours: boolean;
}

export class OwnFiles {
  readonly place: StoragePlace & { readonly anchor: RootAnchor };
  readonly entries: FolderEntries;
  readonly #operations: FileOperations;
  readonly #pool: FilePool;
  readonly #flusher: FileFlusher;
  /** By part name, which no two files share. */
  readonly #ours = new Map<string, OurFile>();
  /** Files that were written to since they were last flushed, by their index. */
  #touched = new Map<number, TouchedFile>();
  readonly #unflushed: UnflushedNames;

  constructor(
    place: StoragePlace,
    operations: FileOperations,
    pool: FilePool,
    flusher: FileFlusher,
    made: MadeFolders,
  ) {
    this.place = { ...place, anchor: { id: place.anchor?.id ?? null } };
    this.entries = new FolderEntries(this.place, operations, flusher, made);
    this.#operations = operations;
    this.#pool = pool;
    this.#flusher = flusher;
    this.#unflushed = new UnflushedNames(flusher);
  }

  /** Tells which folder the root was when another thread looked; null when there was none. */
  rootSeen(id: string | null): void {
    this.place.anchor.id ??= id;
  }

  /** The file of these names that is ours, as in `FileFacts`; null when none is. */
  idOf(names: FileNames): string | null {
    const known = this.#ours.get(names.part);
    if (known === undefined) return null;
    const name = below(this.place.root, known.path);
    const now = about(name, () => this.#operations.lookUp(name));
    if (now?.kind === 'file') this.#renumber(known, now.id);
    return known.id;
  }

  /** Throws the failure of the first write that fails. Earlier writes stay. */
  write(writes: readonly FileWrite[], data: Uint8Array): void {
    for (const { file: index, names, begin, from, length } of writes) {
      const { file, open } = this.#openOurs(names);
      const name = below(this.place.root, file.path);
      this.#unflushed.add(name);
      if (index !== null) this.#touched.set(index, { names, id: file.id });
      for (let done = 0; done < length; ) {
        done += about(name, () =>
          this.#operations.write(open.descriptor, data, from + done, length - done, begin + done),
        );
      }
      file.extent = Math.max(file.extent, begin + length);
    }
  }

  /**
   * Makes the file share the bytes of the file behind `from`, which is as long as the file will be. What the file held
   * is lost, whether this works or not. False when it does not work: then the file is empty.
   */
  share(index: number, names: FileNames, from: OpenFile): boolean {
    const { file, open } = this.#openOurs(names);
    if (file.id === from.facts.id) return false;
    const name = below(this.place.root, file.path);
    this.#unflushed.add(name);
    this.#touched.set(index, { names, id: file.id });
    file.extent = 0;
    const isShared = about(name, () => this.#operations.share(from.descriptor, open.descriptor));
    if (isShared) file.extent = about(name, () => this.#operations.facts(open.descriptor)).length;
    return isShared;
  }

  /**
   * Makes the files that are not there, and says what each file is like. Throws the first failure; what was made stays.
   */
  make(files: readonly NamedFile[]): Identities {
    const identities = new Map<number, FileIdentity>();
    for (const { file, names } of files) {
      const { id } = this.#openOurs(names).file;
      this.#identify(file, names, id, identities);
    }
    return identities;
  }

  /** Does what `adopt` of the protocol asks. */
  adopt(files: Work['adopt']['request']['files']): void {
    const { root } = this.place;
    for (const { names, identity, isWritten } of files) {
      if (this.#ours.has(names.part)) continue;
      const found = this.lookAt(names);
      const name = below(root, found?.path ?? names.part);
      const now = about(name, () => this.#operations.identify(name));
      const isSame =
        now !== undefined &&
        now.id === found?.facts.id &&
        now.bornAt === identity.bornAt &&
        (now.inode === identity.inode || (isUnchanged(identity, now) && this.#numbersAnew(name)));
      if (found === undefined || now === undefined || !isSame || now.length < identity.length) {
        const what = found === undefined ? 'removed' : isSame ? 'cut' : 'replaced';
        throw new LostName(names.part, `${name}: somebody has ${what} it meanwhile`);
      }
      if (isWritten && this.#isShared(names, found)) this.#replaceByCopy(names, found);
      else {
        if (isWritten) this.#pool.open(this.place, found.path);
        this.claim(names, found.path, found.facts);
      }
    }
  }

  #isShared(names: FileNames, { path, facts }: Pick<FoundFile, 'path' | 'facts'>): boolean {
    return hasOtherNames(this.#operations, this.place.root, names, path, facts);
  }

  /**
   * Puts our own copy in the place of a file that has other names. The file itself stays as it is under those names.
   */
  #replaceByCopy(names: FileNames, { path, facts }: Pick<FoundFile, 'path' | 'facts'>): void {
    const name = below(this.place.root, path);
    if (!this.place.overwrite && names.part !== names.final) throw sharedFile(name);
    this.entries.changes(folderOf(this.place.root, path));
    this.#pool.forget(name);
    this.claim(names, path, replaceByCopy(this.#operations, this.place, path, facts, 'create'));
    // The bytes of the copy must be flushed, and not only its name.
    this.#unflushed.add(name);
  }

  /** Throws when another program has removed, replaced or cut one of these files, if it is one that we write to. */
  inspect(names: readonly FileNames[]): void {
    for (const one of names) if (this.#ours.has(one.part)) this.#openOurs(one);
  }

  /** What became of the file of these names that is ours; undefined when none is. Changes nothing of what is known. */
  confirm(names: FileNames): WatchedState | undefined {
    const known = this.#ours.get(names.part);
    if (known === undefined) return undefined;
    const name = below(this.place.root, known.path);
    const now = about(name, () => this.#operations.identify(name));
    if (now === undefined) return { state: 'removed', identity: null };
    this.#renumber(known, now.id);
    if (now.id !== known.id || known.lost !== null) return { state: 'replaced', identity: null };
    return { state: now.length < known.extent ? 'cut' : 'same', identity: identityOf(now) };
  }

  /**
   * The file as it is under one of its names, the part name first; undefined when there is none. `ours` is false for a
   * file that we neither made nor adopted. Throws when something that is no file has the name, and when another program
   * has replaced or cut a file of ours.
   */
  lookAt(names: FileNames): FoundFile | undefined {
    const { root, overwrite } = this.place;
    confirmRoot(this.#operations, this.place);
    const known = this.#ours.get(names.part);
    const exist = foldersExist(this.#operations, root, names.final);
    if (known !== undefined) {
      const name = below(root, known.path);
      const facts = exist ? about(name, () => this.#operations.lookUp(name)) : undefined;
      if (facts !== undefined && facts.kind !== 'file') throw notAFile(name, facts);
      if (facts !== undefined) this.#renumber(known, facts.id);
      return { path: known.path, facts: this.#recognise(names, known, facts), ours: true };
    }
    if (!exist) return undefined;
    for (const path of [names.part, names.final]) {
      const name = below(root, path);
      const facts = about(name, () => this.#operations.lookUp(name));
      if (facts?.kind === 'file') return { path, facts, ours: false };
      const replaceable = overwrite && path === names.final && facts?.kind !== 'folder';
      if (facts !== undefined && !replaceable) throw notAFile(name, facts);
    }
    return undefined;
  }

  /** Runs `action` on a descriptor for writing to the file at `path`, which is one of its names. */
  change(path: string, action: (descriptor: number) => void): void {
    const { root } = this.place;
    const name = below(root, path);
    const open = this.#pool.open(this.place, path);
    if (open === undefined) throw new BtgetError('io', `cannot change ${name}: it is not there`);
    about(name, () => action(open.descriptor));
  }

  /** Makes the file at `path`, one of its names, and the folders above it. */
  create(names: FileNames, path: string): FoundFile {
    const { facts } = this.entries.inNewFolders(path, () => this.#pool.create(this.place, path));
    this.claim(names, path, facts);
    return { path, facts, ours: true };
  }

  /** From here on the file at `path`, one of its names, is ours to write to. */
  claim(names: FileNames, path: string, facts: FileFacts): void {
    const name = below(this.place.root, path);
    const now = about(name, () => this.#operations.identify(name));
    const claimed = now?.id === facts.id ? identityOf(now) : null;
    this.#ours.set(names.part, { path, id: facts.id, claimed, extent: facts.length, lost: null });
  }

  /** Forgets the file: it has got another name, or is gone. */
  release(names: FileNames): void {
    this.#ours.delete(names.part);
    for (const path of [names.part, names.final]) {
      const name = below(this.place.root, path);
      this.#pool.forget(name);
      this.#unflushed.delete(name);
    }
  }

  /** Flushes the file at `path`, whether we wrote to it or not. */
  flushFile(path: string, answered: Flushed): void {
    this.#unflushed.flush(below(this.place.root, path), answered);
  }

  /**
   * Flushes everything written so far and the files of `also`, and waits for flushes that are under way. Says what each
   * file was like when this began: bytes that are written meanwhile make a file younger than what the answer vouches
   * for.
   */
  sync(also: readonly NamedFile[], answered: (failure: BtgetError | null, identities: Identities) => void): void {
    // When the download folder has gone with its disk, its files are not there to be flushed.
    confirmRoot(this.#operations, this.place);
    const touched = this.#touched;
    const identities = new Map<number, FileIdentity>();
    for (const [file, { names, id }] of touched) this.#identify(file, names, id, identities);
    this.#touched = new Map();
    for (const { file, names } of also) {
      const name = this.#identify(file, names, null, identities);
      if (name !== null) this.#unflushed.add(name);
    }
    this.#unflushed.flushAll((failure) =>
      this.entries.flush((folderFailure) => {
        const first = failure ?? folderFailure;
        if (first !== null) for (const [file, one] of touched) this.#touched.set(file, one);
        answered(first, identities);
      }),
    );
  }

  /** Closes the files. Nothing may be under way. */
  close(): void {
    for (const { path } of this.#ours.values()) {
      const name = below(this.place.root, path);
      this.#flusher.forget(name);
      this.#pool.forget(name);
    }
    this.#ours.clear();
  }

  /**
   * Records what the file is like, if it is there, and returns its name. With an `id` no other file counts: a file that
   * another program has put in its place is not recorded as ours.
   */
  #identify(file: number, names: FileNames, id: string | null, into: Map<number, FileIdentity>): string | null {
    for (const path of [names.part, names.final]) {
      const name = below(this.place.root, path);
      const identity = about(name, () => this.#operations.identify(name));
      if (identity === undefined) continue;
      if (id !== null && identity.id !== id) continue;
      into.set(file, identityOf(identity));
      return name;
    }
    return null;
  }

  #openOurs(names: FileNames): { file: OurFile; open: OpenFile } {
    const known = this.#ours.get(names.part) ?? this.#takeUp(names);
    if (known.lost !== null) throw known.lost;
    const open = this.#pool.open(this.place, known.path);
    if (open !== undefined) this.#renumber(known, open.facts.id, open.wasClosed);
    this.#recognise(names, known, open?.facts);
    known.claimed = null;
    return { file: known, open: open as OpenFile };
  }

  /** Notes the `id` that a file has now, if it is ours and has got another one while it was not open. */
  #renumber(known: OurFile, id: string, wasClosed?: FileIdentity): void {
    if (id === known.id) return;
    const name = below(this.place.root, known.path);
    const then = wasClosed ?? this.#pool.closedAs(name) ?? known.claimed;
    if (then === null || !this.#numbersAnew(name)) return;
    const now = about(name, () => this.#operations.identify(name));
    if (now?.id === id && isSameFile({ id: known.id, identity: then }, now)) known.id = id;
  }

  #numbersAnew(name: string): boolean {
    return about(name, () => this.#operations.numbersAnew(name));
  }

  /** Throws when the file that has the name of ours now is not the one that we had. */
  #recognise(names: FileNames, known: OurFile, facts: FileFacts | undefined): FileFacts {
    if (known.lost !== null) throw known.lost;
    if (facts?.id === known.id && facts.length >= known.extent) return facts;
    confirmRoot(this.#operations, this.place);
    const what = facts === undefined ? 'removed it' : facts.id === known.id ? 'cut it short' : 'replaced it';
    known.lost = new LostName(names.part, `${below(this.place.root, known.path)}: somebody has ${what} meanwhile`);
    throw known.lost;
  }

  /**
   * Prepares the first write to a file that we have neither made nor adopted. Makes the file, takes over what has its
   * name, or throws when that is not ours to write to.
   */
  #takeUp(names: FileNames): OurFile {
    const { root, partNames, overwrite } = this.place;
    const name = below(root, names.part);
    const part = foldersExist(this.#operations, root, names.part)
      ? about(name, () => this.#operations.lookUp(name))
      : undefined;
    if (part !== undefined && part.kind !== 'file') throw notAFile(name, part);
    const final = partNames || part !== undefined ? undefined : this.#pool.open(this.place, names.final);
    // The name of a border file says which torrent it belongs to, so whatever file has that name is ours.
    const isBorder = names.part === names.final;
    // A file that has the final name, and is not known as ours, is not written to: our own copy grows beside it, and
    // the two are compared when ours is whole. But an empty file may be written to, since it holds nothing to lose,
    // unless it has other names elsewhere.
    const isShared = final !== undefined && this.#isShared(names, { path: names.final, facts: final.facts });
    const foreign = final !== undefined && (final.facts.length > 0 || isShared) && !overwrite;
    if (part !== undefined && this.#isShared(names, { path: names.part, facts: part })) {
      if (isBorder) this.#replaceByCopy(names, { path: names.part, facts: part });
      else if (overwrite) this.#replaceStrangers(names, names.part);
      else throw sharedFile(name);
    } else if (part !== undefined && (part.length === 0 || isBorder)) this.claim(names, names.part, part);
    else if (part !== undefined) this.#replaceStrangers(names, names.part);
    else if (final !== undefined && isShared && overwrite) this.#replaceStrangers(names, names.final);
    else if (final !== undefined && !foreign) this.claim(names, names.final, final.facts);
    else this.create(names, partNames || foreign ? names.part : names.final);
    return this.#ours.get(names.part) as OurFile;
  }

  /**
   * Another program has put a file at `path` since we looked. Replaces it if we may. Under its other names it keeps its
   * bytes.
   */
  #replaceStrangers(names: FileNames, path: string): void {
    if (!this.place.overwrite) throw foreignFile(below(this.place.root, path));
    this.entries.unlink(path);
    this.create(names, path);
  }
}

/** The identity alone, as it is written down. */
export function identityOf({ length, changedAt, inode, bornAt }: IdentifiedFile): FileIdentity {
  return { length, changedAt, inode, bornAt };
}
