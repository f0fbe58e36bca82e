/** Files and folders that may be read and not written: what a download that cannot begin, or end, leaves of them. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import type { FileOperations } from '../../src/disk/system/operations.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import { DiskClient } from '../support/disk/disk-client.js';
import { systemError } from '../support/disk/disk-worker.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { blockingFileOperations } from '../support/simulation/simulated-disk.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const KiB = 1024;
const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: 64 * KiB, executable: true },
    { path: 't/b', length: 64 * KiB },
  ],
  16 * KiB,
);
const HALF = 32 * KiB;

const root = mkdtempSync(join(tmpdir(), 'btget-unwritable-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

/** A path of a download folder that is not there, nor the one above it. */
function freshFolder(): string {
  folders += 1;
  return join(root, String(folders), 'below');
}

/** `length` bytes of both files are there, under these names. */
function folderWith(names: readonly [string, string], length: number): string {
  const dir = freshFolder();
  mkdirSync(join(dir, 't'), { recursive: true });
  for (const [index, name] of names.entries())
    writeFileSync(join(dir, 't', name), SAMPLE.fileBytes(index).subarray(0, length));
  return dir;
}

interface Ended {
  readonly code: string | null;
  readonly log: string;
  /** Everything that lies in the folder above the download folder. */
  readonly left: readonly string[];
}

function download(dir: string, refusing: Partial<FileOperations>, torrent: Partial<TorrentOptions> = {}): Ended {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const seed = swarm.start({ seed: true });
  swarm.timeline.run(1_000);
  const client = new DiskClient(swarm, SAMPLE, {
    operations: { ...blockingFileOperations, ...refusing },
    memory: 1 << 20,
    torrent: { dir, peers: [seed.address], ...torrent },
    done: () => undefined,
  });
  client.runToEnd(30_000);
  client.stop();
  const { failure } = client;
  const code = failure instanceof BtgetError ? failure.code : failure === null ? null : String(failure);
  return { code, log: client.log.join('\n'), left: tree(join(root, String(folders))) };
}

function tree(dir: string): string[] {
  return (readdirSync(dir, { recursive: true, encoding: 'utf8' }) as string[]).sort();
}

function assertBytes(dir: string, names: readonly [string, string], length: number): void {
  for (const [index, name] of names.entries())
    assert.deepEqual(readFileSync(join(dir, 't', name)), SAMPLE.fileBytes(index).subarray(0, length), name);
}

const { open, link, rename, unlink } = blockingFileOperations;

test('a whole part that cannot be written to gets its final name, and its mode, while another file is fetched', () => {
  const dir = folderWith(['a.part', 'b'], 64 * KiB);
  rmSync(join(dir, 't/b'));
  const refusing: Partial<FileOperations> = {
    open: (path, access, follow) => {
      if (access === 'write' && basename(path) === 'a.part') throw systemError('EACCES', 'open');
      return open(path, access, follow);
    },
  };
  const { log, left } = download(dir, refusing);
  assert.deepEqual(left, ['below', 'below/t', 'below/t/a', 'below/t/b'], log);
  assertBytes(dir, ['a', 'b'], 64 * KiB);
  assert.notEqual(statSync(join(dir, 't/a')).mode & 0o100, 0);
});

/** What the disk refuses at file `b`, when all has gone well with `a`. */
const REFUSALS: Readonly<Record<string, Partial<FileOperations>>> = {
  'to open it for writing': {
    open: (path, access, follow) => {
      if (access === 'write' && /\/b(\.part)?$/.test(path)) throw systemError('EACCES', 'open');
      return open(path, access, follow);
    },
  },
  'to give it a second name and to rename it': {
    link: (from, to) => {
      if (from.endsWith('/b')) throw systemError('EPERM', 'link');
      link(from, to);
    },
    rename: (from, to) => {
      if (from.endsWith('/b')) throw systemError('EPERM', 'rename');
      rename(from, to);
    },
  },
  'to take its old name away': {
    unlink: (path) => {
      if (path.endsWith('/b')) throw systemError('EPERM', 'unlink');
      unlink(path);
    },
  },
};

for (const [what, refusing] of Object.entries(REFUSALS)) {
  test(`incomplete files keep their names and nothing is left beside them when the disk refuses ${what}`, () => {
    const dir = folderWith(['a', 'b'], HALF);
    const { code, log, left } = download(dir, refusing);
    assert.deepEqual(left, ['below', 'below/t', 'below/t/a', 'below/t/b'], log);
    assert.equal(code, 'cannot-open');
    assertBytes(dir, ['a', 'b'], HALF);
  });
}

test('a part that cannot lose its name keeps it alone when it is whole', () => {
  const dir = folderWith(['a', 'b.part'], 64 * KiB);
  chmodSync(join(dir, 't/a'), 0o755);
  const { log } = download(dir, {
    unlink: (path) => {
      if (path.endsWith('/b.part')) throw systemError('EPERM', 'unlink');
      unlink(path);
    },
  });
  assert.match(log, /cannot unlink .*b: made to fail/);
  assert.deepEqual(tree(join(dir, 't')), ['a', 'b.part']);
});

test('a part in a sticky folder that may lose no name keeps it alone', () => {
  const dir = folderWith(['a', 'b.part'], 64 * KiB);
  chmodSync(join(dir, 't'), 0o1777);
  const refused = (path: string, call: string): void => {
    if (/\/b(\.part)?$/.test(path)) throw systemError('EPERM', call);
  };
  const { log } = download(dir, {
    unlink: (path) => {
      refused(path, 'unlink');
      unlink(path);
    },
    rename: (from, to) => {
      refused(from, 'rename');
      rename(from, to);
    },
  });
  assert.match(log, /cannot rename .*b: made to fail/);
  assert.deepEqual(tree(join(dir, 't')), ['a', 'b.part']);
});

test('a part in a sticky folder gets its final name', () => {
  const dir = folderWith(['a', 'b.part'], 64 * KiB);
  chmodSync(join(dir, 't'), 0o1777);
  const { log } = download(dir, {});
  assert.deepEqual(tree(dirname(dir)), ['below', 'below/t', 'below/t/a', 'below/t/b'], log);
});

/** Refuses to make what has a name like this, or to write to it. */
function refusingToMake(name: RegExp, act: () => void = () => undefined): Partial<FileOperations> {
  return {
    open: (path, access, follow) => {
      if (access === 'create' && name.test(path)) {
        act();
        throw systemError('ENAMETOOLONG', 'open');
      }
      return open(path, access, follow);
    },
  };
}

test('folders that were made for a file that cannot be made are gone again', () => {
  for (const partNames of [true, false]) {
    const dir = freshFolder();
    mkdirSync(dirname(dir));
    const { code, left } = download(dir, refusingToMake(/\/a(\.part)?$/), { partNames });
    assert.deepEqual([code, left], ['cannot-open', []]);
  }
});

test('folders that somebody has filled meanwhile, and empty ones that were there, stay', () => {
  const dir = freshFolder();
  mkdirSync(dirname(dir));
  const fill = (): void => writeFileSync(join(dir, 't/mine'), 'mine');
  assert.deepEqual(download(dir, refusingToMake(/\/a\.part$/, fill)).left, ['below', 'below/t', 'below/t/mine']);
  const other = freshFolder();
  mkdirSync(join(other, 't'), { recursive: true });
  assert.deepEqual(download(other, refusingToMake(/\/a\.part$/)).left, ['below', 'below/t']);
});

test('the download folder is gone again where no lock can be made in it either', () => {
  const dir = freshFolder();
  mkdirSync(dirname(dir));
  const refusing: Partial<FileOperations> = {
    open: (path, access, follow) => {
      if (access === 'create' || access === 'create privately') throw systemError('EACCES', 'open');
      return open(path, access, follow);
    },
  };
  const { code, left } = download(dir, refusing);
  assert.deepEqual([code, left], ['cannot-open', []]);
});
