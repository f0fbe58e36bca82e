import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { PieceLayout } from '../../metainfo/piece-layout.js';
import { type SelectionRequest, selectFiles } from '../../metainfo/selection.js';
import { Bitfield } from '../../wire/bitfield.js';

/** What of a torrent is wanted: some of its files, and every piece that holds a byte of them. */
export class WantedContent {
  /** By index in the metainfo; empty files and links too, pad files never. */
  readonly files: ReadonlySet<number>;
  readonly isAll: boolean;
  /** Bytes of the wanted files. */
  readonly length: number;
  readonly #pieces: Bitfield;

  /** Throws a 'usage' failure for a request that the torrent cannot meet. */
  constructor(metainfo: Metainfo, layout: PieceLayout, request: SelectionRequest) {
    this.files = selectFiles(metainfo, request);
    this.isAll = metainfo.files.every((file, index) => file.padding || this.files.has(index));
    this.#pieces = new Bitfield(layout.pieceCount);
    let length = 0;
    for (const index of this.files) {
      const file = metainfo.files[index] as TorrentFile;
      if (file.length === 0 || file.symlink !== null) continue;
      length += file.length;
      const last = Math.floor((file.begin + file.length - 1) / layout.pieceLength);
      for (let piece = Math.floor(file.begin / layout.pieceLength); piece <= last; piece += 1) this.#pieces.set(piece);
    }
    this.length = length;
  }

  hasPiece(piece: number): boolean {
    return this.isAll || this.#pieces.has(piece);
  }
}
