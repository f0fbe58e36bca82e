/**
 * `pick-cost.js PIECES PEERS` prints the cost of choosing a block to ask for, as JSON: nanoseconds a block. The peers
 * have from a tenth to nearly all of the pieces. They take turns, and a block that we ask for comes at once.
 */
import { BLOCK_LENGTH, PieceLayout } from '../../src/metainfo/piece-layout.js';
import { DEFAULT_PIECE_PICKER_OPTIONS, PiecePicker } from '../../src/pieces/piece-picker.js';
import { RequestBook } from '../../src/pieces/request-book.js';
import { Bitfield } from '../../src/wire/bitfield.js';
import { seededRandom } from '../../test/support/simulation/seeded-random.js';

const BLOCKS_PER_PIECE = 4;
const TAKES = 200_000;
const NANOS_PER_MILLI = 1e6;
const SHARES = [0.1, 0.5, 0.75, 0.9, 0.99];

const [pieces = 1000, peers = 10] = process.argv.slice(2).map(Number);
const random = seededRandom(1);
const bitfields = Array.from({ length: peers }, (_, peer) => {
  const has = new Bitfield(pieces);
  const share = SHARES[peer % SHARES.length] ?? 1;
  for (let piece = 0; piece < pieces; piece += 1) if (random.below(1000) < share * 1000) has.set(piece);
  return has;
});

// A round takes a quarter of the torrent: every peer always has a block to ask for, and the endgame never begins. Then
// the next round starts with a new torrent.
const takesPerRound = Math.min(TAKES, (pieces * BLOCKS_PER_PIECE) / 4);
let nanos = 0;
for (let taken = -takesPerRound; taken < TAKES; taken += takesPerRound) {
  const spent = round(takesPerRound);
  // The first round only warms the code up.
  if (taken >= 0) nanos += spent;
}
console.log(JSON.stringify({ nanos: nanos / (Math.ceil(TAKES / takesPerRound) * takesPerRound) }));

function round(takes: number): number {
  const length = pieces * BLOCKS_PER_PIECE * BLOCK_LENGTH;
  const layout = new PieceLayout({
    version: '1',
    files: [],
    pieceRoots: null,
    missingLayers: [],
    pieceCount: pieces,
    pieceLength: BLOCKS_PER_PIECE * BLOCK_LENGTH,
    length,
    pieces: Buffer.alloc(0),
  });
  const picker = new PiecePicker(pieces, DEFAULT_PIECE_PICKER_OPTIONS, random);
  const book = new RequestBook<Bitfield>(layout, picker, {
    openPiece: () => true,
    resumePiece: () => undefined,
    releasePiece: () => undefined,
    emptyPiece: () => undefined,
  });
  for (const has of bitfields) picker.peerJoined(has);
  const began = performance.now();
  for (let turn = 0; turn < takes; turn += 1) {
    const has = bitfields[turn % peers] as Bitfield;
    const span = book.take(has, has);
    if (span === undefined) throw new Error(`a peer of ${has.count} pieces has nothing to be asked for`);
    book.blockCameIn(has, span.piece, span.begin, span.length);
  }
  return (performance.now() - began) * NANOS_PER_MILLI;
}
