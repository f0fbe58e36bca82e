import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import type { DoneOutcome } from '../../../src/disk/storage.js';
import { TargetHold } from '../../../src/resume/target-hold.js';
import { LockedTarget, MemoryLock } from '../../support/fakes/memory-lock.js';
import { Timeline } from '../../support/simulation/timeline.js';

class World {
  readonly timeline = new Timeline();
  readonly target = new LockedTarget();
  readonly log: string[] = [];

  hold(name: string): TargetHold {
    const log: string[] = [];
    log.push = (...lines) => this.log.push(...lines.map((line) => `${name}: ${line}`));
    return new TargetHold(this.timeline, new MemoryLock(this.timeline, this.target, log), (code, message) =>
      log.push(`warning ${code} ${message}`),
    );
  }

  begin(hold: TargetHold, mayWrite: boolean): DoneOutcome | undefined {
    let told: DoneOutcome | undefined;
    hold.begin(mayWrite, (outcome) => {
      told = outcome;
    });
    this.timeline.run(10);
    return told;
  }
}

function codeOf(outcome: DoneOutcome | undefined): string {
  assert.ok(outcome !== undefined);
  return outcome.ok ? 'ok' : outcome.failure.code;
}

test('a torrent that writes keeps out writers and readers until its end', () => {
  const world = new World();
  const [one, other, reader] = [world.hold('one'), world.hold('other'), world.hold('reader')];
  assert.equal(codeOf(world.begin(one, true)), 'ok');
  assert.equal(codeOf(world.begin(other, true)), 'target-busy');
  assert.equal(codeOf(world.begin(reader, false)), 'target-busy');
  // The torrent that was kept out ends too, and leaves the lock to its holder.
  other.end(() => undefined);
  world.timeline.run(10);
  assert.equal(codeOf(world.begin(world.hold('third'), true)), 'target-busy');
  one.end(() => world.log.push('ended'));
  world.timeline.run(10);
  assert.deepEqual(world.log.slice(-2), ['one: release', 'ended']);
  assert.equal(codeOf(world.begin(world.hold('fourth'), true)), 'ok');
});

test('torrents that only read keep no other torrent out', () => {
  const world = new World();
  const readers = [world.hold('one'), world.hold('other')];
  for (const reader of readers) assert.equal(codeOf(world.begin(reader, false)), 'ok');
  assert.equal(codeOf(world.begin(world.hold('writer'), true)), 'ok');
  for (const reader of readers) reader.end(() => undefined);
  assert.deepEqual(world.log, ['one: check', 'other: check', 'writer: take']);
});

test('a lock is refreshed while it is held', () => {
  const world = new World();
  const hold = world.hold('one');
  world.begin(hold, true);
  world.timeline.run(60_000);
  assert.deepEqual(world.log, ['one: take', ...Array.from({ length: 4 }, () => 'one: refresh')]);
  hold.end(() => undefined);
  world.timeline.run(60_000);
  assert.equal(world.timeline.pending, 0);
  assert.equal(world.log.at(-1), 'one: release');
});

test('when no lock can be made, a download goes on with a warning, and a seed without one', () => {
  const world = new World();
  world.target.failure = new BtgetError('cannot-open', 'cannot open d: read-only file system');
  const [seed, one] = [world.hold('seed'), world.hold('one')];
  assert.equal(codeOf(world.begin(seed, false)), 'ok');
  assert.equal(codeOf(world.begin(one, true)), 'ok');
  assert.deepEqual(world.log, ['seed: check', 'one: take'], 'a download that cannot write says so by itself');
  for (const hold of [seed, one]) hold.started();
  assert.deepEqual(world.log, [
    'seed: check',
    'one: take',
    'one: warning no-lock another btget is not kept out: cannot open d: read-only file system',
  ]);
});

test('an end before the answer leaves no lock', () => {
  const world = new World();
  const hold = world.hold('one');
  hold.begin(true, () => undefined);
  hold.end(() => undefined);
  world.timeline.run(60_000);
  assert.equal(world.target.holder, null);
  assert.equal(world.timeline.pending, 0);
});

const doubtOf = (token: string, wait: number) => ({ token, changedAt: 5n, wait, message: `waiting for ${token}` });

test('a torrent waits for a lock whose process it cannot see, with one warning, until the lock is free', () => {
  const world = new World();
  world.target.doubts.push(...Array.from({ length: 3 }, () => doubtOf('one', 60_000)));
  const hold = world.hold('one');
  assert.equal(world.begin(hold, true), undefined);
  assert.equal(hold.waitsFor, 'waiting for one');
  let told: DoneOutcome | undefined;
  world.timeline.run(3000);
  assert.equal(hold.waitsFor, null);
  assert.deepEqual(world.log, [
    'one: take',
    'one: warning waiting waiting for one',
    'one: take',
    'one: take',
    'one: take',
    'one: warning resumed the lock is free; going on',
  ]);
  hold.end(() => {
    told = { ok: true };
  });
  world.timeline.run(60_000);
  assert.ok(told?.ok);
  assert.equal(world.timeline.pending, 0);
});

test("a torrent that waits for a lock is kept out when the lock's process shows that it lives", () => {
  for (const mayWrite of [true, false]) {
    const world = new World();
    world.begin(world.hold('other'), true);
    world.target.doubts.push(doubtOf('one', 60_000));
    let told: DoneOutcome | undefined;
    world.hold('one').begin(mayWrite, (outcome) => {
      told = outcome;
    });
    world.timeline.run(10);
    assert.equal(told, undefined);
    world.timeline.run(1000);
    assert.equal(codeOf(told), 'target-busy');
  }
});

test('a torrent that ends while it waits for a lock does not ask for it again', () => {
  const world = new World();
  world.target.doubts.push(...Array.from({ length: 100 }, () => doubtOf('one', 60_000)));
  const hold = world.hold('one');
  world.begin(hold, true);
  hold.end(() => world.log.push('ended'));
  world.timeline.run(60_000);
  assert.deepEqual(world.log, ['one: take', 'one: warning waiting waiting for one', 'one: release', 'ended']);
  assert.equal(world.timeline.pending, 0);
});

test('a long series of locks comes from processes that live', () => {
  const world = new World();
  world.target.doubts.push(...Array.from({ length: 100 }, (_, index) => doubtOf(String(index), 60_000)));
  let told: DoneOutcome | undefined;
  world.hold('one').begin(true, (outcome) => {
    told = outcome;
  });
  world.timeline.run(20_000);
  assert.equal(codeOf(told), 'target-busy');
});
