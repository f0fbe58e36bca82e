import type { PieceIndex } from '../metainfo/piece-layout.js';

/** Stands in for the number of askers once a block has arrived. No block has that many askers. */
const ARRIVED = 0xffff;

const NOBODY: readonly never[] = [];

/**
 * The blocks of one started piece: each is free, asked of one peer or several, or arrived. Blocks are numbered from 0
 * within the piece. Asking one peer, the rule outside endgame, allocates nothing.
 */
export class PieceBlocks<Asker extends object> {
  readonly piece: PieceIndex;
  /** The only one who may be asked, while the piece is on parole. */
  holder: Asker | undefined = undefined;
  /** Whether the picker offers the piece. */
  offered = true;
  readonly #askerCounts: Uint16Array;
  readonly #firstAskers: (Asker | undefined)[];
  /** Askers beyond the first, of blocks that have any. */
  readonly #moreAskers = new Map<number, Asker[]>();
  #freeCount: number;
  #arrivedCount = 0;
  /** No block before this one is free. */
  #lowFree = 0;
  /** No asked block is asked of fewer than this. It lags behind: it is never too high. */
  #fewestAskers = 1;

  constructor(piece: PieceIndex, blockCount: number) {
    this.piece = piece;
    this.#askerCounts = new Uint16Array(blockCount);
    this.#firstAskers = new Array<Asker | undefined>(blockCount).fill(undefined);
    this.#freeCount = blockCount;
  }

  get blockCount(): number {
    return this.#askerCounts.length;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  get arrivedCount(): number {
    return this.#arrivedCount;
  }

  get isWhole(): boolean {
    return this.#arrivedCount === this.blockCount;
  }

  /** Blocks that are asked for and have not arrived. */
  get askedCount(): number {
    return this.blockCount - this.#freeCount - this.#arrivedCount;
  }

  /** The picker may offer the piece while it has free blocks that are not kept for one peer. */
  mayBeOffered(isOnParole: boolean): boolean {
    if (this.#freeCount === 0 || this.holder !== undefined) return false;
    return this.askedCount === 0 || !isOnParole;
  }

  hasArrived(block: number): boolean {
    return this.#askerCounts[block] === ARRIVED;
  }

  /** How many the block is asked of; 0 when it has arrived. */
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

  /** Those besides `asker` who are asked for the block. */
  othersAskedFor(block: number, asker: Asker): readonly Asker[] {
    if (this.#moreAskers.has(block)) return this.askersOf(block).filter((other) => other !== asker);
    const first = this.#firstAskers[block];
    return first === undefined || first === asker ? NOBODY : [first];
  }

  /** Marks the lowest free block as asked of `asker`. There must be one. */
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

  /** The block that is asked of the fewest, of fewer than `limit`, and not of `asker`; −1 when there is none. */
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
    // The next one need not look here for a block that is asked of no more than the fewest of all.
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

  /** `asker`, who was asked for the block, will not answer. The block is free unless somebody else was asked too. */
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

  /** Nothing that is asked for will be answered. Returns what was asked of whom. */
  withdrawAll(): (readonly [block: number, asker: Asker])[] {
    const withdrawn: (readonly [number, Asker])[] = [];
    for (let block = 0; block < this.blockCount && this.askedCount > 0; block += 1)
      for (const asker of this.askersOf(block)) {
        this.withdraw(block, asker);
        withdrawn.push([block, asker]);
      }
    return withdrawn;
  }

  /** The block, asked for or free, is here. */
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
 * In endgame: the block, of those `isOffered`, that is asked of the fewest and not of `asker`; undefined: there is
 * none.
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
