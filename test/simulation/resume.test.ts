/** A download is cut off and goes on: what it believes, what it hashes, what it keeps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import { LockedTarget } from '../support/fakes/memory-lock.js';
import type { DiskImage } from '../support/fakes/memory-storage.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const KIB = 1024;
const SAMPLE = sampleTorrent(
  [{ path: 't/a.bin', length: 600 * KIB }, { path: 't/empty' }, { path: 't/b.bin', length: 1448 * KIB }],
  16 * KIB,
);
/** One piece of each file that is not empty. */
const SAMPLED = 2 * 16 * KIB;
/** So slow that the whole takes some twenty seconds. */
const SLOW: Partial<ClientOptions> = { session: { maxDownload: 100 * KIB }, torrent: { seedGoal: null } };

interface CutOff {
  /** What the next client finds. */
  readonly left: Pick<ClientOptions, 'image' | 'journal'>;
  /** Bytes that were verified. */
  readonly have: number;
}

/** Runs a download with a seed for `span`, and takes down what a kill, or a power cut, would leave. */
function cutOff(
  span: number,
  { powerCut = false, options = SLOW }: { powerCut?: boolean; options?: Partial<ClientOptions> } = {},
): CutOff {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  swarm.start({ seed: true });
  const leech = swarm.start(options);
  swarm.timeline.run(span);
  const random = powerCut ? seededRandom(span) : null;
  const left = { image: leech.storage.image(random), journal: leech.journal.image(random) };
  const { have } = leech.torrent.status();
  swarm.stop();
  return { left, have };
}

/** Runs a download with a seed for `span` and interrupts it. */
function interrupt(span: number): CutOff {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  swarm.start({ seed: true });
  const leech = swarm.start(SLOW);
  swarm.timeline.run(span);
  swarm.stop();
  const left = { image: leech.storage.image(null), journal: leech.journal.image(null) };
  return { left, have: leech.torrent.status().have };
}

/** What is there, but that the first file is wrong from `begin` on. */
function withFirstFileWrong({ image }: CutOff['left'], begin: number): DiskImage {
  const files = (image?.files ?? []).map(({ part, final }, index) => {
    if (index !== 0 || part === null) return { part, final };
    const bytes = Buffer.from(part.bytes);
    bytes.fill(0x55, begin);
    return { part: { ...part, bytes }, final };
  });
  return { files, border: null };
}

interface Resumed {
  readonly swarm: SimulatedSwarm;
  readonly client: Client;
  /** Bytes that were there at the start, and bytes that were hashed to know that. */
  readonly have: number;
  readonly hashed: number;
}

/** Starts a client on what was left, up to where it begins to exchange pieces. */
function resume(left: Partial<ClientOptions>, torrent: Partial<TorrentOptions> = {}): Resumed {
  const swarm = new SimulatedSwarm(SAMPLE, 4);
  swarm.start({ seed: true });
  const client = swarm.start({ ...SLOW, ...left, torrent: { ...SLOW.torrent, ...torrent } });
  swarm.timeline.runUntil(() => swarm.log.some((line) => /leech 2: (started|failed)/.test(line)), 60_000);
  const { have, checkLength } = client.torrent.status();
  return { swarm, client, have, hashed: checkLength };
}

function endsWell({ swarm, client }: Resumed): void {
  swarm.timeline.runUntil(() => client.done, 120_000);
  assert.ok(client.storage.contents().equals(SAMPLE.content));
  swarm.stop();
  assert.equal(client.journal.image(null), null, 'no journal is left when all is done');
}

test('after an interrupt one piece of each file is hashed, and nothing that was verified is lost', () => {
  const { left, have } = interrupt(8_000);
  const resumed = resume(left);
  assert.ok(have > 300 * KIB);
  assert.equal(resumed.have, have);
  assert.ok(resumed.hashed > 0 && resumed.hashed <= SAMPLED, `${resumed.hashed}`);
  endsWell(resumed);
});

test('when that one piece is wrong everything is hashed, whatever file it is of, and no peer is blamed', () => {
  const { left, have } = interrupt(8_000);
  const resumed = resume({ ...left, image: withFirstFileWrong(left, 0) });
  assert.ok(resumed.have < have, `${resumed.have}`);
  assert.ok(resumed.hashed >= have, `${resumed.hashed} of ${have}`);
  endsWell(resumed);
});

test('a journal that another user may have written is not believed: everything is hashed, and one note says why', () => {
  const { left, have } = interrupt(8_000);
  for (const about of ['owner', 'mode', 'names', 'folder'] as const)
    for (const mode of ['download', 'seed'] as const) {
      const journal = left.journal === null ? null : { ...left.journal, doubt: { about, why: 'is odd' } };
      const right = resume({ ...left, journal }, { mode });
      assert.equal(right.have, have);
      assert.ok(right.hashed >= have, `${right.hashed} of ${have}`);
      right.swarm.stop();
      // What it says is wrong of the second half of a file.
      const resumed = resume({ ...left, image: withFirstFileWrong(left, 300 * KIB), journal }, { mode });
      assert.ok(resumed.have < have && resumed.have > 0, `${resumed.have}`);
      assert.ok(resumed.hashed >= have, `${resumed.hashed} of ${have}`);
      const notes = resumed.swarm.log.filter((line) => line.includes('warning journal-not-believed'));
      assert.equal(notes.length, 1, resumed.swarm.log.join('\n'));
      assert.match(
        notes[0] ?? '',
        /everything is hashed, since another user may have put d\/t\.btget there: it is odd/,
      );
      if (mode === 'download') endsWell(resumed);
      else resumed.swarm.stop();
    }
});

test("a part without one right piece is ours by our own journal whoever may write there, and by no other's", () => {
  const { left } = interrupt(8_000);
  for (const [about, isOurs] of [
    ['folder', true],
    ['mode', true],
    ['owner', false],
    ['names', false],
  ] as const) {
    const journal = left.journal === null ? null : { ...left.journal, doubt: { about, why: 'is odd' } };
    const resumed = resume({ ...left, image: withFirstFileWrong(left, 0), journal });
    const { failure } = resumed.client;
    if (isOurs) endsWell(resumed);
    else assert.ok(failure instanceof BtgetError && failure.code === 'foreign-file', about);
    if (!isOurs) resumed.swarm.stop();
  }
});

test('a file under its final name without one right piece is ours by our own journal, unless others may write to that', () => {
  const { left } = interrupt(8_000);
  const image = withFirstFileWrong(left, 0);
  const files = image.files.map(({ part, final }, file) =>
    file === 0 ? { part: null, final: part } : { part, final },
  );
  for (const [about, isOurs] of [
    ['folder', true],
    ['mode', false],
  ] as const) {
    const journal = left.journal === null ? null : { ...left.journal, doubt: { about, why: 'is odd' } };
    const resumed = resume({ image: { ...image, files }, journal });
    const { failure } = resumed.client;
    if (isOurs) endsWell(resumed);
    else assert.ok(failure instanceof BtgetError && failure.code === 'foreign-file', about);
    if (!isOurs) resumed.swarm.stop();
  }
});

test('after a kill the newest and one piece of each file are hashed, and a second of the download is lost at most', () => {
  const { left, have } = cutOff(16_000);
  const resumed = resume(left);
  assert.ok(have > 1_000 * KIB, `${have}`);
  assert.ok(resumed.have >= have - 130 * KIB, `${resumed.have} of ${have}`);
  assert.ok(resumed.hashed > 0);
  endsWell(resumed);
});

test('after a power cut at any moment it goes on, and ends with every byte right', () => {
  for (let span = 500; span < 20_000; span += 1_300) {
    const { left, have } = cutOff(span, { powerCut: true });
    const resumed = resume(left);
    assert.ok(resumed.have >= have - 260 * KIB, `${resumed.have} of ${have} after ${span} ms`);
    endsWell(resumed);
  }
});

test('cut off again and again it comes to its end, with little fetched twice', () => {
  let left: Partial<ClientOptions> = {};
  let downloaded = 0;
  for (let time = 0; time < 60; time += 1) {
    const swarm = new SimulatedSwarm(SAMPLE, 10 + time);
    swarm.start({ seed: true });
    const leech = swarm.start({ ...SLOW, ...left });
    swarm.timeline.run(4_000);
    downloaded += leech.torrent.status().downloaded;
    const done = leech.done;
    left = { image: leech.storage.image(null), journal: leech.journal.image(null) };
    if (done) assert.ok(leech.storage.contents().equals(SAMPLE.content));
    swarm.stop();
    if (done) {
      assert.ok(downloaded < 1.7 * SAMPLE.content.length, `${downloaded} bytes`);
      return;
    }
  }
  assert.fail('it never comes to its end');
});

test('--check hashes everything, whatever is written down', () => {
  const { left, have } = interrupt(8_000);
  const resumed = resume(left, { check: true });
  assert.equal(resumed.have, have);
  assert.ok(resumed.hashed >= have);
  endsWell(resumed);
});

test('bytes that went bad behind a recorded piece bring down the whole file, and no peer is blamed', () => {
  const { left, have } = cutOff(16_000);
  // The whole file but its first piece, so that chance cannot miss it.
  const resumed = resume({ ...left, image: withFirstFileWrong(left, 16 * KIB) });
  assert.ok(resumed.have < have);
  assert.ok(resumed.hashed >= resumed.have / 3);
  endsWell(resumed);
});

test("a journal of which any part is broken, or that is another torrent's, costs hashing and nothing else", () => {
  const { left, have } = interrupt(8_000);
  const { journal } = left;
  assert.ok(journal !== null);
  const other = sampleTorrent([{ path: 't/a.bin', length: 2048 * KIB }], 16 * KIB, 99);
  const swarm = new SimulatedSwarm(other, 3);
  swarm.start({ seed: true });
  const leech = swarm.start(SLOW);
  swarm.timeline.run(5_000);
  swarm.stop();
  const journals = [
    leech.journal.image(null),
    { ...journal, bytes: journal.bytes.subarray(0, 60) },
    { ...journal, bytes: Buffer.from(journal.bytes).fill(0, 10, 14) },
    { ...journal, bytes: Buffer.from(journal.bytes).fill(0xff, 52, 60) },
    null,
  ];
  for (const [index, found] of journals.entries()) {
    const resumed = resume({ ...left, journal: found });
    assert.equal(resumed.have, have, `journal ${index}`);
    assert.ok(resumed.hashed >= have);
    endsWell(resumed);
  }
});

test("a file of the journal's name that is none is neither believed nor touched", () => {
  const { left, have } = interrupt(8_000);
  const journal = { bytes: Buffer.from('a poem'), changedAt: 0n, doubt: null };
  const resumed = resume({ ...left, journal });
  assert.equal(resumed.have, have);
  resumed.swarm.timeline.runUntil(() => resumed.client.done, 120_000);
  resumed.swarm.stop();
  assert.equal(resumed.client.journal.image(null), journal);
  assert.match(resumed.swarm.log.join('\n'), /warning no-journal: .* exists and is none/);
});

test('a download that seeds on keeps its journal until its goal is reached', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  swarm.start({ seed: true });
  const leech = swarm.start({ torrent: { seedGoal: { ratio: null, time: 60_000 } } });
  swarm.timeline.runUntil(() => leech.done, 60_000);
  swarm.timeline.run(5_000);
  const left = { image: leech.storage.image(null), journal: leech.journal.image(null) };
  swarm.timeline.run(100_000);
  swarm.stop();
  assert.equal(leech.journal.image(null), null);
  const killed = resume(left, { seedGoal: { ratio: null, time: 10_000 } });
  assert.equal(killed.have, SAMPLE.content.length);
  killed.swarm.stop();
  assert.notEqual(killed.client.journal.image(null), null, 'the goal was not reached');
});

test('what was there already is written down as well', () => {
  const { left } = cutOff(16_000);
  const adopted = resume({ image: left.image });
  const known = adopted.have;
  assert.ok(adopted.hashed >= known);
  adopted.swarm.stop();
  const again = resume({ image: adopted.client.storage.image(null), journal: adopted.client.journal.image(null) });
  assert.equal(again.have, known);
  assert.ok(again.hashed <= SAMPLED, `${again.hashed}`);
  endsWell(again);
});

test('a journal that fails warns once, and the download comes to its end', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  swarm.start({ seed: true });
  const leech = swarm.start(SLOW);
  swarm.timeline.run(5_000);
  leech.journal.fail(new BtgetError('io', 'a bad sector'));
  swarm.timeline.runUntil(() => leech.done, 120_000);
  assert.ok(leech.storage.contents().equals(SAMPLE.content));
  assert.equal(swarm.log.filter((line) => line.includes('warning')).length, 1);
  swarm.stop();
});

test('of two at one target the second ends, and leaves everything to the first', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  const target = new LockedTarget();
  swarm.start({ seed: true });
  const first = swarm.start({ ...SLOW, target });
  swarm.timeline.run(3_000);
  const second = swarm.start({ ...SLOW, target });
  const seed = swarm.start({ ...SLOW, target, torrent: { mode: 'seed' } });
  swarm.timeline.run(3_000);
  for (const kept of [second, seed]) {
    assert.ok(kept.failure instanceof BtgetError && kept.failure.code === 'target-busy');
    assert.equal(kept.torrent.status().state, 'stopped');
  }
  assert.equal(second.journal.image(null), null);
  swarm.timeline.runUntil(() => first.done, 60_000);
  swarm.stop();
  assert.equal(target.holder, null);
});

test('a lock is free again after a failure, an interrupt, and a bug', () => {
  for (const end of ['failure', 'interrupt', 'bug'] as const) {
    const swarm = new SimulatedSwarm(SAMPLE, 3);
    const target = new LockedTarget();
    swarm.start({ seed: true });
    const leech = swarm.start({ ...SLOW, target });
    swarm.timeline.run(3_000);
    assert.notEqual(target.holder, null);
    if (end === 'failure') leech.storage.failNext('commitPiece', new BtgetError('io', 'a bad sector'));
    if (end === 'bug') {
      const commit = leech.storage.commitPiece.bind(leech.storage);
      leech.storage.commitPiece = (piece, slot, answered) => commit(piece, slot, () => answered(undefined as never));
    }
    swarm.timeline.run(3_000);
    swarm.stop();
    assert.equal(target.holder, null, end);
    assert.equal(swarm.timeline.pending, 0, end);
  }
});

test('a seed writes nothing beside the files, and believes what was written down', () => {
  const { left, have } = interrupt(8_000);
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  const seed = swarm.start({ ...left, torrent: { mode: 'seed' } });
  swarm.timeline.run(1_000);
  assert.equal(seed.torrent.status().have, have);
  assert.ok(seed.torrent.status().checkLength <= SAMPLED);
  swarm.stop();
  assert.equal(seed.journal.image(null), left.journal);
});
