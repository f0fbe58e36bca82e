import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BlockSpan } from '../../src/disk/storage.js';
import { BLOCK_LENGTH, PieceLayout } from '../../src/metainfo/piece-layout.js';
import { PiecePicker } from '../../src/pieces/piece-picker.js';
import { RequestBook } from '../../src/pieces/request-book.js';
import { Bitfield } from '../../src/wire/bitfield.js';
import { pieceAt } from '../support/pieces.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/simulation/seeded-random.js';

const PIECES = 5;
const BLOCKS = 3;
const PEERS = 4;
/** The blocks of padding in the torrents with padding: some in a piece, and a whole piece. */
const PADDING: ReadonlySet<number> = new Set([4, 5, 9, 10, 11, 12]);

interface ModelPeer {
  readonly has: Bitfield;
  present: boolean;
}

/**
 * What the book must know, kept in the plainest way: for each block whether it has arrived, and a list of its askers.
 */
class Model {
  readonly layout: PieceLayout;
  readonly padding: ReadonlySet<number>;
  readonly picker: PiecePicker;
  readonly book: RequestBook<ModelPeer>;
  readonly peers: ModelPeer[] = [];
  readonly had = new Set<number>();
  readonly parole = new Set<number>();
  readonly arrived = new Set<number>();
  readonly asked = new Map<number, ModelPeer[]>();
  readonly opened = new Set<number>();
  hasRoom = true;

  constructor(seed: number, isPadded: boolean) {
    this.padding = isPadded ? PADDING : new Set();
    this.layout = layoutWith(this.padding);
    this.picker = new PiecePicker(PIECES, { randomFirst: 1, sequential: false, onDemand: false }, seededRandom(seed));
    this.book = new RequestBook(this.layout, this.picker, {
      openPiece: (piece) => {
        assert.ok(!this.opened.has(piece), `piece ${piece} is opened twice`);
        if (this.hasRoom) this.opened.add(piece);
        return this.hasRoom;
      },
      resumePiece: (piece, there) => {
        assert.ok(!this.opened.has(piece), `piece ${piece} is opened twice`);
        assert.equal(there.length === 0, this.blocksOf(piece).length === 0, 'a piece is resumed with nothing in it');
        this.opened.add(piece);
      },
      releasePiece: (piece) => {
        assert.ok(this.opened.delete(piece), `piece ${piece} is released closed`);
      },
      emptyPiece: (piece) => {
        assert.ok(this.opened.has(piece), `piece ${piece} is emptied closed`);
      },
    });
    for (let peer = 0; peer < PEERS; peer += 1) this.peers.push({ has: new Bitfield(PIECES), present: false });
  }

  askersOf(block: number): ModelPeer[] {
    return this.asked.get(block) ?? [];
  }

  /** The blocks of the piece that peers are asked for. */
  blocksOf(piece: number): number[] {
    const blocks = Array.from({ length: BLOCKS }, (_, block) => piece * BLOCKS + block);
    return blocks.filter((block) => !this.padding.has(block));
  }

  span(block: number): BlockSpan {
    const piece = pieceAt(Math.floor(block / BLOCKS));
    const length = this.layout.blockLength(piece, block % BLOCKS);
    return { piece, begin: (block % BLOCKS) * BLOCK_LENGTH, length };
  }

  pieceIn(block: number): number {
    return Math.floor(block / BLOCKS);
  }

  /** Blocks of missing pieces that are neither asked for nor here. */
  free(): number[] {
    const blocks = Array.from({ length: PIECES * BLOCKS }, (_, block) => block);
    return blocks.filter(
      (block) =>
        !this.padding.has(block) &&
        !this.had.has(this.pieceIn(block)) &&
        !this.arrived.has(block) &&
        this.askersOf(block).length === 0,
    );
  }

  /** A piece of padding alone is started as soon as it is opened. */
  isStarted(piece: number): boolean {
    if (this.blocksOf(piece).length === 0) return this.opened.has(piece);
    return this.blocksOf(piece).some((block) => this.arrived.has(block) || this.askersOf(block).length > 0);
  }

  take(peer: ModelPeer): void {
    const span = this.book.take(peer, peer.has);
    const free = this.free().filter((block) => peer.has.has(this.pieceIn(block)));
    const normal = free.filter((block) => !this.parole.has(this.pieceIn(block)));
    if (span === undefined) {
      const allowed = normal.filter((block) => this.hasRoom || this.isStarted(this.pieceIn(block)));
      assert.deepEqual(allowed, [], 'something could have been asked for');
      return;
    }
    const block = span.piece * BLOCKS + span.begin / BLOCK_LENGTH;
    assert.deepEqual(span, this.span(block));
    assert.ok(!this.padding.has(block), 'padding is asked for');
    assert.ok(peer.has.has(span.piece) && !this.had.has(span.piece) && !this.arrived.has(block));
    const askers = this.askersOf(block);
    assert.ok(!askers.includes(peer), 'asked twice of one peer');
    if (askers.length === 0) {
      const startable = normal.filter((each) => this.isStarted(this.pieceIn(each)));
      if (!this.isStarted(span.piece)) assert.deepEqual(startable, [], 'a started piece comes first');
    } else {
      assert.deepEqual(normal, [], 'free blocks come first');
      const asked = [...this.asked].filter(
        ([each, who]) =>
          who.length > 0 &&
          !who.includes(peer) &&
          peer.has.has(this.pieceIn(each)) &&
          !this.parole.has(this.pieceIn(each)),
      );
      assert.equal(askers.length, Math.min(...asked.map(([, who]) => who.length)));
    }
    if (this.parole.has(span.piece)) this.#assertAlone(span.piece, peer);
    this.asked.set(block, [...askers, peer]);
  }

  /** Takes a piece on parole over from its holder. */
  takeOver(peer: ModelPeer): void {
    const taken = this.book.takeOver(peer, peer.has, () => true);
    if (taken === undefined) return;
    const { piece } = taken.span;
    assert.ok(this.parole.has(piece) && peer.has.has(piece) && !this.had.has(piece));
    const arrived = this.blocksOf(piece).filter((block) => this.arrived.delete(block));
    assert.ok(arrived.length < this.blocksOf(piece).length, 'a whole piece is taken over');
    assert.equal(taken.givenUp, arrived.length);
    for (const block of this.blocksOf(piece)) this.asked.delete(block);
    const [first] = this.blocksOf(piece);
    assert.ok(first !== undefined, 'padding is on parole');
    this.asked.set(first, [peer]);
    assert.deepEqual(taken.span, this.span(first));
  }

  #assertAlone(piece: number, peer: ModelPeer): void {
    for (const block of this.blocksOf(piece)) {
      assert.deepEqual(
        this.askersOf(block).filter((asker) => asker !== peer),
        [],
        'on parole with two peers',
      );
    }
  }

  withdraw(peer: ModelPeer, block: number): void {
    const askers = this.askersOf(block);
    this.asked.set(
      block,
      askers.filter((asker) => asker !== peer),
    );
    if (askers.includes(peer) && !this.isStarted(this.pieceIn(block))) this.assertClosed(this.pieceIn(block));
  }

  assertClosed(piece: number): void {
    assert.ok(!this.opened.has(piece), `piece ${piece} keeps its room`);
  }

  askedOf(peer: ModelPeer): number[] {
    return [...this.asked].flatMap(([block, askers]) => (askers.includes(peer) ? [block] : []));
  }

  giveBackAll(peer: ModelPeer): void {
    this.book.giveBackAll(peer);
    for (const block of this.askedOf(peer))
      this.asked.set(
        block,
        this.askersOf(block).filter((asker) => asker !== peer),
      );
    for (let piece = 0; piece < PIECES; piece += 1)
      if (!this.isStarted(piece) && !this.had.has(piece)) this.assertClosed(piece);
  }

  /** Any block comes in from any peer, asked for or not. */
  arrive(peer: ModelPeer, block: number): void {
    const span = this.span(block);
    const askers = this.askersOf(block);
    const arrival = this.book.blockCameIn(peer, span.piece, span.begin, span.length);
    if (askers.includes(peer)) assert.equal(arrival.verdict, 'wanted');
    if (arrival.verdict !== 'wanted') return;
    assert.ok(!this.had.has(span.piece) && !this.arrived.has(block), 'taken twice');
    assert.ok(!this.padding.has(block), 'padding is taken');
    if (this.parole.has(span.piece)) this.#assertAlone(span.piece, peer);
    assert.deepEqual(new Set(arrival.alsoAskedOf), new Set(askers.filter((asker) => asker !== peer)));
    this.asked.delete(block);
    this.arrived.add(block);
  }

  /** Whole pieces are checked, with this result. */
  settle(matches: boolean): void {
    for (let piece = 0; piece < PIECES; piece += 1) {
      if (this.had.has(piece) || !this.isStarted(piece)) continue;
      if (!this.blocksOf(piece).every((block) => this.arrived.has(block))) continue;
      this.opened.delete(piece);
      // Padding that fails its hash ends the torrent.
      if (matches || this.blocksOf(piece).length === 0) {
        this.book.pieceVerified(pieceAt(piece));
        this.had.add(piece);
        this.parole.delete(piece);
      } else {
        this.book.restartPiece(pieceAt(piece));
        this.parole.add(piece);
      }
      for (const block of this.blocksOf(piece)) this.arrived.delete(block);
    }
  }

  /** An earlier run left some blocks of an untouched piece. */
  resume(piece: number, chosen: readonly boolean[]): void {
    const blocks = Array.from({ length: BLOCKS }, (_, block) => block).filter((block) => chosen[block]);
    if (this.isStarted(piece) || this.had.has(piece) || this.parole.has(piece)) return;
    this.book.resumePiece(pieceAt(piece), blocks);
    for (const block of blocks.map((each) => piece * BLOCKS + each))
      if (!this.padding.has(block)) this.arrived.add(block);
  }

  /** A piece of padding alone is begun without a peer. */
  startPadding(piece: number): void {
    if (this.blocksOf(piece).length > 0 || this.isStarted(piece) || this.had.has(piece)) return;
    this.book.startPadding(pieceAt(piece));
  }

  /** Some blocks that had arrived are known to be wrong. The piece is on parole no longer. */
  lose(piece: number, chosen: readonly boolean[]): void {
    const blocks = this.blocksOf(piece).filter((block) => this.arrived.has(block) && chosen[block % BLOCKS]);
    if (blocks.length === 0) return;
    this.parole.delete(piece);
    this.book.loseBlocks(
      pieceAt(piece),
      blocks.map((block) => block % BLOCKS),
    );
    for (const block of blocks) this.arrived.delete(block);
    if (!this.isStarted(piece)) this.assertClosed(piece);
  }

  /** The disk loses the blocks that have come of a piece. */
  drop(piece: number): void {
    if (!this.isStarted(piece) || this.blocksOf(piece).length === 0) return;
    this.opened.delete(piece);
    this.book.dropPiece(pieceAt(piece));
    for (const block of this.blocksOf(piece)) {
      this.arrived.delete(block);
      this.asked.delete(block);
    }
  }

  /** Every peer answers every request, and every check passes: all pieces that some peer has must come in. */
  finish(): void {
    this.hasRoom = true;
    const present = this.peers.filter((peer) => peer.present);
    for (let round = 0; round < 2 * PIECES; round += 1) {
      for (const peer of present) {
        for (let taken = 0; taken < PIECES * BLOCKS; taken += 1) this.take(peer);
        for (const each of this.askedOf(peer)) this.arrive(peer, each);
        this.settle(true);
        this.check();
      }
    }
    for (let piece = 0; piece < PIECES; piece += 1) {
      assert.ok(this.had.has(piece) || !present.some((peer) => peer.has.has(piece)), `piece ${piece} never comes in`);
    }
  }

  check(): void {
    this.book.check();
    for (const peer of this.peers) assert.equal(this.book.howManyAsked(peer), this.askedOf(peer).length);
    const started = Array.from({ length: PIECES }, (_, piece) => piece).filter((piece) => this.isStarted(piece));
    assert.deepEqual([...this.opened].sort(), started, 'room is kept for started pieces, and for no others');
  }
}

/** A layout with pad files in these blocks. */
function layoutWith(padding: ReadonlySet<number>): PieceLayout {
  const [pieceLength, length] = [BLOCKS * BLOCK_LENGTH, PIECES * BLOCKS * BLOCK_LENGTH - 7];
  const files = Array.from({ length: PIECES * BLOCKS }, (_, block) => ({
    path: `top/${block}`,
    length: Math.min(BLOCK_LENGTH, length - block * BLOCK_LENGTH),
    padding: padding.has(block),
  }));
  return new PieceLayout({ ...sampleTorrent(files, pieceLength).metainfo, pieces: Buffer.alloc(0) });
}

type Step = (model: Model) => void;

const peerNumber = fc.nat(PEERS - 1);
const block = fc.nat(PIECES * BLOCKS - 1);
const someBlocks = fc.array(fc.boolean(), { minLength: BLOCKS, maxLength: BLOCKS });
const peerOf = (model: Model, number: number): ModelPeer => model.peers[number] as ModelPeer;

const join = fc.tuple(peerNumber, fc.array(fc.boolean(), { minLength: PIECES, maxLength: PIECES }));
const step = fc.oneof(
  join.map(
    ([number, pieces]): Step =>
      (model) => {
        const peer = peerOf(model, number);
        if (peer.present) return;
        for (const [piece, has] of pieces.entries()) if (has) peer.has.set(piece);
        model.picker.peerJoined(peer.has);
        peer.present = true;
      },
  ),
  fc.tuple(peerNumber, fc.nat(PIECES - 1)).map(
    ([number, piece]): Step =>
      (model) => {
        const peer = peerOf(model, number);
        if (peer.present && peer.has.set(piece)) model.picker.gotHave(pieceAt(piece));
      },
  ),
  peerNumber.map(
    (number): Step =>
      (model) => {
        const peer = peerOf(model, number);
        if (!peer.present) return;
        model.giveBackAll(peer);
        model.picker.peerLeft(peer.has);
        for (let piece = 0; piece < PIECES; piece += 1) peer.has.clear(piece);
        peer.present = false;
      },
  ),
  {
    weight: 8,
    arbitrary: peerNumber.map(
      (number): Step =>
        (model) =>
          model.take(peerOf(model, number)),
    ),
  },
  peerNumber.map(
    (number): Step =>
      (model) =>
        model.takeOver(peerOf(model, number)),
  ),
  {
    weight: 6,
    arbitrary: fc.tuple(peerNumber, fc.nat()).map(
      ([number, choice]): Step =>
        (model) => {
          const asked = model.askedOf(peerOf(model, number));
          const chosen = asked[choice % Math.max(1, asked.length)];
          if (chosen !== undefined) model.arrive(peerOf(model, number), chosen);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(peerNumber, block).map(
      ([number, each]): Step =>
        (model) => {
          model.arrive(peerOf(model, number), each);
        },
    ),
  },
  fc.tuple(peerNumber, block).map(
    ([number, each]): Step =>
      (model) => {
        const { piece, begin, length } = model.span(each);
        model.book.blockRejected(peerOf(model, number), piece, begin, length);
        model.withdraw(peerOf(model, number), each);
      },
  ),
  peerNumber.map(
    (number): Step =>
      (model) =>
        model.giveBackAll(peerOf(model, number)),
  ),
  { weight: 2, arbitrary: fc.constant<Step>((model) => model.settle(true)) },
  { weight: 2, arbitrary: fc.constant<Step>((model) => model.settle(false)) },
  fc.nat(PIECES - 1).map(
    (piece): Step =>
      (model) =>
        model.drop(piece),
  ),
  fc.tuple(fc.nat(PIECES - 1), someBlocks).map(
    ([piece, chosen]): Step =>
      (model) =>
        model.resume(piece, chosen),
  ),
  fc.tuple(fc.nat(PIECES - 1), someBlocks).map(
    ([piece, chosen]): Step =>
      (model) =>
        model.lose(piece, chosen),
  ),
  fc.nat(PIECES - 1).map(
    (piece): Step =>
      (model) =>
        model.startPadding(piece),
  ),
  fc.boolean().map(
    (hasRoom): Step =>
      (model) => {
        model.hasRoom = hasRoom;
      },
  ),
);

describe('the request book, whatever happens', () => {
  it('agrees with plain book-keeping after every step', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), fc.nat(), fc.boolean(), (steps, seed, isPadded) => {
        const model = new Model(seed, isPadded);
        for (const action of steps) {
          action(model);
          model.check();
        }
        model.finish();
      }),
      { numRuns: 300, includeErrorInReport: true },
    );
  });
});
