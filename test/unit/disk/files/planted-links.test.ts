import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { sha1 } from '../../../../src/base/digest.js';
import type { CommitProof, StoragePlace, Told } from '../../../../src/disk/protocol.js';
import { type FileOperations, systemFileOperations } from '../../../../src/disk/system/operations.js';
import { hereWorker } from '../../../support/disk/disk-worker.js';

const BYTES = Buffer.from('the bytes of one piece');
const PROOF: CommitProof = { sha1: sha1(BYTES), root: null, width: 0, contentLength: BYTES.length };
const VICTIM = Buffer.from('a file of somebody else');

type Action = () => Promise<Told<unknown>>;

/** A download folder that holds the folder `t`, and beside it a folder of another user. */
interface Disk {
  readonly at: (path: string) => string;
  readonly put: (path: string, bytes: Buffer) => void;
  readonly adopt: Action;
  readonly commit: Action;
  readonly finish: Action;
  readonly finishLink: Action;
}

/** Puts a link to the other folder in the place of `t`. The folder `t` itself gets another name. */
type Swap = () => void;

interface Options {
  /** What the other folder holds. */
  readonly theirs: readonly string[];
  readonly file?: string;
  readonly overwrite?: boolean;
}

async function withDisk(
  sabotage: (swap: Swap, root: string) => Partial<FileOperations>,
  action: (disk: Disk, swap: Swap) => Promise<void>,
  { theirs, file = 't/film', overwrite = false }: Options,
): Promise<void> {
  const above = mkdtempSync(join(tmpdir(), 'btget-planted-'));
  const [root, outside] = [join(above, 'downloads'), join(above, 'outside')];
  const at = (path: string): string => join(root, path);
  let swapped = false;
  const swap = (): void => {
    if (swapped) return;
    swapped = true;
    renameSync(at('t'), at('moved'));
    symlinkSync(outside, at('t'));
  };
  mkdirSync(at('t'), { recursive: true });
  mkdirSync(outside);
  for (const name of theirs) writeFileSync(join(outside, name), VICTIM);
  const place: StoragePlace = { id: 1, root, partNames: true, overwrite };
  const worker = hereWorker(sabotage(swap, root));
  const names = { final: file, part: `${file}.part` };
  const writes = [{ file: 0, names, begin: 0, from: 0, length: BYTES.length }];
  const finish = (link: string | null): Promise<Told<unknown>> =>
    worker.ask('finish', { place, names, length: link === null ? BYTES.length : 0, executable: false, link });
  try {
    await action(
      {
        at,
        put: (path, bytes) => {
          mkdirSync(dirname(at(path)), { recursive: true });
          writeFileSync(at(path), bytes);
        },
        adopt: () => {
          const identity = systemFileOperations.identify(at(names.part));
          if (identity === undefined) throw new Error('there is nothing to adopt');
          return worker.ask('adopt', { place, files: [{ file: 0, names, identity, isWritten: true }] });
        },
        commit: () => worker.ask('commit', { place, writes, data: BYTES, proof: PROOF }),
        finish: () => finish(null),
        finishLink: () => finish('other'),
      },
      swap,
    );
    assert.ok(swapped, 'nothing was sabotaged');
    assert.deepEqual(readdirSync(outside).sort(), theirs);
    for (const name of theirs) assert.deepEqual(readFileSync(join(outside, name)), VICTIM, name);
    await worker.ask('end', {});
  } finally {
    rmSync(above, { recursive: true, force: true });
  }
}

interface Row {
  readonly what: string;
  /** The system call before which the folder is swapped. */
  readonly call: 'open' | 'makeFolder' | 'link' | 'unlink' | 'rename' | 'makeLink';
  readonly before: (disk: Disk) => unknown;
  readonly act: (disk: Disk) => Promise<Told<unknown>>;
  readonly options: Options;
}

const nothing = (): void => undefined;
const rows: readonly Row[] = [
  { what: 'a part is made', call: 'open', before: nothing, act: ({ commit }) => commit(), options: { theirs: [] } },
  {
    what: 'a part from before is opened',
    call: 'open',
    before: ({ put }) => put('t/film.part', VICTIM),
    act: ({ adopt }) => adopt(),
    options: { theirs: ['film.part'] },
  },
  {
    what: 'a folder is made',
    call: 'makeFolder',
    before: nothing,
    act: ({ commit }) => commit(),
    options: { theirs: [], file: 't/sub/film' },
  },
  {
    what: 'a file gets its final name',
    call: 'link',
    before: ({ commit }) => commit(),
    act: ({ finish }) => finish(),
    options: { theirs: ['film.part'] },
  },
  {
    what: 'a part loses its name',
    call: 'unlink',
    before: async ({ commit, put }) => {
      await commit();
      put('t/film', BYTES);
    },
    act: ({ finish }) => finish(),
    options: { theirs: ['film', 'film.part'] },
  },
  {
    what: 'a stranger’s file is replaced',
    call: 'rename',
    before: async ({ commit, put }) => {
      await commit();
      put('t/film', VICTIM);
    },
    act: ({ finish }) => finish(),
    options: { theirs: ['film', 'film.part'], overwrite: true },
  },
  {
    what: 'a link is made',
    call: 'makeLink',
    before: nothing,
    act: ({ finishLink }) => finishLink(),
    options: { theirs: [] },
  },
];

/** Once it is `armed`, calls `sabotage` before each call of that kind, or after the last look at `t` before it. */
function sabotaged(row: Row, moment: 'at the call' | 'after the look', armed: () => boolean, swap: Swap, root: string) {
  if (moment === 'at the call') {
    const real = systemFileOperations[row.call] as (...given: unknown[]) => unknown;
    return {
      [row.call]: (...given: unknown[]) => {
        // A folder that is made with all folders above it is the download folder itself.
        if (armed() && !(row.call === 'makeFolder' && given[1] === true)) swap();
        return real(...given);
      },
    };
  }
  return {
    inFolder: ((folder, elements, action) => {
      if (armed() && folder === root && elements[0] === 't') swap();
      return systemFileOperations.inFolder(folder, elements, action);
    }) satisfies FileOperations['inFolder'] as FileOperations['inFolder'],
  };
}

// Only Linux gives names to descriptors.
const onLinux = { skip: process.platform !== 'linux' };

describe('nothing outside the download folder is touched when its folders are swapped for links', onLinux, () => {
  for (const row of rows) {
    for (const moment of ['at the call', 'after the look'] as const) {
      it(`while ${row.what}: ${moment}`, () => {
        let armed = false;
        return withDisk(
          (swap, root) => sabotaged(row, moment, () => armed, swap, root),
          async (disk) => {
            await row.before(disk);
            armed = true;
            const told = await row.act(disk);
            if (moment === 'after the look') assert.equal(told.ok ? 'ok' : told.failure.code, 'cannot-open');
          },
          row.options,
        );
      });
    }
  }

  it('while a file is flushed before it gets its final name', () => {
    let armed = false;
    return withDisk(
      (swap) => ({
        flush: (descriptor, answered) => {
          if (armed) swap();
          systemFileOperations.flush(descriptor, answered);
        },
      }),
      async ({ commit, finish }) => {
        await commit();
        armed = true;
        const told = await finish();
        assert.equal(told.ok ? 'ok' : told.failure.code, 'cannot-open');
      },
      { theirs: ['film.part'] },
    );
  });

  it('while a file is open for writing that is moved with its folder', () =>
    withDisk(
      () => ({}),
      async ({ at, commit }, swap) => {
        await commit();
        swap();
        // The link leads to the folder in which our file is.
        renameSync(at('moved'), join(at('..'), 'elsewhere'));
        rmSync(at('t'));
        symlinkSync('../elsewhere', at('t'));
        const told = await commit();
        assert.ok(!told.ok);
        assert.match(told.failure.message, /\/t: it is a link that leaves/);
      },
      { theirs: [] },
    ));
});
