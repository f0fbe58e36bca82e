/** Downloads to real files in simulated time. Some of their system calls fail. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TorrentOptions } from '../../../src/torrent/torrent-options.js';
import { sampleTorrent } from '../sample-torrent.js';
import { SimulatedSwarm } from '../simulation/simulated-swarm.js';
import { DiskClient } from './disk-client.js';
import { type Call, type Fault, faulty, NO_FAULT } from './faulty-operations.js';

const KiB = 1024;
export const MINUTE = 60_000;

/** Pieces 1 and 4 are parts of two files. */
export const SAMPLE = sampleTorrent(
  [
    { path: 't/a.bin', length: 24 * KiB },
    { path: 't/empty' },
    { path: 't/below/b.bin', length: 48 * KiB, executable: true },
    { path: 't/c.bin', length: 24 * KiB },
  ],
  16 * KiB,
);

export interface FaultyRun {
  readonly calls: readonly Call[];
  readonly done: boolean;
  readonly failure: Error | null;
  readonly log: readonly string[];
}

/** A folder in which tests make download folders. `end` removes it. */
export class FaultyFolder {
  readonly #root = mkdtempSync(join(tmpdir(), 'btget-faults-'));
  #runs = 0;

  /** The path of a download folder that is not there yet. */
  fresh(): string {
    this.#runs += 1;
    return join(this.#root, String(this.#runs));
  }

  forget(dir: string): void {
    if (existsSync(dir)) rmSync(dir, { recursive: true });
  }

  end(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Downloads to `dir` from a seed, for at most `limit` of simulated time, and then stops. */
export function download(dir: string, fault: Fault, limit: number, options: Partial<TorrentOptions> = {}): FaultyRun {
  const { client, calls } = begin(dir, fault, options);
  client.runToEnd(limit);
  client.stop();
  return { calls, done: client.done, failure: client.failure, log: client.log };
}

/** Runs a download to `dir` that dies when half of it is verified and written down. A journal and a lock are left. */
export function dieHalfway(dir: string, options: Partial<TorrentOptions> = {}): void {
  const { swarm, client } = begin(dir, NO_FAULT, options, 20 * KiB);
  swarm.timeline.runUntil(() => client.status.have >= SAMPLE.metainfo.length / 2, MINUTE);
  swarm.timeline.runUntil(() => readdirSync(dir).includes('t.btget'), MINUTE);
}

/** Calls that may change what is on the disk. */
const CHANGING: ReadonlySet<Call> = new Set<Call>([
  'makeFolder',
  'open',
  'write',
  'setLength',
  'setMode',
  'rename',
  'link',
  'unlink',
  'setChangedAt',
]);

/**
 * The moments at which a download that makes `calls` may be killed: before its first change of the disk, and after each.
 * As indices of calls.
 */
export function momentsOf(calls: readonly Call[]): number[] {
  return calls.flatMap((call, index) => (CHANGING.has(call) ? [index + 1] : [])).concat(0);
}

/** Runs a download to `dir` that dies before its call of this index: that call and all later ones do nothing. */
export function dieBefore(dir: string, index: number, options: Partial<TorrentOptions> = {}): void {
  download(dir, (_call, at) => (at >= index ? 'EIO' : null), 2_000, options);
}

/** Asserts that a download goes on from what is in `dir`, ends on a disk that works, and leaves nothing beside it. */
export function assertRepaired(dir: string): void {
  const { done, log } = download(dir, NO_FAULT, 10 * MINUTE);
  assert.ok(done, log.join('\n'));
  assertRight(dir, () => true);
  const strange = readdirSync(dir, { recursive: true }).filter((name) =>
    /\.(part|btget\b.*|btget-border)$/.test(`${name}`),
  );
  assert.deepEqual(strange, []);
}

export function assertRight(dir: string, isWanted: (file: number) => boolean): void {
  for (const [index, file] of SAMPLE.metainfo.files.entries()) {
    if (isWanted(index))
      assert.deepEqual(readFileSync(join(dir, ...file.path)), SAMPLE.fileBytes(index), file.path.join('/'));
  }
}

function begin(
  dir: string,
  fault: Fault,
  options: Partial<TorrentOptions>,
  seedRate: number | null = null,
): { readonly swarm: SimulatedSwarm; readonly client: DiskClient; readonly calls: readonly Call[] } {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const seed = swarm.start({ seed: true, session: { maxUpload: seedRate } });
  const { operations, calls } = faulty(fault);
  const numbers = options.selection?.select ?? [];
  const client = new DiskClient(swarm, SAMPLE, {
    operations,
    memory: 1 << 20,
    torrent: { dir, peers: [seed.address], ...options },
    done: () => assertRight(dir, (file) => numbers.length === 0 || numbers.includes(`${file + 1}`)),
  });
  return { swarm, client, calls };
}
