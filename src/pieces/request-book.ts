import type { BlockSpan } from '../disk/storage.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../metainfo/piece-layout.js';
import type { Bitfield } from '../wire/bitfield.js';
import { AskerRequests, type OpenRequest } from './asker-requests.js';
import { fewestAskedBlock, PieceBlocks } from './piece-blocks.js';
import type { PiecePicker } from './piece-picker.js';
import type { RunChoice } from './untouched-pieces.js';

/** What the RequestBook makes of a block that came. */
export type Arrival<Asker> =
  /** The peer was never asked for the block. */
  | { readonly verdict: 'unasked' }
  /** The peer was asked for the block, but the block is of no use any more. */
  | { readonly verdict: 'duplicate' }
  /** The block is needed. The requests to the other peers have lapsed; the caller sends them a cancel. */
  | {
      readonly verdict: 'wanted';
      readonly span: BlockSpan;
      readonly alsoAskedOf: readonly Asker[];
      /** The peer that was asked first for a block of a late piece, when another one has sent it; else null. */
      readonly laggard: Asker | null;
    };

/** A block of a piece that was taken away from its holder, and how many blocks of the piece are given up. */
interface TakenOver {
  readonly span: BlockSpan;
  readonly givenUp: number;
}

/** What the RequestBook needs of the StorageWrapper: room for the blocks of a piece. */
interface PieceRoom {
  /** Makes room for an untouched piece; false when there is none at present. */
  openPiece(piece: PieceIndex): boolean;
  /** Opens an untouched piece of which an earlier run left these blocks, or one of padding alone. */
  resumePiece(piece: PieceIndex, blocks: readonly number[]): void;
  /** An open piece of which no block has arrived is not asked for any more. */
  releasePiece(piece: PieceIndex): void;
  /** The blocks of an open piece that have arrived are not trusted: all blocks will come again. */
  emptyPiece(piece: PieceIndex): void;
}

const UNASKED = { verdict: 'unasked' } as const;
const DUPLICATE = { verdict: 'duplicate' } as const;

/**
 * Knows which blocks are free, which are asked for and of which peers, and which have arrived. Any object can stand for
 * a peer, the asker; the book forgets it with the last reference to it.
 *
 * A piece that failed its hash is on parole: we ask only one peer at a time, its holder, for blocks of it. So the next
 * failure shows which peer sends wrong bytes. The peer that takes the piece first becomes its holder. When the holder
 * gives a request back, another peer may take over the rest, once nothing of the piece is asked of the first. A better
 * peer that has nothing else to do may take the piece away from the holder; then the piece begins anew.
 */
export class RequestBook<Asker extends object> {
  readonly #layout: PieceLayout;
  readonly #picker: PiecePicker;
  readonly #room: PieceRoom;
  readonly #started = new Map<PieceIndex, PieceBlocks<Asker>>();
  readonly #parole = new Set<PieceIndex>();
  /** Started pieces that have no room yet: see `claim`. */
  readonly #roomless = new Set<PieceIndex>();
  readonly #askers = new WeakMap<Asker, AskerRequests<Asker>>();

  constructor(layout: PieceLayout, picker: PiecePicker, room: PieceRoom) {
    this.#layout = layout;
    this.#picker = picker;
    this.#room = room;
  }

  /**
   * Every wanted block that we lack and that some peer has is asked for. Blocks that are kept for the holder of a piece
   * on parole count as asked for. Endgame ends when a block becomes free.
   */
  get isEndgame(): boolean {
    return this.#started.size > 0 && !this.#picker.hasSomethingToAskFor;
  }

  /**
   * The next block to ask `asker` for, which has the pieces `peerHas`. The block counts as asked for from now on. In
   * endgame it is a block that is asked of other peers but not of `asker`, and of the fewest peers. Of a late piece it
   * may be such a block before endgame, but then no more than two peers are asked for it. Undefined when there is
   * nothing to ask for now. When a piece is begun, it is one of the `suggested` pieces if possible.
   */
  take(asker: Asker, peerHas: Bitfield, suggested: readonly PieceIndex[] = []): BlockSpan | undefined {
    const requests = this.#requestsOf(asker);
    const again = this.#takeLate(asker, requests, peerHas);
    if (again !== undefined) return again;
    const blocks = this.#blocksFor(asker, requests, peerHas, suggested);
    if (blocks === undefined) return this.isEndgame ? this.#takeAgain(asker, requests, peerHas) : undefined;
    this.#goOnWith(asker, requests, blocks);
    const block = blocks.askFree(asker);
    this.#offer(blocks);
    return this.#noteAsked(requests, blocks.piece, block);
  }

  /**
   * Claims pieces for `asker`, a source that gives long runs and has the pieces `has`: a run of untouched pieces of
   * about `length` bytes, at least one piece, or else an open piece with blocks that nobody is asked for. All blocks
   * that are free count as asked of `asker` from now on. They get no room in memory until `makeRoom`. Returns them in
   * order. `choice` says which run of them it is.
   */
  claim(asker: Asker, has: Bitfield, length: number, choice: RunChoice): readonly BlockSpan[] {
    const run = this.#picker.nextRun(has, choice);
    const spans: BlockSpan[] = [];
    if (run === undefined) {
      const open = this.#picker.nextOpen(has);
      if (open !== undefined) this.#claimAll(asker, this.#blocksOf(open), spans);
      return spans;
    }
    let claimed = 0;
    const end = run.begin + run.length;
    for (let index = run.begin; index < end && (claimed < length || spans.length === 0); index += 1) {
      const piece = this.#layout.pieceIndex(index);
      if (piece === undefined) break;
      claimed += this.#layout.lengthOf(piece);
      if (this.#layout.isPadding(piece)) this.startPadding(piece);
      else {
        const blocks = this.#begin(piece);
        this.#roomless.add(piece);
        this.#claimAll(asker, blocks, spans);
      }
    }
    return spans;
  }

  /**
   * Makes room for a piece that was claimed, so that its blocks may come. False when there is none at present; true
   * when the piece needs none.
   */
  makeRoom(piece: PieceIndex): boolean {
    if (!this.#roomless.has(piece)) return true;
    if (!this.#room.openPiece(piece)) return false;
    this.#roomless.delete(piece);
    return true;
  }

  /**
   * Takes a piece on parole away from its holder for `asker`, if `takes` says so, and begins the piece anew. Returns
   * its first block and how many of its blocks had come; undefined when there is no such piece. `takes` hears of a
   * holder and how many blocks of its piece have not come. It must see to it that no piece goes round without end.
   */
  takeOver(
    asker: Asker,
    peerHas: Bitfield,
    takes: (piece: PieceIndex, holder: Asker, left: number) => boolean,
  ): TakenOver | undefined {
    for (const piece of this.#parole) {
      const blocks = this.#started.get(piece);
      const holder = blocks?.holder;
      if (blocks === undefined || holder === undefined || holder === asker || blocks.isWhole) continue;
      if (this.#roomless.has(piece)) continue;
      if (!peerHas.has(piece) || !this.#picker.isWanted(piece) || !this.#picker.isDue(piece)) continue;
      if (!takes(piece, holder, blocks.freeCount + blocks.askedCount)) continue;
      this.#forget(piece);
      this.#room.emptyPiece(piece);
      const anew = this.#blankBlocks(piece);
      anew.holder = asker;
      anew.offered = false;
      this.#started.set(piece, anew);
      const requests = this.#requestsOf(asker);
      this.#goOnWith(asker, requests, anew);
      return { span: this.#noteAsked(requests, piece, anew.askFree(asker)), givenUp: blocks.receivedCount };
    }
    return undefined;
  }

  /**
   * `asker` says that it will not send a block. The block is free again unless another peer was asked too. The numbers
   * come from the peer. Returns what was asked for, 'late' when the request has lapsed, or 'unasked'.
   */
  blockRejected(asker: Asker, piece: number, begin: number, length: number): BlockSpan | 'late' | 'unasked' {
    const requests = this.#askers.get(asker);
    const key = this.#layout.keyOfForeign(piece, begin, length);
    if (requests === undefined || key === undefined) return 'unasked';
    const span = requests.asked(key);
    if (span === undefined) return requests.answerLapsed(key) === undefined ? 'unasked' : 'late';
    this.#withdraw(asker, requests, span);
    return span;
  }

  /**
   * Gives back the requests that `asker` has dropped without a word, and returns them, the oldest first. Their answers
   * may still come.
   */
  giveBackDropped(asker: Asker): readonly OpenRequest[] {
    const requests = this.#requestsOf(asker);
    const dropped = requests.dropped();
    for (const { span } of dropped) this.#withdraw(asker, requests, span);
    return dropped;
  }

  /**
   * `asker` has answered many requests that were made after the oldest open one: it drops requests, or answers them in
   * another order.
   */
  isOvertaken(asker: Asker): boolean {
    return this.#askers.get(asker)?.isOvertaken ?? false;
  }

  /** `asker` has answered a request that was made after the oldest open one. */
  skipsOldest(asker: Asker): boolean {
    return this.#askers.get(asker)?.skipsOldest ?? false;
  }

  /**
   * Gives back the requests of `asker` for pieces that have no deadline any more, and returns them. Their answers may
   * still come.
   */
  giveBackUndue(asker: Asker): readonly BlockSpan[] {
    const requests = this.#requestsOf(asker);
    const undue = [...requests.spans()].filter(({ piece }) => !this.#picker.isDue(piece));
    for (const span of undue) this.#withdraw(asker, requests, span);
    return undue;
  }

  /** `asker` will not answer its requests for blocks of this piece. */
  giveBackPiece(asker: Asker, piece: PieceIndex): void {
    const requests = this.#requestsOf(asker);
    for (const span of requests.spans()) if (span.piece === piece) this.#withdraw(asker, requests, span);
    const blocks = this.#started.get(piece);
    if (blocks !== undefined) this.#letGo(asker, blocks);
  }

  /**
   * `asker` will not answer any of its requests (choke, snub, disconnect). Call this even when it has none, because it
   * must give up the pieces on parole that it holds. Returns the requests that are given back.
   */
  giveBackAll(asker: Asker): readonly BlockSpan[] {
    const requests = this.#requestsOf(asker);
    const owed = [...requests.spans()];
    for (const span of owed) this.#withdraw(asker, requests, span);
    for (const piece of this.#parole) {
      const blocks = this.#started.get(piece);
      if (blocks !== undefined) this.#letGo(asker, blocks);
    }
    requests.current = undefined;
    return owed;
  }

  howManyAsked(asker: Asker): number {
    return this.#askers.get(asker)?.count ?? 0;
  }

  /** A block arrived. The numbers come from the peer and may be anything. */
  blockCameIn(asker: Asker, piece: number, begin: number, length: number): Arrival<Asker> {
    const requests = this.#askers.get(asker);
    const key = this.#layout.keyOfForeign(piece, begin, length);
    if (requests === undefined || key === undefined) return UNASKED;
    const block = begin / BLOCK_LENGTH;
    const span = requests.answer(key);
    if (span !== undefined) return this.#accept(asker, this.#blocksOf(span.piece), block, span);
    const lapsed = requests.answerLapsed(key);
    return lapsed === undefined ? UNASKED : this.#lateBlock(asker, block, lapsed);
  }

  /** Starts an untouched piece of which an earlier run left the blocks `there`. Blocks of padding do not count. */
  resumePiece(piece: PieceIndex, there: readonly number[]): void {
    const padding = new Set(this.#layout.paddingBlocks(piece));
    const left = there.filter((block) => !padding.has(block));
    if (left.length === 0) return;
    this.#room.resumePiece(piece, left);
    const blocks = this.#begin(piece);
    for (const block of left) blocks.arrive(block);
    this.#offer(blocks);
  }

  /** Starts an untouched piece of padding alone. No peer is asked for it: it is whole at once. */
  startPadding(piece: PieceIndex): void {
    this.#room.resumePiece(piece, []);
    this.#offer(this.#begin(piece));
  }

  /**
   * These blocks of a started piece, which had arrived, are free again. It is known that they are the wrong ones, so
   * the piece is not on parole any longer.
   */
  loseBlocks(piece: PieceIndex, lost: readonly number[]): void {
    const blocks = this.#blocksOf(piece);
    this.#parole.delete(piece);
    blocks.holder = undefined;
    for (const block of lost) blocks.lose(block);
    this.#offerOrEnd(blocks);
  }

  /** The piece failed its hash. Every block is free again, and the piece is on parole. */
  restartPiece(piece: PieceIndex): void {
    this.#parole.add(piece);
    this.dropPiece(piece);
  }

  /** The blocks that had arrived are lost, and no peer is to blame. Every block is free again. */
  dropPiece(piece: PieceIndex): void {
    this.#forget(piece);
    this.#picker.abandonPiece(piece);
  }

  /** The piece is right, whether it was asked for or found on the disk. We have it from now on. */
  pieceVerified(piece: PieceIndex): void {
    if (this.#started.has(piece)) this.#forget(piece);
    this.#parole.delete(piece);
    this.#picker.completePiece(piece);
  }

  /** Whether the peer has a wanted piece that we lack. */
  isInteresting(peerHas: Bitfield): boolean {
    return this.#picker.interestingPiece(peerHas) !== undefined;
  }

  /** Throws when an invariant is broken. For tests. */
  check(): void {
    this.#picker.check();
    for (const [piece, blocks] of this.#started) {
      const isAskedOf = (asker: Asker, block: number) =>
        this.#requestsOf(asker).asked(this.#layout.blockKey(piece, block)) !== undefined;
      checkStartedPiece(blocks, this.#picker, this.#parole.has(piece), isAskedOf);
      const { holder, freeCount } = blocks;
      if (holder !== undefined && freeCount > 0 && this.#requestsOf(holder).current !== blocks)
        throw new Error(`piece ${piece} is kept for a peer that does not go on with it`);
    }
  }

  #requestsOf(asker: Asker): AskerRequests<Asker> {
    let requests = this.#askers.get(asker);
    if (requests === undefined) {
      requests = new AskerRequests();
      this.#askers.set(asker, requests);
    }
    return requests;
  }

  #blocksOf(piece: PieceIndex): PieceBlocks<Asker> {
    const blocks = this.#started.get(piece);
    if (blocks === undefined) throw new Error(`piece ${piece} is not started`);
    return blocks;
  }

  /** A piece that has a free block for `asker`: a started one, or an untouched one that is started here. */
  #blocksFor(
    asker: Asker,
    requests: AskerRequests<Asker>,
    peerHas: Bitfield,
    suggested: readonly PieceIndex[],
  ): PieceBlocks<Asker> | undefined {
    const current = requests.current;
    if (current !== undefined && peerHas.has(current.piece) && this.#mayGoOn(asker, current)) {
      // With deadlines the first piece comes first; the picker does not offer a piece that is kept for its holder.
      if (!this.#picker.hasDeadlines || current.holder === asker) return current;
    }
    let piece = this.#picker.next(peerHas, suggested);
    for (; piece !== undefined && this.#isUnstartedPadding(piece); piece = this.#picker.next(peerHas, suggested))
      this.startPadding(piece);
    if (piece === undefined) return undefined;
    const blocks = this.#started.get(piece) ?? this.#start(piece);
    if (blocks !== undefined && this.#parole.has(piece)) blocks.holder = asker;
    return blocks;
  }

  /**
   * `asker` goes on with this piece. If it held another piece that has free blocks, other peers may be asked for these.
   */
  #goOnWith(asker: Asker, requests: AskerRequests<Asker>, blocks: PieceBlocks<Asker>): void {
    const left = requests.current;
    requests.current = blocks;
    if (left === undefined || left === blocks || left.freeCount === 0) return;
    if (this.#started.get(left.piece) === left) this.#letGo(asker, left);
  }

  /** If `asker` held the piece, it holds it no longer, and the picker may offer the piece. */
  #letGo(asker: Asker, blocks: PieceBlocks<Asker>): void {
    if (blocks.holder !== asker) return;
    blocks.holder = undefined;
    this.#offer(blocks);
  }

  #claimAll(asker: Asker, blocks: PieceBlocks<Asker>, spans: BlockSpan[]): void {
    const requests = this.#requestsOf(asker);
    if (this.#parole.has(blocks.piece)) blocks.holder = asker;
    while (blocks.freeCount > 0) spans.push(this.#noteAsked(requests, blocks.piece, blocks.askFree(asker)));
    this.#offer(blocks);
  }

  #mayGoOn(asker: Asker, blocks: PieceBlocks<Asker>): boolean {
    return (
      blocks.freeCount > 0 &&
      (blocks.holder === asker || !this.#parole.has(blocks.piece)) &&
      this.#started.get(blocks.piece) === blocks &&
      this.#picker.isWanted(blocks.piece) &&
      this.#picker.isDue(blocks.piece)
    );
  }

  #start(piece: PieceIndex): PieceBlocks<Asker> | undefined {
    return this.#room.openPiece(piece) ? this.#begin(piece) : undefined;
  }

  #begin(piece: PieceIndex): PieceBlocks<Asker> {
    const blocks = this.#blankBlocks(piece);
    this.#started.set(piece, blocks);
    this.#picker.startPiece(piece);
    return blocks;
  }

  #blankBlocks(piece: PieceIndex): PieceBlocks<Asker> {
    return new PieceBlocks(piece, this.#layout.blockCount(piece), this.#layout.paddingBlocks(piece));
  }

  #isUnstartedPadding(piece: PieceIndex): boolean {
    return !this.#started.has(piece) && this.#layout.isPadding(piece);
  }

  #offer(blocks: PieceBlocks<Asker>): void {
    const offered = blocks.mayBeOffered(this.#parole.has(blocks.piece));
    if (offered === blocks.offered) return;
    blocks.offered = offered;
    if (offered) this.#picker.blocksFreed(blocks.piece);
    else this.#picker.blocksRanOut(blocks.piece);
  }

  #noteAsked(requests: AskerRequests<Asker>, piece: PieceIndex, block: number): BlockSpan {
    const span = { piece, begin: block * BLOCK_LENGTH, length: this.#layout.blockLength(piece, block) };
    requests.ask(this.#layout.blockKey(piece, block), span);
    return span;
  }

  #takeAgain(asker: Asker, requests: AskerRequests<Asker>, peerHas: Bitfield): BlockSpan | undefined {
    const isOffered = ({ piece }: PieceBlocks<Asker>): boolean =>
      peerHas.has(piece) && !this.#parole.has(piece) && this.#picker.isWanted(piece) && this.#picker.mayRepeat(piece);
    return this.#askAgain(asker, requests, fewestAskedBlock(this.#started.values(), asker, isOffered));
  }

  /** A block of a late piece, all of whose blocks are asked for, that one other peer is asked for. */
  #takeLate(asker: Asker, requests: AskerRequests<Asker>, peerHas: Bitfield): BlockSpan | undefined {
    for (const piece of this.#picker.latePieces) {
      const blocks = this.#started.get(piece);
      if (blocks === undefined || blocks.freeCount > 0 || !peerHas.has(piece) || this.#parole.has(piece)) continue;
      const found = fewestAskedBlock([blocks], asker, () => true);
      if (found === undefined || blocks.askerCount(found.block) > 1) continue;
      return this.#askAgain(asker, requests, found);
    }
    return undefined;
  }

  #askAgain(
    asker: Asker,
    requests: AskerRequests<Asker>,
    found: ReturnType<typeof fewestAskedBlock<Asker>>,
  ): BlockSpan | undefined {
    if (found === undefined || !this.makeRoom(found.blocks.piece)) return undefined;
    found.blocks.askAgain(found.block, asker);
    return this.#noteAsked(requests, found.blocks.piece, found.block);
  }

  #accept(asker: Asker, blocks: PieceBlocks<Asker>, block: number, span: BlockSpan): Arrival<Asker> {
    const others = blocks.othersAskedFor(block, asker);
    const [first = null] = this.#picker.isLate(blocks.piece) ? blocks.askersOf(block) : [];
    blocks.arrive(block);
    this.#offer(blocks);
    for (const other of others) this.#requestsOf(other).lapse(this.#layout.blockKey(blocks.piece, block));
    return { verdict: 'wanted', span, alsoAskedOf: others, laggard: first === asker ? null : first };
  }

  /**
   * A lapsed request is answered. The block is as good as any other, unless we have it or the piece is kept for another
   * peer.
   */
  #lateBlock(asker: Asker, block: number, span: BlockSpan): Arrival<Asker> {
    const piece = span.piece;
    let blocks = this.#started.get(piece);
    if (this.#parole.has(piece) && blocks?.holder !== asker) return DUPLICATE;
    if (blocks === undefined && this.#picker.isUntouched(piece) && this.#picker.isDue(piece))
      blocks = this.#start(piece);
    if (blocks === undefined || blocks.hasArrived(block) || !this.makeRoom(piece)) return DUPLICATE;
    return this.#accept(asker, blocks, block, span);
  }

  #withdraw(asker: Asker, requests: AskerRequests<Asker>, span: BlockSpan): void {
    const blocks = this.#blocksOf(span.piece);
    const block = span.begin / BLOCK_LENGTH;
    requests.lapse(this.#layout.blockKey(span.piece, block));
    blocks.withdraw(block, asker);
    if (blocks.holder === asker) blocks.holder = undefined;
    this.#offerOrEnd(blocks);
  }

  #offerOrEnd(blocks: PieceBlocks<Asker>): void {
    this.#offer(blocks);
    if (blocks.askedCount > 0 || blocks.receivedCount > 0) return;
    this.#started.delete(blocks.piece);
    this.#picker.abandonPiece(blocks.piece);
    if (!this.#roomless.delete(blocks.piece)) this.#room.releasePiece(blocks.piece);
  }

  /** Forgets a started piece. The requests for its blocks lapse. */
  #forget(piece: PieceIndex): void {
    const blocks = this.#blocksOf(piece);
    for (const [block, asker] of blocks.withdrawAll())
      this.#requestsOf(asker).lapse(this.#layout.blockKey(piece, block));
    this.#started.delete(piece);
    this.#roomless.delete(piece);
  }
}

/** Throws when the blocks of a started piece, the picker and the requests of the peers do not agree. For tests. */
function checkStartedPiece<Asker extends object>(
  blocks: PieceBlocks<Asker>,
  picker: PiecePicker,
  isOnParole: boolean,
  isAskedOf: (asker: Asker, block: number) => boolean,
): void {
  const { piece, holder } = blocks;
  if (picker.isUntouched(piece)) throw new Error(`piece ${piece} is started and untouched`);
  if (blocks.receivedCount === 0 && blocks.askedCount === 0 && !blocks.isWhole)
    throw new Error(`nothing is asked of piece ${piece}`);
  if (holder !== undefined && !isOnParole) throw new Error(`piece ${piece} is held off parole`);
  let free = 0;
  for (let block = 0; block < blocks.blockCount; block += 1) {
    const askers = blocks.askersOf(block);
    if (askers.length !== blocks.askerCount(block)) throw new Error(`block ${block} of ${piece} miscounts its askers`);
    if (askers.length === 0 && !blocks.hasArrived(block)) free += 1;
    for (const asker of askers) {
      if (isAskedOf(asker, block)) continue;
      throw new Error(`block ${block} of ${piece} has an asker without such a request`);
    }
  }
  if (free !== blocks.freeCount) throw new Error(`piece ${piece} miscounts its free blocks`);
  if (picker.isOffered(piece) !== (blocks.mayBeOffered(isOnParole) && picker.isWanted(piece))) {
    throw new Error(`piece ${piece} is offered wrongly`);
  }
}
