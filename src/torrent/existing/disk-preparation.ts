/** Makes the disk ready for a download, after the check. */
import { BtgetError } from '../../base/failure.js';
import type { DiskRoom, DoneOutcome, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import type { UnfinishedPieces } from '../../resume/journal-format.js';
import type { WantedContent } from '../content/wanted-content.js';
import { inDir, type TorrentOptions } from '../torrent-options.js';
import { findBorderMoves, moveBorders } from './border-moves.js';
import type { SurveyedFiles } from './data-check.js';
import { preallocate } from './preallocation.js';

export interface DiskPreparationParts {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly storage: Storage;
  readonly content: WantedContent;
  readonly options: Pick<TorrentOptions, 'dir' | 'preallocate'>;
  /** The progress: bytes that were written, and bytes to write in all before the download begins. */
  readonly checking: (written: number, length: number) => void;
}

/** What the check has found. */
export interface PreparedFrom {
  readonly verified: readonly PieceIndex[];
  readonly unfinished: UnfinishedPieces;
  /** Files that are whole and have their final name. */
  readonly whole: ReadonlySet<number>;
}

export type DiskPreparationOutcome =
  /** `verified` are the pieces that are still verified. */
  | { readonly ok: true; readonly verified: ReadonlySet<PieceIndex> }
  | { readonly ok: false; readonly failure: BtgetError };

/**
 * Does these steps in this order, and answers once. It does not answer once the storage is closed.
 *
 * - It measures whether there is room for the missing bytes.
 * - It moves bytes of selected files from the border file to these files.
 * - It takes the room on the disk, if the user wants that.
 * - It writes one byte, so that we know before the first request whether the folder can be written to.
 */
export function prepareDisk(
  parts: DiskPreparationParts,
  survey: SurveyedFiles,
  { verified: found, unfinished, whole }: PreparedFrom,
  answered: (outcome: DiskPreparationOutcome) => void,
): void {
  const { metainfo, layout, storage, content, options } = parts;
  const verified = new Set(found);
  const isVerified = (piece: number): boolean => (verified as ReadonlySet<number>).has(piece);
  const ifOk =
    (goOn: () => void): ((outcome: DoneOutcome) => void) =>
    (outcome) => {
      if (outcome.ok) goOn();
      else answered(outcome);
    };
  const isComplete = (): boolean => {
    for (const piece of layout.pieceIndices()) if (content.hasPiece(piece) && !isVerified(piece)) return false;
    return true;
  };
  const freeBlock = (): { piece: PieceIndex; begin: number } | undefined => {
    for (const piece of layout.pieceIndices()) {
      if (!content.hasPiece(piece) || isVerified(piece)) continue;
      const sums = unfinished.get(piece);
      for (let block = 0; block < layout.blockCount(piece); block += 1) {
        // Padding is not written, so a block that begins with it would show nothing.
        const beginsWithPadding = layout.paddingOfBlock(piece, block)[0]?.begin === 0;
        if (sums?.has(block) !== true && !beginsWithPadding) return { piece, begin: block * BLOCK_LENGTH };
      }
    }
    return undefined;
  };
  const measure = (): void => {
    if (isComplete() && !survey.hasBorderFile) {
      answered({ ok: true, verified });
      return;
    }
    storage.measureRoom((room) => {
      const needed = roomNeeded(metainfo, layout, content, isVerified, room);
      const failure = noRoom(needed, room, options.dir);
      if (failure === null) bringHome(room);
      else answered({ ok: false, failure });
    });
  };
  const bringHome = (room: DiskRoom): void => {
    const moves = survey.hasBorderFile ? findBorderMoves(metainfo, layout, content, whole, verified) : [];
    const lost = (piece: PieceIndex): void => {
      verified.delete(piece);
    };
    moveBorders(
      storage,
      moves,
      lost,
      ifOk(() => tidy(room)),
    );
  };
  // When every file is selected, the border file is no longer needed. But until the moved bytes are flushed, only the
  // border file is safe.
  const tidy = (room: DiskRoom): void => {
    if (!survey.hasBorderFile || !content.isAll) {
      takeRoom(room);
      return;
    }
    storage.sync([], (outcome) => {
      if (outcome.ok) storage.removeBorderFile(ifOk(() => takeRoom(room)));
      else answered(outcome);
    });
  };
  const takeRoom = ({ allocated }: DiskRoom): void => {
    if (!options.preallocate) {
      writeFirst();
      return;
    }
    const { checking: progress } = parts;
    const isUsed = (piece: PieceIndex): boolean => isVerified(piece) || unfinished.has(piece);
    preallocate({ metainfo, layout, content, storage, isUsed, allocated, progress }, ifOk(writeFirst));
  };
  const writeFirst = (): void => {
    const span = freeBlock();
    const done = ifOk(() => answered({ ok: true, verified }));
    // The block is not verified, so nothing is lost when its first byte is overwritten.
    if (span === undefined) done({ ok: true });
    else storage.writeBlock(span.piece, span.begin, Buffer.alloc(1), done);
  };
  measure();
}

/**
 * How many bytes of room the wanted files still need on each file system. Verified bytes need none, even when a file
 * system that compresses says that they take up little room. Of the other bytes, the room that a file has already
 * (`allocated`) is not needed again. Pure.
 */
export function roomNeeded(
  metainfo: Pick<Metainfo, 'files'>,
  layout: PieceLayout,
  content: Pick<WantedContent, 'files'>,
  isVerified: (piece: number) => boolean,
  { allocated, fileSystemOf, fileSystems }: DiskRoom,
): readonly number[] {
  const needed = fileSystems.map(() => 0);
  for (const index of content.files) {
    const file = metainfo.files[index] as TorrentFile;
    const missing = missingBytes(file, layout, isVerified);
    const on = fileSystemOf[index] ?? 0;
    needed[on] = (needed[on] ?? 0) + Math.min(missing, Math.max(0, file.length - (allocated[index] ?? 0)));
  }
  return needed;
}

/**
 * The failure when a file system has less room than is `needed` of it; null when there is enough, or when the free room
 * is unknown.
 */
export function noRoom(
  needed: readonly number[],
  { fileSystems }: Pick<DiskRoom, 'fileSystems'>,
  dir: string,
): BtgetError | null {
  for (const [at, { folder, free }] of fileSystems.entries()) {
    const length = needed[at] ?? 0;
    if (free === null || length <= free) continue;
    const where = folder === '' ? dir : inDir(folder, dir);
    const [needs, has] = apart(length, free);
    return new BtgetError('disk-full', `no room in ${where}: ${needs} are needed, ${has} are free`);
  }
  return null;
}

/** Bytes of the file in pieces that are not verified. */
function missingBytes(file: TorrentFile, layout: PieceLayout, isVerified: (piece: number) => boolean): number {
  const { first, end } = piecesOfFile(file, layout);
  let missing = 0;
  for (let piece = first; piece < end; piece += 1) {
    if (isVerified(piece)) continue;
    const begin = Math.max(file.begin, piece * layout.pieceLength);
    missing += Math.min(file.begin + file.length, (piece + 1) * layout.pieceLength) - begin;
  }
  return missing;
}

/** Two different numbers of bytes in the greatest unit in which they do not look alike. */
function apart(one: number, other: number): readonly [string, string] {
  for (const [unit, name] of [
    [1 << 20, 'MiB'],
    [1 << 10, 'KiB'],
  ] as const) {
    const [first, second] = [(one / unit).toFixed(1), (other / unit).toFixed(1)];
    if (first !== second) return [`${first} ${name}`, `${second} ${name}`];
  }
  return [`${one.toLocaleString('en-US')} B`, `${other.toLocaleString('en-US')} B`];
}
