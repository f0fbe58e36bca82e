import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { type SelectionRequest, selectFiles } from '../../metainfo/selection.js';
import { Bitfield } from '../../wire/bitfield.js';

/** The part of a torrent that the user wants: some of its files, and every piece that holds a byte of them. */
export class WantedContent {
  /** The wanted files by index in the metainfo, with empty files and links, but without pad files. */
  readonly files: ReadonlySet<number>;
  /** Whether all files are wanted. */
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

/** Counts the verified bytes of content. Padding is part of pieces, but it is not content, so it does not count. */
export class ContentProgress {
  /** Bytes of all files. */
  readonly length: number;
  /** Bytes of the wanted files. */
  readonly wanted: number;
  readonly #layout: PieceLayout;
  readonly #content: WantedContent;
  /** Bytes of padding in each piece that has any. */
  readonly #padding = new Map<number, number>();
  /** Bytes of unwanted files in each wanted piece that has any. */
  readonly #unwanted = new Map<number, number>();
  #have = 0;
  #left: number;

  constructor(metainfo: Pick<Metainfo, 'files'>, layout: PieceLayout, content: WantedContent) {
    this.#layout = layout;
    this.#content = content;
    let length = 0;
    for (const [index, file] of metainfo.files.entries()) {
      if (!file.padding) length += file.length;
      if (file.padding) this.#add(this.#padding, file);
      else if (!content.files.has(index)) this.#add(this.#unwanted, file);
    }
    this.length = length;
    this.wanted = content.length;
    this.#left = length;
  }

  /** Bytes of wanted files in verified pieces. */
  get have(): number {
    return this.#have;
  }

  /** Bytes of content that are not verified, wanted or not. */
  get left(): number {
    return this.#left;
  }

  pieceVerified(piece: PieceIndex): void {
    this.#count(piece, 1);
  }

  pieceLost(piece: PieceIndex): void {
    this.#count(piece, -1);
  }

  #count(piece: PieceIndex, sign: 1 | -1): void {
    const length = this.#layout.lengthOf(piece) - (this.#padding.get(piece) ?? 0);
    this.#left -= length * sign;
    if (this.#content.hasPiece(piece)) this.#have += (length - (this.#unwanted.get(piece) ?? 0)) * sign;
  }

  #add(to: Map<number, number>, file: TorrentFile): void {
    const { pieceLength } = this.#layout;
    const end = file.begin + file.length;
    for (let at = file.begin; at < end; ) {
      const piece = Math.floor(at / pieceLength);
      const next = Math.min(end, (piece + 1) * pieceLength);
      if (to === this.#padding || this.#content.hasPiece(piece)) to.set(piece, (to.get(piece) ?? 0) + next - at);
      at = next;
    }
  }
}
