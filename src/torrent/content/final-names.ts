/**
 * Chooses between two files with the two names of one. A file may lie under the final name, and another one, ours or a
 * stranger's, under the part name. The one under the final name counts when it is right as far as we can check it.
 */
import type { BtgetError } from '../../base/failure.js';
import type { FileSurvey, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import { Bitfield } from '../../wire/bitfield.js';
import { piecesToCheck } from '../existing/adoption.js';
import { DEFAULT_INITIAL_CHECK_OPTIONS, InitialCheck } from '../existing/data-check.js';

export interface FinalNamesParts {
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly layout: PieceLayout;
  readonly storage: Pick<Storage, 'passOverParts' | 'useParts' | 'checkPiece'>;
}

/** The choice for all files; they are named by index in the metainfo. */
export interface FinalNames {
  readonly ok: true;
  /** For each file, what the disk holds of the one that counts. */
  readonly files: readonly FileSurvey[];
  /** Files of which the one under the final name counts, whole or not. Another file lies under the part name. */
  readonly chosen: ReadonlySet<number>;
  /**
   * Files of which the one under the part name counts, while a wrong file has the final name. The download could not
   * end, because this file is in the way.
   */
  readonly inTheWay: ReadonlySet<number>;
}

export type FinalNamesOutcome = FinalNames | { readonly ok: false; readonly failure: BtgetError };

/**
 * Hashes the files under final names that also have another under their part names. Answers once, perhaps in the call.
 */
export function chooseFinalNames(
  { metainfo, layout, storage }: FinalNamesParts,
  survey: readonly FileSurvey[],
  answered: (outcome: FinalNamesOutcome) => void,
): void {
  const both = survey.flatMap(({ hasFinalBeside, isPartTaken }, file) =>
    hasFinalBeside === true || isPartTaken === true ? [file] : [],
  );
  if (both.length === 0) {
    answered({ ok: true, files: survey, chosen: new Set(), inTheWay: new Set() });
    return;
  }
  storage.passOverParts(both, (passed) => {
    if (!passed.ok) {
      answered(passed);
      return;
    }
    const finals = [...survey];
    for (const [at, file] of both.entries()) finals[file] = passed.files[at] as FileSurvey;
    const ofBoth = new Bitfield(layout.pieceCount);
    for (const file of both) addPieces(ofBoth, metainfo.files[file] as TorrentFile, layout);
    const verified = new Set<number>();
    const lookedAt = new Set<number>();
    const pieces = piecesToCheck(metainfo, layout, finals, null).filter(
      (piece) => ofBoth.has(piece) && layout.isProvable(piece),
    );
    let failure: BtgetError | null = null;
    const checkEnded = (): void => {
      if (failure === null) end();
      else answered({ ok: false, failure });
    };
    const end = (): void => {
      const growing = new Bitfield(layout.pieceCount);
      for (const [index, file] of metainfo.files.entries())
        if (!file.padding && finals[index]?.found !== 'final') addPieces(growing, file, layout);
      const chosen = new Set<number>();
      const inTheWay = new Set<number>();
      for (const index of both) {
        // A download cannot go on with a part name that a folder or the like has.
        if (survey[index]?.isPartTaken === true) {
          chosen.add(index);
          continue;
        }
        const file = metainfo.files[index] as TorrentFile;
        const { first, end: last } = piecesOfFile(file, layout);
        let isRight = finals[index]?.length === file.length;
        let isProved = file.length === 0;
        for (let piece = first; piece < last && isRight; piece += 1) {
          if (verified.has(piece)) isProved = true;
          else if (lookedAt.has(piece) && !growing.has(piece)) isRight = false;
        }
        if (!isRight) inTheWay.add(index);
        // A file that is neither wrong nor proved is compared later, when the download has its own copy.
        else if (isProved) chosen.add(index);
      }
      storage.useParts(both.filter((file) => !chosen.has(file)));
      const files = survey.map((found, file) => (chosen.has(file) ? (finals[file] as FileSurvey) : found));
      answered({ ok: true, files, chosen, inTheWay });
    };
    if (pieces.length === 0) {
      end();
      return;
    }
    new InitialCheck(storage, pieces, DEFAULT_INITIAL_CHECK_OPTIONS, {
      pieceChecked: (piece, matches, isRead) => {
        if (isRead) lookedAt.add(piece);
        if (matches) verified.add(piece);
      },
      checkFailed: (_piece, reason) => {
        failure ??= reason;
      },
      checkEnded,
    }).start();
  });
}

function addPieces(pieces: Bitfield, file: TorrentFile, layout: PieceLayout): void {
  const { first, end } = piecesOfFile(file, layout);
  for (let piece = first; piece < end; piece += 1) pieces.set(piece);
}
