/** Every system call of a whole download fails in turn: nothing is ever called done that is not, and nothing hangs. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type FileOperations, systemFileOperations } from '../../src/disk/file-operations.js';
import { DiskClient } from '../support/disk-client.js';
import { systemError } from '../support/disk-worker.js';
import { sampleTorrent } from '../support/sample-torrent.js';

import { blockingFileOperations } from '../support/simulated-disk.js';
import { SimulatedSwarm } from '../support/simulated-swarm.js';

const KiB = 1024;
/** Pieces 1 and 4 are parts of two files. */
const SAMPLE = sampleTorrent(
  [
    { path: 't/a.bin', length: 24 * KiB },
    { path: 't/empty' },
    { path: 't/below/b.bin', length: 48 * KiB, executable: true },
    { path: 't/c.bin', length: 24 * KiB },
  ],
  16 * KiB,
);
const ERRORS = ['ENOSPC', 'EIO', 'EACCES', 'EROFS', 'EMFILE'] as const;
const MINUTE = 60_000;

const root = mkdtempSync(join(tmpdir(), 'btget-faults-'));
after(() => rmSync(root, { recursive: true, force: true }));

type Call = Exclude<keyof FileOperations, 'flushesFolders'>;
type Fault = (call: Call, index: number) => string | null;

/** Operations that fail as `fault` says, and the calls that were made. */
function faulty(fault: Fault): { readonly operations: FileOperations; readonly calls: Call[] } {
  const calls: Call[] = [];
  const failing = (call: Call): Error | null => {
    const code = fault(call, calls.length);
    calls.push(call);
    return code === null ? null : systemError(code, SYSTEM_CALLS[call] ?? call);
  };
  const operations = { ...systemFileOperations } as Record<string, unknown>;
  for (const call of Object.keys(systemFileOperations) as (Call | 'flushesFolders')[]) {
    if (call === 'flushesFolders' || call === 'flush') continue;
    const real = systemFileOperations[call] as (...given: unknown[]) => unknown;
    operations[call] = (...given: unknown[]) => {
      const error = failing(call);
      // A descriptor is gone even when closing it fails.
      if (error !== null && call === 'close') real(...given);
      if (error !== null) throw error;
      return real(...given);
    };
  }
  operations['flush'] = (descriptor: number, answered: (error: Error | null) => void) => {
    const error = failing('flush');
    if (error === null) blockingFileOperations.flush(descriptor, answered);
    else answered(error);
  };
  return { operations: operations as unknown as FileOperations, calls };
}

const SYSTEM_CALLS: Partial<Record<Call, string>> = { flush: 'fdatasync', facts: 'fstat', setLength: 'ftruncate' };

interface Run {
  readonly calls: readonly Call[];
  readonly done: boolean;
  readonly failure: Error | null;
  readonly log: readonly string[];
}

/** One download to `dir`, from a seed, for at most `limit` of simulated time; then it is stopped. */
function download(dir: string, fault: Fault, limit: number): Run {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const seed = swarm.start({ seed: true });
  const { operations, calls } = faulty(fault);
  const client = new DiskClient(swarm, SAMPLE, {
    operations,
    memory: 1 << 20,
    torrent: { dir, peers: [seed.address] },
    done: () => assertRight(dir),
  });
  client.runToEnd(limit);
  client.stop();
  return { calls, done: client.done, failure: client.failure, log: client.log };
}

function assertRight(dir: string): void {
  for (const [index, file] of SAMPLE.metainfo.files.entries()) {
    assert.deepEqual(readFileSync(join(dir, ...file.path)), SAMPLE.fileBytes(index), file.path.join('/'));
  }
}

const NO_FAULT: Fault = () => null;

/** After whatever befell it, a download on a disk that works comes to its end. */
function assertRepaired(dir: string): void {
  const { done, log } = download(dir, NO_FAULT, 10 * MINUTE);
  assert.ok(done, log.join('\n'));
  assertRight(dir);
  assert.deepEqual(
    readdirSync(dir, { recursive: true }).filter((name) => String(name).includes('.part')),
    [],
  );
}

let runs = 0;
function freshFolder(): string {
  runs += 1;
  return join(root, String(runs));
}

function forget(dir: string): void {
  if (existsSync(dir)) rmSync(dir, { recursive: true });
}

const { calls: CALLS } = download(freshFolder(), NO_FAULT, MINUTE);

for (const code of ERRORS) {
  test(`each system call says ${code} once: the download completes, or says why not and the next one does`, () => {
    for (let index = 0; index < CALLS.length; index += 1) {
      const dir = freshFolder();
      const { done, failure, log } = download(dir, (_call, at) => (at === index ? code : null), 10 * MINUTE);
      const what = `${code} of call ${index}, ${CALLS[index]}:\n${log.join('\n')}`;
      assert.ok(done || failure !== null, `neither done nor failed after ${what}`);
      if (!done) assertRepaired(dir);
      forget(dir);
    }
  });

  test(`from some call on every one of its kind says ${code}: never done unless it is, and it heals`, () => {
    const kinds = [...new Set(CALLS)];
    for (const kind of kinds) {
      const places = CALLS.flatMap((call, index) => (call === kind ? [index] : []));
      for (const from of new Set([places[0], places[places.length >> 1], places.at(-1)])) {
        const dir = freshFolder();
        const fault: Fault = (call, at) => (call === kind && at >= (from ?? 0) ? code : null);
        const { done, failure, log } = download(dir, fault, 2 * MINUTE);
        const says = done || failure !== null || log.some((line) => line.includes('waiting for the disk'));
        assert.ok(says, `${code} of every ${kind} from call ${from}:\n${log.join('\n')}`);
        assertRepaired(dir);
        forget(dir);
      }
    }
  });
}
