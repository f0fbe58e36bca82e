/**
 * Compares what is on the disk with a torrent, file by file. Writes nothing.
 *
 * A .torrent has hashes of pieces and none of blocks, so a piece is the least that can be right or wrong. Where version
 * 2 has no piece layer of a file, only its root is known: the file is right or wrong as a whole.
 */
import { type BtgetError, interrupted } from '../../base/failure.js';
import type { FileSurvey, Storage, SurveyOutcome, SymlinkPlace } from '../../disk/storage.js';
import { isLayerOf } from '../../metainfo/layers.js';
import { merkleRoot, NODE_LENGTH } from '../../metainfo/merkle.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, type PieceRun, piecesOfFile } from '../../metainfo/piece-layout.js';
import { SharedPieces } from '../../metainfo/shared-pieces.js';
import { chooseFinalNames } from '../../torrent/content/final-names.js';
import type { WantedContent } from '../../torrent/content/wanted-content.js';
import { piecesToCheck } from '../../torrent/existing/adoption.js';

/**
 * 'incomplete': some bytes are missing or wrong. 'wrong-size': under its own name it is shorter or longer than in the
 * torrent. 'wrong-link': something else has the place of a link that the torrent holds. 'unreadable': the system
 * refused to look at it or to read it to its end.
 */
export type FileState = 'ok' | 'incomplete' | 'missing' | 'wrong-size' | 'wrong-link' | 'unreadable';

/** A run of bytes of one file, which begins at byte `begin` of it. */
export interface ByteRange {
  readonly begin: number;
  readonly length: number;
}

export interface FileVerdict {
  /** Below the folder that holds the content, with `/` between its elements. */
  readonly path: string;
  readonly length: number;
  /** Verified bytes. */
  readonly have: number;
  readonly ok: boolean;
  readonly state: FileState;
  /**
   * The file's bytes in pieces that are missing or wrong, in order; no two ranges touch. In version 1 a piece may reach
   * into two files: when it is wrong it makes a bad range in each.
   */
  readonly badRanges: readonly ByteRange[];
  /** Whether the torrent lacks the file's piece layer, so that one wrong byte makes all of it a bad range. */
  readonly wholeOnly?: true;
  /** Why the file is 'unreadable' or 'wrong-link'; absent in any other state. */
  readonly reason?: string;
}

export interface ContentVerdict {
  readonly ok: boolean;
  /** Verified bytes, without padding. */
  readonly have: number;
  readonly length: number;
  readonly files: readonly FileVerdict[];
  /** Pieces whose bytes are missing or wrong. */
  readonly badPieces: readonly number[];
}

export type VerifyOutcome =
  | { readonly ok: true; readonly verdict: ContentVerdict }
  | { readonly ok: false; readonly failure: BtgetError };

// 64 MiB of the shortest usual pieces: enough work for every core. A check that waits takes a few hundred bytes.
const CHECKS_AT_ONCE = 4096;

export interface Verification {
  /** Answers 'interrupted' before it returns. Later answers of the storage are ignored. */
  stop(): void;
}

/**
 * Answers once, with a verdict on the wanted files alone. `progress` gets the bytes checked so far and the bytes to
 * check in all. Pad files hold no content, so the verdict does not list them. A link that the torrent holds is right
 * when a download would leave it as it is; it is not followed.
 */
export function verifyContent(
  metainfo: Metainfo,
  layout: PieceLayout,
  content: WantedContent,
  storage: Storage,
  progress: (checked: number, length: number) => void,
  answered: (outcome: VerifyOutcome) => void,
): Verification {
  let ended = false;
  const end = (outcome: VerifyOutcome): void => {
    if (ended) return;
    ended = true;
    answered(outcome);
  };
  // Why files could not be read, by their index.
  const unreadable = new Map<number, string>();
  const surveyed = (outcome: SurveyOutcome): void => {
    if (!outcome.ok) {
      end(outcome);
      return;
    }
    chooseFinalNames({ metainfo, layout, storage }, outcome.files, (names) => {
      if (ended) return;
      if (names.ok) checkAll({ ...outcome, files: names.files });
      else end(names);
    });
  };
  const checkAll = (outcome: Extract<SurveyOutcome, { ok: true }>): void => {
    const pieces = piecesToCheck(
      metainfo,
      layout,
      outcome.files,
      outcome.hasBorderFile ? new SharedPieces(metainfo.files, layout) : null,
    ).filter((piece) => content.hasPiece(piece));
    const length = pieces.reduce((sum, piece) => sum + layout.contentLengthOf(piece), 0);
    const verified = new Set<number>();
    const byRoot = new FilesByRoot(metainfo, layout);
    let next = 0;
    let underWay = 0;
    let checked = 0;
    const go = (): void => {
      while (!ended && underWay < CHECKS_AT_ONCE && next < pieces.length) {
        check(pieces[next] as PieceIndex);
        next += 1;
      }
      if (underWay > 0) return;
      for (const piece of byRoot.provenPieces()) verified.add(piece);
      end({ ok: true, verdict: judge(metainfo, layout, content, outcome.files, verified, unreadable) });
    };
    const check = (piece: PieceIndex): void => {
      underWay += 1;
      storage.checkPiece(piece, (found) => {
        underWay -= 1;
        if (!found.ok) refused(piece, found.failure);
        else if (found.matches) verified.add(piece);
        else if (found.leaves !== undefined) byRoot.gotLeaves(piece, found.leaves);
        if (ended) return;
        checked += layout.contentLengthOf(piece);
        progress(checked, length);
        go();
      });
    };
    const refused = (piece: PieceIndex, failure: BtgetError): void => {
      // Any other failure is not the fault of one file.
      if (failure.code !== 'cannot-open' && failure.code !== 'io') end({ ok: false, failure });
      else for (const file of filesOfFailure(metainfo, layout, piece, failure)) unreadable.set(file, failure.message);
    };
    go();
  };
  storage.survey(surveyed, (file, failure) => unreadable.set(file, failure.message));
  return { stop: () => end({ ok: false, failure: interrupted() }) };
}

/** The files whose piece layers a torrent of version 2 does not tell: their roots alone prove them. */
class FilesByRoot {
  readonly #metainfo: Metainfo;
  readonly #layout: PieceLayout;
  /** By file: the roots of its pieces as the disk has them, and how many are known. */
  readonly #roots: ReadonlyMap<number, { readonly hashes: Buffer; known: number }>;

  constructor(metainfo: Metainfo, layout: PieceLayout) {
    this.#metainfo = metainfo;
    this.#layout = layout;
    this.#roots = new Map(
      metainfo.missingLayers.map((file) => {
        const { first, end } = this.#piecesOf(file);
        return [file, { hashes: Buffer.alloc((end - first) * NODE_LENGTH), known: 0 }];
      }),
    );
  }

  /** The leaves of a piece that no known root proves. Each piece comes once. */
  gotLeaves(piece: PieceIndex, leaves: Buffer): void {
    const file = this.#layout.fileOf(piece) ?? -1;
    const roots = this.#roots.get(file);
    if (roots === undefined) return;
    const root = merkleRoot(leaves, this.#layout.proofOf(piece).width, 0);
    root.copy(roots.hashes, (piece - this.#piecesOf(file).first) * NODE_LENGTH);
    roots.known += 1;
  }

  /** The pieces of the files that are right, when the leaves of all their pieces have come. */
  *provenPieces(): Iterable<number> {
    const { files, pieceLength } = this.#metainfo;
    for (const [index, { hashes, known }] of this.#roots) {
      const file = files[index];
      const { first, end } = this.#piecesOf(index);
      if (file === undefined || known < end - first || !isLayerOf(file, hashes, pieceLength)) continue;
      for (let piece = first; piece < end; piece += 1) yield piece;
    }
  }

  #piecesOf(file: number): PieceRun {
    return piecesOfFile(this.#metainfo.files[file] as TorrentFile, this.#layout);
  }
}

/** The file of this piece that the message of `failure` names; all files of the piece when it names none. */
function filesOfFailure(
  metainfo: Metainfo,
  layout: PieceLayout,
  piece: PieceIndex,
  failure: BtgetError,
): readonly number[] {
  const begin = layout.beginOf(piece);
  const end = begin + layout.lengthOf(piece);
  const all = metainfo.files.flatMap((file, index) =>
    file.padding || file.symlink !== null || file.begin >= end || file.begin + file.length <= begin ? [] : [index],
  );
  // The top folder may have another name on the disk.
  const nameOf = (index: number): string => metainfo.files[index]?.path.slice(1).join('/') ?? '';
  const named = all
    .filter((index) => [': ', '.part: '].some((next) => failure.message.includes(`/${nameOf(index)}${next}`)))
    .sort((a, b) => nameOf(b).length - nameOf(a).length);
  return named.length === 0 ? all : named.slice(0, 1);
}

function judge(
  metainfo: Metainfo,
  layout: PieceLayout,
  content: WantedContent,
  survey: readonly FileSurvey[],
  verified: ReadonlySet<number>,
  unreadable: ReadonlyMap<number, string>,
): ContentVerdict {
  const byRoot = new Set(metainfo.missingLayers);
  const wholeOnly = (index: number): Pick<FileVerdict, 'wholeOnly'> => (byRoot.has(index) ? { wholeOnly: true } : {});
  const files = metainfo.files.flatMap((file, index) => {
    const found = survey[index];
    return !content.files.has(index) || found === undefined
      ? []
      : [{ ...judgeFile(file, found, layout, verified, unreadable.get(index)), ...wholeOnly(index) }];
  });
  const badPieces = Array.from({ length: layout.pieceCount }, (_, piece) => piece).filter(
    (piece) => content.hasPiece(piece) && !verified.has(piece),
  );
  return {
    ok: files.every((file) => file.ok) && badPieces.length === 0,
    have: files.reduce((sum, file) => sum + file.have, 0),
    length: files.reduce((sum, file) => sum + file.length, 0),
    files,
    badPieces,
  };
}

function judgeFile(
  file: TorrentFile,
  found: FileSurvey,
  layout: PieceLayout,
  verified: ReadonlySet<number>,
  reason: string | undefined,
): FileVerdict {
  // Verified bytes of an absent file may lie aside, because its neighbours need the pieces.
  const isAbsent = found.found === 'absent' && file.length > 0;
  const badRanges = isAbsent ? [{ begin: 0, length: file.length }] : findBadRanges(file, layout, verified);
  const have = badRanges.reduce((left, { length }) => left - length, file.length);
  if (reason !== undefined)
    return { path: file.path.join('/'), length: file.length, have, ok: false, state: 'unreadable', badRanges, reason };
  if (found.symlink !== undefined) return judgeLink(file, found.symlink);
  const state = stateOf(file, found, have);
  return { path: file.path.join('/'), length: file.length, have, ok: state === 'ok', state, badRanges };
}

const IN_PLACE_OF_LINK = {
  file: 'it is a file, not a symbolic link',
  folder: 'it is a folder, not a symbolic link',
  other: 'it is a device, pipe or socket, not a symbolic link',
  link: 'it is a symbolic link that leads elsewhere',
} as const satisfies Partial<Record<SymlinkPlace, string>>;

function judgeLink({ path }: TorrentFile, there: SymlinkPlace): FileVerdict {
  const link = { path: path.join('/'), length: 0, have: 0, badRanges: [] };
  if (there === 'right') return { ...link, ok: true, state: 'ok' };
  if (there === 'absent') return { ...link, ok: false, state: 'missing' };
  return { ...link, ok: false, state: 'wrong-link', reason: IN_PLACE_OF_LINK[there] };
}

function findBadRanges(file: TorrentFile, layout: PieceLayout, verified: ReadonlySet<number>): readonly ByteRange[] {
  const ranges: ByteRange[] = [];
  // An empty file may lie in the middle of a piece that is bad.
  if (file.length === 0) return ranges;
  const fileEnd = file.begin + file.length;
  const isBad = (piece: number): boolean => piece * layout.pieceLength < fileEnd && !verified.has(piece);
  for (let piece = Math.floor(file.begin / layout.pieceLength); piece * layout.pieceLength < fileEnd; piece += 1) {
    if (!isBad(piece)) continue;
    const begin = Math.max(file.begin, piece * layout.pieceLength);
    while (isBad(piece + 1)) piece += 1;
    const end = Math.min(fileEnd, (piece + 1) * layout.pieceLength);
    ranges.push({ begin: begin - file.begin, length: end - begin });
  }
  return ranges;
}

/** A file under its part name still grows, so it may be short. A file under its own name may not. */
function stateOf(file: TorrentFile, found: FileSurvey, have: number): FileState {
  if (found.found === 'absent') return 'missing';
  if (found.found === 'final' && found.length !== file.length) return 'wrong-size';
  return have === file.length ? 'ok' : 'incomplete';
}
