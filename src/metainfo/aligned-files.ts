/** Where the files of a new torrent of version 2, or of a hybrid, lie among its pieces (BEP 52). */

/** The pieces of files of these `lengths`, in bytes. Each file with bytes begins a piece. */
export function alignedPieceCount(lengths: readonly number[], pieceLength: number): number {
  return lengths.reduce((sum, length) => sum + Math.ceil(length / pieceLength), 0);
}

/**
 * For each file the bytes of the pad file that stands after it in the v1 list of a hybrid; 0 where there is none. The
 * last file gets one too, so that all its pieces are whole to version 1 as well; libtorrent writes the same. A torrent
 * of one file has none: its v1 side could not be a bare file else.
 */
export function padLengths(lengths: readonly number[], pieceLength: number): readonly number[] {
  if (lengths.length === 1) return [0];
  return lengths.map((length) => (pieceLength - (length % pieceLength)) % pieceLength);
}
