/**
 * Handles files that a download finds behind the user's own links. A file that is whole is used as it is. Nothing is
 * written through a link. When the file is right as far as we can check it, its verified pieces are copied, and the
 * copy grows like any file. When the copy is whole and the file behind the link has the same bytes, the copy is removed
 * and the link stays.
 */
import { BtgetError } from '../../base/failure.js';
import type { DoneOutcome, FileSurvey, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import type { WantedContent } from '../content/wanted-content.js';
import { filePath, type TorrentOptions } from '../torrent-options.js';
import type { Verdict } from './adoption.js';
import { copyRuns, inParts } from './border-moves.js';

export interface LinkedFilesParts {
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly layout: PieceLayout;
  readonly content: Pick<WantedContent, 'files'>;
  readonly options: Pick<TorrentOptions, 'dir' | 'outputName' | 'partNames'>;
  readonly survey: readonly FileSurvey[];
  readonly verdicts: readonly Verdict[];
  readonly isLookedAt: (piece: number) => boolean;
  readonly isVerified: (piece: number) => boolean;
  /** Whether files may be copied: only before the torrent exchanges pieces. */
  readonly mayCopy: boolean;
}

export type LinkedFilesOutcome =
  /** The files to copy, by index in the metainfo. */
  { readonly ok: true; readonly toCopy: readonly number[] } | { readonly ok: false; readonly failure: BtgetError };

/** Decides which linked files are copied, or why the download must not begin. */
export function judgeLinkedFiles(parts: LinkedFilesParts): LinkedFilesOutcome {
  const { metainfo, content, options, survey, verdicts, mayCopy } = parts;
  const toCopy: number[] = [];
  for (const [index, { linked, found }] of survey.entries()) {
    if (linked === undefined || verdicts[index] === 'whole' || !content.files.has(index)) continue;
    const file = metainfo.files[index] as TorrentFile;
    if (linked.kind === 'file' && mayCopy && options.partNames && mayBeWhole(parts, index, file)) {
      toCopy.push(index);
      continue;
    }
    const path = filePath(file, options);
    const never = 'nothing is written through a link';
    if (linked.kind === 'folder') {
      const what = found === 'absent' ? 'is missing' : 'is not known to be whole';
      const message = `${path} ${what}, and lies behind a link that leaves ${options.dir}: ${never}`;
      return failed(new BtgetError(found === 'absent' ? 'cannot-open' : 'foreign-file', message));
    }
    const where = linked.path === null ? 'that leads nowhere' : 'to a file that is not whole';
    return failed(new BtgetError('foreign-file', `${path} is a link ${where}, and ${never}`));
  }
  return { ok: true, toCopy };
}

/** Whether the file has the right length and no piece of it is known to be wrong. */
function mayBeWhole(
  { layout, survey, isLookedAt, isVerified }: LinkedFilesParts,
  index: number,
  file: TorrentFile,
): boolean {
  const found = survey[index];
  if (found?.found !== 'final' || found.length !== file.length) return false;
  const { first, end } = piecesOfFile(file, layout);
  for (let piece = first; piece < end; piece += 1) if (isLookedAt(piece) && !isVerified(piece)) return false;
  return true;
}

/**
 * Copies the verified pieces of each of `files` to where the download writes them, and hashes them there. `lost` hears
 * of a piece that is wrong.
 */
export function copyLinkedFiles(
  storage: Pick<Storage, 'readBlocks' | 'writeBlock' | 'checkPiece' | 'useCopy'>,
  { metainfo, layout, isVerified }: Pick<LinkedFilesParts, 'metainfo' | 'layout' | 'isVerified'>,
  files: readonly number[],
  lost: (piece: PieceIndex) => void,
  answered: (outcome: DoneOutcome) => void,
): void {
  const [index, ...others] = files;
  if (index === undefined) {
    answered({ ok: true });
    return;
  }
  const file = metainfo.files[index] as TorrentFile;
  const { first, end } = piecesOfFile(file, layout);
  const pieces: PieceIndex[] = [];
  for (let at = first; at < end; at += 1) {
    const piece = layout.pieceIndex(at);
    if (piece !== undefined && isVerified(piece)) pieces.push(piece);
  }
  const copy = (at: number): void => {
    const piece = pieces[at];
    if (piece === undefined) {
      storage.useCopy(index);
      prove(0);
      return;
    }
    const begin = Math.max(0, file.begin - layout.beginOf(piece));
    const length = Math.min(layout.lengthOf(piece), file.begin + file.length - layout.beginOf(piece)) - begin;
    copyRuns(storage, piece, inParts({ begin, length }), (copied) => {
      if (copied.ok) copy(at + 1);
      else answered(copied);
    });
  };
  const prove = (at: number): void => {
    const piece = pieces[at];
    if (piece === undefined) {
      copyLinkedFiles(storage, { metainfo, layout, isVerified }, others, lost, answered);
      return;
    }
    storage.checkPiece(piece, (checked) => {
      if (!checked.ok) {
        answered(checked);
        return;
      }
      if (!checked.matches) lost(piece);
      prove(at + 1);
    });
  };
  copy(0);
}

function failed(failure: BtgetError): LinkedFilesOutcome {
  return { ok: false, failure };
}
