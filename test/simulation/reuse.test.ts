/** Files that lie elsewhere, on a real disk in simulated time: whatever happens meanwhile, no wrong byte counts. */
import assert from 'node:assert/strict';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { FileOperations } from '../../src/disk/system/operations.js';
import { DiskClient } from '../support/disk/disk-client.js';
import { DISK_ERRORS, faulty } from '../support/disk/faulty-operations.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { blockingFileOperations } from '../support/simulation/simulated-disk.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { v2Torrent } from '../support/v2-torrent.js';

const KiB = 1024;
const MINUTE = 60_000;
const BIG = seededRandom(1).bytes(900 * KiB + 3);
const SMALL = seededRandom(2).bytes(10);
const SAMPLE = v2Torrent(
  [
    { path: 't/big', content: BIG },
    { path: 't/small', content: SMALL },
  ],
  64 * KiB,
  '2',
);

const root = mkdtempSync(join(tmpdir(), 'btget-reuse-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

interface Scene {
  readonly dir: string;
  readonly old: string;
  /** Begins a download in a world of its own. An earlier one does nothing more, as after a kill. */
  begin(operations?: FileOperations): DiskClient;
  /** Lets time go on for the last one. */
  run(limit: number): void;
}

/** A folder with both files under other names, and an empty download folder. */
function scene(): Scene {
  folders += 1;
  const [dir, old] = [join(root, String(folders), 'new'), join(root, String(folders), 'old')];
  mkdirSync(old, { recursive: true });
  writeFileSync(join(old, 'one'), BIG);
  writeFileSync(join(old, 'two'), SMALL);
  let swarm = new SimulatedSwarm(SAMPLE, 1);
  return {
    dir,
    old,
    begin: (operations = blockingFileOperations) => {
      swarm = new SimulatedSwarm(SAMPLE, 1);
      return new DiskClient(swarm, SAMPLE, {
        operations,
        memory: 1 << 20,
        torrent: { dir, reuse: [old], trackers: [] },
        done: () => undefined,
      });
    },
    run: (limit) => swarm.timeline.run(limit),
  };
}

function assertRight(dir: string): void {
  assert.deepEqual(readFileSync(join(dir, 't/big')), BIG);
  assert.deepEqual(readFileSync(join(dir, 't/small')), SMALL);
}

/** A file with its final name is whole. */
function assertNothingWrong(dir: string): void {
  for (const [name, bytes] of [
    ['big', BIG],
    ['small', SMALL],
  ] as const)
    if (existsSync(join(dir, 't', name))) assert.deepEqual(readFileSync(join(dir, 't', name)), bytes);
}

test('files are taken without a peer, and stay as they are', () => {
  const { old, dir, begin } = scene();
  linkSync(join(old, 'one'), join(old, 'one again'));
  const client = begin();
  client.runToEnd(MINUTE);
  assert.ok(client.done);
  assertRight(dir);
  assert.deepEqual(readFileSync(join(old, 'one')), BIG);
  assert.equal(statSync(join(dir, 't/big')).nlink, 1);
  assert.equal(client.log.filter((line) => line.startsWith('reused')).length, 2);
  client.stop();
  assert.deepEqual(readdirSync(dir), ['t']);
});

test('a file that can share its bytes on the disk is copied in no other way', () => {
  const { old, dir, begin } = scene();
  let shared = 0;
  const operations: FileOperations = {
    ...blockingFileOperations,
    share: (from, to) => {
      shared += 1;
      blockingFileOperations.setLength(to, 0);
      const { length } = blockingFileOperations.facts(from);
      const bytes = Buffer.alloc(length);
      blockingFileOperations.read(from, bytes, length, 0);
      blockingFileOperations.write(to, bytes, 0, length, 0);
      return true;
    },
  };
  const client = begin(operations);
  client.runToEnd(MINUTE);
  assert.ok(client.done);
  assertRight(dir);
  assert.equal(shared, 2);
  assert.ok(existsSync(join(old, 'one')));
  client.stop();
});

test('a kill at any moment of a copy leaves nothing wrong, and the next start goes on', () => {
  let interrupted = 0;
  for (let moment = 1; moment < 120; moment += 3) {
    const { dir, begin, run } = scene();
    begin();
    run(moment);
    if (existsSync(join(dir, 't/big.part'))) interrupted += 1;
    assertNothingWrong(dir);
    const client = begin();
    client.runToEnd(3 * MINUTE);
    assert.ok(client.done, `${moment}: ${client.log.join('; ')}`);
    assertRight(dir);
    client.stop();
  }
  assert.ok(interrupted > 5, `${interrupted} kills came in the middle`);
});

test('a file that changes in the middle of the copy is not taken', () => {
  const { dir, old, begin, run } = scene();
  let reads = 0;
  let isChanged = false;
  const operations: FileOperations = {
    ...blockingFileOperations,
    share: () => {
      reads = 1;
      return false;
    },
    read: (descriptor, into, length, position) => {
      if (reads > 0 && !isChanged && position > 300 * KiB) {
        isChanged = true;
        writeFileSync(join(old, 'one'), Buffer.alloc(BIG.length, 1));
      }
      return blockingFileOperations.read(descriptor, into, length, position);
    },
  };
  const client = begin(operations);
  run(MINUTE);
  assert.ok(isChanged);
  assert.ok(!client.done && client.failure === null);
  assert.ok(!existsSync(join(dir, 't/big')));
  assert.deepEqual(readFileSync(join(dir, 't/small')), SMALL);
  assert.ok(client.status.have < BIG.length + SMALL.length);
  client.stop();
});

test('a disk that fails at any call ends in no wrong file, and another start takes what is left', () => {
  const { dir: first, begin: tryOnce } = scene();
  const { operations: counted, calls } = faulty(() => null);
  const whole = tryOnce(counted);
  whole.runToEnd(MINUTE);
  assertRight(first);
  whole.stop();
  const step = Math.ceil(calls.length / 60);
  for (let at = 0; at < calls.length; at += step) {
    const code = DISK_ERRORS[at % DISK_ERRORS.length] as string;
    const { dir, old, begin, run } = scene();
    const { operations } = faulty((_call, index) => (index === at ? code : null));
    const client = begin(operations);
    run(MINUTE);
    assertNothingWrong(dir);
    assert.deepEqual(readFileSync(join(old, 'one')), BIG);
    client.stop();
    const again = begin();
    again.runToEnd(3 * MINUTE);
    assert.ok(again.done, `${at} ${calls[at]} ${code}: ${again.log.join('; ')}`);
    assertRight(dir);
    again.stop();
  }
});
