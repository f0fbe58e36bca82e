/**
 * The metadata of one claimed size, and the peers that claim this size (its sources).
 *
 * - At first the peers send one whole together, the mix. We ask one peer for each piece. When that peer keeps the piece
 *   back or rejects the request, we ask two more peers, and so on: even many such peers in a row cost few round trips.
 * - When the mix is wrong, each peer sends a whole of its own, its column. What it has sent for the mix counts. An
 *   honest peer is found by its column, which is right. Liars are found by what differs from it.
 * - When memory was short, the bytes of the right column may be gone. Its digests are still here: we ask for the pieces
 *   again, of any peer, and each digest shows at once whether the peer lies.
 */
import type { Millis } from '../../base/clock.js';
import type { NamedHashes } from '../../metainfo/named-hashes.js';
import { METADATA_PIECE_LENGTH } from '../../wire/metadata-message.js';
import type { ExtendedPeer } from '../extensions/extensions.js';
import { MetadataColumn } from './metadata-column.js';
import { type MetadataSourceOptions, MetadataSource as Source } from './metadata-source.js';
import type { MetadataTurns } from './metadata-turns.js';
import { MetadataVersions, type PieceVersion } from './metadata-versions.js';

/** A peer that claims this size. */
export type MetadataSource = Source<MetadataClaim>;

/** What became of a piece that came. */
export type Receipt =
  | 'kept'
  /** We had not asked this peer for the piece. */
  | 'unasked'
  | 'wrong-length'
  /** The digest of the right bytes is known, and these are other bytes. */
  | 'false';

export class MetadataClaim {
  readonly size: number;
  readonly sources = new Set<MetadataSource>();
  /** What the peers send together; null once it was wrong or was given up. */
  #mix: MetadataColumn | null;
  /** Who sends a whole of its own; null while they send one together, and once the metadata is proven. */
  #turns: MetadataTurns | null = null;
  /** The right pieces, once they are known. */
  #proven: MetadataColumn | null = null;
  readonly #pieceCount: number;
  readonly #hashes: NamedHashes;
  readonly #versions = new MetadataVersions();
  /** The pieces for which we may ask one more peer. */
  readonly #wanted: Set<number>;
  /** By piece: how many peers we await it from, and how many have rejected it or kept it back. */
  readonly #awaited: Uint16Array;
  readonly #failures: Uint16Array;

  /** `size` is the length of the metadata in bytes, 1 or more. `hashes` say what the right metadata is. */
  constructor(size: number, hashes: NamedHashes) {
    this.size = size;
    this.#hashes = hashes;
    this.#pieceCount = Math.ceil(size / METADATA_PIECE_LENGTH);
    this.#mix = this.#newColumn();
    this.#wanted = new Set(new Array(this.#pieceCount).keys());
    this.#awaited = new Uint16Array(this.#pieceCount);
    this.#failures = new Uint16Array(this.#pieceCount);
  }

  /** Bytes in memory. */
  get heldLength(): number {
    return this.#versions.heldLength;
  }

  /** The whole that all peers send together; null when each sends its own, and once the metadata is proven. */
  get mix(): MetadataColumn | null {
    return this.#mix;
  }

  /** Who sends a whole of its own; null while they send one together, and once the metadata is proven. */
  get turns(): MetadataTurns | null {
    return this.#turns;
  }

  join(peer: ExtendedPeer, options: MetadataSourceOptions): MetadataSource {
    const source = new Source<MetadataClaim>(peer, this, this.#newColumn(), options);
    this.sources.add(source);
    return source;
  }

  leave(source: MetadataSource): void {
    this.sources.delete(source);
    this.release(source);
    if (source.column !== this.#proven) source.column.clear();
  }

  /** The next piece to ask `source` for. From then on `source` owes it. Undefined when there is none. */
  take(source: MetadataSource, now: Millis): number | undefined {
    const piece = this.#turns === null ? this.#takeWanted(source) : this.#takeOwn(source);
    if (piece !== undefined) source.asked(piece, now);
    return piece;
  }

  /** A piece has come from `source`. `data` is copied if it is kept. */
  put(source: MetadataSource, piece: number, data: Buffer, now: Millis): Receipt {
    const isAwaited = source.owed.get(piece);
    if (isAwaited === undefined) return 'unasked';
    if (data.length !== this.#lengthOf(piece)) return 'wrong-length';
    source.owed.delete(piece);
    if (this.#proven !== null) {
      if (!this.#proven.restore(piece, data)) {
        if (isAwaited) this.#fail(piece);
        return 'false';
      }
      source.sent(data.length, this.#wanted.delete(piece) || isAwaited, now);
      return 'kept';
    }
    if (isAwaited) this.#awaited[piece] = this.#awaitedOf(piece) - 1;
    const { column } = source;
    const isNew = this.#mix === null ? !column.has(piece) : !this.#mix.has(piece);
    if (!column.has(piece)) this.#mixIn(piece, column.put(piece, data));
    source.sent(data.length, isNew, now);
    if (isNew) this.#turns?.came(data.length);
    return 'kept';
  }

  /** `source` has rejected the request for `piece`. Returns false when it did not owe that piece. */
  rejected(source: MetadataSource, piece: number, now: Millis): boolean {
    const isAwaited = source.owed.get(piece);
    if (isAwaited === undefined) return false;
    source.owed.delete(piece);
    if (isAwaited) this.#fail(piece);
    source.rejected(now);
    return true;
  }

  /** From now on we may ask other peers for what `source` owes. It still owes it. */
  release(source: MetadataSource): void {
    for (const [piece, isAwaited] of source.owed) {
      if (!isAwaited) continue;
      source.owed.set(piece, false);
      this.#fail(piece);
    }
  }

  /** The mix is wrong, or there is no memory for it. From now on each peer sends a whole of its own, as `turns` say. */
  goApart(turns: MetadataTurns): void {
    this.#mix?.clear();
    this.#mix = null;
    this.#turns = turns;
  }

  /** `column` is right. Nothing else is kept, and we ask again for those of its pieces whose bytes are gone. */
  prove(column: MetadataColumn, now: Millis): void {
    column.keep();
    this.#proven = column;
    this.#turns = null;
    if (this.#mix !== column) this.#mix?.clear();
    this.#mix = null;
    this.#wanted.clear();
    for (let piece = 0; piece < this.#pieceCount; piece += 1) {
      if (column.at(piece)?.data === null) this.#wanted.add(piece);
    }
    this.#awaited.fill(0);
    this.#failures.fill(0);
    for (const source of this.sources) {
      source.gaveUp(now);
      if (source.column !== column) source.column.clear();
    }
  }

  get isProven(): boolean {
    return this.#proven !== null;
  }

  /** The proven metadata; null while there is none, or while some of its bytes must come again. */
  provenBytes(): Buffer | null {
    const parts: Buffer[] = [];
    for (let piece = 0; piece < this.#pieceCount; piece += 1) {
      const data = this.#proven?.at(piece)?.data ?? null;
      if (data === null) return null;
      parts.push(data);
    }
    return Buffer.concat(parts);
  }

  /** The peers that have sent a piece that differs from that of `right`. */
  liars(right: MetadataColumn): MetadataSource[] {
    return [...this.sources].filter(({ column }) => {
      for (let piece = 0; piece < this.#pieceCount; piece += 1) {
        if (column.has(piece) && column.at(piece) !== right.at(piece)) return true;
      }
      return false;
    });
  }

  /** How many bytes `source` would have to send if no other peer sent anything from now on. */
  remainingOf(source: MetadataSource): number {
    const missing = this.#proven === null ? (this.#mix ?? source.column).missing : this.#wanted.size;
    return missing * METADATA_PIECE_LENGTH;
  }

  #newColumn(): MetadataColumn {
    return new MetadataColumn(this.#versions, this.#pieceCount, this.#hashes);
  }

  #takeWanted(source: MetadataSource): number | undefined {
    for (const piece of this.#wanted) {
      if (source.owed.has(piece)) continue;
      const awaited = this.#awaitedOf(piece) + 1;
      this.#awaited[piece] = awaited;
      if (!this.#isShort(piece)) this.#wanted.delete(piece);
      return piece;
    }
    return undefined;
  }

  #takeOwn({ column, owed }: MetadataSource): number | undefined {
    for (let piece = column.hashed; piece < this.#pieceCount; piece += 1) {
      if (!column.has(piece) && !owed.has(piece)) return piece;
    }
    return undefined;
  }

  #mixIn(piece: number, version: PieceVersion): void {
    if (this.#mix === null || this.#mix.has(piece)) return;
    this.#mix.putVersion(piece, version);
    this.#wanted.delete(piece);
  }

  #fail(piece: number): void {
    this.#awaited[piece] = this.#awaitedOf(piece) - 1;
    this.#failures[piece] = (this.#failures[piece] ?? 0) + 1;
    if (this.#isMissing(piece) && this.#isShort(piece)) this.#wanted.add(piece);
  }

  #isMissing(piece: number): boolean {
    if (this.#proven !== null) return this.#proven.at(piece)?.data === null;
    return this.#mix?.has(piece) === false;
  }

  /**
   * Whether we may ask one more peer: we await a piece from one peer at first, and from one more after each failure.
   */
  #isShort(piece: number): boolean {
    return this.#awaitedOf(piece) <= (this.#failures[piece] ?? 0);
  }

  #awaitedOf(piece: number): number {
    return this.#awaited[piece] ?? 0;
  }

  #lengthOf(piece: number): number {
    return Math.min(METADATA_PIECE_LENGTH, this.size - piece * METADATA_PIECE_LENGTH);
  }
}
