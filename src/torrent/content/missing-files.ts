import type { TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';

/**
 * The files that lack a byte, by index in the metainfo, as well as verified pieces can tell, and those of `absent` that
 * have none: empty files, and links. Pad files never count.
 *
 * A piece at the border of two files fails for both when one of them is missing, and does not tell which. A file that
 * lacks a piece of its own is the cause, and so is one of `absent`, which are not on the disk at all. Where there is no
 * such file, each one at the border counts.
 */
export function missingFiles(
  files: readonly TorrentFile[],
  layout: PieceLayout,
  have: { has(piece: number): boolean },
  absent: { has(file: number): boolean },
): number[] {
  const runs = files.flatMap((file, index) => (file.padding ? [] : { index, ...piecesOfFile(file, layout) }));
  const filesAt = new Uint32Array(layout.pieceCount);
  for (const { first, end } of runs)
    for (let piece = first; piece < end; piece += 1) filesAt[piece] = (filesAt[piece] ?? 0) + 1;
  const isCertain = (piece: number): boolean => filesAt[piece] === 1 && !have.has(piece);
  const explained = new Uint8Array(layout.pieceCount);
  const certain = new Set<number>();
  for (const { index, first, end } of runs) {
    const isAbsent = absent.has(index) && (first === end || someFrom(first, end, (piece) => !have.has(piece)));
    if (!isAbsent && !someFrom(first, end, isCertain)) continue;
    certain.add(index);
    explained.fill(1, first, end);
  }
  const isUnexplained = (piece: number): boolean => explained[piece] === 0 && !have.has(piece);
  return runs.flatMap(({ index, first, end }) =>
    certain.has(index) || someFrom(first, end, isUnexplained) ? [index] : [],
  );
}

function someFrom(first: number, end: number, is: (piece: number) => boolean): boolean {
  let piece = first;
  while (piece < end && !is(piece)) piece += 1;
  return piece < end;
}
