/** Whether the disk has room for what a download wants, before the first byte is written. Pure. */
import { BtgetError } from '../base/failure.js';
import type { DiskRoom } from '../disk/storage.js';
import type { Metainfo, TorrentFile } from '../metainfo/metainfo.js';
import { type PieceLayout, piecesOfFile } from '../metainfo/piece-layout.js';
import type { WantedContent } from './content/wanted-content.js';

/**
 * Bytes that the disk has yet to give to the wanted files. What is verified is there, whatever little room a file
 * system that compresses says it takes up; and of the rest, what a file was given before (`allocated`) is not needed
 * again.
 */
export function roomNeeded(
  metainfo: Pick<Metainfo, 'files'>,
  layout: PieceLayout,
  content: Pick<WantedContent, 'files'>,
  isVerified: (piece: number) => boolean,
  allocated: readonly number[],
): number {
  let needed = 0;
  for (const index of content.files) {
    const file = metainfo.files[index] as TorrentFile;
    const missing = missingBytes(file, layout, isVerified);
    needed += Math.min(missing, Math.max(0, file.length - (allocated[index] ?? 0)));
  }
  return needed;
}

/** Null when there is room, and when nobody can tell. */
export function noRoom(needed: number, { free }: Pick<DiskRoom, 'free'>, dir: string): BtgetError | null {
  if (free === null || needed <= free) return null;
  return new BtgetError('disk-full', `no room in ${dir}: ${mebibytes(needed)} are needed, ${mebibytes(free)} are free`);
}

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

function mebibytes(length: number): string {
  return `${(length / (1 << 20)).toFixed(1)} MiB`;
}
