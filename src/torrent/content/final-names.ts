/**
 * Files that lie under both of their names: one that is whole, and beside it what was once begun, by us or by a
 * stranger. The one with the final name is what counts when it is right as far as it can be looked at.
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

export interface FinalNames {
  readonly ok: true;
  /** What each file is like that counts. */
  readonly files: readonly FileSurvey[];
  /** Files that are those under their final names, whole or not; something else lies under their part names. */
  readonly chosen: ReadonlySet<number>;
  /**
   * Files whose final names somebody has who is in the way: the download goes on under the part name, and could not
   * end.
   */
  readonly inTheWay: ReadonlySet<number>;
}

export type FinalNamesOutcome = FinalNames | { readonly ok: false; readonly failure: BtgetError };

/** Answers once, perhaps within the call. What has both names is hashed under its final one. */
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
    const pieces = piecesToCheck(metainfo, layout, finals, null).filter((piece) => ofBoth.has(piece));
    let failure: BtgetError | null = null;
    const checkEnded = (): void => {
      if (failure === null) end();
      else answered({ ok: false, failure });
    };
    const end = (): void => {
      const growing = new Bitfield(layout.pieceCount);
      for (const [index, file] of metainfo.files.entries())
        if (!file.padding && finals[index]?.found !== 'final') addPieces(growing, file, layout);
      const lookedAt = new Set<number>(pieces);
      const chosen = new Set<number>();
      const inTheWay = new Set<number>();
      for (const index of both) {
        // What is no file is never gone on with.
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
        // Of one that cannot be looked at nobody knows yet: it is compared when the download has its own.
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
      pieceChecked: (piece, matches) => {
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
