/**
 * Moves bytes from the border file to their own files. The border file holds bytes of files that are not selected, from
 * pieces that these share with selected files. When such a file is selected later, its bytes have to come to it.
 */
import type { DoneOutcome, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import { SharedPieces } from '../../metainfo/shared-pieces.js';
import type { WantedContent } from '../content/wanted-content.js';

/** How many bytes are copied at once. */
const MOVE_LENGTH = 1 << 20;

/** `length` bytes of a piece from `begin` on. */
interface Run {
  readonly begin: number;
  readonly length: number;
}

/** The bytes of a verified piece that have to be written again, so that all lie where the selection wants them. */
export interface BorderMove {
  readonly piece: PieceIndex;
  readonly runs: readonly Run[];
}

/**
 * The moves for all verified pieces with bytes of a selected file that was not `whole`: these bytes may lie in the
 * border file. A whole file has all its bytes, and nothing is written to it.
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

/**
 * Writes the bytes of each move to where they belong, and hashes the piece there. `lost` hears of a piece that is
 * wrong.
 */
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

/** Reads runs of a verified piece and writes them to where they belong now. */
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

/** Cuts a run into parts, so that copying it needs little memory. */
export function inParts({ begin, length }: Run): Run[] {
  return Array.from({ length: Math.ceil(length / MOVE_LENGTH) }, (_, part) => ({
    begin: begin + part * MOVE_LENGTH,
    length: Math.min(MOVE_LENGTH, length - part * MOVE_LENGTH),
  }));
}
