/** Another user swaps files and folders while they are surveyed, hashed and read, at each system call in turn. */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type DoneOutcome, FileLost, type Storage } from '../../../../src/disk/storage.js';
import type { FileOperations } from '../../../../src/disk/system/operations.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { blockingFileOperations, simulatedDisk } from '../../../support/simulation/simulated-disk.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const TORRENT = sampleTorrent(
  [
    { path: 't/sub/film', length: 1000 },
    { path: 't/other', length: 1000 },
  ],
  1000,
);
const FILM = TORRENT.fileBytes(0);
const SECRET = Buffer.alloc(1000, 's');

interface World {
  readonly storage: Storage;
  /** The full path of a name below the scratch folder, which holds `downloads` and `outside` with the secret. */
  readonly at: (path: string) => string;
  /** How many system calls we have made so far. */
  readonly calls: () => number;
  survey(): void;
  /** Whether the piece is right on the disk. */
  check(piece: number): boolean;
  /** The bytes that were read, or the failure. */
  read(piece: number): Buffer | Error;
  /** The answer to what `asking` asks of the storage. */
  ask<T>(asking: (answered: (outcome: T) => void) => void): T;
}

/** `before` is called with the number of each system call before it is made. */
function inWorld(
  action: (world: World) => void,
  before: (call: number, at: World['at']) => void = () => undefined,
): void {
  const above = mkdtempSync(join(tmpdir(), 'btget-planted-reads-'));
  const at = (path: string): string => join(above, path);
  mkdirSync(at('downloads/t/sub'), { recursive: true });
  mkdirSync(at('outside/sub'), { recursive: true });
  mkdirSync(at('outside/deep/t/sub'), { recursive: true });
  writeFileSync(at('downloads/t/sub/film'), FILM);
  writeFileSync(at('downloads/t/other'), TORRENT.fileBytes(1));
  for (const name of ['film', 'other', 'sub/film', 'deep/t/sub/film', 'secret'])
    writeFileSync(at(`outside/${name}`), SECRET);
  let calls = 0;
  const counted = Object.fromEntries(
    Object.entries(blockingFileOperations).map(([name, call]) => [
      name,
      typeof call !== 'function'
        ? call
        : (...given: unknown[]) => {
            before(calls, at);
            calls += 1;
            return (call as (...all: unknown[]) => unknown)(...given);
          },
    ]),
  ) as unknown as FileOperations;
  const timeline = new Timeline();
  const { metainfo, layout } = TORRENT;
  const storage = simulatedDisk(timeline, counted).openStorage({
    ...{ timers: null, metainfo, layout, dir: at('downloads'), output: null },
    ...{ partNames: true, overwrite: false, selected: null },
  });
  const ask: World['ask'] = <T>(asking: (answered: (outcome: T) => void) => void): T => {
    const answers: T[] = [];
    asking((outcome) => answers.push(outcome));
    timeline.runUntil(() => answers.length > 0, 1000);
    return answers[0] as T;
  };
  try {
    action({
      storage,
      at,
      ask,
      calls: () => calls,
      survey: () => {
        ask((answered) => storage.survey(answered));
      },
      check: (piece) => {
        const outcome = ask<{ ok: boolean; matches?: boolean }>((answered) =>
          storage.checkPiece(TORRENT.piece(piece), answered),
        );
        return outcome.ok && outcome.matches === true;
      },
      read: (piece) => {
        const into = Buffer.alloc(1000);
        const reads = [{ piece: TORRENT.piece(piece), begin: 0, into }];
        const outcome = ask<DoneOutcome>((answered) => storage.readBlocks(reads, answered));
        return outcome.ok ? into : outcome.failure;
      },
    });
    ask<void>((answered) => storage.close(() => answered()));
  } finally {
    rmSync(above, { recursive: true, force: true });
  }
}

type At = World['at'];

interface Swap {
  /** The path that is moved away. */
  readonly path: string;
  /** Puts something of another user in its place. */
  readonly put: (at: At, path: string) => void;
}

const SWAPS = {
  'the file for a link': {
    path: 'downloads/t/sub/film',
    put: (at, path) => symlinkSync(at('outside/secret'), path),
  },
  'the file for another': {
    path: 'downloads/t/sub/film',
    put: (at, path) => copyFileSync(at('outside/secret'), path),
  },
  'the file for a hard link': {
    path: 'downloads/t/sub/film',
    put: (at, path) => linkSync(at('outside/secret'), path),
  },
  'its folder for a link': { path: 'downloads/t/sub', put: (at, path) => symlinkSync(at('outside'), path) },
  'its folder for another': { path: 'downloads/t/sub', put: (at, path) => renameSync(at('outside'), path) },
  'the folder above for a link': { path: 'downloads/t', put: (at, path) => symlinkSync(at('outside'), path) },
  'the folder above for another': { path: 'downloads/t', put: (at, path) => renameSync(at('outside'), path) },
  'the download folder for a link': { path: 'downloads', put: (at, path) => symlinkSync(at('outside/deep'), path) },
} as const satisfies Readonly<Record<string, Swap>>;

function swap(at: At, { path, put }: Swap): void {
  renameSync(at(path), at('away'));
  put(at, at(path));
}

/** Undoes `swap`. */
function swapBack(at: At, { path }: Swap): void {
  renameSync(at(path), at('theirs'));
  renameSync(at('away'), at(path));
}

// Only Linux gives names to descriptors.
describe('when another user swaps a file, no byte of another file is read', {
  skip: process.platform !== 'linux',
}, () => {
  for (const [what, one] of Object.entries(SWAPS)) {
    for (const isUndone of [false, true]) {
      it(`${what}, at any moment${isUndone ? ', and back again' : ''}`, () => {
        let lost = 0;
        const look = ({ survey, check, read }: World, moment: number): void => {
          survey();
          if (check(0)) {
            for (const found of [read(0), read(1), read(0)]) {
              if (found instanceof Error) lost += 1;
              else assert.ok(found.equals(FILM) || found.equals(TORRENT.fileBytes(1)), `at call ${moment}`);
            }
          }
        };
        let last = 0;
        inWorld((world) => {
          look(world, -1);
          last = world.calls();
        });
        assert.ok(last > 20 && lost === 0);
        for (let moment = 0; moment < last; moment += 1) {
          inWorld(
            (world) => look(world, moment),
            (call, at) => {
              if (call === moment) swap(at, one);
              if (isUndone && call === moment + 1) swapBack(at, one);
            },
          );
        }
        assert.ok(isUndone || lost > 0, 'some moment was between the check and the read');
      });
    }
  }

  it('and the file is reported as lost, whether a file, a hard link or a link has its place', () => {
    for (const what of ['the file for a link', 'the file for another', 'the file for a hard link'] as const)
      inWorld(({ survey, check, read, at }) => {
        survey();
        assert.ok(check(0));
        swap(at, SWAPS[what]);
        const found = read(0);
        assert.ok(found instanceof FileLost && found.file === 0, String(found));
        assert.match(found.message, /film: (it is a symbolic link|somebody has replaced it)/);
      });
  });

  it('nor is another file hashed in its place, though its bytes are right', () =>
    inWorld(({ survey, check, at }) => {
      survey();
      renameSync(at('downloads/t/sub/film'), at('away'));
      writeFileSync(at('downloads/t/sub/film'), FILM);
      assert.ok(!check(0));
    }));

  it('not even after a new survey because another file was lost', () =>
    inWorld(({ storage, survey, check, read, ask, at }) => {
      survey();
      assert.ok(check(0) && check(1));
      rmSync(at('downloads/t/other'));
      assert.ok(read(1) instanceof FileLost);
      swap(at, SWAPS['the file for a link']);
      ask<DoneOutcome>((answered) => storage.releaseFile(1, answered));
      survey();
      assert.ok(read(0) instanceof FileLost);
    }));

  it('and behind a link of the user only the file is read to which it led at the start', () =>
    inWorld(({ survey, check, read, at }) => {
      renameSync(at('downloads/t/sub/film'), at('outside/mine'));
      symlinkSync(at('outside/mine'), at('downloads/t/sub/film'));
      survey();
      assert.ok(check(0));
      unlinkSync(at('downloads/t/sub/film'));
      symlinkSync(at('outside/secret'), at('downloads/t/sub/film'));
      assert.deepEqual(read(0), FILM);
      // Only one file stays open, so the next read opens this one again.
      assert.deepEqual(read(1), TORRENT.fileBytes(1));
      renameSync(at('outside/secret'), at('outside/mine'));
      assert.ok(read(0) instanceof FileLost);
    }));

  it('and no descriptor is left open', () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (const one of Object.values(SWAPS))
      inWorld(({ survey, check, read, at }) => {
        survey();
        check(0);
        swap(at, one);
        read(0);
        read(1);
      });
    assert.equal(open(), before);
  });
});
