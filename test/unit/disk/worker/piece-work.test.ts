import assert from 'node:assert/strict';
import fs, { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sha1 } from '../../../../src/base/digest.js';
import { decodeFailure } from '../../../../src/disk/failure.js';
import type { CommitProof, Judged, StoragePlace, Told, Work } from '../../../../src/disk/protocol.js';
import { type FileOperations, systemFileOperations } from '../../../../src/disk/system/operations.js';
import { type HereWorker, hereWorker, systemError } from '../../../support/disk/disk-worker.js';

const NAMES = { final: 't/film', part: 't/film.part' };
const BYTES = Buffer.from('the bytes of one piece');
const PROOF: CommitProof = { sha1: sha1(BYTES), root: null, width: 0, contentLength: BYTES.length };
const RIGHT = { ok: true, value: { verdict: 'right', leaves: null } };

interface Here {
  readonly worker: HereWorker;
  readonly place: StoragePlace;
  readonly root: string;
  commit(file?: string): Promise<Told<Judged>>;
  finish(): Promise<Told<Work['finish']['answer']>>;
}

async function here(operations: Partial<FileOperations>, action: (here: Here) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'btget-work-'));
  const worker = hereWorker(operations);
  const place: StoragePlace = { id: 1, root, partNames: true, overwrite: false };
  try {
    await action({
      worker,
      place,
      root,
      commit: (file = 'film') => {
        const names = { final: `t/${file}`, part: `t/${file}.part` };
        const writes = [{ file: 0, names, begin: 0, from: 0, length: BYTES.length }];
        return worker.ask('commit', { place, writes, data: BYTES, proof: PROOF });
      },
      finish: () => worker.ask('finish', { place, names: NAMES, length: BYTES.length, executable: true, link: null }),
    });
    await worker.ask('end', {});
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function failing(code: string, syscall: string): () => never {
  return () => {
    throw systemError(code, syscall);
  };
}

describe('a worker', () => {
  const rows: readonly (readonly [
    keyof FileOperations,
    code: string,
    syscall: string,
    failure: string,
    message: RegExp,
  ])[] = [
    ['lookUp', 'EACCES', 'lstat', 'cannot-open', /cannot lstat .*: made to fail \(EACCES\)/],
    ['makeFolder', 'EROFS', 'mkdir', 'cannot-open', /cannot mkdir .*: made to fail \(EROFS\)/],
    ['makeFolder', 'ENOSPC', 'mkdir', 'disk-full', /cannot mkdir .*: made to fail \(ENOSPC\)/],
    ['open', 'EACCES', 'open', 'cannot-open', /cannot open .*film\.part: made to fail \(EACCES\)/],
    ['open', 'EIO', 'open', 'io', /cannot open .*film\.part: made to fail \(EIO\)/],
    ['open', 'EMFILE', 'open', 'cannot-open', /cannot open .*film\.part: made to fail \(EMFILE\)/],
    ['facts', 'EIO', 'fstat', 'io', /cannot fstat .*film\.part: made to fail \(EIO\)/],
    ['write', 'ENOSPC', 'write', 'disk-full', /cannot write .*film\.part: made to fail \(ENOSPC\)/],
    ['write', 'EDQUOT', 'write', 'disk-full', /cannot write .*film\.part: made to fail \(EDQUOT\)/],
    ['write', 'EIO', 'write', 'io', /cannot write .*film\.part: made to fail \(EIO\)/],
    ['write', 'EACCES', 'write', 'io', /cannot write .*film\.part: made to fail \(EACCES\)/],
  ];
  for (const [call, code, syscall, failure, message] of rows) {
    it(`answers ${failure} when ${call} says ${code} to a commit, and keeps its cause`, () =>
      here({ [call]: failing(code, syscall) }, async ({ commit }) => {
        const told = await commit();
        assert.ok(!told.ok);
        assert.equal(told.failure.code, failure);
        assert.match(told.failure.message, message);
        assert.deepEqual(told.failure.cause, { message: `${code}: made to fail, ${syscall}`, code, syscall });
      }));
  }

  const finishing: readonly (readonly [keyof FileOperations, code: string, syscall: string, failure: string])[] = [
    ['setMode', 'EROFS', 'fchmod', 'cannot-open'],
    ['rename', 'EROFS', 'rename', 'cannot-open'],
    ['unlink', 'EIO', 'unlink', 'io'],
    ['close', 'EIO', 'close', 'io'],
  ];
  for (const [call, code, syscall, failure] of finishing) {
    it(`answers ${failure} when ${call} says ${code} while a file is finished, and loses nothing`, async () => {
      let broken = true;
      const operations: Partial<FileOperations> = {
        [call]: (...given: never[]) => {
          if (broken) throw systemError(code, syscall);
          return (systemFileOperations[call] as (...given: never[]) => unknown)(...given);
        },
        ...(call === 'rename' ? { link: failing('EPERM', 'link') } : {}),
      };
      await here(operations, async ({ commit, finish, root }) => {
        assert.ok((await commit()).ok);
        const told = await finish();
        assert.ok(!told.ok);
        assert.equal(told.failure.code, failure);
        broken = false;
        if (call !== 'close') assert.ok((await finish()).ok);
        const [name] = readdirSync(join(root, 't'));
        assert.deepEqual(readFileSync(join(root, 't', name as string)), BYTES);
      });
    });
  }

  it('answers that a file is lost which another program replaces the moment it has its final name', () => {
    return here({ identify: () => undefined }, async ({ commit, finish }) => {
      assert.ok((await commit()).ok);
      const told = await finish();
      assert.ok(!told.ok);
      assert.match(told.failure.message, /t\/film: somebody has replaced it meanwhile/);
      assert.equal(told.failure.lost, 't/film.part');
    });
  });

  for (const code of ['EPERM', 'ENOTSUP', 'ENOSYS', 'EACCES'])
    it(`says when the file system takes no symbolic links, and what leaves one out: ${code}`, () =>
      here({ makeLink: failing(code, 'symlink') }, async ({ worker, place }) => {
        const names = { final: 't/link', part: 't/link.part' };
        const told = await worker.ask('finish', { place, names, length: 0, executable: false, link: 'film' });
        assert.ok(!told.ok);
        const failure = decodeFailure(told.failure);
        assert.equal(failure.code, 'cannot-open');
        const takesSome = code === 'EACCES';
        const refused = takesSome ? /cannot symlink .*link: made to fail/ : /link: the file system takes no symbolic/;
        assert.match(failure.message, refused);
        assert.equal(failure.hint, takesSome ? null : '--exclude leaves it out, -d saves elsewhere');
      }));

  it('writes the rest when the system writes only a part', () =>
    here(
      {
        write: (descriptor, from, begin, length, position) =>
          fs.writeSync(descriptor, from, begin, Math.min(3, length), position),
      },
      async ({ commit, root }) => {
        assert.ok((await commit()).ok);
        assert.deepEqual(readFileSync(join(root, 't/film.part')), BYTES);
      },
    ));

  it('goes on after a full disk has room again', async () => {
    let full = true;
    const write: FileOperations['write'] = (...given) => {
      if (full) throw systemError('ENOSPC', 'write');
      return systemFileOperations.write(...given);
    };
    await here({ write }, async ({ commit, finish }) => {
      assert.equal((await commit()).ok, false);
      full = false;
      assert.deepEqual(await commit(), RIGHT);
      assert.ok((await finish()).ok);
    });
  });

  it('gives no final name to a file that could not be flushed, not even when the next flush succeeds', async () => {
    let broken = true;
    const flush: FileOperations['flush'] = (descriptor, answered) => {
      const error = broken ? systemError('EIO', 'fdatasync') : null;
      systemFileOperations.flush(descriptor, () => answered(error));
    };
    await here({ flush }, async ({ worker, place, commit, finish, root }) => {
      await commit();
      const first = await worker.ask('sync', { place, also: [] });
      assert.ok(!first.ok);
      assert.match(first.failure.message, /cannot flush .*: made to fail \(EIO\)/);
      broken = false;
      for (const told of [await worker.ask('sync', { place, also: [] }), await finish()]) {
        assert.ok(!told.ok);
        assert.equal(told.failure.code, 'io');
      }
      assert.deepEqual(readdirSync(join(root, 't')), ['film.part']);
    });
  });

  it('answers a sync only when the flushes of other requests have ended too', async () => {
    const held: (() => void)[] = [];
    const flush: FileOperations['flush'] = (_descriptor, answered) => {
      held.push(() => answered(null));
    };
    await here({ flush }, async ({ worker, place, commit, finish }) => {
      const log: string[] = [];
      await commit();
      const finished = finish().then(() => log.push('finished'));
      const synced = worker.ask('sync', { place, also: [] }).then(() => log.push('synced'));
      const flushTheFile = held.shift();
      const drain = async (): Promise<void> => {
        for (let turn = 0; turn < 10; turn += 1) {
          held.shift()?.();
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await drain();
      assert.deepEqual(log, []);
      flushTheFile?.();
      await drain();
      await Promise.all([finished, synced]);
    });
  });

  it('renames files where the file system has no hard links', () =>
    here({ link: failing('EPERM', 'link') }, async ({ commit, finish, root }) => {
      await commit();
      assert.ok((await finish()).ok);
      assert.deepEqual(readdirSync(join(root, 't')), ['film']);
    }));

  it('does not replace a file that appears at the moment of renaming', async () => {
    const link: FileOperations['link'] = (from, to) => {
      writeFileSync(to, 'mine');
      systemFileOperations.link(from, to);
    };
    await here({ link }, async ({ commit, finish, root }) => {
      await commit();
      const told = await finish();
      assert.ok(!told.ok);
      assert.equal(told.failure.code, 'foreign-file');
      assert.equal(readFileSync(join(root, 't/film')).toString(), 'mine');
      assert.ok(existsSync(join(root, 't/film.part')));
    });
  });

  it('closes some of its files when the system has no descriptors left', async () => {
    let open = 0;
    let closed = 0;
    const operations: Partial<FileOperations> = {
      open: (...given) => {
        if (open - closed >= 4) throw systemError('EMFILE', 'open');
        open += 1;
        return systemFileOperations.open(...given);
      },
      close: (descriptor) => {
        closed += 1;
        systemFileOperations.close(descriptor);
      },
    };
    await here(operations, async ({ commit }) => {
      for (let file = 0; file < 12; file += 1) assert.deepEqual(await commit(`f${file}`), RIGHT);
    });
    assert.equal(open, closed);
  });

  it('throws a bug, and does not answer it as a failure', () => {
    const worker = hereWorker({
      lookUp: () => {
        throw new TypeError('a bug');
      },
    });
    const place: StoragePlace = { id: 1, root: '/nowhere', partNames: true, overwrite: false };
    return assert.rejects(worker.ask('survey', { place, names: [NAMES] }), /a bug/);
  });
});
