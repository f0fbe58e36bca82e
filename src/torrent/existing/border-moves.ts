/** Brings home what lies aside of files that are selected now. */
import type { DoneOutcome, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import { SharedPieces } from '../../metainfo/shared-pieces.js';
import type { WantedContent } from '../content/wanted-content.js';

const MOVE_LENGTH = 1 << 20;

/** A run of bytes of a piece. */
interface Run {
  readonly begin: number;
  readonly length: number;
}

/** What of a verified piece has to be written again, so that all of it lies where its files' selection says. */
export interface BorderMove {
  readonly piece: PieceIndex;
  readonly runs: readonly Run[];
}

/**
 * The verified pieces with bytes of a selected file that was not `whole`: these may lie aside. A whole file has its
 * bytes, and is not written to.
 */
export function findBorderMoves(
  metainfo: Pick<Metainfo, 'files'>,
  layout: PieceLayout,
  content: Pick<WantedContent, 'files'>,
  whole: ReadonlySet<number>,
  verified: ReadonlySet<PieceIndex>,
): BorderMove[] {
  const shared = new SharedPieces(metainfo.files, layout);
  const moves = new Map<number, { piece: PieceIndex; runs: Run[] }>();
  for (const index of content.files) {
    const { first, end } = piecesOfFile(metainfo.files[index] as TorrentFile, layout);
    for (const number of whole.has(index) || first === end ? [] : [first, end - 1]) {
      const piece = layout.pieceIndex(number);
      if (piece !== undefined && shared.has(piece) && verified.has(piece) && !moves.has(piece))
        moves.set(piece, { piece, runs: [] });
    }
  }
  for (const [index, file] of moves.size === 0 ? [] : metainfo.files.entries()) {
    if (file.padding || (content.files.has(index) && whole.has(index))) continue;
    const { first, end } = piecesOfFile(file, layout);
    for (const number of new Set(first === end ? [] : [first, end - 1])) {
      const begin = Math.max(0, file.begin - number * layout.pieceLength);
      const length = Math.min(layout.pieceLength, file.begin + file.length - number * layout.pieceLength) - begin;
      moves.get(number)?.runs.push({ begin, length });
    }
  }
  return [...moves.values()];
}

/** Writes each piece to where it belongs, and proves it there. One that is wrong then is told to `lost`. */
export function moveBorders(
  storage: Pick<Storage, 'readBlocks' | 'writeBlock' | 'checkPiece'>,
  moves: readonly BorderMove[],
  lost: (piece: PieceIndex) => void,
  answered: (outcome: DoneOutcome) => void,
): void {
  const next = (at: number): void => {
    const move = moves[at];
    if (move === undefined) {
      answered({ ok: true });
      return;
    }
    copyRuns(storage, move.piece, move.runs.flatMap(inParts), (copied) => {
      if (!copied.ok) {
        answered(copied);
        return;
      }
      storage.checkPiece(move.piece, (checked) => {
        if (!checked.ok) {
          answered(checked);
          return;
        }
        if (!checked.matches) lost(move.piece);
        next(at + 1);
      });
    });
  };
  next(0);
}

/** Writes runs of a verified piece again, to where they belong. */
export function copyRuns(
  storage: Pick<Storage, 'readBlocks' | 'writeBlock'>,
  piece: PieceIndex,
  runs: readonly Run[],
  answered: (outcome: DoneOutcome) => void,
): void {
  const next = (at: number): void => {
    const run = runs[at];
    if (run === undefined) {
      answered({ ok: true });
      return;
    }
    const into = Buffer.alloc(run.length);
    storage.readBlocks([{ piece, begin: run.begin, into }], (read) => {
      if (!read.ok) answered(read);
      else {
        storage.writeBlock(piece, run.begin, into, (written) => {
          if (written.ok) next(at + 1);
          else answered(written);
        });
      }
    });
  };
  next(0);
}

/** Cuts a run, so that little memory is enough for copying it. */
export function inParts({ begin, length }: Run): Run[] {
  return Array.from({ length: Math.ceil(length / MOVE_LENGTH) }, (_, part) => ({
    begin: begin + part * MOVE_LENGTH,
    length: Math.min(MOVE_LENGTH, length - part * MOVE_LENGTH),
  }));
}
