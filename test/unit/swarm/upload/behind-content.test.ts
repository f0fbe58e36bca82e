/** Requests that reach behind the end of a file in a torrent with hash trees: some clients ask for whole blocks there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BLOCK_LENGTH } from '../../../../src/metainfo/piece-layout.js';
import { PIECE_HEADER_LENGTH } from '../../../../src/wire/message.js';
import { TalkingPeer } from '../../../support/fakes/talking-peer.js';
import { type SampleTorrent, sampleTorrent } from '../../../support/sample-torrent.js';
import { v2Torrent } from '../../../support/v2-torrent.js';
import { Swarm } from '../../../support/worlds/swarm.js';

const PIECE = 4 * BLOCK_LENGTH;
/** Pieces of which the second and the third end with a file. */
const FILES = [
  { path: 'top/a', length: PIECE + BLOCK_LENGTH + 10 },
  { path: 'top/b', length: 7 },
];

class Seeding {
  readonly swarm: Swarm;
  readonly peer: TalkingPeer;
  readonly #sent: Buffer[] = [];

  constructor(torrent: SampleTorrent) {
    this.swarm = new Swarm(torrent);
    this.peer = new TalkingPeer(this.swarm.seed('10.0.0.1'), 'peer');
    const { connection } = this.peer;
    const send = connection.send.bind(connection);
    connection.send = (chunks) => {
      this.#sent.push(...chunks.map((chunk) => Buffer.from(chunk)));
      send(chunks);
    };
    this.peer.say({ type: 'interested' });
    // The peer is unchoked.
    this.swarm.timeline.run(30_000);
    this.peer.heard();
    this.#sent.length = 0;
  }

  /** Asks for a block; the bytes that came, or null when none came. */
  ask(piece: number, begin: number, length: number): Buffer | null {
    this.peer.say({ type: 'request', piece, begin, length });
    this.swarm.timeline.run(1_000);
    const expected = [`piece ${piece}:${begin}+${length}`];
    const heard = this.peer.heard();
    const bytes = Buffer.concat(this.#sent.splice(0));
    if (heard.length === 0) return null;
    assert.deepEqual(heard, expected);
    return bytes.subarray(PIECE_HEADER_LENGTH);
  }
}

describe('a request behind the content', () => {
  for (const [name, torrent] of [
    ['version 2', v2Torrent(FILES, PIECE, '2')],
    ['a hybrid', v2Torrent(FILES, PIECE, 'hybrid')],
    ['a hybrid without padding at its end', v2Torrent(FILES, PIECE, 'hybrid', { tailPad: false })],
  ] as const) {
    it(`is answered with zeros as far as the piece would reach (${name})`, () => {
      const seeding = new Seeding(torrent);
      for (const index of [1, 2]) {
        const whole = Buffer.alloc(PIECE);
        torrent.bytesOf(index).copy(whole);
        for (const [begin, length] of [
          [0, BLOCK_LENGTH],
          [BLOCK_LENGTH, BLOCK_LENGTH],
          [3 * BLOCK_LENGTH, BLOCK_LENGTH],
          [0, PIECE],
          [5, 2 * BLOCK_LENGTH],
          [0, torrent.layout.contentLengthOf(torrent.piece(index))],
          [PIECE - 1, 1],
        ] as const) {
          assert.deepEqual(seeding.ask(index, begin, length), whole.subarray(begin, begin + length));
        }
      }
      assert.equal(seeding.peer.refusal, null);
    });

    it(`is refused behind that (${name})`, () => {
      for (const [begin, length] of [
        [PIECE - 1, 2],
        [PIECE, 1],
        [3 * BLOCK_LENGTH, BLOCK_LENGTH + 1],
      ] as const) {
        const seeding = new Seeding(torrent);
        seeding.ask(2, begin, length);
        assert.equal(seeding.peer.refusal, 'block-out-of-range');
      }
    });

    it(`can be cancelled (${name})`, () => {
      const seeding = new Seeding(torrent);
      const span = { piece: 2, begin: 0, length: BLOCK_LENGTH };
      seeding.peer.say({ type: 'request', ...span }, { type: 'cancel', ...span });
      seeding.swarm.timeline.run(1_000);
      assert.deepEqual(seeding.peer.heard(), []);
    });
  }

  it('is refused in a torrent of version 1', () => {
    const seeding = new Seeding(sampleTorrent([{ path: 'a', length: PIECE + 10 }], PIECE));
    seeding.ask(1, 0, 11);
    assert.equal(seeding.peer.refusal, 'block-out-of-range');
  });
});
