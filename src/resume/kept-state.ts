import type { FileIdentity } from '../disk/storage.js';
import type { PieceIndex, PieceLayout, PieceRun } from '../metainfo/piece-layout.js';
import { Bitfield } from '../wire/bitfield.js';
import type { JournalRecord } from './journal-format.js';
import { claimOf } from './own-journal.js';

/** Everything that a journal says, so that it can be said again in fewer words. */
export class KeptState {
  readonly #layout: PieceLayout;
  readonly #newestLength: number;
  readonly #pieces: Bitfield;
  readonly #files = new Map<number, FileIdentity>();
  /** The pieces that came last, in order: of at least `newestLength` bytes, or all that came. */
  #newest: PieceIndex[] = [];

  constructor(layout: PieceLayout, newestLength: number) {
    this.#layout = layout;
    this.#newestLength = newestLength;
    this.#pieces = new Bitfield(layout.pieceCount);
  }

  /** What is there at the start; none of it is new. */
  begin(pieces: readonly PieceIndex[], files: ReadonlyMap<number, FileIdentity>): void {
    for (const piece of pieces) this.#pieces.set(piece);
    for (const [file, identity] of files) this.#files.set(file, identity);
  }

  add(pieces: readonly PieceIndex[], files: ReadonlyMap<number, FileIdentity>): void {
    this.begin(pieces, files);
    for (const piece of pieces) this.#newest.push(piece);
    // Looked at only when it has doubled, so that each piece costs the same however many there are.
    const enough = Math.ceil(this.#newestLength / this.#layout.pieceLength) + 1;
    if (this.#newest.length >= enough * 2) this.#newest = this.#newest.slice(-enough);
  }

  knows(file: number, { inode, bornAt }: FileIdentity): boolean {
    const then = this.#files.get(file);
    return then?.inode === inode && then.bornAt === bornAt;
  }

  /** Whose the files are, and nothing of what is in them. */
  claims(): JournalRecord[] {
    const files = [...this.#files].map(([file, identity]) => [file, claimOf(identity)] as const);
    return [{ kind: 'files', files: new Map(files) }];
  }

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

/** In the given order, so that what came last stands last. */
export function runsOf(pieces: readonly number[]): PieceRun[] {
  const runs: { first: number; end: number }[] = [];
  for (const piece of pieces) {
    const last = runs.at(-1);
    if (last?.end === piece) last.end += 1;
    else runs.push({ first: piece, end: piece + 1 });
  }
  return runs;
}
