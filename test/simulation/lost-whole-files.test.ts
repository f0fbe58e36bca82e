/** Whole files that somebody removes, cuts, replaces or moves while the download goes on with others. */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import { DiskClient } from '../support/disk/disk-client.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { blockingFileOperations } from '../support/simulation/simulated-disk.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { v2Torrent } from '../support/v2-torrent.js';

const KiB = 1024;
const MINUTE = 60_000;
const FILES = [
  { path: 't/a.bin', length: 100 * KiB },
  { path: 't/b.bin', length: 720 * KiB },
  { path: 't/c.bin', length: 24 * KiB },
  { path: 't/empty' },
  { path: 't/link', symlink: 't/b.bin' },
];
const SAMPLES: Readonly<Record<string, SampleTorrent>> = {
  'version 1': sampleTorrent(FILES, 16 * KiB),
  'version 2': v2Torrent(FILES, 16 * KiB, '2'),
  'a hybrid': v2Torrent(FILES, 16 * KiB, 'hybrid'),
};
const WHOLE = 't/a.bin';
const PART = 't/b.bin.part';

const root = mkdtempSync(join(tmpdir(), 'btget-lost-whole-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

interface Scene {
  readonly sample: SampleTorrent;
  readonly swarm: SimulatedSwarm;
  readonly client: DiskClient;
  readonly dir: string;
  at(path: string): string;
}

/** A download of which the first file is whole and the second one is not. */
function halfWay(
  sample: SampleTorrent,
  options: Partial<TorrentOptions> = {},
  isFarEnough: (client: DiskClient) => boolean = isHalfWay,
): Scene {
  folders += 1;
  const dir = join(root, String(folders));
  const at = (path: string): string => join(dir, path);
  const swarm = new SimulatedSwarm(sample, 1);
  const seed = swarm.start({ seed: true, torrent: { uploadSlots: 4 } });
  // Who still looks at its disk takes no connection.
  swarm.timeline.run(1_000);
  const client = new DiskClient(swarm, sample, {
    operations: blockingFileOperations,
    memory: 1 << 20,
    torrent: { dir, peers: [seed.address], sequential: true, ...options },
    done: () => undefined,
  });
  swarm.timeline.runUntil(() => isFarEnough(client), MINUTE);
  assert.ok(client.status.have < client.status.wanted, 'it is not over yet');
  return { sample, swarm, client, dir, at };
}

function isHalfWay({ log, status }: DiskClient): boolean {
  return log.includes(`file ${WHOLE}`) && status.have >= 14 * 16 * KiB;
}

/** The next run in the same folder. */
function startAgain(scene: Scene): Scene {
  const { sample, dir } = scene;
  const swarm = new SimulatedSwarm(sample, 1);
  const peers = [swarm.start({ seed: true, torrent: { uploadSlots: 4 } }).address];
  swarm.timeline.run(1_000);
  const client = new DiskClient(swarm, sample, {
    operations: blockingFileOperations,
    memory: 1 << 20,
    torrent: { dir, peers, seedGoal: null },
    done: () => undefined,
  });
  return { ...scene, swarm, client };
}

function bytesOf(sample: SampleTorrent, path: string): Buffer {
  return sample.fileBytes(sample.metainfo.files.findIndex((file) => file.path.join('/') === path));
}

/** What lies in the folder of the torrent is right, and nothing else is there but `more`. */
function assertRight({ sample, at }: Scene, ...more: readonly string[]): void {
  for (const { path } of FILES.slice(0, 4)) assert.ok(readFileSync(at(path)).equals(bytesOf(sample, path)), path);
  assert.equal(readlinkSync(at('t/link')), 'b.bin');
  assert.deepEqual(readdirSync(at('t')).sort(), ['a.bin', 'b.bin', 'c.bin', 'empty', 'link', ...more].sort());
}

function assertCompletes(scene: Scene, ...more: readonly string[]): void {
  const { client } = scene;
  client.runToEnd(5 * MINUTE);
  assert.ok(client.done, client.log.join('\n'));
  assertRight(scene, ...more);
  client.stop();
  assertRight(scene, ...more);
}

/** Puts a file at `path` as `mv` does: another file, and not the old one with other bytes. */
function replace(path: string, bytes: Buffer): void {
  writeFileSync(`${path}.other`, bytes);
  renameSync(`${path}.other`, path);
}

interface Act {
  readonly does: (scene: Scene) => void;
  /** What is in the folder beside the torrent's files at the end. */
  readonly leaves?: readonly string[];
}

const ACTS: Readonly<Record<string, Act>> = {
  'a whole file is removed': { does: ({ at }) => rmSync(at(WHOLE)) },
  'a whole file is cut': { does: ({ at }) => truncateSync(at(WHOLE), 5) },
  'a whole file is cut in the middle': { does: ({ at }) => truncateSync(at(WHOLE), 50 * KiB) },
  'a whole file is emptied': { does: ({ at }) => truncateSync(at(WHOLE), 0) },
  'a whole file is made longer': { does: ({ at }) => truncateSync(at(WHOLE), 200 * KiB) },
  'a whole file is replaced by one that shares pieces with it': {
    does: ({ sample, at }) =>
      replace(at(WHOLE), Buffer.concat([bytesOf(sample, WHOLE).subarray(0, 40 * KiB), Buffer.alloc(60 * KiB, 7)])),
  },
  'a whole file is moved to another name': {
    does: ({ at }) => renameSync(at(WHOLE), at(`${WHOLE}.bak`)),
    leaves: ['a.bin.bak'],
  },
  'a whole file is moved to its part name': { does: ({ at }) => renameSync(at(WHOLE), at(`${WHOLE}.part`)) },
  'the empty file is removed': { does: ({ at }) => rmSync(at('t/empty')) },
  'the link is removed': { does: ({ at }) => rmSync(at('t/link')) },
  'the folder is moved away': { does: ({ at }) => renameSync(at('t'), at('moved')) },
  'the folder is removed': { does: ({ at }) => rmSync(at('t'), { recursive: true }) },
  'the folder is removed, and an empty one made': {
    does: ({ at }) => {
      rmSync(at('t'), { recursive: true });
      mkdirSync(at('t'));
    },
  },
};

/** Puts `theirs` in the place of the whole file by `put`: it keeps its bytes, and the download ends for it. */
function assertKept(
  { client, at }: Scene,
  theirs: Buffer,
  put: (path: string, bytes: Buffer) => void,
  losesPart: boolean,
): void {
  put(at(WHOLE), theirs);
  if (losesPart) rmSync(at(PART));
  client.runToEnd(5 * MINUTE);
  const { failure, log } = client;
  assert.equal(failure instanceof BtgetError ? failure.code : null, 'foreign-file', log.join('\n'));
  client.stop();
  assert.ok(readFileSync(at(WHOLE)).equals(theirs));
  assert.ok(!log.includes('done'));
}

for (const [version, sample] of Object.entries(SAMPLES)) {
  for (const [what, { does, leaves = [] }] of Object.entries(ACTS)) {
    test(`${version}: when ${what}, the download is done only after all is there again`, () => {
      const scene = halfWay(sample);
      does(scene);
      assertCompletes(scene, ...leaves);
    });

    test(`${version}: when ${what} and a part is removed, both are fetched again`, () => {
      const scene = halfWay(sample);
      if (existsSync(scene.at(PART))) rmSync(scene.at(PART));
      does(scene);
      assertCompletes(scene, ...leaves);
    });
  }

  for (const [which, length] of Object.entries({
    'of its length': 100 * KiB,
    shorter: 50 * KiB,
    'very short': 500,
    longer: 900 * KiB,
  })) {
    for (const more of ['alone', 'with a part']) {
      if (length !== 100 * KiB && length !== 500)
        test(`${version}: bytes that are written over a whole file, ${which}, are kept, lost ${more}`, () => {
          assertKept(halfWay(sample), Buffer.alloc(length, 'mine'), writeFileSync, more !== 'alone');
        });

      test(`${version}: a file ${which} in the place of a whole one keeps its bytes, lost ${more}`, () => {
        const scene = halfWay(sample);
        const { at } = scene;
        assertKept(scene, Buffer.alloc(length, 'mine'), replace, more !== 'alone');
        assert.ok(!existsSync(at(`${WHOLE}.part`)));
        // The next run believes nothing of what is not there any more.
        rmSync(at(WHOLE));
        assertCompletes(startAgain(scene));
      });
    }
  }

  test(`${version}: the loss of a whole file is told as that, and not as a disk that refuses`, () => {
    const scene = halfWay(sample);
    rmSync(scene.at(WHOLE));
    assertCompletes(scene);
    const { log } = scene.client;
    assert.ok(log.some((line) => line.endsWith('somebody has removed it meanwhile; looking at what is there')));
    assert.ok(
      log.some((line) => line.endsWith('resumed: going on')),
      log.join('\n'),
    );
  });

  test(`${version}: a copy in the place of a whole file proves itself, and stays`, () => {
    const scene = halfWay(sample);
    const { client, at } = scene;
    copyFileSync(at(WHOLE), at('copy'));
    renameSync(at('copy'), at(WHOLE));
    const { ino } = lstatSync(at(WHOLE));
    assertCompletes(scene);
    assert.equal(lstatSync(at(WHOLE)).ino, ino);
    assert.deepEqual(client.warnings, ['io', 'resumed'], client.log.join('\n'));
  });

  test(`${version}: a download that nobody disturbs warns of nothing`, () => {
    const scene = halfWay(sample);
    assertCompletes(scene);
    assert.deepEqual(scene.client.warnings, []);
  });

  test(`${version}: a stranger's part that comes while lost files are checked keeps its bytes`, () => {
    const scene = halfWay(sample);
    const { client, at } = scene;
    const theirs = Buffer.alloc(24 * KiB, 'mine');
    replace(at('t/c.bin.part'), theirs);
    rmSync(at(WHOLE));
    rmSync(at(PART));
    client.runToEnd(5 * MINUTE);
    const { failure, log } = client;
    assert.equal(failure instanceof BtgetError ? failure.code : null, 'foreign-file', log.join('\n'));
    client.stop();
    assert.ok(readFileSync(at('t/c.bin.part')).equals(theirs));
  });

  test(`${version}: files that grow under their final names are fetched again when they are removed or cut`, () => {
    for (const act of [rmSync, (path: string): void => truncateSync(path, 5)]) {
      for (const paths of [[WHOLE], ['t/b.bin'], [WHOLE, 't/b.bin']]) {
        const scene = halfWay(sample, { partNames: false });
        for (const path of paths) act(scene.at(path));
        assertCompletes(scene);
      }
    }
  });

  test(`${version}: a whole download of which a file is removed while it begins fetches that file`, () => {
    const scene = halfWay(sample);
    assertCompletes(scene);
    const again = startAgain(scene);
    again.swarm.timeline.runUntil(() => again.client.log.includes('started'), MINUTE);
    assert.ok(!again.client.done);
    rmSync(again.at(WHOLE));
    assertCompletes(again);
  });
}

/** The selected files are right, and beside them there is nothing in the folder but `more`. */
function assertSelected({ sample, client, at }: Scene, ...more: readonly string[]): void {
  client.runToEnd(5 * MINUTE);
  assert.ok(client.done, client.log.join('\n'));
  client.stop();
  for (const path of ['t/a.bin', 't/c.bin']) assert.ok(readFileSync(at(path)).equals(bytesOf(sample, path)), path);
  assert.deepEqual(readdirSync(at('t')).sort(), ['a.bin', 'c.bin', ...more].sort());
}

test('of some files, those that are lost when they are whole are fetched again, with what they share with others', () => {
  const sample = SAMPLES['version 1'] as SampleTorrent;
  const selection = { select: ['a.bin', 'c.bin'], exclude: [], ranges: null };
  for (const lost of [[WHOLE], ['t/c.bin'], [WHOLE, 't/c.bin'], ['t']]) {
    const scene = halfWay(sample, { selection, sequential: false }, (client) => client.status.have >= 5 * 16 * KiB);
    const { swarm, client, at } = scene;
    const isWhole = (): boolean => lost.every((path) => existsSync(at(path)));
    swarm.timeline.runUntil(() => isWhole() || client.done, MINUTE);
    assert.ok(!client.done);
    for (const path of lost) rmSync(at(path), { recursive: true });
    assertSelected(scene);
  }
});

test('a file that is not selected and comes or goes meanwhile is left alone', () => {
  const sample = SAMPLES['version 1'] as SampleTorrent;
  const selection = { select: ['a.bin', 'c.bin'], exclude: [], ranges: null };
  const scene = halfWay(sample, { selection }, (client) => client.status.have >= 5 * 16 * KiB);
  const theirs = Buffer.alloc(720 * KiB, 'mine');
  writeFileSync(scene.at('t/b.bin'), theirs);
  rmSync(scene.at(WHOLE), { force: true });
  assertSelected(scene, 'b.bin');
  assert.ok(readFileSync(scene.at('t/b.bin')).equals(theirs));
});

test('with overwrite a file in the place of a whole one is replaced', () => {
  const scene = halfWay(SAMPLES['version 1'] as SampleTorrent, { overwrite: true });
  replace(scene.at(WHOLE), Buffer.alloc(100 * KiB, 'mine'));
  assertCompletes(scene);
});

for (const [what, act] of Object.entries({
  'another link': (path: string) => symlinkSync('a.bin', path),
  'a file': (path: string) => writeFileSync(path, 'mine'),
})) {
  test(`${what} in the place of a link of the torrent is not replaced`, () => {
    const { client, at } = halfWay(SAMPLES['version 1'] as SampleTorrent);
    rmSync(at('t/link'));
    act(at('t/link'));
    const before = lstatSync(at('t/link')).ino;
    client.runToEnd(5 * MINUTE);
    const { failure, log } = client;
    assert.equal(failure instanceof BtgetError ? failure.code : null, 'foreign-file', log.join('\n'));
    assert.equal(lstatSync(at('t/link')).ino, before);
    client.stop();
  });
}

test('while a folder is in the place of a whole file the download waits, and goes on when that is gone', () => {
  const scene = halfWay(SAMPLES['version 1'] as SampleTorrent);
  const { swarm, client, at } = scene;
  rmSync(at(WHOLE));
  mkdirSync(at(WHOLE));
  swarm.timeline.run(10 * MINUTE);
  assert.equal(client.done, false);
  assert.equal(client.status.state, 'paused', client.log.join('\n'));
  rmSync(at(WHOLE), { recursive: true });
  assertCompletes(scene);
});
