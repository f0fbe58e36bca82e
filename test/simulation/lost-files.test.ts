/** Files that somebody removes, cuts, replaces or blocks under a torrent that has them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import { DiskClient } from '../support/disk/disk-client.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { blockingFileOperations } from '../support/simulation/simulated-disk.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const KiB = 1024;
/** The piece at each border is part of two files. */
const SAMPLE = sampleTorrent(
  [
    { path: 't/a.bin', length: 40 * KiB },
    { path: 't/b.bin', length: 720 * KiB },
    { path: 't/c.bin', length: 24 * KiB },
  ],
  16 * KiB,
);
const MINUTE = 60_000;

const root = mkdtempSync(join(tmpdir(), 'btget-lost-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

interface Scene {
  readonly swarm: SimulatedSwarm;
  readonly client: DiskClient;
  readonly dir: string;
  at(path: string): string;
}

function begin(dir: string, torrent: Partial<TorrentOptions>, memory = 1 << 20): Scene {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const peers = torrent.mode === 'seed' ? [] : [swarm.start({ seed: true, torrent: { uploadSlots: 4 } }).address];
  // Who still looks at its disk takes no connection.
  swarm.timeline.run(1_000);
  const client = new DiskClient(swarm, SAMPLE, {
    operations: blockingFileOperations,
    memory,
    torrent: { dir, peers, ...torrent },
    done: () => undefined,
  });
  return { swarm, client, dir, at: (path) => join(dir, path) };
}

/** A download of which `pieces` are there. */
function halfWay(pieces: number, memory?: number): Scene {
  folders += 1;
  const dir = join(root, String(folders));
  const scene = begin(dir, { sequential: true }, memory);
  scene.swarm.timeline.runUntil(() => scene.client.status.have >= pieces * 16 * KiB, MINUTE);
  assert.ok(scene.client.status.have < SAMPLE.content.length, 'it is not over yet');
  return scene;
}

function assertRight(dir: string): void {
  for (const [index, { path }] of SAMPLE.metainfo.files.entries()) {
    assert.deepEqual(readFileSync(join(dir, ...path)), SAMPLE.fileBytes(index), path.join('/'));
  }
}

function assertCompletes({ client, dir }: Scene): void {
  client.runToEnd(5 * MINUTE);
  assert.ok(client.done, client.log.join('\n'));
  client.stop();
  assertRight(dir);
}

const PART = 't/b.bin.part';
const ACTS: Readonly<Record<string, (path: string) => void>> = {
  removed: (path) => rmSync(path),
  'cut short': (path) => truncateSync(path, 100 * KiB),
  emptied: (path) => truncateSync(path, 0),
  // By a file that shares a few pieces with it.
  replaced: (path) =>
    replace(path, Buffer.concat([SAMPLE.fileBytes(1).subarray(0, 80 * KiB), Buffer.alloc(820 * KiB, 7)])),
};

function replace(path: string, bytes: Buffer): void {
  writeFileSync(`${path}.other`, bytes);
  renameSync(`${path}.other`, path);
}

for (const [what, act] of Object.entries(ACTS)) {
  test(`a file that is ${what} while it is written is looked at again, and what is gone is fetched again`, () => {
    const scene = halfWay(12);
    act(scene.at(PART));
    assertCompletes(scene);
    const { warnings } = scene.client;
    assert.deepEqual(warnings, ['io', 'pieces-lost', 'resumed'], scene.client.log.join('\n'));
  });

  test(`no peer is blamed for a file that is ${what} while pieces go to it block by block`, () => {
    const scene = halfWay(12, 8 * KiB);
    act(scene.at(PART));
    assertCompletes(scene);
  });

  test(`what was written down of a file that was ${what} is not believed at the next start`, () => {
    const scene = halfWay(12);
    act(scene.at(PART));
    const { swarm, client, dir } = scene;
    swarm.timeline.runUntil(() => client.warnings.includes('resumed'), MINUTE);
    const { have } = client.status;
    swarm.timeline.runUntil(() => client.status.have > have, MINUTE);
    client.stop();
    assertCompletes(begin(dir, {}));
  });
}

const THEIRS = Buffer.alloc(900 * KiB, 7);

function assertForeign({ client, at }: Scene, path: string): void {
  client.runToEnd(MINUTE);
  const { failure, log } = client;
  assert.equal(failure instanceof BtgetError ? failure.code : null, 'foreign-file', log.join('\n'));
  assert.deepEqual(readFileSync(at(path)), THEIRS);
}

test("a stranger's file that takes the place of a part ends the download, and keeps its bytes", () => {
  for (const memory of [1 << 20, 8 * KiB]) {
    const scene = halfWay(12, memory);
    replace(scene.at(PART), THEIRS);
    assertForeign(scene, PART);
  }
});

test("a stranger's file that comes to the name of a part which is not begun ends the download, and keeps its bytes", () => {
  const scene = halfWay(12);
  const path = 't/c.bin.part';
  assert.ok(!existsSync(scene.at(path)));
  writeFileSync(scene.at(path), THEIRS);
  assertForeign(scene, path);
});

const OBSTACLES: Readonly<Record<string, (path: string) => void>> = {
  'a folder': (path) => mkdirSync(path),
  'a pipe': (path) => execFileSync('mkfifo', [path]),
  'a link': (path) => symlinkSync('/etc/passwd', path),
};

for (const [what, place] of Object.entries(OBSTACLES)) {
  test(`while ${what} is in the place of a file the torrent waits, and it goes on when that is gone`, () => {
    const scene = halfWay(12);
    const { swarm, client } = scene;
    rmSync(scene.at(PART));
    place(scene.at(PART));
    swarm.timeline.run(2 * MINUTE);
    assert.equal(client.status.state, 'paused', client.log.join('\n'));
    assert.match(client.status.diskFailure?.message ?? '', /b\.bin\.part/);
    assert.equal(existsSync('/etc/passwd'), true);
    rmSync(scene.at(PART), { recursive: true });
    assertCompletes(scene);
  });
}

test('a download whose folder goes away waits, makes nothing in its place, and goes on when it is back', () => {
  const scene = halfWay(12);
  const { swarm, client, dir } = scene;
  renameSync(dir, `${dir}.away`);
  swarm.timeline.run(2 * MINUTE);
  assert.equal(client.status.state, 'paused', client.log.join('\n'));
  assert.match(client.status.diskFailure?.message ?? '', /is not the folder that it was at the start/);
  assert.ok(!existsSync(dir));
  mkdirSync(dir);
  swarm.timeline.run(MINUTE);
  assert.deepEqual(readdirSync(dir), []);
  rmdirSync(dir);
  renameSync(`${dir}.away`, dir);
  assertCompletes(scene);
  assert.deepEqual(readdirSync(dir), ['t'], 'the journal is gone with the end');
  assert.ok(!client.warnings.includes('pieces-lost'));
});

test('a seed whose folder goes away goes on when it is back, and hashes nothing again', () => {
  const { client, dir } = halfWay(12);
  client.runToEnd(5 * MINUTE);
  client.stop();
  const seed = begin(dir, { mode: 'seed', seedGoal: { ratio: null, time: null } });
  seed.swarm.timeline.run(MINUTE);
  renameSync(dir, `${dir}.away`);
  const leech = seed.swarm.start({ torrent: { peers: [seed.client.address] } });
  seed.swarm.timeline.run(MINUTE);
  assert.ok(!seed.client.warnings.includes('pieces-lost'), seed.client.log.join('\n'));
  renameSync(`${dir}.away`, dir);
  seed.swarm.timeline.run(10 * MINUTE);
  assert.equal(leech.done, true, seed.client.log.join('\n'));
  assert.ok(!seed.client.warnings.includes('pieces-lost'));
  seed.client.stop();
});

test('a part that the journal names is removed when a whole file has come to lie beside it', () => {
  const { client, dir, at } = halfWay(12);
  client.stop();
  assert.ok(existsSync(at(PART)) && existsSync(at('t.btget')));
  for (const [index, { path }] of SAMPLE.metainfo.files.entries())
    writeFileSync(at(path.join('/')), SAMPLE.fileBytes(index));
  const again = begin(dir, {}).client;
  again.runToEnd(5 * MINUTE);
  assert.ok(again.done, again.log.join('\n'));
  again.stop();
  assertRight(dir);
  assert.deepEqual(readdirSync(at('t')).sort(), ['a.bin', 'b.bin', 'c.bin']);
});

test('a part that nothing names stays when a whole file lies beside it', () => {
  folders += 1;
  const dir = join(root, String(folders));
  mkdirSync(join(dir, 't'), { recursive: true });
  for (const [index, { path }] of SAMPLE.metainfo.files.entries())
    writeFileSync(join(dir, ...path), SAMPLE.fileBytes(index));
  writeFileSync(join(dir, PART), THEIRS);
  assertCompletes(begin(dir, {}));
  assert.deepEqual(readFileSync(join(dir, PART)), THEIRS);
});

/** A seed with everything, and a leech that has come. */
function seeding(): Scene {
  folders += 1;
  const dir = join(root, String(folders));
  for (const [index, { path }] of SAMPLE.metainfo.files.entries()) {
    mkdirSync(dirname(join(dir, ...path)), { recursive: true });
    writeFileSync(join(dir, ...path), SAMPLE.fileBytes(index));
  }
  const scene = begin(dir, { mode: 'seed', seedGoal: { ratio: null, time: null } });
  scene.swarm.timeline.runUntil(() => scene.client.log.includes('started'), MINUTE);
  return scene;
}

for (const [what, act] of Object.entries(ACTS)) {
  if (what === 'replaced') continue;
  test(`a seed whose file is ${what} says so, and serves what is left`, () => {
    const scene = seeding();
    const { swarm, client } = scene;
    act(scene.at('t/b.bin'));
    const leech = swarm.start({ torrent: { peers: [client.address] } });
    swarm.timeline.run(15 * MINUTE);
    assert.equal(client.failure, null);
    assert.ok(client.log.some((line) => line.startsWith('pieces-lost') && line.endsWith('no longer served')));
    assert.equal(client.status.state, 'seeding');
    const left = what === 'cut short' ? 100 * KiB : 0;
    assert.ok(client.status.have >= left && client.status.have < 200 * KiB, String(client.status.have));
    assert.equal(leech.torrent.status().have, client.status.have);
    client.stop();
  });
}

test('a seed whose file was replaced after it was read says so, and serves nothing of the other one', () => {
  const scene = seeding();
  const { swarm, client } = scene;
  const leech = swarm.start({ torrent: { peers: [client.address] } });
  swarm.timeline.runUntil(() => leech.done, MINUTE);
  ACTS['replaced']?.(scene.at('t/b.bin'));
  const other = swarm.start({ torrent: { peers: [client.address] } });
  swarm.timeline.runUntil(() => other.done, 30 * MINUTE);
  assert.equal(other.torrent.refusals.get('banned'), undefined, 'nobody sent a wrong piece');
  assert.ok(
    client.log.some((line) => line.endsWith('b.bin: somebody has replaced it meanwhile; looking at what is there')),
  );
  client.stop();
});

test('a folder in the place of a seeded file: it waits, and goes on when the file is back', () => {
  const scene = seeding();
  const { swarm, client } = scene;
  renameSync(scene.at('t/b.bin'), scene.at('t/kept'));
  mkdirSync(scene.at('t/b.bin'));
  const leech = swarm.start({ torrent: { peers: [client.address] } });
  swarm.timeline.run(MINUTE);
  assert.equal(client.status.state, 'paused', client.log.join('\n'));
  rmdirSync(scene.at('t/b.bin'));
  renameSync(scene.at('t/kept'), scene.at('t/b.bin'));
  swarm.timeline.runUntil(() => leech.done, 30 * MINUTE);
  assert.ok(leech.storage.contents().equals(SAMPLE.content));
  client.stop();
});
