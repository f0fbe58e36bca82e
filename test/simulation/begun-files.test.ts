/**
 * Files that one run has begun, while later runs want others of the torrent: they wait for the run that wants them, and
 * what lies under such names and is not ours stays as it is.
 */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { toHex } from '../../src/base/bytes.js';
import { BtgetError } from '../../src/base/failure.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import { DiskClient } from '../support/disk/disk-client.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { blockingFileOperations } from '../support/simulation/simulated-disk.js';
import { type ClientOptions, type MagnetClient, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { dictionary } from '../support/torrent-bytes.js';
import { v2Torrent } from '../support/v2-torrent.js';
import { linkTo, magnetSample } from '../support/worlds/magnet-world.js';

const KIB = 1024;
const MINUTE = 60_000;
const PIECE = 64 * KIB;
/** In version 1 the piece at each border is part of two files or more, and `s` lies within one. */
const OLD = sampleTorrent(
  [
    { path: 't/a', length: 1000 * KIB },
    { path: 't/b', length: 200 * KIB },
    { path: 't/c', length: 400 * KIB },
    { path: 't/s', length: 5 * KIB },
    { path: 't/z', length: 30 * KIB },
  ],
  PIECE,
);
const SAMPLES: Readonly<Record<Metainfo['version'], SampleTorrent>> = {
  1: OLD,
  2: v2Sample('2'),
  hybrid: v2Sample('hybrid'),
};
const VERSIONS = Object.keys(SAMPLES) as readonly Metainfo['version'][];

function v2Sample(version: '2' | 'hybrid'): SampleTorrent {
  const files = OLD.metainfo.files.map(({ path }, index) => ({ path: path.join('/'), content: OLD.fileBytes(index) }));
  return v2Torrent(files, PIECE, version);
}

const root = mkdtempSync(join(tmpdir(), 'btget-begun-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

function fresh(): string {
  folders += 1;
  return join(root, String(folders));
}

interface Scene {
  readonly swarm: SimulatedSwarm;
  readonly client: DiskClient;
}

/** `rate`: bytes a second that come; null: as many as there can be. */
function begin(
  sample: SampleTorrent,
  dir: string,
  torrent: Partial<TorrentOptions>,
  rate: number | null = null,
): Scene {
  const swarm = new SimulatedSwarm(sample, 1);
  const seed = swarm.start({ seed: true, session: { maxUpload: rate } });
  swarm.timeline.run(1_000);
  const client = new DiskClient(swarm, sample, {
    operations: blockingFileOperations,
    // Pieces go to the disk block by block.
    memory: PIECE / 2,
    torrent: { dir, peers: [seed.address], ...torrent },
    done: () => undefined,
  });
  return { swarm, client };
}

function selecting(...select: readonly string[]): Pick<TorrentOptions, 'selection'> {
  return { selection: { select, exclude: [], ranges: null } };
}

/** A download that is stopped, or killed, when so many bytes are verified and some more blocks have come. */
function interrupted(
  sample: SampleTorrent,
  dir: string,
  torrent: Partial<TorrentOptions>,
  end: 'stopped' | 'killed',
): void {
  const { swarm, client } = begin(sample, dir, torrent, 40 * KIB);
  swarm.timeline.runUntil(() => client.status.have >= 4 * PIECE, 2 * MINUTE);
  // Some blocks of a piece that is not whole, and time to write down what is.
  swarm.timeline.run(1_200);
  assert.ok(!client.done && existsSync(join(dir, 't.btget')));
  if (end === 'stopped') client.stop();
}

/** A download to its end. */
function completed(sample: SampleTorrent, dir: string, torrent: Partial<TorrentOptions>): DiskClient {
  const { client } = begin(sample, dir, torrent);
  client.runToEnd(5 * MINUTE);
  assert.ok(client.done, client.log.join('\n'));
  client.stop();
  return client;
}

/** Asserts that a download ends because a file in its way is a stranger's. */
function assertForeign(sample: SampleTorrent, dir: string, torrent: Partial<TorrentOptions>): void {
  const { client } = begin(sample, dir, torrent);
  client.runToEnd(MINUTE);
  client.stop();
  assert.ok(client.failure instanceof BtgetError && client.failure.code === 'foreign-file', `${client.failure}`);
}

/** Asserts that the whole torrent is there and nothing else is. */
function assertAllThere(sample: SampleTorrent, dir: string): void {
  const found = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
  // A process that is killed leaves its lock, which the next one takes over and removes.
  const files = sample.metainfo.files.flatMap(({ path, padding }) => (padding ? [] : [path.join('/')]));
  assert.deepEqual(found.sort(), files.sort());
  for (const [index, { path, padding }] of sample.metainfo.files.entries())
    if (!padding) assert.deepEqual(readFileSync(join(dir, ...path)), sample.fileBytes(index), path.join('/'));
}

/** What the next run finds: bytes that are there and were hashed, and blocks that are there besides. */
function startOf(sample: SampleTorrent, dir: string, torrent: Partial<TorrentOptions>) {
  const { swarm, client } = begin(sample, dir, { ...torrent, peers: [], trackers: [] });
  swarm.timeline.runUntil(() => client.log.includes('started') || client.failure !== null, MINUTE);
  const { have, checkLength } = client.status;
  const { failure } = client;
  client.stop();
  return { have, checkLength, failure };
}

for (const version of VERSIONS) {
  const sample = SAMPLES[version];
  for (const partNames of [true, false]) {
    describe(`version ${version}, ${partNames ? 'with' : 'without'} part names`, () => {
      for (const end of ['stopped', 'killed'] as const)
        it(`a file that was begun when it was ${end} goes on after others were selected and came`, () => {
          const dir = fresh();
          interrupted(sample, dir, { partNames, ...selecting('a') }, end);
          const name = partNames ? 't/a.part' : 't/a';
          const before = readFileSync(join(dir, name));
          completed(sample, dir, { partNames, ...selecting('c') });
          assert.ok(existsSync(join(dir, 't.btget')), 'the journal stays, since nothing else says whose the file is');
          assert.deepEqual(readFileSync(join(dir, name)), before);
          completed(sample, dir, { partNames, ...selecting('s') });
          const { have, checkLength, failure } = startOf(sample, dir, { partNames, ...selecting('a') });
          assert.equal(failure, null);
          assert.ok(have >= 4 * PIECE, `${have}`);
          // One piece of each file, when what was written down is believed.
          if (end === 'stopped') assert.ok(checkLength <= 5 * PIECE, `${checkLength} bytes are hashed`);
          const all = startOf(sample, dir, { partNames });
          const { downloaded } = completed(sample, dir, { partNames }).status;
          assert.ok(downloaded < sample.metainfo.length - all.have, 'blocks of the piece that was not whole count');
          assertAllThere(sample, dir);
        });

      it('a file that waits is hashed when a program wrote to it, though all was looked at again meanwhile', () => {
        const dir = fresh();
        const name = (file: string): string => join(dir, 't', partNames ? `${file}.part` : file);
        interrupted(sample, dir, { partNames, sequential: true, ...selecting('a') }, 'stopped');
        const { swarm, client } = begin(sample, dir, { partNames, sequential: true, ...selecting('c') }, 40 * KIB);
        swarm.timeline.runUntil(() => client.status.have >= 4 * PIECE, 2 * MINUTE);
        const bytes = readFileSync(name('a')).fill(7, 2 * PIECE, 2 * PIECE + 100);
        writeFileSync(name('a'), bytes);
        truncateSync(name('c'), 2 * PIECE);
        swarm.timeline.runUntil(() => client.log.some((line) => line.startsWith('resumed')), 2 * MINUTE);
        client.stop();
        const { have } = startOf(sample, dir, { partNames, ...selecting('a') });
        assert.ok(have >= 3 * PIECE, 'what is right counts');
        completed(sample, dir, { partNames });
        assertAllThere(sample, dir);
      });

      it('a selection leaves no journal when no other file was begun', () => {
        const dir = fresh();
        completed(sample, dir, { partNames, ...selecting('c') });
        completed(sample, dir, { partNames, ...selecting('b', 'c') });
        assert.deepEqual(readdirSync(join(dir, 't')).sort(), ['b', 'c']);
        assert.ok(!existsSync(join(dir, 't.btget')));
        completed(sample, dir, { partNames });
        assertAllThere(sample, dir);
      });
    });
  }
}

/** Each stranger's file, by its path, and what one of the runs selects. */
interface Strangers {
  readonly files: Readonly<Record<string, Buffer>>;
  readonly runs: readonly (readonly string[])[];
}

const NOISE = sampleTorrent([{ path: 'noise', length: 300 * KIB }], PIECE, 7).content;
/** Each run before the last is done. The last one wants the stranger's name. */
const STRANGERS: Readonly<Record<string, Strangers>> = {
  'a small part whose neighbour in the piece came': {
    files: { 't/s.part': Buffer.from('my notes\n') },
    runs: [['z'], []],
  },
  'the same part, selected alone': { files: { 't/s.part': Buffer.from('my notes\n') }, runs: [['z'], ['s']] },
  'a small part as long as its file': { files: { 't/s.part': NOISE.subarray(0, 5 * KIB) }, runs: [['z'], []] },
  'a part both of whose neighbours came': {
    files: { 't/b.part': NOISE.subarray(0, 150 * KIB) },
    runs: [['a'], ['c'], ['a', 'c', 's', 'z'], []],
  },
  'a part that is longer than its file': { files: { 't/b.part': NOISE }, runs: [['a', 'c'], ['b']] },
  'a part among all that was excluded': {
    files: { 't/b.part': NOISE.subarray(0, 150 * KIB), 't/s.part': NOISE.subarray(0, 4 * KIB) },
    runs: [['a', 'c', 'z'], []],
  },
};

for (const version of VERSIONS) {
  const sample = SAMPLES[version];
  for (const partNames of [true, false]) {
    describe(`a stranger's file, version ${version}, ${partNames ? 'with' : 'without'} part names`, () => {
      for (const [what, { files, runs }] of Object.entries(STRANGERS))
        it(`stays as it is: ${what}`, () => {
          const dir = fresh();
          mkdirSync(join(dir, 't'), { recursive: true });
          for (const [path, bytes] of Object.entries(files)) writeFileSync(join(dir, path), bytes);
          const assertStay = (): void => {
            for (const [path, bytes] of Object.entries(files)) assert.deepEqual(readFileSync(join(dir, path)), bytes);
          };
          for (const select of runs.slice(0, -1)) {
            completed(sample, dir, { partNames, ...selecting(...select) });
            assertStay();
          }
          assertForeign(sample, dir, { partNames, ...selecting(...(runs.at(-1) ?? [])) });
          assertStay();
          completed(sample, dir, { partNames, overwrite: true });
          assertAllThere(sample, dir);
        });

      it('stays as it is under its final name, when a journal is there that another file was begun for', () => {
        const dir = fresh();
        mkdirSync(join(dir, 't'), { recursive: true });
        const bytes = NOISE.subarray(0, 5 * KIB);
        writeFileSync(join(dir, 't/s'), bytes);
        completed(sample, dir, { partNames, ...selecting('z') });
        interrupted(sample, dir, { partNames, ...selecting('a') }, 'stopped');
        completed(sample, dir, { partNames, ...selecting('c') });
        assertForeign(sample, dir, { partNames });
        assert.deepEqual(readFileSync(join(dir, 't/s')), bytes);
      });

      it('stays as it is, although a file of the selection was cut meanwhile and all was looked at again', () => {
        const dir = fresh();
        mkdirSync(join(dir, 't'), { recursive: true });
        const bytes = NOISE.subarray(0, 150 * KIB);
        writeFileSync(join(dir, 't/b.part'), bytes);
        const { swarm, client } = begin(sample, dir, { partNames, sequential: true, ...selecting('a') }, 40 * KIB);
        swarm.timeline.runUntil(() => client.status.have >= 4 * PIECE, 2 * MINUTE);
        truncateSync(join(dir, partNames ? 't/a.part' : 't/a'), 2 * PIECE);
        swarm.timeline.runUntil(() => client.log.some((line) => line.startsWith('resumed')), 2 * MINUTE);
        swarm.timeline.run(5_000);
        client.stop();
        assertForeign(sample, dir, { partNames });
        assert.deepEqual(readFileSync(join(dir, 't/b.part')), bytes);
      });

      it('is not taken for whole beside a part, though the piece that it shares is whole in the border file', () => {
        for (const [path, wrong] of [
          ['t/s', NOISE.subarray(0, 5 * KIB)],
          ['t/b', Buffer.from(bytesOf(sample, 't/b')).fill(7, 0, 100)],
        ] as const) {
          const dir = fresh();
          completed(sample, dir, { partNames, ...selecting('a', 'c', 'z') });
          const right = bytesOf(sample, path);
          writeFileSync(join(dir, path), wrong);
          writeFileSync(join(dir, `${path}.part`), right);
          assertForeign(sample, dir, { partNames });
          assert.deepEqual([readFileSync(join(dir, path)), readFileSync(join(dir, `${path}.part`))], [wrong, right]);
        }
      });

      it('is adopted when its own bytes prove it, although they prove no piece of it alone', () => {
        for (const [path, bytes] of [
          ['t/s.part', bytesOf(sample, 't/s')],
          // The bytes that lie in the piece which it shares with the file before it.
          ['t/b.part', bytesOf(sample, 't/b').subarray(0, version === '1' ? 24 * KIB : PIECE)],
        ] as const) {
          const dir = fresh();
          mkdirSync(join(dir, 't'), { recursive: true });
          writeFileSync(join(dir, path), bytes);
          completed(sample, dir, { partNames, ...selecting('a', 'c', 'z') });
          completed(sample, dir, { partNames });
          assertAllThere(sample, dir);
        }
      });
    });
  }
}

function bytesOf({ metainfo, fileBytes }: SampleTorrent, path: string): Buffer {
  return fileBytes(metainfo.files.findIndex((file) => file.path.join('/') === path));
}

test('files of the user with the names of what is kept beside a download stay as they are', () => {
  for (const version of VERSIONS) {
    const sample = SAMPLES[version];
    const dir = fresh();
    const hash = toHex(sample.metainfo.infoHash);
    const theirs = ['t.btget.new', 't.btget.new.2', `t.${hash.slice(0, 8)}.btget.new`, `.${hash}.btget`];
    mkdirSync(dir);
    for (const name of theirs) writeFileSync(join(dir, name), 'precious');
    interrupted(sample, dir, {}, 'killed');
    completed(sample, dir, {});
    for (const name of theirs) {
      assert.equal(readFileSync(join(dir, name), 'utf8'), 'precious');
      rmSync(join(dir, name));
    }
    assertAllThere(sample, dir);
  }
});

test('the metadata of a link stays with the journal until what was begun is whole', () => {
  const files = [dictionary({ length: 300 * KIB, path: ['a'] }), dictionary({ length: 117 * KIB + 5, path: ['b'] })];
  const sample = magnetSample({ length: undefined, files });
  let left: Partial<ClientOptions> = {};
  const run = (select: readonly string[], until: (client: MagnetClient) => boolean): MagnetClient => {
    const swarm = new SimulatedSwarm(sample, 1);
    swarm.start({ seed: true, session: { maxUpload: 40 * KIB } });
    swarm.timeline.run(1_000);
    const torrent = { selection: { select, exclude: [], ranges: null }, seedGoal: null };
    const client = swarm.startMagnet(linkTo(sample.metainfo.infoHash), { ...left, torrent });
    swarm.timeline.runUntil(() => until(client), 5 * MINUTE);
    swarm.timeline.run(1_000);
    client.session.stop(() => undefined);
    swarm.timeline.run(MINUTE);
    const image = client.storage()?.image(null) ?? null;
    left = { image, journal: client.journal.image(null), metadata: client.metadata.image(null) };
    return client;
  };
  run(['a'], (client) => client.torrent.status().have >= 150 * KIB);
  assert.ok(left.metadata !== null && left.journal !== null);
  run(['b'], (client) => client.done);
  assert.ok(left.metadata !== null && left.journal !== null);
  const last = run([], (client) => client.done);
  assert.equal(left.metadata, null);
  assert.equal(left.journal, null);
  assert.ok(last.storage()?.contents().equals(sample.content));
});
