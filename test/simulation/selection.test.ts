import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, FakeTrackers } from '../support/fakes/fake-tracker.js';
import type { DiskImage } from '../support/fakes/memory-storage.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { NEAR } from '../support/simulation/simulated-tracker.js';

const KIB = 1024;
const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: 100 * KIB },
    { path: 't/b', length: 70 * KIB },
    { path: 't/c', length: 90 * KIB },
    { path: 't/empty' },
    { path: 't/d', length: 300 * KIB },
  ],
  32 * KIB,
);
/** Pieces 3 to 5 hold the 70 KiB of `b`. */
const PIECES_OF_B = 3 * 32 * KIB;

function selecting(select: readonly string[], more: Partial<ClientOptions['torrent']> = {}): Partial<ClientOptions> {
  return { torrent: { selection: { select, exclude: [], ranges: null }, ...more } };
}

test('only the pieces of selected files are fetched, and only these files are told', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  swarm.start({ seed: true });
  const leech = swarm.start(selecting(['b'], { seedGoal: null }));
  swarm.untilAllDone(60_000);
  const { length, wanted, have, downloaded, state } = leech.torrent.status();
  assert.deepEqual(
    { length, wanted, have, downloaded, state },
    { length: 560 * KIB, wanted: 70 * KIB, have: 70 * KIB, downloaded: PIECES_OF_B, state: 'seeding' },
  );
  const told = swarm.log.filter((line) => line.includes('leech 2: file')).map((line) => line.replace(/^.*file /, ''));
  assert.deepEqual(told, ['t/b']);
  assert.deepEqual(
    SAMPLE.metainfo.files.map((_, file) => leech.storage.isThere(file)),
    [false, true, false, false, false],
  );
  swarm.stop();
});

test('trackers are told what is left of the whole torrent, and of its completion only when all of it is there', () => {
  const ends = [['b'], ['a', 'b', 'c', 'd', 'empty']].map((select) => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true });
    const trackers = new FakeTrackers(swarm.timeline, () =>
      answer({ peers: [{ ...seed.address, peerId: null }] }, NEAR),
    );
    swarm.start({ ...selecting(select, { seedGoal: null }), trackerClient: trackers });
    swarm.untilAllDone(60_000);
    swarm.stop();
    return trackers.requests.map(({ event, left }) => `${event} ${left / KIB}`);
  });
  assert.deepEqual(ends, [
    ['started 560', `stopped ${560 - 96}`],
    ['started 560', 'completed 0', 'stopped 0'],
  ]);
});

test('one that has what it selected serves it to others, border pieces and all', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const seed = swarm.start({ seed: true });
  const first = swarm.start(selecting(['b']));
  swarm.untilAllDone(60_000);
  seed.session.stop(() => undefined);
  swarm.timeline.run(10_000);
  const second = swarm.start(selecting(['b', 'empty']));
  swarm.timeline.runUntil(() => second.done, 120_000);
  assert.equal(first.torrent.status().uploaded, PIECES_OF_B);
  assert.deepEqual(second.storage.finalBytes(1), SAMPLE.fileBytes(1));
});

test('a later run fetches only what the earlier ones did not, and what lay aside comes home', () => {
  let image: DiskImage | null = null;
  const runs = [['b'], ['b', 'c'], ['1-5']].map((select) => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    swarm.start({ seed: true });
    const leech = swarm.start({ ...selecting(select, { seedGoal: null }), image });
    swarm.timeline.runUntil(() => leech.done, 60_000);
    image = leech.storage.image(null);
    return [leech.torrent.status().downloaded / KIB, leech.storage.hasBorderFile];
  });
  // `c` reaches from piece 5, which lay aside, to piece 8.
  assert.deepEqual(runs, [
    [96, true],
    [96, true],
    [560 - 192, false],
  ]);
});

test('a disk without room for what is selected ends the torrent before a byte is written; for the selection it suffices', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  swarm.start({ seed: true });
  const all = swarm.start({ free: 200 * KIB, torrent: { dir: 'small' } });
  const some = swarm.start({ ...selecting(['b']), free: 200 * KIB });
  swarm.timeline.runUntil(() => some.done, 60_000);
  assert.equal(all.failure?.message, 'no room in small: 0.5 MiB are needed, 0.2 MiB are free');
  assert.ok(SAMPLE.metainfo.files.every((_, file) => !all.storage.isThere(file)));
  swarm.stop();
});

test('room can be taken first: the files are as long as they shall be before the first piece comes', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const leech = swarm.start(selecting(['a', 'c'], { preallocate: true }));
  swarm.timeline.run(5_000);
  assert.equal(leech.torrent.status().have, 0);
  const image = leech.storage.image(null);
  assert.deepEqual(
    image.files.map(({ part }) => part?.length ?? null),
    [100 * KIB, null, 90 * KIB, null, null],
  );
  swarm.start({ seed: true });
  swarm.timeline.runUntil(() => leech.done, 400_000);
  assert.deepEqual(leech.storage.finalBytes(0), SAMPLE.fileBytes(0));
  swarm.stop();
});

test('a part that had been begun before it was deselected does not hide what came later', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  // Nobody is there to give anything, but the disk is made ready for `a`.
  const begun = swarm.start(selecting(['a']));
  swarm.timeline.run(1_000);
  assert.ok(begun.storage.isThere(0));
  let image: DiskImage = begun.storage.image(null);
  const amounts = [['b'], ['a', 'b']].map((select) => {
    const next = new SimulatedSwarm(SAMPLE, 1);
    next.start({ seed: true });
    const leech = next.start({ ...selecting(select, { seedGoal: null }), image });
    next.timeline.runUntil(() => leech.done, 60_000);
    image = leech.storage.image(null);
    return leech.torrent.status().downloaded / KIB;
  });
  // Piece 3 belongs to both, and is fetched once.
  assert.deepEqual(amounts, [96, 96]);
});

test('of a piece at a border no journal is believed: it is read where it lies', () => {
  let left: Pick<ClientOptions, 'image' | 'journal'> = { image: null, journal: null };
  let pieces: Buffer = Buffer.alloc(0);
  // First nothing but the part of `a` is begun; then `b` comes and is seeded; then it is seeded again.
  for (const [select, hasSeed] of [
    ['a', false],
    ['b', true],
    ['b', false],
  ] as const) {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    if (hasSeed) swarm.start({ seed: true });
    const leech = swarm.start({ ...selecting([select]), ...left });
    swarm.timeline.run(20_000);
    pieces = leech.storage.contents().subarray(3 * 32 * KIB, 6 * 32 * KIB);
    assert.equal(leech.torrent.status().have, select === 'b' ? 70 * KIB : 0);
    leech.session.stop(() => undefined);
    swarm.timeline.run(10_000);
    left = { image: leech.storage.image(null), journal: leech.journal.image(null) };
  }
  assert.ok(pieces.equals(SAMPLE.content.subarray(3 * 32 * KIB, 6 * 32 * KIB)));
});
