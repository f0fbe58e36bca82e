/**
 * The lock of a download, as a worker takes it: a file beside the journal, with a note in it that names the process.
 *
 * A process takes the lock by making the file: of several that try, one succeeds. The difficulty is the lock of a dead
 * process. To look at it and then remove it would be a race: between the two steps another process may take the lock
 * over, and would lose it. So each note has a random token. A process that finds a dead note first takes the lock of
 * succession to that very note, in the same way as any lock. The name of this lock has the token in it, so that each
 * note has its own. Then the process looks again whether the dead note is still there, and moves its own note into that
 * place. This one step ends the succession too.
 */
import { randomBytes } from 'node:crypto';
import { BtgetError } from '../../base/failure.js';
import { about, isSystemError, NO_LINKS, orNothing } from '../failure.js';
import { isJournalBeside } from '../names.js';
import type { TargetPlace } from '../protocol.js';
import { foldersUpTo } from '../system/folders.js';
import { below } from '../system/guard.js';
import { openOwn } from '../system/hard-links.js';
import type { FileOperations } from '../system/operations.js';
import type { ProcessFacts } from '../system/processes.js';
import { readKept } from '../system/trust.js';
import { JOURNAL_LAG, type LockDoubt, type WatchedLock } from '../target.js';
import { removeIfThere } from './journal.js';
import { lookAtKept } from './own-kept-file.js';

/** When nothing better is known, a lock that was not refreshed for this long is a dead process's. Nanoseconds. */
const STALE_AFTER = 60_000_000_000n;
const MAX_NOTE_LENGTH = 4096;

// A process has a lock of succession for microseconds. A chain of dead ones needs as many processes that were killed
// within that time. A longer chain than this was planted.
const MAX_SUCCESSIONS = 8;

/** What follows the name of the lock and a dot, for notes that are not the lock yet and for successions. */
const REST_OF_NAME = /^[-0-9a-f]+(\.new)?$/;

interface FoundNote {
  /**
   * Null when the note is torn: it is being written, on a file system without links, or a power cut left only its name.
   */
  readonly note: LockNote | null;
  /** Tells this note from any other that was ever there. */
  readonly token: string;
  /** Nanoseconds since 1970, by the clock of the file system. */
  readonly changedAt: bigint;
  /** Whether another user wrote it or may have. Then the process that it names need not be the one that wrote it. */
  readonly isStrange: boolean;
}

/** It cannot be told yet whether the process of the lock lives. */
export class LockInDoubt extends BtgetError {
  readonly doubt: LockDoubt;

  constructor(doubt: LockDoubt) {
    super('target-busy', doubt.message);
    this.doubt = doubt;
  }
}

export class FileLock {
  readonly #operations: FileOperations;
  readonly #processes: ProcessFacts;
  readonly #place: TargetPlace;
  readonly #root: string;
  readonly #name: string;
  readonly #path: string;
  /** The name of the journal beside the lock. */
  readonly #journal: string;
  /** What is locked, for messages. */
  readonly #target: string;
  readonly #note: LockNote;
  readonly #watched: ReadonlyMap<string, WatchedLock>;
  /** Folders that were made for the lock, the innermost first, with their ids. */
  #made: readonly { readonly path: string; readonly id: string | undefined }[] = [];

  /**
   * `watched`: locks that `take` or `check` was in doubt about before, and for how long the caller has watched each.
   */
  constructor(
    operations: FileOperations,
    processes: ProcessFacts,
    place: TargetPlace,
    watched: readonly WatchedLock[] = [],
  ) {
    this.#operations = operations;
    this.#processes = processes;
    this.#place = place;
    this.#root = place.root;
    this.#name = `${place.name}.lock`;
    this.#path = below(place.root, this.#name);
    this.#journal = place.name;
    this.#target = below(place.root, place.target);
    this.#watched = new Map(watched.map((lock) => [lock.token, lock]));
    this.#note = {
      pid: processes.pid,
      host: processes.host,
      space: processes.space,
      start: processes.startOf(processes.pid) ?? null,
      since: new Date().toISOString(),
      token: randomBytes(4).toString('hex'),
    };
  }

  /**
   * Throws 'target-busy' when a living process has the lock; a `LockInDoubt` when that process may be dead; and another
   * failure when no lock can be made. `held` are the locks that this worker has. When one of them is the lock that was
   * found, it serves both torrents and is returned. Else this lock is returned.
   */
  take(held: Iterable<FileLock> = []): FileLock {
    const operations = this.#operations;
    about(this.#root, () => {
      const first = operations.makeFolder(this.#root, true);
      if (first === undefined) return;
      this.#made = [...foldersUpTo(this.#root, first)].map((path) => ({ path, id: operations.lookUp(path)?.id }));
    });
    const own = `${this.#path}.${this.#note.token}.new`;
    let isTaken = false;
    try {
      this.#writeNote(own);
      const now = about(own, () => operations.identify(own))?.changedAt ?? 0n;
      const holder = this.#claim(this.#path, own, now);
      const shared = holder === null ? undefined : this.#heldLock(held, holder);
      if (holder !== null && shared === undefined) throw this.#busy(holder, now);
      if (shared === undefined) this.#sweep(now);
      this.#closeJournals(now);
      isTaken = true;
      return shared ?? this;
    } finally {
      removeIfThere(operations, own);
      if (!isTaken) this.#removeFolders();
    }
  }

  /** Throws as `take` does when another process has the lock. */
  check(held: Iterable<FileLock> = []): void {
    const found = this.#find(this.#path);
    const now = BigInt(Date.now()) * 1_000_000n;
    if (found !== null && this.#stateOf(found, now) !== 'dead' && this.#heldLock(held, found) === undefined)
      throw this.#busy(found, now);
  }

  /** Writes the note again: its date shows that we live to processes that cannot see ours. */
  refresh(): void {
    if (!this.#isOurs()) throw new BtgetError('io', `${this.#path} is gone`);
    const bytes = encodeNote(this.#note);
    const descriptor = openOwn(this.#operations, this.#place, this.#name);
    try {
      about(this.#path, () => this.#operations.write(descriptor, bytes, 0, bytes.length, 0));
    } finally {
      about(this.#path, () => this.#operations.close(descriptor));
    }
  }

  /** Harmless when the lock is not ours. */
  release(): void {
    if (this.#isOurs()) removeIfThere(this.#operations, this.#path);
    this.#removeFolders();
  }

  /** Removes the folders that were made for the lock. A folder that is not empty, or is another one by now, stays. */
  #removeFolders(): void {
    const operations = this.#operations;
    for (const { path, id } of this.#made)
      orNothing(() => {
        if (id !== undefined && operations.lookUp(path)?.id === id) operations.removeFolder(path);
      });
  }

  /**
   * The held lock that has this note. When one folder is known under two paths no lock is shared, because nothing tells
   * which torrent has which files.
   */
  #heldLock(held: Iterable<FileLock>, { note }: FoundNote): FileLock | undefined {
    for (const lock of held) if (lock.#note.token === note?.token && lock.#root === this.#root) return lock;
    return undefined;
  }

  /**
   * Null when the lock at `path` is ours now; else the note of the process that has it. `own` is a file with our note.
   */
  #claim(path: string, own: string, now: bigint, depth = 0): FoundNote | null {
    for (;;) {
      if (this.#putNote(own, path)) return null;
      const holder = this.#find(path);
      if (holder === null) continue;
      if (this.#stateOf(holder, now) !== 'dead') return holder;
      const succession = `${this.#path}.${holder.token}`;
      if (depth === MAX_SUCCESSIONS) throw this.#cannotLock(path, 'it follows too many others');
      const other = this.#claim(succession, own, now, depth + 1);
      if (other !== null) return other;
      if (this.#find(path)?.token === holder.token) {
        about(path, () => this.#operations.rename(succession, path));
        return null;
      }
      // Another process was faster, and ended the succession before we took it.
      removeIfThere(this.#operations, succession);
    }
  }

  /** False when the name is taken. */
  #putNote(own: string, path: string): boolean {
    return about(path, () => {
      try {
        this.#operations.link(own, path);
      } catch (error) {
        if (!isSystemError(error)) throw error;
        if (error.code === 'EEXIST') return false;
        if (!NO_LINKS.has(error.code)) throw error;
        return this.#writeNewNote(path);
      }
      return true;
    });
  }

  #writeNewNote(path: string): boolean {
    try {
      this.#writeNote(path);
      return true;
    } catch (error) {
      const cause = error instanceof BtgetError ? error.cause : undefined;
      if (isSystemError(cause) && cause.code === 'EEXIST') return false;
      throw error;
    }
  }

  #writeNote(path: string): void {
    const bytes = encodeNote(this.#note);
    const descriptor = about(path, () => this.#operations.open(path, 'create privately', false));
    try {
      about(path, () => this.#operations.write(descriptor, bytes, 0, bytes.length, 0));
    } finally {
      about(path, () => this.#operations.close(descriptor));
    }
  }

  #find(path: string): FoundNote | null {
    const facts = about(path, () => this.#operations.lookUp(path));
    if (facts !== undefined && facts.kind !== 'file') throw this.#cannotLock(path, 'it is no file');
    const name = path.slice(below(this.#root, '').length);
    const kept = readKept(this.#operations, this.#processes.user, this.#root, name, MAX_NOTE_LENGTH);
    if (kept === null) return null;
    const { bytes, identity, doubt } = kept;
    const note = decodeNote(bytes);
    // A file that is no note is the user's, and must not be replaced.
    if (note === null && !isTornNote(bytes)) throw this.#cannotLock(path, 'it is no lock of btget');
    const token = note?.token ?? `${identity.inode}-${identity.bornAt}`;
    // 'names' gives no reason: a process that takes the lock gives it a second name for a moment. Nor does 'folder':
    // the file is our own there too.
    return {
      note,
      token,
      changedAt: identity.changedAt,
      isStrange: doubt?.about === 'owner' || doubt?.about === 'mode',
    };
  }

  #cannotLock(path: string, why: string): BtgetError {
    return new BtgetError('cannot-open', `cannot lock ${this.#target}: ${path} is in the way, ${why}`);
  }

  #isOurs(): boolean {
    return this.#find(this.#path)?.token === this.#note.token;
  }

  /**
   * Dates back the journals beside the lock. Several torrents of one name have a journal each, and a journal vouches
   * for files that changed up to `JOURNAL_LAG` after it. A torrent that was killed changes no file from now on, but
   * another torrent may: so no journal may vouch for such changes. A torrent that lives writes its journal again as
   * soon as it has something to say.
   */
  #closeJournals(now: bigint): void {
    const latest = now - BigInt(JOURNAL_LAG) * 1_000_000n;
    orNothing(() => {
      for (const name of this.#operations.list(this.#root)) {
        if (!isJournalBeside(this.#journal, name)) continue;
        const path = below(this.#root, name);
        // A journal that cannot be dated back stays as it is: it may be our own, and the only one that says whose the
        // files are.
        orNothing(() => {
          // A journal with a second name is not believed anyway (`doubtAbout`), and that name may be another user's.
          if (this.#operations.lookUp(path)?.links !== 1) return;
          if (lookAtKept(this.#operations, this.#place, name) !== 'ours') return;
          const changedAt = this.#operations.identify(path)?.changedAt;
          if (changedAt !== undefined && changedAt > latest) this.#operations.setChangedAt(path, latest);
        });
      }
    });
  }

  /**
   * Removes the notes of processes that were killed while they took the lock. The lock is ours, so no process needs one
   * of them.
   */
  #sweep(now: bigint): void {
    const begin = `${this.#name}.`;
    const isNote = (name: string): boolean => name.startsWith(begin) && REST_OF_NAME.test(name.slice(begin.length));
    orNothing(() => {
      for (const name of this.#operations.list(this.#root).filter(isNote)) {
        orNothing(() => {
          const path = below(this.#root, name);
          const found = this.#find(path);
          if (found !== null && this.#stateOf(found, now) === 'dead') removeIfThere(this.#operations, path);
        });
      }
    });
  }

  #stateOf(found: FoundNote, now: bigint): 'lives' | 'dead' | 'doubtful' {
    const { note } = found;
    if (note === null || !this.#canSee(found, note)) return this.#stateFromAfar(found, now);
    const start = this.#processes.startOf(note.pid);
    const lives = start !== undefined && (start === null || note.start === null || start === note.start);
    if (!lives) return 'dead';
    return found.isStrange ? this.#stateFromAfar(found, now) : 'lives';
  }

  /**
   * For a process that cannot be seen from here, or that may not be the one that the note names. It lives if it shows
   * so, and is dead if it does not show so for long enough.
   */
  #stateFromAfar(found: FoundNote, now: bigint): 'lives' | 'dead' | 'doubtful' {
    if (this.#isOfEarlierBoot(found.note, found.changedAt)) return 'dead';
    const seen = this.#watched.get(found.token);
    if (seen !== undefined && seen.changedAt !== found.changedAt) return 'lives';
    return this.#waitFor(found, now) <= 0n ? 'dead' : 'doubtful';
  }

  /**
   * How long until the lock counts as dead, in nanoseconds; 0 or less when it is dead. A clock that was set, or that of
   * another machine, may date a note in the future. The age of the note is negative then, and the time for which the
   * lock was watched counts instead, which is never negative.
   */
  #waitFor({ token, changedAt }: FoundNote, now: bigint): bigint {
    const age = now - changedAt;
    const watched = BigInt(Math.round((this.#watched.get(token)?.watched ?? 0) * 1e6));
    return STALE_AFTER - (watched > age ? watched : age);
  }

  /**
   * Whether the process of the note could be seen from here. Two machines may have one name: when a process of another
   * boot wrote the note after this machine came up, it is a process of another machine.
   */
  #canSee({ changedAt }: FoundNote, note: LockNote): boolean {
    const { host, space } = this.#processes;
    if (note.host !== host || note.space !== space) return false;
    const boot = this.#processes.boot();
    return boot === null || note.start === null || note.start.startsWith(`${boot.id}/`) || changedAt < boot.at;
  }

  /**
   * Whether this machine wrote the note before it last came up. Writing a note takes microseconds, so no process is
   * still writing a torn note of that age. A whole note of that age was not refreshed since, and its process ended with
   * that boot.
   */
  #isOfEarlierBoot(note: LockNote | null, changedAt: bigint): boolean {
    const boot = this.#processes.boot();
    if (boot === null || changedAt >= boot.at) return false;
    if (note === null) return true;
    return note.host === this.#processes.host && note.start !== null && !note.start.startsWith(`${boot.id}/`);
  }

  #busy(found: FoundNote, now: bigint): BtgetError {
    const { note, token, changedAt } = found;
    const who = note === null ? 'one that has just begun' : `process ${note.pid} on ${note.host}, since ${note.since}`;
    if (this.#stateOf(found, now) !== 'doubtful')
      return new BtgetError('target-busy', `another btget is working on ${this.#target}: ${who} (${this.#path})`);
    const wait = Number(this.#waitFor(found, now) / 1_000_000n) + 1;
    const until = new Date(Date.now() + wait).toISOString().replace(/\.\d+/, '');
    const doubt = found.isStrange ? 'as another user says' : 'which cannot be seen from here';
    const why = `another btget may be working on ${this.#target}, ${doubt}`;
    const message = `waiting for at most ${Math.ceil(wait / 1000)} s, until ${until}: ${why}: ${who} (${this.#path})`;
    return new LockInDoubt({ token, changedAt, wait, message });
  }
}

/** What a lock says of its process: one line of JSON, for the user and for the next btget. */
interface LockNote {
  readonly pid: number;
  readonly host: string;
  /** The space of processes in which the process id counts (`ProcessFacts`). */
  readonly space: string;
  /** When the process began, as in `ProcessFacts`; null where that cannot be known. */
  readonly start: string | null;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  /** Random, so that no two notes are equal. */
  readonly token: string;
}

export function encodeNote({ pid, host, space, start, since, token }: LockNote): Buffer {
  return Buffer.from(`${JSON.stringify({ pid, host, space, start, since, token })}\n`);
}

/** Null when it is no note of btget. Any user may have written it, and it is shown to the user. */
export function decodeNote(bytes: Buffer): LockNote | null {
  const value = parse(bytes.toString('utf8'));
  if (typeof value !== 'object' || value === null) return null;
  const { pid, host, space, start, since, token } = value as Readonly<Record<string, unknown>>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  if (!isWord(host) || !isWord(since) || typeof token !== 'string' || !/^[0-9a-f]{8}$/.test(token)) return null;
  if (!(space === '' || isWord(space)) || !(start === null || isWord(start))) return null;
  return { pid, host, space, start, since, token };
}

// After a power cut each sector of a note is there or not. A missing one is zeros, or is beyond the end of the file.
const BLANK = /^\0*$/;
const HEAD_ALONE = /^\{"pid":\d+,"host":"[\x21-\x7e]*\0*$/;
const TAIL_ALONE = /^\0+[\x21-\x7e]*"token":"[0-9a-f]{8}"\}\n$/;

/** Whether this may be what a power cut left of a note, or a note that is being written now. */
function isTornNote(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  return [BLANK, HEAD_ALONE, TAIL_ALONE].some((form) => form.test(text));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,255}$/.test(value);
}
