/** A seed of version 2 or of a hybrid, and a leech that asks for whole blocks also where a file ends within one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wireHashes } from '../../src/metainfo/info-hash.js';
import { BLOCK_LENGTH } from '../../src/metainfo/piece-layout.js';
import type { PeerMessage } from '../../src/wire/message.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { v2Torrent } from '../support/v2-torrent.js';

const PIECE = 4 * BLOCK_LENGTH;
const FILES = [
  { path: 'top/a', length: 2 * PIECE - 1 },
  { path: 'top/b', length: PIECE + 5 },
  { path: 'top/c', length: 3 * BLOCK_LENGTH + 777 },
  { path: 'top/d', length: BLOCK_LENGTH },
  { path: 'top/e', length: 1 },
];

type Block = Extract<PeerMessage, { type: 'piece' }>;

describe('a seed gives whole blocks where a file ends within them, with zeros, and short ones too:', () => {
  for (const version of ['2', 'hybrid'] as const)
    for (const fast of [false, true])
      it(`version ${version}, ${fast ? 'with' : 'without'} the fast extension`, () => {
        const sample = v2Torrent(FILES, PIECE, version);
        const { layout, content } = sample;
        const swarm = new SimulatedSwarm(sample, 1);
        const seed = swarm.start({ seed: true });
        swarm.timeline.run(1_000);
        const requests = [...layout.pieceIndices()].flatMap((piece) => {
          const count = Math.ceil(layout.contentLengthOf(piece) / BLOCK_LENGTH);
          return Array.from({ length: count }, (_, block) => ({ piece, begin: block * BLOCK_LENGTH }));
        });
        const whole = requests.map((at) => ({ type: 'request', ...at, length: BLOCK_LENGTH }) as const);
        const short = whole.map((request) => {
          const length = layout.contentLengthOf(sample.piece(request.piece)) - request.begin;
          return { ...request, length: Math.min(BLOCK_LENGTH, length) };
        });
        const got: Block[] = [];
        const { infoHashV2 } = wireHashes(sample.metainfo);
        const identity = { infoHash: infoHashV2 ?? assert.fail(), peerId: Buffer.alloc(20, 'l') };
        const leech = new FakePeer(swarm.network.host('10.1.0.1', {}), identity, {
          connected: (talk) => talk.say(talk.handshake(encodeReserved(fast ? ['fast', 'v2'] : ['v2']))),
          gotHandshake: (talk) => talk.sayMessages({ type: 'interested' }),
          gotMessage: (talk, message) => {
            if (message.type === 'unchoke') talk.sayMessages(...whole);
            if (message.type === 'piece') got.push({ ...message, block: Buffer.from(message.block) });
          },
        });
        const talk = leech.dial(seed.address);
        const padded = Buffer.concat([content, Buffer.alloc(PIECE)]);
        const expectAll = (asked: readonly { piece: number; begin: number; length: number }[]): void => {
          swarm.timeline.runUntil(() => got.length === asked.length || talk.lost, 60_000);
          for (const { piece, begin, length } of asked) {
            const block = got.find((each) => each.piece === piece && each.begin === begin)?.block;
            const from = piece * PIECE + begin;
            assert.ok(block?.equals(padded.subarray(from, from + length)), `piece ${piece}, ${begin}, ${length}`);
          }
          got.length = 0;
        };
        expectAll(whole);
        // A repeated request is dear, so the short blocks alone come again.
        const ends = short.filter(({ length }) => length < BLOCK_LENGTH);
        talk.sayMessages(...ends);
        expectAll(ends);
        assert.equal(talk.lost, false);
        assert.deepEqual([...seed.torrent.refusals], []);
        talk.hangUp();
        swarm.stop();
        assert.equal(swarm.timeline.pending, 0);
      });
});
