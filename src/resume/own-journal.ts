import type { DoneOutcome, FileIdentity } from '../disk/storage.js';
import { type FoundJournal, type JournalFile, type JournalReadOutcome, mayBeForged } from '../disk/target.js';
import type { InfoHash } from '../metainfo/info-hash.js';
import { isJournal, ownerIn } from './read-journal.js';

/** The paths of journals that torrents of this process use. Two torrents never write to the same one. */
export type TakenJournals = Set<string>;

/**
 * The journal of one torrent, in a folder that may hold several torrents of the same name. The first of them has the
 * journal with this name alone, and the others have journals with their info-hash in the name. A torrent finds its own
 * journal again in both cases: the head of a journal names its torrent. The journal of another torrent is neither
 * believed nor touched.
 */
export class OwnJournal implements JournalFile {
  readonly #plain: JournalFile;
  readonly #marked: JournalFile;
  readonly #infoHash: InfoHash;
  readonly #taken: TakenJournals;
  #chosen: JournalFile;
  #others: string | null = null;
  #hasTaken = false;
  #isReleased = false;

  /** `plain` is named after the torrent alone, `marked` also after its info-hash. */
  constructor(plain: JournalFile, marked: JournalFile, infoHash: InfoHash, taken: TakenJournals) {
    this.#plain = plain;
    this.#marked = marked;
    this.#infoHash = infoHash;
    this.#taken = taken;
    this.#chosen = plain;
  }

  get path(): string {
    return this.#chosen.path;
  }

  /** The path of the journal of another torrent of the same name, when one lies there; null when none does. */
  get othersPath(): string | null {
    return this.#others;
  }

  /** Decides which of the two files is used, and reads it. The caller must call this before any other method. */
  read(answered: (outcome: JournalReadOutcome) => void): void {
    this.#marked.read((marked) => {
      const found = marked.ok ? marked.found : null;
      if ((found !== null && this.#isOurs(found)) || this.#taken.has(this.#plain.path)) {
        this.#chosen = this.#marked;
        answered(marked);
        return;
      }
      this.#plain.read((plain) => {
        const isOthers = plain.ok && plain.found !== null && this.#isAnothers(plain.found.bytes);
        if (isOthers || this.#taken.has(this.#plain.path)) {
          if (isOthers) this.#others = this.#plain.path;
          this.#chosen = this.#marked;
          answered(marked);
          return;
        }
        if (!this.#isReleased) {
          this.#taken.add(this.#plain.path);
          this.#hasTaken = true;
        }
        answered(plain);
      });
    });
  }

  append(bytes: Buffer, flushes: boolean, answered: (outcome: DoneOutcome) => void): void {
    this.#chosen.append(bytes, flushes, answered);
  }

  replace(bytes: Buffer, answered: (outcome: DoneOutcome) => void): void {
    this.#chosen.replace(bytes, answered);
  }

  remove(answered: (outcome: DoneOutcome) => void): void {
    this.#chosen.remove(answered);
  }

  /** The torrent writes to no journal after this, so another torrent may use the name. */
  release(): void {
    this.#isReleased = true;
    if (this.#hasTaken) this.#taken.delete(this.#plain.path);
    this.#hasTaken = false;
  }

  /** A file that may be forged is not ours: it must not hide the other one. */
  #isOurs(found: FoundJournal): boolean {
    return !mayBeForged(found) && ownerIn(found.bytes)?.equals(this.#infoHash) === true;
  }

  /** Whether the journal belongs to another torrent. A damaged head names no torrent. */
  #isAnothers(bytes: Buffer): boolean {
    const owner = ownerIn(bytes);
    return isJournal(bytes) && owner !== null && !owner.equals(this.#infoHash);
  }
}

/** A time in nanoseconds that no clock reaches. No file has it, so a file with it in the journal counts as changed. */
const NEVER = 2n ** 63n - 1n;

/**
 * The journal's record of a file that is not there when the download begins. A part file that appears later is ours,
 * even when the download is killed before it can record the file's real identity. No file has this inode and birth.
 */
export const NOT_THERE: FileIdentity = { length: 0, changedAt: NEVER, inode: 0n, bornAt: NEVER };

/** Whether this is `NOT_THERE`. Then the file is ours, and all its bytes have to prove themselves. */
export function isNotThere({ inode, bornAt }: FileIdentity): boolean {
  return inode === NOT_THERE.inode && bornAt === NOT_THERE.bornAt;
}

/** An identity that says that the file is ours, and nothing of its bytes: all of them have to prove themselves. */
export function claimOf(identity: FileIdentity): FileIdentity {
  return { ...identity, changedAt: NEVER };
}

/** Whether this is from `claimOf`. */
export function isClaim(identity: FileIdentity): boolean {
  return identity.changedAt === NEVER && !isNotThere(identity);
}
