import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const KiB = 1024;
const SAMPLE = sampleTorrent(
  [{ path: 't/a.bin', length: 300 * KiB }, { path: 't/empty' }, { path: 't/b.bin', length: 99 * KiB }],
  32 * KiB,
);

test('a download tells its start, its trackers, each file, and its end, in this order', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  swarm.start({ seed: true });
  swarm.start({ torrent: { seedGoal: null } });
  swarm.untilAllDone(60_000);
  const told = swarm.log.filter((line) => line.includes('leech')).map((line) => line.replace(/^\d+ leech 2: /, ''));
  assert.deepEqual(told.slice(0, 1), ['started']);
  assert.deepEqual(told.slice(-2), ['done', 'goal reached']);
  assert.deepEqual(told.filter((line) => line.startsWith('file')).sort(), [
    'file t/a.bin',
    'file t/b.bin',
    'file t/empty',
  ]);
  swarm.stop();
});

test('a torrent that is complete at the start dials nobody and announces nothing, unless it is to seed', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const client = swarm.start({ seed: true, torrent: { mode: 'download', seedGoal: null } });
  swarm.untilAllDone(10_000);
  swarm.timeline.run(60_000);
  assert.deepEqual(
    swarm.log.filter((line) => line.includes('tracker')),
    [],
  );
  assert.equal(client.torrent.status().state, 'seeding');
  swarm.stop();
});

test('a seed goal is reached by ratio or by time, whichever comes first', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  swarm.start({ seed: true, torrent: { mode: 'download', seedGoal: { ratio: 1, time: 600_000 } } });
  swarm.start({ seed: true, torrent: { mode: 'download', seedGoal: { ratio: 5, time: 30_000 } } });
  swarm.start({ torrent: { seedGoal: { ratio: null, time: null } } });
  swarm.timeline.run(700_000);
  const reached = swarm.log.filter((line) => line.endsWith('goal reached'));
  assert.equal(reached.length, 2);
  const byTime = reached.find((line) => line.includes('seed 2'));
  assert.match(byTime ?? '', /^30\d\d\d /);
  assert.deepEqual(
    reached.filter((line) => line.includes('leech')),
    [],
  );
  swarm.stop();
});

test('a torrent that seeds tells its goal and the time that is left of it', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const { torrent } = swarm.start({ seed: true, torrent: { seedGoal: { ratio: 1.5, time: 60_000 } } });
  const ended = swarm.start({ torrent: { seedGoal: null } });
  assert.equal(torrent.status().seedGoal, null, 'it is still looking at its disk');
  swarm.untilAllDone(60_000);
  const left = torrent.status().seedGoal?.timeLeft ?? 0;
  assert.deepEqual(torrent.status().seedGoal, { ratio: 1.5, timeLeft: left });
  assert.ok(left > 50 && left <= 60, String(left));
  swarm.timeline.run(10_000);
  assert.deepEqual(torrent.status().seedGoal, { ratio: 1.5, timeLeft: left - 10 });
  assert.equal(ended.torrent.status().seedGoal, null, 'no goal, so it need not go on');
  swarm.stop();
  assert.equal(torrent.status().seedGoal, null);
});

test('no time left is told while nothing has come for 5 s, and it is told again with the next bytes', () => {
  const sample = sampleTorrent([{ path: 'long', length: 1024 * KiB }], 16 * KiB);
  const swarm = new SimulatedSwarm(sample, 1);
  const slow = { host: { upload: 16 * KiB } };
  const seed = swarm.start({ seed: true, ...slow });
  const { torrent } = swarm.start();
  swarm.timeline.run(20_000);
  assert.ok((torrent.status().eta ?? 0) > 10, String(torrent.status().eta));
  seed.torrent.stop(() => undefined);
  const told: (number | null)[] = [];
  for (let second = 0; second < 12; second += 1) {
    swarm.timeline.run(1000);
    told.push(torrent.status().eta);
  }
  const silent = told.indexOf(null);
  assert.ok(silent >= 4 && silent <= 7, `the last bytes may be on their way for a while: ${told}`);
  assert.deepEqual(new Set(told.slice(silent)), new Set([null]));
  const other = swarm.start({ seed: true, ...slow });
  swarm.timeline.runUntil(() => torrent.status().downloaded > 0 && torrent.status().downRate > 0, 3_600_000);
  assert.ok((torrent.status().eta ?? 0) > 10, String(torrent.status().eta));
  swarm.timeline.runUntil(() => torrent.status().have === sample.content.length, 3_600_000);
  swarm.timeline.run(20_000);
  assert.equal(torrent.status().eta, 0, 'nothing is left');
  assert.equal(other.failure, null);
  swarm.stop();
});

test('a disk that fills up pauses the torrent, which goes on by itself when there is space again', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  swarm.start({ seed: true });
  const leech = swarm.start({ memory: 128 * 1024, maxSlotLength: 64 * 1024 });
  leech.storage.failNext('commitPiece', new BtgetError('disk-full', 'no space left'), 8);
  swarm.timeline.runUntil(() => leech.torrent.status().state === 'paused', 60_000);
  assert.equal(leech.torrent.status().diskFailure?.message, 'no space left');
  const { downloaded } = leech.torrent.status();
  swarm.timeline.run(2_000);
  assert.equal(leech.torrent.status().state, 'paused');
  assert.ok(leech.torrent.status().downloaded - downloaded <= 128 * 1024, 'no more comes than memory holds');
  // One piece is tried at a time, after 1 s, 2 s, … 30 s.
  swarm.untilAllDone(120_000);
  assert.ok(leech.storage.contents().equals(SAMPLE.content));
  assert.ok(leech.torrent.status().wasted === 0, 'nothing was fetched twice');
  const warnings = swarm.log.filter((line) => line.includes('warning')).map((line) => line.replace(/^\d+ /, ''));
  assert.deepEqual(warnings, [
    'leech 2: warning disk-full: no space left; waiting for the disk',
    'leech 2: warning resumed: the disk works again; going on',
  ]);
  swarm.stop();
  assert.equal(leech.slots.taken, 0);
  assert.equal(swarm.timeline.pending, 0);
});

test('while one torrent waits for its disk it can be stopped at any time', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  swarm.start({ seed: true });
  const leech = swarm.start();
  leech.storage.failNext('commitPiece', new BtgetError('disk-full', 'no space left'), 1_000);
  swarm.timeline.run(20_000);
  assert.equal(leech.torrent.status().state, 'paused');
  swarm.stop();
  assert.equal(leech.slots.taken, 0);
  assert.equal(swarm.timeline.pending, 0);
});

test('a disk on which nothing can be created ends the torrent with its reason, and nothing is left behind', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  swarm.start({ seed: true });
  const leech = swarm.start();
  leech.storage.failNext('finishFile', new BtgetError('cannot-open', 'not allowed'));
  swarm.timeline.runUntil(() => leech.failure !== null, 60_000);
  assert.equal(leech.failure?.message, 'not allowed');
  assert.equal(leech.torrent.status().state, 'stopped');
  swarm.stop();
  assert.equal(leech.slots.taken, 0);
  assert.equal(swarm.timeline.pending, 0);
});

test('a bug in one torrent ends that torrent, loudly, and its session still stops', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  swarm.start({ seed: true });
  const leech = swarm.start();
  const commit = leech.storage.commitPiece.bind(leech.storage);
  leech.storage.commitPiece = (piece, slot, answered) => commit(piece, slot, () => answered(undefined as never));
  swarm.timeline.runUntil(() => leech.failure !== null, 60_000);
  assert.ok(leech.failure instanceof TypeError);
  swarm.stop();
  assert.equal(leech.slots.taken, 0);
  assert.equal(swarm.timeline.pending, 0);
});

test('a stop does not wait for a tracker that does not answer', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const client = swarm.start({ seed: true });
  swarm.timeline.run(10_000);
  swarm.tracker.silent = true;
  const began = swarm.timeline.now();
  let stoppedAt = 0;
  client.session.stop(() => {
    stoppedAt = swarm.timeline.now();
  });
  swarm.timeline.run(60_000);
  assert.ok(stoppedAt > began && stoppedAt - began <= 2_100, `stopped after ${stoppedAt - began} ms`);
});

test('a torrent that is stopped twice answers both', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const client = swarm.start({ seed: true });
  swarm.timeline.run(10_000);
  const log: string[] = [];
  client.torrent.stop(() => log.push('first'));
  client.torrent.stop(() => log.push('second'));
  swarm.timeline.run(5_000);
  client.torrent.stop(() => log.push('third'));
  swarm.timeline.run(0);
  assert.deepEqual(log, ['first', 'second', 'third']);
});

test('a download says that its limit holds it back between two blocks, and not once its peer is gone', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const seed = swarm.start({ seed: true });
  const { torrent } = swarm.start({ session: { maxDownload: KiB } });
  swarm.timeline.run(5_000);
  const seen: string[] = [];
  const look = (seconds: number): void => {
    for (let second = 0; second < seconds; second += 1) {
      const { limited, unchokedBy } = torrent.status();
      const line = `${limited} ${unchokedBy}`;
      if (seen.at(-1) !== line) seen.push(line);
      swarm.timeline.run(1_000);
    }
  };
  look(60);
  assert.deepEqual(seen.splice(0), ['true 1']);
  const { downloaded } = torrent.status();
  assert.ok(downloaded >= 4 * 16 * KiB && downloaded <= 5 * 16 * KiB, String(downloaded));
  seed.torrent.stop(() => undefined);
  swarm.timeline.run(1_000);
  look(10);
  assert.deepEqual(seen, ['false 0']);
  swarm.stop();
});
