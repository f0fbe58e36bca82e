/**
 * What to make of data that lies in the target folder before the download: which pieces are worth hashing, and, once
 * they are hashed, whose each file is. Pure: the torrent asks the disk and carries out the verdicts.
 */
import type { FileSurvey } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import type { SharedPieces } from '../../metainfo/shared-pieces.js';
import { Bitfield } from '../../wire/bitfield.js';

/** The part of the torrent that decides. */
type Content = Pick<Metainfo, 'files'>;

/**
 * The pieces that may be whole on the disk: every byte of them lies in a pad file or within the present length of its
 * file, or aside, where only shared pieces lie. All others cannot match their hash, so nobody need read them.
 * `aside` are the shared pieces when there is a border file, or null.
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
 * - `whole`: verified to the last byte under its final name.
 * - `demote`: part of it is verified, or it is known to be ours; it goes on growing under its `.part` name, and loses
 *   its final one.
 * - `foreign`: it was looked at and shares nothing with the torrent, or lies under the part name and nothing says that
 *   we made it. It is left alone.
 * - `unproved`: nothing of it could be looked at alone, because its pieces reach into files that are not there or still
 *   grow: a power cut takes bytes of those after their neighbour in a piece has been flushed and named. It is left
 *   alone, and compared when the download has its own copy.
 * - `ours`: absent, or under its `.part` name already, and verified in part, empty or known to be ours.
 */
export type Verdict = 'whole' | 'demote' | 'foreign' | 'unproved' | 'ours';

/** What is known by now of what lies there. */
export interface Evidence {
  /** The piece was hashed, or is believed. */
  isLookedAt(piece: number): boolean;
  isVerified(piece: number): boolean;
  /** It is written down that this file is ours, whatever is in it. */
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
    // Without part names what is ours grows under its final name.
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
  /** Whether a piece that is not verified speaks against each of its files. */
  refutes: (piece: number) => boolean,
): Verdict {
  if (found === undefined || found.found === 'absent') return 'ours';
  if (found.found === 'part' && !found.bothNames)
    return judgePart(file, found, layout, isVerified) || isOurs(index) ? 'ours' : 'foreign';
  // An empty file proves nothing; one of the right length is as good as made by us.
  if (file.length === 0) return found.found === 'part' ? 'ours' : found.length === 0 ? 'whole' : 'foreign';
  const first = Math.floor(file.begin / layout.pieceLength);
  const last = Math.floor((file.begin + file.length - 1) / layout.pieceLength);
  let verified = 0;
  let refuted = 0;
  for (let piece = first; piece <= last; piece += 1) {
    if (isVerified(piece)) verified += 1;
    else if (refutes(piece)) refuted += 1;
  }
  if (found.found === 'part') return verified === last - first + 1 ? 'ours' : 'demote';
  if (verified === last - first + 1) return found.length === file.length ? 'whole' : 'demote';
  if (verified > 0 || isOurs(index)) return 'demote';
  return refuted === 0 && found.length === file.length ? 'unproved' : 'foreign';
}

/**
 * Whether a file under its part name may be written to, though nobody says that we made it. With an empty one nothing
 * is lost.
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

/** The verdict on a file that is not selected: it is only read, and in nobody's way. */
export function asUnselected(verdict: Verdict): Verdict {
  if (verdict === 'demote') return 'ours';
  return verdict === 'foreign' ? 'unproved' : verdict;
}

/**
 * The verdict on a file without a part name, where something lies aside: a piece that it shares with others may be
 * right there, and not in the file, so that it has to come home before the file is whole.
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
