/** Torrents with hash trees find what is on the disk, of whatever version it was when it was downloaded. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import { DiskClient } from '../support/disk/disk-client.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { blockingFileOperations } from '../support/simulation/simulated-disk.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { v2Torrent } from '../support/v2-torrent.js';

const KIB = 1024;
const MINUTE = 60_000;
const PIECE_LENGTH = 32 * KIB;
/** In the order of the tree. */
const OLD = sampleTorrent(
  [
    { path: 't/a', length: 200 * KIB },
    { path: 't/b/c', length: 50 * KIB + 7, executable: true },
    { path: 't/d', length: 100 * KIB },
    { path: 't/tabhere', length: 40 * KIB },
  ],
  PIECE_LENGTH,
);
const SAMPLES: Readonly<Record<Metainfo['version'], SampleTorrent>> = {
  1: OLD,
  2: sampleOf('2'),
  hybrid: sampleOf('hybrid'),
};

function sampleOf(version: '2' | 'hybrid'): SampleTorrent {
  const files = OLD.metainfo.files.map(({ path, executable }, index) => ({
    // An odd name, which is not the one that we give new files.
    path: path.join('/').replace('tabhere', 'tab\there'),
    content: OLD.fileBytes(index),
    executable,
  }));
  return v2Torrent([...files, { path: 't/empty' }, { path: 't/link', symlink: 't/b/c' }], PIECE_LENGTH, version);
}

/** The files that have bytes, by path. */
const BYTES = new Map(OLD.metainfo.files.map(({ path }, index) => [path.join('/'), OLD.fileBytes(index)]));
const LENGTH = OLD.metainfo.length;

const root = mkdtempSync(join(tmpdir(), 'btget-trees-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

function fresh(): string {
  folders += 1;
  return join(root, String(folders));
}

function put(dir: string, path: string, bytes: Buffer): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), bytes);
}

interface Run {
  readonly swarm: SimulatedSwarm;
  readonly client: DiskClient;
}

/** Begins a download to `dir`, with a seed or without any peer. */
function begin(sample: SampleTorrent, dir: string, seedRate: number | null, more: Partial<TorrentOptions> = {}): Run {
  const swarm = new SimulatedSwarm(sample, 1);
  const seed = seedRate === null ? null : swarm.start({ seed: true, session: { maxUpload: seedRate } });
  const client = new DiskClient(swarm, sample, {
    operations: blockingFileOperations,
    memory: 1 << 20,
    torrent: { dir, peers: seed === null ? [] : [seed.address], ...more },
    done: () => undefined,
  });
  return { swarm, client };
}

/** Runs a download to its end. Returns how many bytes came from the seed. */
function finish({ client }: Run): number {
  client.runToEnd(10 * MINUTE);
  assert.ok(client.done, client.log.join('\n'));
  const { downloaded } = client.status;
  client.stop();
  return downloaded;
}

const FAST = 10_000 * KIB;
const SLOW = 40 * KIB;

for (const version of ['2', 'hybrid'] as const) {
  describe(`a download of version ${version}`, () => {
    const sample = SAMPLES[version];
    /** Bytes of all pieces. */
    const { length } = sample.metainfo;
    const assertWhole = (dir: string): void => {
      for (const [path, bytes] of BYTES) assert.deepEqual(readFileSync(join(dir, path)), bytes, path);
      assert.equal(readFileSync(join(dir, 't/empty')).length, 0);
      assert.equal(readlinkSync(join(dir, 't/link')), 'b/c');
      const names = readdirSync(dir, { recursive: true }).map(String).sort();
      assert.deepEqual(names, ['t', 't/a', 't/b', 't/b/c', 't/d', 't/empty', 't/link', 't/tabhere']);
    };

    it('comes from a seed, with its empty files and links', () => {
      const dir = fresh();
      finish(begin(sample, dir, FAST));
      assertWhole(dir);
    });

    it('takes whole files as they are, and needs no peer', () => {
      const dir = fresh();
      for (const [path, bytes] of BYTES) put(dir, path, bytes);
      assert.equal(finish(begin(sample, dir, null)), 0);
      assertWhole(dir);
    });

    it('finds a file under the exact name that the torrent spells', () => {
      const dir = fresh();
      for (const [path, bytes] of BYTES) put(dir, path.replace('tabhere', 'tab\there'), bytes);
      assert.equal(finish(begin(sample, dir, null)), 0);
      assert.deepEqual(readdirSync(join(dir, 't')).sort(), ['a', 'b', 'd', 'empty', 'link', 'tab\there']);
    });

    it('fetches only the pieces that are wrong or missing', () => {
      const dir = fresh();
      for (const [path, bytes] of BYTES) {
        const copy = Buffer.from(bytes);
        if (path === 't/a') copy.fill(1, 40 * KIB, 41 * KIB);
        put(dir, path, path === 't/d' ? copy.subarray(0, 64 * KIB) : copy);
      }
      // Of `d` two pieces are there, and of the two that are not the last one is short.
      const expected = PIECE_LENGTH + PIECE_LENGTH + (version === '2' ? 4 * KIB : PIECE_LENGTH);
      const fetched = finish(begin(sample, dir, FAST));
      assert.ok(fetched > expected - 28 * KIB && fetched <= expected, `${fetched} bytes`);
      assertWhole(dir);
    });

    it('makes no file that is not selected, and none for borders', () => {
      const dir = fresh();
      const selection = { select: ['d'], exclude: [], ranges: null };
      finish(begin(sample, dir, FAST, { selection }));
      assert.deepEqual(readdirSync(dir, { recursive: true }).map(String).sort(), ['t', 't/d']);
      assert.deepEqual(readFileSync(join(dir, 't/d')), BYTES.get('t/d'));
      finish(begin(sample, dir, FAST));
      assertWhole(dir);
    });

    it('goes on after an interrupt with what it had', () => {
      const dir = fresh();
      const first = begin(sample, dir, SLOW);
      first.swarm.timeline.runUntil(() => first.client.status.have >= LENGTH / 2, 10 * MINUTE);
      first.client.stop();
      const fetched = finish(begin(sample, dir, FAST));
      assert.ok(fetched <= length * 0.75, `${fetched} bytes of ${length} are fetched again`);
      assertWhole(dir);
    });

    for (const before of ['1', '2', 'hybrid'] as const) {
      if (before === version) continue;
      it(`goes on with what a download of version ${before} of the same files has left`, () => {
        const dir = fresh();
        const first = begin(SAMPLES[before], dir, SLOW, { selection: { select: ['a'], exclude: [], ranges: null } });
        first.swarm.timeline.runUntil(() => first.client.status.have >= 150 * KIB, 10 * MINUTE);
        first.client.stop();
        assert.ok(readdirSync(join(dir, 't')).includes('a.part'));
        const second = begin(sample, dir, FAST);
        const fetched = finish(second);
        assert.ok(fetched <= length - 100 * KIB, `${fetched} bytes of ${length} are fetched: ${second.client.log}`);
        for (const [path, bytes] of BYTES) assert.deepEqual(readFileSync(join(dir, path)), bytes, path);
      });
    }
  });
}

describe('a hybrid whose hashes contradict each other', () => {
  it('ends when the piece is found on the disk, and has nothing', () => {
    const { metainfo } = SAMPLES.hybrid;
    const pieces = Buffer.from(metainfo.pieces);
    pieces.fill(7, 20, 40);
    const files = [...BYTES].map(([path, content]) => ({ path, content }));
    const twisted = v2Torrent(files, PIECE_LENGTH, 'hybrid', { info: { pieces } });
    const dir = fresh();
    for (const [path, bytes] of BYTES) put(dir, path, bytes);
    const { client } = begin(twisted, dir, null);
    client.runToEnd(MINUTE);
    assert.ok(client.failure instanceof BtgetError, client.log.join('\n'));
    assert.equal(client.failure.code, 'torrent-invalid');
    assert.match(client.failure.message, /two hashes of piece 1 contradict each other/);
    client.stop();
    for (const [path, bytes] of BYTES) assert.deepEqual(readFileSync(join(dir, path)), bytes, path);
  });
});
