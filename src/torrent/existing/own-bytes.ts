/**
 * Tells which files are not proven by a verified piece. A piece that files share may have been found with the bytes of
 * one of them in the border file. Then it says nothing of what lies under that file's name: that may be a stranger's.
 */
import type { FileSurvey, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import { SharedPieces } from '../../metainfo/shared-pieces.js';
import type { WantedContent } from '../content/wanted-content.js';
import type { TorrentOptions } from '../torrent-options.js';
import { inParts } from './border-moves.js';
import type { SurveyedFiles } from './data-check.js';

export interface OwnBytesParts {
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly layout: PieceLayout;
  readonly content: Pick<WantedContent, 'files'>;
  readonly options: Pick<TorrentOptions, 'partNames'>;
  readonly storage: Pick<Storage, 'readBlocks'>;
}

/**
 * Answers with the files, by index in the metainfo, of which pieces are verified and no byte need be right: none of
 * these pieces is the file's alone, and where they overlap with the file, it has other bytes than they have. Files in
 * `known` are left out. Does not answer once the storage is closed.
 */
export function findUnproven(
  parts: OwnBytesParts,
  { files: survey, hasBorderFile }: SurveyedFiles,
  verified: ReadonlySet<PieceIndex>,
  known: ReadonlySet<number>,
  answered: (unproven: ReadonlySet<number>) => void,
): void {
  const { metainfo, layout, content, options, storage } = parts;
  // Without part names a final name does not say that nothing of the file lies aside.
  const isAside = (found: FileSurvey['found'], file: number): boolean =>
    found === 'part' || (found === 'final' && !(options.partNames && content.files.has(file)));
  const unproven = new Set<number>();
  if (!hasBorderFile) {
    answered(unproven);
    return;
  }
  const shared = new SharedPieces(metainfo.files, layout);
  const doubtful = metainfo.files.flatMap((file, index) => {
    const { found } = survey[index] as FileSurvey;
    const pieces = isAside(found, index) && !known.has(index) ? sharedAlone(file, layout, verified, shared) : [];
    return pieces.length === 0 ? [] : [{ file, index, pieces }];
  });
  const look = (at: number): void => {
    const doubt = doubtful[at];
    if (doubt === undefined) {
      answered(unproven);
      return;
    }
    const { file, index, pieces } = doubt;
    compare(storage, file, layout, pieces, (isEqual) => {
      if (!isEqual) unproven.add(index);
      look(at + 1);
    });
  };
  look(0);
}

/** The verified pieces of the file, when all of them are shared; none when one is not. */
function sharedAlone(
  file: TorrentFile,
  layout: PieceLayout,
  verified: ReadonlySet<PieceIndex>,
  shared: SharedPieces,
): PieceIndex[] {
  const pieces: PieceIndex[] = [];
  const { first, end } = piecesOfFile(file, layout);
  for (let number = first; number < end; number += 1) {
    const piece = layout.pieceIndex(number);
    if (piece === undefined || !verified.has(piece)) continue;
    if (!shared.has(piece)) return [];
    pieces.push(piece);
  }
  return pieces;
}

/** Whether the file itself has the bytes of one of the verified `pieces` that belong to it. */
function compare(
  storage: Pick<Storage, 'readBlocks'>,
  file: TorrentFile,
  layout: PieceLayout,
  pieces: readonly PieceIndex[],
  answered: (isEqual: boolean) => void,
): void {
  const [piece, ...others] = pieces;
  if (piece === undefined) {
    answered(false);
    return;
  }
  const begin = Math.max(0, file.begin - layout.beginOf(piece));
  const end = Math.min(layout.lengthOf(piece), file.begin + file.length - layout.beginOf(piece));
  const runs = inParts({ begin, length: end - begin });
  const next = (at: number): void => {
    const run = runs[at];
    if (run === undefined) {
      answered(true);
      return;
    }
    const right = Buffer.alloc(run.length);
    const own = Buffer.alloc(run.length);
    const differs = (): void => compare(storage, file, layout, others, answered);
    storage.readBlocks([{ piece, begin: run.begin, into: right }], (verified) => {
      if (!verified.ok) {
        differs();
        return;
      }
      storage.readBlocks([{ piece, begin: run.begin, into: own, inFiles: true }], (read) => {
        if (read.ok && own.equals(right)) next(at + 1);
        else differs();
      });
    });
  };
  next(0);
}
