/** System calls of a seed fail: it says so, nobody gets wrong bytes, and no peer is left waiting for ever. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { DiskClient } from '../support/disk/disk-client.js';
import { FaultyFolder, MINUTE, SAMPLE } from '../support/disk/faulty-download.js';
import { type Call, DISK_ERRORS, type Fault, faulty, NO_FAULT } from '../support/disk/faulty-operations.js';
import { type Client, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const BLOCK = 16 * 1024;

const folder = new FaultyFolder();
after(() => folder.end());
const dir = folder.fresh();
for (const [index, { path }] of SAMPLE.metainfo.files.entries()) {
  mkdirSync(dirname(join(dir, ...path)), { recursive: true });
  writeFileSync(join(dir, ...path), SAMPLE.fileBytes(index));
}

interface Scene {
  readonly swarm: SimulatedSwarm;
  readonly seed: DiskClient;
  readonly leech: Client;
  readonly calls: readonly Call[];
}

/** A seed whose files are all there, and a leech that knows nobody else. Both have lived for `time`. */
function live(fault: Fault, time: number): Scene {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const { operations, calls } = faulty(fault);
  const seed = new DiskClient(swarm, SAMPLE, {
    operations,
    memory: 1 << 20,
    torrent: { dir, mode: 'seed', seedGoal: { ratio: null, time: null } },
    done: () => undefined,
  });
  const leech = swarm.start({ torrent: { peers: [seed.address] } });
  for (let at = 0; at < time && !leech.done && seed.failure === null; at += 500) swarm.timeline.run(500);
  return { swarm, seed, leech, calls };
}

function end({ swarm, seed }: Scene): void {
  seed.stop();
  swarm.stop();
}

const { calls: CALLS } = live(NO_FAULT, MINUTE);

for (const code of DISK_ERRORS) {
  test(`each system call of a seed says ${code} once: it says so at its start, or the leech gets everything`, () => {
    for (let index = 0; index < CALLS.length; index += 1) {
      const scene = live((_call, at) => (at === index ? code : null), 10 * MINUTE);
      const { seed, leech } = scene;
      const what = `${code} of call ${index}, ${CALLS[index]}:\n${seed.log.join('\n')}`;
      assert.ok(leech.done || seed.failure !== null, what);
      if (leech.done) assert.deepEqual(leech.storage.contents(), SAMPLE.content);
      end(scene);
    }
  });
}

test('a seed that cannot read one block says so once, serves all others, and parts from who wants that one', () => {
  let begun = false;
  const isBad: Fault = (call, _at, [, into, , position]) =>
    begun && call === 'read' && (into as Buffer).length === BLOCK && position === 24 * 1024 ? 'EIO' : null;
  const scene = live(isBad, 0);
  const { swarm, seed, leech } = scene;
  swarm.timeline.runUntil(() => seed.log.includes('started'), MINUTE);
  begun = true;
  swarm.timeline.run(10 * MINUTE);
  // Only piece 3 begins 24 KiB into a file.
  assert.equal(leech.torrent.status().have, SAMPLE.metainfo.length - SAMPLE.metainfo.pieceLength);
  assert.deepEqual(
    seed.log.filter((line) => line !== 'started' && line !== 'done' && !line.startsWith('file ')),
    [`io: cannot read ${join(dir, 't/below/b.bin')}: made to fail (EIO)`],
  );
  assert.ok((seed.refusals.get('cannot-serve') ?? 0) > 0);
  assert.equal(seed.failure, null);
  end(scene);
});

test('a seed whose disk reads nothing any more says so once for each file, and keeps no peer waiting', () => {
  let begun = false;
  const scene = live((call) => (begun && call === 'read' ? 'EIO' : null), 0);
  const { swarm, seed, leech } = scene;
  swarm.timeline.runUntil(() => seed.log.includes('started'), MINUTE);
  begun = true;
  swarm.timeline.run(10 * MINUTE);
  assert.equal(leech.torrent.status().have, 0);
  const warnings = seed.log.filter((line) => line.startsWith('io: '));
  assert.equal(warnings.length, new Set(warnings).size);
  assert.ok(warnings.length >= 1 && warnings.length <= 3, warnings.join('\n'));
  assert.ok((seed.refusals.get('cannot-serve') ?? 0) > 0);
  begun = false;
  swarm.timeline.runUntil(() => leech.done, 60 * MINUTE);
  assert.deepEqual(leech.storage.contents(), SAMPLE.content);
  end(scene);
});
