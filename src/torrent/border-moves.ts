/** Brings home what lies aside of files that are selected now. */
import type { DoneOutcome, FileSurvey, Storage } from '../disk/storage.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../metainfo/piece-layout.js';
import type { WantedContent } from './wanted-content.js';

const MOVE_LENGTH = 1 << 20;

/** Verified pieces with bytes of a selected file that was not there: they can only lie aside. In order. */
export function piecesToMove(
  metainfo: Pick<Metainfo, 'files'>,
  layout: PieceLayout,
  content: Pick<WantedContent, 'files'>,
  survey: readonly FileSurvey[],
  verified: ReadonlySet<PieceIndex>,
): PieceIndex[] {
  const absent = new Set<number>();
  for (const index of content.files) {
    const file = metainfo.files[index];
    if (file === undefined || survey[index]?.found !== 'absent') continue;
    const { first, end } = piecesOfFile(file, layout);
    // A piece within the file would not be verified.
    if (first < end) absent.add(first).add(end - 1);
  }
  return [...verified].filter((piece) => absent.has(piece)).sort((a, b) => a - b);
}

/** Copies each piece to where its bytes belong, and proves the copy. A piece that is wrong then is told to `lost`. */
export function movePieces(
  storage: Pick<Storage, 'readBlocks' | 'writeBlock' | 'checkPiece'>,
  layout: PieceLayout,
  pieces: readonly PieceIndex[],
  lost: (piece: PieceIndex) => void,
  answered: (outcome: DoneOutcome) => void,
): void {
  const next = (at: number): void => {
    const piece = pieces[at];
    if (piece === undefined) {
      answered({ ok: true });
      return;
    }
    copyPiece(storage, layout, piece, (copied) => {
      if (!copied.ok) {
        answered(copied);
        return;
      }
      storage.checkPiece(piece, (checked) => {
        if (!checked.ok) {
          answered(checked);
          return;
        }
        if (!checked.matches) lost(piece);
        next(at + 1);
      });
    });
  };
  next(0);
}

function copyPiece(
  storage: Pick<Storage, 'readBlocks' | 'writeBlock'>,
  layout: PieceLayout,
  piece: PieceIndex,
  answered: (outcome: DoneOutcome) => void,
): void {
  const length = layout.lengthOf(piece);
  const next = (begin: number): void => {
    if (begin >= length) {
      answered({ ok: true });
      return;
    }
    const bytes = Buffer.alloc(Math.min(MOVE_LENGTH, length - begin));
    storage.readBlocks([{ piece, begin, into: bytes }], (read) => {
      if (!read.ok) answered(read);
      else {
        storage.writeBlock(piece, begin, bytes, (written) => {
          if (written.ok) next(begin + bytes.length);
          else answered(written);
        });
      }
    });
  };
  next(0);
}
