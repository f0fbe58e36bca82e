/** Whole clients and torrents with padding: in a hybrid, and by pad files of version 1. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BLOCK_LENGTH } from '../../src/metainfo/piece-layout.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { v2Torrent } from '../support/v2-torrent.js';

const PIECE = 4 * BLOCK_LENGTH;
const FILES = [
  { path: 'top/a', length: 2 * PIECE + 5 },
  { path: 'top/b', length: 3 * BLOCK_LENGTH },
  { path: 'top/c', length: 1 },
];
const HYBRID = v2Torrent(FILES, PIECE, 'hybrid');
/** Of its four pieces the second and the fourth are padding, and so are three blocks of the third. */
const PADDED = sampleTorrent(
  [
    { path: 'top/a', length: PIECE - 3 },
    { path: 'top/.pad/1', length: PIECE + 3, padding: true },
    { path: 'top/b', length: BLOCK_LENGTH - 1 },
    { path: 'top/.pad/2', length: 7 * BLOCK_LENGTH + 1, padding: true },
  ],
  PIECE,
);

describe('a torrent with padding', () => {
  for (const [name, torrent, blocks] of [
    ['a hybrid', HYBRID, 8 + 1 + 3 + 1],
    ['version 1', PADDED, 4 + 1],
  ] as const) {
    it(`is downloaded without the blocks that are padding (${name})`, () => {
      const swarm = new SimulatedSwarm(torrent, 3);
      const seed = swarm.start({ seed: true, torrent: { mode: 'seed', seedGoal: { ratio: null, time: null } } });
      const leech = swarm.start();
      swarm.timeline.runUntil(() => leech.done || leech.failure !== null, 600_000);
      assert.equal(leech.failure, null);
      assert.deepEqual(leech.storage.contents(), torrent.content);
      const { downloaded, wasted, have, wanted } = leech.torrent.status();
      const content = torrent.metainfo.files.reduce((sum, { padding, length }) => sum + (padding ? 0 : length), 0);
      assert.deepEqual({ wasted, have, wanted }, { wasted: 0, have: content, wanted: content });
      assert.equal(downloaded, blocks * BLOCK_LENGTH);
      assert.equal(seed.failure, null);
      swarm.stop();
    });
  }
});

describe('a torrent that contradicts itself', () => {
  /** The hash trees are right, the SHA-1 of a piece is not. */
  const pieces = Buffer.from(HYBRID.metainfo.pieces);
  pieces.fill(0, 20, 40);
  const wrong: SampleTorrent['metainfo'] = { ...HYBRID.metainfo, pieces };
  const message = 'torrent is not valid: its two hashes of piece 1 contradict each other';

  it('ends the download, and bans nobody', () => {
    const sample: { -readonly [Field in keyof SampleTorrent]: SampleTorrent[Field] } = { ...HYBRID };
    const swarm = new SimulatedSwarm(sample, 3);
    swarm.start({ seed: true, torrent: { mode: 'seed', seedGoal: { ratio: null, time: null } } });
    sample.metainfo = wrong;
    const leech = swarm.start();
    swarm.timeline.runUntil(() => leech.done || leech.failure !== null, 600_000);
    assert.equal(leech.failure?.message, message);
    assert.equal(leech.torrent.refusals.get('banned'), undefined);
    swarm.timeline.run(60_000);
    assert.equal(leech.torrent.status().state, 'stopped');
    assert.equal(leech.slots.taken, 0);
    swarm.stop();
  });

  it('ends the check of what is there', () => {
    const swarm = new SimulatedSwarm({ ...HYBRID, metainfo: wrong }, 3);
    const seed = swarm.start({ seed: true });
    swarm.timeline.runUntil(() => seed.done || seed.failure !== null, 600_000);
    assert.equal(seed.failure?.message, message);
    swarm.stop();
  });

  it('ends the download when a piece is padding, but not by its hash', () => {
    const unlike = Buffer.from(PADDED.metainfo.pieces);
    unlike.fill(0, 20, 40);
    const swarm = new SimulatedSwarm({ ...PADDED, metainfo: { ...PADDED.metainfo, pieces: unlike } }, 3);
    const leech = swarm.start();
    swarm.timeline.runUntil(() => leech.failure !== null, 600_000);
    assert.equal(leech.failure?.message, 'torrent is not valid: piece 1 is padding, but not by its hash');
    swarm.stop();
  });
});
