import type { DoneOutcome, FileIdentity } from '../disk/storage.js';
import { type FoundJournal, type JournalFile, type JournalReadOutcome, mayBeForged } from '../disk/target.js';
import type { InfoHash } from '../metainfo/metainfo.js';
import { isJournal, ownerIn } from './read-journal.js';

/** The names of journals that torrents of this process have: two torrents never write to one. */
export type TakenJournals = Set<string>;

/**
 * The journal of one torrent among several with the same name, in one folder. The journal of that name alone has
 * whoever came first; others have one with their info-hash in its name. A torrent finds its own again whichever it was:
 * the head of a journal says whose it is, and another torrent's is neither believed nor touched.
 */
export class OwnJournal implements JournalFile {
  readonly #plain: JournalFile;
  readonly #marked: JournalFile;
  readonly #infoHash: InfoHash;
  readonly #taken: TakenJournals;
  #chosen: JournalFile;
  #hasTaken = false;
  #isReleased = false;

  /** `plain` has the torrent's name alone, `marked` its info-hash too. */
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

  /** Decides which of the two it is. To be asked before anything else. */
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

  /** The torrent writes to no journal any more. */
  release(): void {
    this.#isReleased = true;
    if (this.#hasTaken) this.#taken.delete(this.#plain.path);
    this.#hasTaken = false;
  }

  /** One that may be forged must not hide the other. */
  #isOurs(found: FoundJournal): boolean {
    return !mayBeForged(found) && ownerIn(found.bytes)?.equals(this.#infoHash) === true;
  }

  /** A damaged head says of nobody that it is his. */
  #isAnothers(bytes: Buffer): boolean {
    const owner = ownerIn(bytes);
    return isJournal(bytes) && owner !== null && !owner.equals(this.#infoHash);
  }
}

/** Beyond what any clock says, nanoseconds: no file is as young as this, so that none is unchanged. */
const NEVER = 2n ** 63n - 1n;

/**
 * Of a file that is not there when the download begins: what the download makes under its part name is ours, though it
 * may be killed before it can say what that is like. No file has this inode and birth.
 */
export const NOT_THERE: FileIdentity = { length: 0, changedAt: NEVER, inode: 0n, bornAt: NEVER };

/** What a journal says of a file of ours when it says nothing of its bytes: all of them have to prove themselves. */
export function isNotThere({ inode, bornAt }: FileIdentity): boolean {
  return inode === NOT_THERE.inode && bornAt === NOT_THERE.bornAt;
}

/** Says whose a file is, and nothing of what is in it. */
export function claimOf(identity: FileIdentity): FileIdentity {
  return { ...identity, changedAt: NEVER };
}
