import { isSameInode } from '../disk/same-file.js';
import type { FileIdentity } from '../disk/storage.js';
import type { PieceIndex, PieceLayout, PieceRun } from '../metainfo/piece-layout.js';
import { Bitfield } from '../wire/bitfield.js';
import type { JournalRecord } from './journal-format.js';
import { claimOf } from './own-journal.js';

/** Everything that a journal says of pieces and files, so that it can be written anew in fewer records. */
export class KeptState {
  readonly #layout: PieceLayout;
  readonly #newestLength: number;
  readonly #pieces: Bitfield;
  readonly #files = new Map<number, FileIdentity>();
  /** The pieces that came last, in order: all that came, or at least `newestLength` bytes of them. */
  #newest: PieceIndex[] = [];

  constructor(layout: PieceLayout, newestLength: number) {
    this.#layout = layout;
    this.#newestLength = newestLength;
    this.#pieces = new Bitfield(layout.pieceCount);
  }

  /** Takes what is there at the start. None of these pieces count as new. */
  begin(pieces: readonly PieceIndex[], files: ReadonlyMap<number, FileIdentity>): void {
    for (const piece of pieces) this.#pieces.set(piece);
    for (const [file, identity] of files) this.#files.set(file, identity);
  }

  /** Takes pieces that were flushed, and the identities of files at that flush. */
  add(pieces: readonly PieceIndex[], files: ReadonlyMap<number, FileIdentity>): void {
    this.begin(pieces, files);
    for (const piece of pieces) this.#newest.push(piece);
    // The list is cut only when it has doubled, so that the cost for each piece does not grow with their number.
    const enough = Math.ceil(this.#newestLength / this.#layout.pieceLength) + 1;
    if (this.#newest.length >= enough * 2) this.#newest = this.#newest.slice(-enough);
  }

  /** Whether this is the file that the journal has under this index: inode and birth are the same. */
  knows(file: number, identity: FileIdentity): boolean {
    return this.recordOf(file, identity) !== null;
  }

  /** What the journal has of the file when this is the one that it has under this index; else null. */
  recordOf(file: number, identity: FileIdentity): FileIdentity | null {
    const then = this.#files.get(file);
    return then !== undefined && isSameInode(then, identity) ? then : null;
  }

  /** A record that says that the files are ours, and nothing of their bytes. */
  claims(): JournalRecord[] {
    const files = [...this.#files].map(([file, identity]) => [file, claimOf(identity)] as const);
    return [{ kind: 'files', files: new Map(files) }];
  }

  /** All that is known, as records. The newest pieces come last. */
  records(): JournalRecord[] {
    const newest = new Set<number>(this.#newest);
    const older = Array.from(this.#layout.pieceIndices()).filter(
      (piece) => this.#pieces.has(piece) && !newest.has(piece),
    );
    return [
      { kind: 'files', files: this.#files },
      { kind: 'pieces', runs: runsOf(older) },
      { kind: 'pieces', runs: runsOf(this.#newest) },
    ];
  }
}

/** The pieces as runs, in the given order, so that the newest piece stays last. */
export function runsOf(pieces: readonly number[]): PieceRun[] {
  const runs: { first: number; end: number }[] = [];
  for (const piece of pieces) {
    const last = runs.at(-1);
    if (last?.end === piece) last.end += 1;
    else runs.push({ first: piece, end: piece + 1 });
  }
  return runs;
}
