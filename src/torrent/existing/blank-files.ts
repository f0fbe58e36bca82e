/**
 * Finds files that hold only zeros: a program took room for bytes that never came. Nothing is lost when a download
 * writes to them.
 */
import type { FileSurvey, Storage } from '../../disk/storage.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { BLOCK_LENGTH, type PieceLayout } from '../../metainfo/piece-layout.js';

export interface BlankFilesParts {
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly layout: PieceLayout;
  readonly storage: Pick<Storage, 'readBlocks'>;
}

/** How many bytes are read at once. */
const READ_LENGTH = 64 * BLOCK_LENGTH;

/**
 * Answers with those of `files` that hold only zeros, by index in the metainfo. Each file is read up to its first other
 * byte. A file that is longer than the torrent says, or that cannot be read, is not blank.
 */
export function findBlankFiles(
  parts: BlankFilesParts,
  survey: readonly FileSurvey[],
  files: readonly number[],
  answered: (blank: ReadonlySet<number>) => void,
): void {
  const { metainfo, layout, storage } = parts;
  const blank = new Set<number>();
  const memory = Buffer.allocUnsafe(READ_LENGTH);
  const look = (at: number): void => {
    const index = files[at];
    if (index === undefined) {
      answered(blank);
      return;
    }
    const file = metainfo.files[index];
    const length = survey[index]?.length ?? 0;
    if (file === undefined || length > file.length) look(at + 1);
    else read(index, file.begin, file.begin + length, () => look(at + 1));
  };
  const read = (file: number, from: number, end: number, done: () => void): void => {
    const piece = layout.pieceIndex(Math.floor(from / layout.pieceLength));
    if (from === end || piece === undefined) {
      blank.add(file);
      done();
      return;
    }
    const begin = from - layout.beginOf(piece);
    const length = Math.min(READ_LENGTH, end - from, layout.lengthOf(piece) - begin);
    const into = memory.subarray(0, length);
    storage.readBlocks([{ piece, begin, into, inFiles: true }], (outcome) => {
      if (outcome.ok && into.every((byte) => byte === 0)) read(file, from + length, end, done);
      else done();
    });
  };
  look(0);
}
