/**
 * Judges the data that lies in the target folder before a download: which pieces are worth hashing and, once they are
 * hashed, which files are ours. Pure: the torrent asks the disk and carries out the verdicts.
 */
import type { FileSurvey } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import type { SharedPieces } from '../../metainfo/shared-pieces.js';
import { Bitfield } from '../../wire/bitfield.js';

type Content = Pick<Metainfo, 'files'>;

/**
 * The pieces that may be whole on the disk. Each of their bytes lies in a pad file, within the present length of its
 * file, or in the border file, which holds bytes of shared pieces only. Other pieces cannot match their hashes, so they
 * are not read. `aside` has the shared pieces when there is a border file; else it is null.
 */
export function piecesToCheck(
  content: Content,
  layout: PieceLayout,
  survey: readonly FileSurvey[],
  aside: Pick<SharedPieces, 'has'> | null,
): PieceIndex[] {
  const impossible = new Bitfield(layout.pieceCount);
  for (const [index, file] of content.files.entries()) {
    if (file.length === 0 || file.padding) continue;
    const present = Math.min(survey[index]?.length ?? 0, file.length);
    if (present === file.length) continue;
    const first = Math.floor((file.begin + present) / layout.pieceLength);
    const last = Math.floor((file.begin + file.length - 1) / layout.pieceLength);
    for (let piece = first; piece <= last; piece += 1) {
      if (aside?.has(piece) !== true) impossible.set(piece);
    }
  }
  const pieces: PieceIndex[] = [];
  for (const piece of layout.pieceIndices()) if (!impossible.has(piece)) pieces.push(piece);
  return pieces;
}

/**
 * What a file on the disk is to the download.
 *
 * - `whole`: every byte is verified, and the file has its final name.
 * - `demote`: the file has its final name and is not whole, but a piece of it is verified or we know that it is ours.
 *   It gets its part name and grows under it.
 * - `foreign`: the file was checked and shares nothing with the torrent, or it has the part name and nothing shows that
 *   we made it. The download leaves it alone.
 * - `unproved`: the file could not be checked, because its pieces reach into files that are not there or still grow. (A
 *   power cut may take bytes of those files after this file was flushed and got its name.) The download leaves it
 *   alone, and compares it with its own copy later.
 * - `ours`: the file is absent, or it has its part name and is verified in part, empty or known to be ours.
 */
export type Verdict = 'whole' | 'demote' | 'foreign' | 'unproved' | 'ours';

/** What we know so far of the data on the disk. */
export interface Evidence {
  /** Whether the piece was hashed or is believed. */
  isLookedAt(piece: number): boolean;
  /** Whether the piece is verified, and proves the file: what it holds of the file was read in the file itself. */
  isVerified(piece: number, file: number): boolean;
  /** Whether the journal says that this file is ours, whatever its bytes are. */
  isOurs(file: number): boolean;
}

/** One verdict for each file, in the order of the metainfo. */
export function judgeFiles(
  content: Content,
  layout: PieceLayout,
  survey: readonly FileSurvey[],
  evidence: Evidence,
): Verdict[] {
  const growing = new Bitfield(layout.pieceCount);
  for (const [index, file] of content.files.entries()) {
    // Without part names, files of ours grow under their final names.
    if (file.padding || (survey[index]?.found === 'final' && !evidence.isOurs(index))) continue;
    const { first, end } = piecesOfFile(file, layout);
    for (let piece = first; piece < end; piece += 1) growing.set(piece);
  }
  const refutes = (piece: number): boolean => evidence.isLookedAt(piece) && !growing.has(piece);
  return content.files.map((file, index) => judgeFile(file, index, layout, survey[index], evidence, refutes));
}

function judgeFile(
  file: TorrentFile,
  index: number,
  layout: PieceLayout,
  found: FileSurvey | undefined,
  { isVerified, isOurs }: Evidence,
  /** Whether a piece that is not verified shows that each of its files is wrong. */
  refutes: (piece: number) => boolean,
): Verdict {
  if (found === undefined || found.found === 'absent') return 'ours';
  if (found.found === 'part' && !found.bothNames)
    return judgePart(file, found, layout, (piece) => isVerified(piece, index)) || isOurs(index) ? 'ours' : 'foreign';
  // An empty file proves nothing, but when it should be empty, it is as good as one that we made.
  if (file.length === 0) return found.found === 'part' ? 'ours' : found.length === 0 ? 'whole' : 'foreign';
  const first = Math.floor(file.begin / layout.pieceLength);
  const last = Math.floor((file.begin + file.length - 1) / layout.pieceLength);
  let verified = 0;
  let refuted = 0;
  for (let piece = first; piece <= last; piece += 1) {
    if (isVerified(piece, index)) verified += 1;
    else if (refutes(piece)) refuted += 1;
  }
  if (found.found === 'part') return verified === last - first + 1 ? 'ours' : 'demote';
  if (verified === last - first + 1) return found.length === file.length ? 'whole' : 'demote';
  if (verified > 0 || isOurs(index)) return 'demote';
  return refuted === 0 && found.length === file.length ? 'unproved' : 'foreign';
}

/**
 * Whether we may write to a file under its part name when no journal says that it is ours. When the file is empty,
 * nothing of it can be lost.
 */
function judgePart(
  file: TorrentFile,
  { length }: FileSurvey,
  layout: PieceLayout,
  isVerified: (piece: number) => boolean,
): boolean {
  const { first, end } = piecesOfFile(file, layout);
  for (let piece = first; piece < end; piece += 1) if (isVerified(piece)) return true;
  return length === 0;
}

/** The verdict on a file that is not selected. The download only reads it, so it is never in the way. */
export function asUnselected(verdict: Verdict): Verdict {
  if (verdict === 'demote') return 'ours';
  return verdict === 'foreign' ? 'unproved' : verdict;
}

/**
 * The verdict on a file that grows under its final name, when there is a border file. A piece that the file shares with
 * others may be right in the border file and not in the file itself, so it has to be moved before the file is whole.
 */
export function asBegun(
  verdict: Verdict,
  file: TorrentFile,
  layout: PieceLayout,
  shared: Pick<SharedPieces, 'has'>,
): Verdict {
  const { first, end } = piecesOfFile(file, layout);
  return verdict === 'whole' && first < end && (shared.has(first) || shared.has(end - 1)) ? 'demote' : verdict;
}
