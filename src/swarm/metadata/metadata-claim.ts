import type { Millis } from '../../base/clock.js';
import { METADATA_PIECE_LENGTH } from '../../wire/metadata-message.js';
import type { ExtendedPeer } from '../extensions/extensions.js';
import { MetadataColumn } from './metadata-column.js';
import { type MetadataSourceOptions, MetadataSource as Source } from './metadata-source.js';
import { MetadataVersions, type PieceVersion } from './metadata-versions.js';

export type MetadataSource = Source<MetadataClaim>;

/** What became of a piece that came. */
export type Receipt =
  | 'kept'
  /** It was not asked of this peer. */
  | 'unasked'
  | 'wrong-length'
  /** The right bytes are known by their digest, and these are others. */
  | 'false';

/**
 * The metadata of one claimed size, and the peers that claim it.
 *
 * - At first they send one whole together, a mix. A piece is asked of one peer. When that peer keeps it back or rejects
 *   it, two more are asked, and so on: a row of peers that do so costs few round trips.
 * - When the mix is wrong, each sends a whole of its own, a column. What it has sent for the mix counts. A peer that is
 *   right is found by its column, and liars by what differs from it.
 * - When memory was short, a column may prove right whose bytes are gone. Its digests are here: the pieces are asked
 *   for again, and each digest shows at once which peer lies.
 */
export class MetadataClaim {
  readonly size: number;
  readonly sources = new Set<MetadataSource>();
  /** What peers send together, or null once that was wrong. */
  #mix: MetadataColumn | null;
  /** When the peers began to send a whole each; null before. */
  #apartSince: Millis | null = null;
  /** The right pieces, once they are known. */
  #proven: MetadataColumn | null = null;
  readonly #pieceCount: number;
  readonly #versions = new MetadataVersions();
  /** Pieces that may be asked of one more peer. */
  readonly #wanted: Set<number>;
  /** Of how many peers a piece is awaited, and how many have kept it back. */
  readonly #awaited: Uint16Array;
  readonly #failures: Uint16Array;

  constructor(size: number) {
    this.size = size;
    this.#pieceCount = Math.ceil(size / METADATA_PIECE_LENGTH);
    this.#mix = new MetadataColumn(this.#versions, this.#pieceCount);
    this.#wanted = new Set(new Array(this.#pieceCount).keys());
    this.#awaited = new Uint16Array(this.#pieceCount);
    this.#failures = new Uint16Array(this.#pieceCount);
  }

  get heldLength(): number {
    return this.#versions.heldLength;
  }

  /** The whole that all peers send together; null when each sends its own. */
  get mix(): MetadataColumn | null {
    return this.#mix;
  }

  get apartSince(): Millis | null {
    return this.#apartSince;
  }

  join(peer: ExtendedPeer, options: MetadataSourceOptions): MetadataSource {
    const source = new Source<MetadataClaim>(peer, this, new MetadataColumn(this.#versions, this.#pieceCount), options);
    this.sources.add(source);
    return source;
  }

  leave(source: MetadataSource): void {
    this.sources.delete(source);
    this.release(source);
    if (source.column !== this.#proven) source.column.clear();
  }

  /** The next piece to ask `source` for, which it owes from then on; undefined when there is none. */
  take(source: MetadataSource, now: Millis): number | undefined {
    const piece = this.#apartSince === null ? this.#takeWanted(source) : this.#takeOwn(source);
    if (piece !== undefined) source.asked(piece, now);
    return piece;
  }

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
    return 'kept';
  }

  /** A piece that `source` owed will not come. */
  rejected(source: MetadataSource, piece: number, now: Millis): boolean {
    const isAwaited = source.owed.get(piece);
    if (isAwaited === undefined) return false;
    source.owed.delete(piece);
    if (isAwaited) this.#fail(piece);
    source.rejected(now);
    return true;
  }

  /** Others may be asked for what `source` owes. */
  release(source: MetadataSource): void {
    for (const [piece, isAwaited] of source.owed) {
      if (!isAwaited) continue;
      source.owed.set(piece, false);
      this.#fail(piece);
    }
  }

  /** The mix is wrong, or there is no memory for it. */
  goApart(now: Millis): void {
    this.#mix?.clear();
    this.#mix = null;
    this.#apartSince = now;
  }

  /** `column` is right. Nothing else is kept, and what is gone of it is asked for again. */
  prove(column: MetadataColumn, now: Millis): void {
    column.keep();
    this.#proven = column;
    this.#apartSince = null;
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

  /** The proven metadata, or null while some of it is to come again. */
  provenBytes(): Buffer | null {
    const parts: Buffer[] = [];
    for (let piece = 0; piece < this.#pieceCount; piece += 1) {
      const data = this.#proven?.at(piece)?.data ?? null;
      if (data === null) return null;
      parts.push(data);
    }
    return Buffer.concat(parts);
  }

  /** Peers that have sent something else than `right` has. */
  liars(right: MetadataColumn): MetadataSource[] {
    return [...this.sources].filter(({ column }) => {
      for (let piece = 0; piece < this.#pieceCount; piece += 1) {
        if (column.has(piece) && column.at(piece) !== right.at(piece)) return true;
      }
      return false;
    });
  }

  /** Bytes that `source` would have to send if it were alone from here on. */
  remainingOf(source: MetadataSource): number {
    const missing = this.#proven === null ? (this.#mix ?? source.column).missing : this.#wanted.size;
    return missing * METADATA_PIECE_LENGTH;
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

  /** Whether it is awaited of fewer peers than it may be. */
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
