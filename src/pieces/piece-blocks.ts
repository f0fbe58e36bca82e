import type { PieceIndex } from '../metainfo/piece-layout.js';

/** Stands for an arrived block in the list of asker counts. No block has that many askers. */
const ARRIVED = 0xffff;

const NO_ASKERS: readonly never[] = [];

/**
 * The blocks of one started piece. Each block is free, asked of one or more peers, or arrived. The blocks of a piece
 * are numbered from 0. A peer that is asked for a block is an asker of it. To ask one peer for a block, which is the
 * rule outside endgame, allocates nothing.
 */
export class PieceBlocks<Asker extends object> {
  readonly piece: PieceIndex;
  /** While the piece is on parole: the only peer that may be asked for its blocks. */
  holder: Asker | undefined = undefined;
  /** Whether the picker offers the piece. */
  offered = true;
  readonly #askerCounts: Uint16Array;
  readonly #firstAskers: (Asker | undefined)[];
  /** The other askers of the blocks that have more than one. */
  readonly #moreAskers = new Map<number, Asker[]>();
  #freeCount: number;
  #arrivedCount = 0;
  /** How many blocks are padding. They count as arrived from the start. */
  readonly #paddingCount: number;
  /** No block before this one is free. */
  #lowFree = 0;
  /** Every block that is asked for has at least this many askers. It may be too low, but is never too high. */
  #fewestAskers = 1;

  /** `padding`: the blocks that hold nothing but padding. */
  constructor(piece: PieceIndex, blockCount: number, padding: readonly number[]) {
    this.piece = piece;
    this.#askerCounts = new Uint16Array(blockCount);
    this.#firstAskers = new Array<Asker | undefined>(blockCount).fill(undefined);
    this.#freeCount = blockCount;
    this.#paddingCount = padding.length;
    for (const block of padding) this.arrive(block);
  }

  get blockCount(): number {
    return this.#askerCounts.length;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** How many blocks have come. Blocks of padding do not count. */
  get receivedCount(): number {
    return this.#arrivedCount - this.#paddingCount;
  }

  get isWhole(): boolean {
    return this.#arrivedCount === this.blockCount;
  }

  /** How many blocks are asked for and have not arrived. */
  get askedCount(): number {
    return this.blockCount - this.#freeCount - this.#arrivedCount;
  }

  /** Whether the picker may offer the piece: it has free blocks, and they are not kept for one peer. */
  mayBeOffered(isOnParole: boolean): boolean {
    if (this.#freeCount === 0 || this.holder !== undefined) return false;
    return this.askedCount === 0 || !isOnParole;
  }

  hasArrived(block: number): boolean {
    return this.#askerCounts[block] === ARRIVED;
  }

  /** How many peers the block is asked of; 0 when it has arrived. */
  askerCount(block: number): number {
    const count = this.#askerCounts[block] as number;
    return count === ARRIVED ? 0 : count;
  }

  isAskedOf(block: number, asker: Asker): boolean {
    if (this.#firstAskers[block] === asker) return true;
    return this.#moreAskers.get(block)?.includes(asker) ?? false;
  }

  askersOf(block: number): Asker[] {
    const first = this.#firstAskers[block];
    return first === undefined ? [] : [first, ...(this.#moreAskers.get(block) ?? [])];
  }

  /** The peers other than `asker` that are asked for the block. */
  othersAskedFor(block: number, asker: Asker): readonly Asker[] {
    if (this.#moreAskers.has(block)) return this.askersOf(block).filter((other) => other !== asker);
    const first = this.#firstAskers[block];
    return first === undefined || first === asker ? NO_ASKERS : [first];
  }

  /** Marks the lowest free block as asked of `asker`, and returns it. There must be one. */
  askFree(asker: Asker): number {
    const block = this.#askerCounts.indexOf(0, this.#lowFree);
    if (block < 0) throw new Error(`piece ${this.piece} has no free block`);
    this.#lowFree = block + 1;
    this.#freeCount -= 1;
    this.#askerCounts[block] = 1;
    this.#firstAskers[block] = asker;
    this.#fewestAskers = 1;
    return block;
  }

  /**
   * The block that is asked of the fewest peers, but of fewer than `limit` and not of `asker`; −1 when there is none.
   */
  fewestAsked(asker: Asker, limit: number): number {
    if (limit <= this.#fewestAskers) return -1;
    let fewestOfAll = ARRIVED;
    let fewest = -1;
    let best = Math.min(limit, ARRIVED);
    for (let block = 0; block < this.#askerCounts.length && best > 1; block += 1) {
      const count = this.#askerCounts[block] as number;
      if (count !== 0 && count < fewestOfAll) fewestOfAll = count;
      if (count === 0 || count >= best || this.isAskedOf(block, asker)) continue;
      fewest = block;
      best = count;
      if (best === this.#fewestAskers) return fewest;
    }
    // With this a later call returns at once when its `limit` allows no block of this piece.
    this.#fewestAskers = fewestOfAll;
    return fewest;
  }

  /** Marks a block that is asked of others as asked of `asker` too. */
  askAgain(block: number, asker: Asker): void {
    if (this.askerCount(block) === 0 || this.isAskedOf(block, asker)) {
      throw new Error(`block ${block} of piece ${this.piece} cannot be asked for again`);
    }
    this.#askerCounts[block] = this.askerCount(block) + 1;
    const more = this.#moreAskers.get(block);
    if (more === undefined) this.#moreAskers.set(block, [asker]);
    else more.push(asker);
  }

  /** `asker` was asked for the block and will not answer. The block is free again unless another peer was asked too. */
  withdraw(block: number, asker: Asker): void {
    const askers = this.askersOf(block);
    const place = askers.indexOf(asker);
    if (place < 0) throw new Error(`block ${block} of piece ${this.piece} is not asked of this peer`);
    askers.splice(place, 1);
    this.#askerCounts[block] = askers.length;
    if (askers.length > 0) this.#fewestAskers = Math.min(this.#fewestAskers, askers.length);
    this.#firstAskers[block] = askers[0];
    if (askers.length > 1) this.#moreAskers.set(block, askers.slice(1));
    else this.#moreAskers.delete(block);
    if (askers.length > 0) return;
    this.#freeCount += 1;
    this.#lowFree = Math.min(this.#lowFree, block);
  }

  /**
   * Withdraws every request for a block of this piece. Returns the blocks, each with the peer that was asked for it.
   */
  withdrawAll(): (readonly [block: number, asker: Asker])[] {
    const withdrawn: (readonly [number, Asker])[] = [];
    for (let block = 0; block < this.blockCount && this.askedCount > 0; block += 1)
      for (const asker of this.askersOf(block)) {
        this.withdraw(block, asker);
        withdrawn.push([block, asker]);
      }
    return withdrawn;
  }

  /** The block has arrived, whether it was asked for or free. */
  arrive(block: number): void {
    const count = this.#askerCounts[block] as number;
    if (count === ARRIVED) throw new Error(`block ${block} of piece ${this.piece} arrived twice`);
    if (count === 0) this.#freeCount -= 1;
    if (count > 1) this.#moreAskers.delete(block);
    this.#askerCounts[block] = ARRIVED;
    this.#firstAskers[block] = undefined;
    this.#arrivedCount += 1;
  }

  /** A block that had arrived is free again. */
  lose(block: number): void {
    if (!this.hasArrived(block)) throw new Error(`block ${block} of piece ${this.piece} has not arrived`);
    this.#askerCounts[block] = 0;
    this.#arrivedCount -= 1;
    this.#freeCount += 1;
    this.#lowFree = Math.min(this.#lowFree, block);
  }
}

/**
 * In endgame: the block that is asked of the fewest peers and not of `asker`, in the pieces for which `isOffered` is
 * true; undefined when there is none.
 */
export function fewestAskedBlock<Asker extends object>(
  pieces: Iterable<PieceBlocks<Asker>>,
  asker: Asker,
  isOffered: (blocks: PieceBlocks<Asker>) => boolean,
): { readonly blocks: PieceBlocks<Asker>; readonly block: number } | undefined {
  let best: { readonly blocks: PieceBlocks<Asker>; readonly block: number } | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const blocks of pieces) {
    if (blocks.askedCount === 0 || !isOffered(blocks)) continue;
    const block = blocks.fewestAsked(asker, fewest);
    if (block < 0) continue;
    best = { blocks, block };
    fewest = blocks.askerCount(block);
    if (fewest === 1) break;
  }
  return best;
}
