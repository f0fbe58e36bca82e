/** Takes the room on the disk before the download needs it: it writes zeros where the disk holds no useful bytes. */
import type { DoneOutcome, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { WantedContent } from '../content/wanted-content.js';

/** Bytes of one write: many enough to be fast, few enough that Ctrl-C is heard soon. */
const WRITE_LENGTH = 1 << 20;
/** How many writes are under way, so that the next is ready when the disk ends one. */
const AT_ONCE = 4;

export interface PreallocationParts {
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly layout: PieceLayout;
  readonly content: Pick<WantedContent, 'files'>;
  readonly storage: Pick<Storage, 'writeBlock'>;
  /** Whether the disk holds the piece, or blocks of it. */
  readonly isUsed: (piece: PieceIndex) => boolean;
  /** Bytes of room that each file has already, by index in the metainfo. */
  readonly allocated: readonly number[];
  /** The progress: bytes that were written, and bytes to write in all. */
  readonly progress: (written: number, length: number) => void;
}

/** Answers once: after the last write, or with the first failure. It does not answer once the storage is closed. */
export function preallocate(parts: PreallocationParts, answered: (outcome: DoneOutcome) => void): void {
  const gaps = findGaps(parts);
  const length = gaps.reduce((sum, gap) => sum + gap.length, 0);
  const zeros = Buffer.alloc(WRITE_LENGTH);
  let begun = 0;
  let underWay = 0;
  let written = 0;
  let ended = false;
  const end = (outcome: DoneOutcome): void => {
    if (ended) return;
    ended = true;
    answered(outcome);
  };
  const next = (): void => {
    while (!ended && underWay < AT_ONCE) {
      const gap = gaps[begun];
      if (gap === undefined) break;
      begun += 1;
      underWay += 1;
      parts.storage.writeBlock(gap.piece, gap.begin, zeros.subarray(0, gap.length), (outcome) => {
        underWay -= 1;
        if (!outcome.ok) {
          end(outcome);
          return;
        }
        written += gap.length;
        parts.progress(written, length);
        next();
      });
    }
    if (underWay === 0) end({ ok: true });
  };
  parts.progress(0, length);
  next();
}

/** Bytes of one piece to fill with zeros. */
interface Gap {
  readonly piece: PieceIndex;
  readonly begin: number;
  readonly length: number;
}

/** The parts of the wanted files without useful bytes, file by file. A file that has all its room is left out. */
function findGaps({ metainfo, layout, content, isUsed, allocated }: PreallocationParts): Gap[] {
  const gaps: Gap[] = [];
  for (const index of content.files) {
    const file = metainfo.files[index] as TorrentFile;
    if (file.symlink !== null || (allocated[index] ?? 0) >= file.length) continue;
    const end = file.begin + file.length;
    for (let at = file.begin; at < end; ) {
      const piece = layout.pieceIndex(Math.floor(at / layout.pieceLength)) as PieceIndex;
      const inPiece = at - layout.beginOf(piece);
      const length = Math.min(WRITE_LENGTH, end - at, layout.lengthOf(piece) - inPiece);
      if (!isUsed(piece)) gaps.push({ piece, begin: inPiece, length });
      at += length;
    }
  }
  return gaps;
}
