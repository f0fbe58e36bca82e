import assert from 'node:assert/strict';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BtgetError } from '../../../../src/base/failure.js';
import { journalName } from '../../../../src/disk/names.js';
import { type FileOperations, systemFileOperations } from '../../../../src/disk/system/operations.js';
import { systemProcesses } from '../../../../src/disk/system/processes.js';
import { FileJournal } from '../../../../src/disk/worker/journal.js';
import { systemError } from '../../../support/disk/disk-worker.js';
import { scratch } from '../../../support/disk/scratch.js';

interface Here {
  /** The download folder, which is not there yet. */
  readonly root: string;
  readonly path: string;
  readonly journal: FileJournal;
  append(text: string, flushes?: boolean): Promise<BtgetError | null>;
  replace(text: string): Promise<BtgetError | null>;
  text(): string;
}

/** Every file is a journal when `head` is empty. */
function here(t: TestContext, operations: Partial<FileOperations> = {}, head = ''): Here {
  const above = scratch(t);
  const root = join(above, 'downloads');
  const place = { id: 1, root, target: 'film', name: 'film.btget', head: Buffer.from(head) };
  const journal = new FileJournal({ ...systemFileOperations, ...operations }, place);
  const path = join(root, 'film.btget');
  return {
    root,
    path,
    journal,
    append: (text, flushes = true) => new Promise((resolve) => journal.append(Buffer.from(text), flushes, resolve)),
    replace: (text) => new Promise((resolve) => journal.replace(Buffer.from(text), resolve)),
    text: () => readFileSync(path, 'utf8'),
  };
}

describe('the file of a journal', () => {
  it('is made, grows, is replaced, and is removed', async (t) => {
    const { root, path, journal, append, replace, text } = here(t);
    assert.equal(journal.read(systemProcesses.user), null);
    assert.equal(await replace('one'), null);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(await append(' two'), null);
    assert.equal(await append(' three'), null);
    assert.deepEqual(journal.read(systemProcesses.user), {
      bytes: Buffer.from('one two three'),
      changedAt: statSync(path, { bigint: true }).mtimeNs,
      doubt: null,
    });
    assert.equal(await replace('four'), null);
    assert.equal(text(), 'four');
    assert.deepEqual(readdirSync(root), ['film.btget']);
    journal.remove();
    journal.remove();
    assert.deepEqual(readdirSync(root), []);
  });

  it('is flushed before the answer, and so is its name', async (t) => {
    const log: string[] = [];
    const opened = new Map<number, string>();
    const named = (name: string): string => name.replace(/^\/proc\/self\/fd\/\d+/, root);
    const { append, replace, root, path } = here(t, {
      open: (name, access, follow) => {
        const descriptor = systemFileOperations.open(name, access, follow);
        opened.set(descriptor, named(name));
        return descriptor;
      },
      flush: (descriptor, answered) => {
        log.push(`flush ${opened.get(descriptor)}`);
        systemFileOperations.flush(descriptor, answered);
      },
      rename: (from, to) => {
        log.push(`rename ${named(from)} ${named(to)}`);
        systemFileOperations.rename(from, to);
      },
    });
    await replace('one');
    log.push('replaced');
    await append('two');
    log.push('appended');
    await append('three', false);
    log.push('appended unflushed');
    assert.deepEqual(log, [
      `flush ${path}.new`,
      `rename ${path}.new ${path}`,
      `flush ${root}`,
      'replaced',
      `flush ${path}`,
      'appended',
      'appended unflushed',
    ]);
  });

  it('stays the old one until the new one is whole', async (t) => {
    let broken = false;
    const { replace, text, root } = here(t, {
      flush: (descriptor, answered) => {
        if (broken) answered(systemError('EIO', 'fdatasync'));
        else systemFileOperations.flush(descriptor, answered);
      },
    });
    await replace('old');
    broken = true;
    const failure = await replace('new');
    assert.match(failure?.message ?? '', /cannot flush .*film\.btget\.new: made to fail \(EIO\)/);
    assert.equal(text(), 'old');
    broken = false;
    assert.equal(await replace('newer'), null);
    assert.equal(text(), 'newer');
    assert.deepEqual(readdirSync(root), ['film.btget']);
  });

  it('is replaced where the file system flushes no folder', async (t) => {
    let code = 'EINVAL';
    const { replace, text } = here(t, {
      flush: (descriptor, answered) => {
        if (systemFileOperations.facts(descriptor).kind === 'folder') answered(systemError(code, 'fdatasync'));
        else systemFileOperations.flush(descriptor, answered);
      },
    });
    assert.equal(await replace('one'), null);
    assert.equal(text(), 'one');
    code = 'EIO';
    assert.equal((await replace('two'))?.code, 'io');
  });

  it('follows no planted link', async (t) => {
    const { root, path, journal, append, replace, text } = here(t);
    mkdirSync(root);
    const precious = join(root, '..', 'precious');
    writeFileSync(precious, 'precious');
    symlinkSync(precious, path);
    symlinkSync(precious, `${path}.new`);
    assert.throws(() => journal.read(systemProcesses.user), { code: 'cannot-open', message: /symbolic link/ });
    await assert.rejects(append('x'), { code: 'cannot-open', message: /ELOOP/ });
    assert.equal(await replace('ours'), null);
    assert.equal(text(), 'ours');
    assert.equal(readFileSync(precious, 'utf8'), 'precious');
  });

  it('takes the place of no file of the user, and removes none', async (t) => {
    const { root, path, journal, replace, text } = here(t, {}, 'btget');
    mkdirSync(root);
    writeFileSync(`${path}.new`, 'precious');
    mkdirSync(`${path}.new.2`);
    symlinkSync('nowhere', `${path}.new.3`);
    writeFileSync(`${path}.new.4`, Buffer.concat([Buffer.alloc(100), Buffer.from('an image of a disk')]));
    const theirs = ['.new', '.new.2', '.new.3', '.new.4'].map((ending) => `film.btget${ending}`);
    assert.equal(await replace('btget one'), null);
    assert.deepEqual(readdirSync(root).sort(), ['film.btget', ...theirs]);
    assert.equal(text(), 'btget one');
    journal.remove();
    assert.deepEqual(readdirSync(root).sort(), theirs);
    assert.equal(readFileSync(`${path}.new`, 'utf8'), 'precious');
    writeFileSync(path, 'precious too');
    await assert.rejects(replace('btget two'), { code: 'cannot-open', message: /film\.btget: a file is there/ });
    journal.remove();
    assert.equal(text(), 'precious too');
    assert.deepEqual(readdirSync(root).sort(), ['film.btget', ...theirs]);
  });

  it('says so when the user has every name that a new one may have', async (t) => {
    const { root, path, replace } = here(t, {}, 'btget');
    mkdirSync(root);
    for (const ending of ['', '.2', '.3', '.4', '.5', '.6', '.7', '.8', '.9'])
      writeFileSync(`${path}.new${ending}`, 'x');
    await assert.rejects(replace('btget one'), { code: 'cannot-open', message: /film\.btget\.new: a file is there/ });
    assert.equal(readdirSync(root).length, 9);
  });

  it('removes what a crash has left of a new one: a whole one, a torn one, one of zeros', async (t) => {
    const { root, path, journal, replace } = here(t, {}, 'btget');
    mkdirSync(root);
    for (const left of ['btget old', 'btg', '', '\0'.repeat(5000)]) {
      writeFileSync(`${path}.new`, left);
      assert.equal(await replace('btget one'), null);
      assert.deepEqual(readdirSync(root), ['film.btget']);
      writeFileSync(`${path}.new`, left);
      writeFileSync(`${path}.new.3`, left);
      journal.remove();
      assert.deepEqual(readdirSync(root), []);
    }
  });

  it('is not removed where nothing is, so that a file system that cannot be written to is no failure', (t) => {
    const { root, journal } = here(t, {
      unlink: () => {
        throw systemError('EROFS', 'unlink');
      },
    });
    journal.remove();
    mkdirSync(root);
    journal.remove();
  });

  it('that has other names is replaced by a copy before anything is written to it', async (t) => {
    const { replace, append, text, root, path } = here(t);
    await replace('one');
    const other = join(root, 'other');
    linkSync(path, other);
    assert.equal(await append(' two'), null);
    assert.deepEqual([text(), readFileSync(other, 'utf8')], ['one two', 'one']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    linkSync(path, join(root, 'third'));
    await replace('three');
    assert.deepEqual([text(), readFileSync(join(root, 'third'), 'utf8')], ['three', 'one two']);
  });

  it('is not written to when it gets another name just before it is opened', async (t) => {
    const open: FileOperations['open'] = (name, access, follow) => {
      if (access === 'write') linkSync(name, other);
      return systemFileOperations.open(name, access, follow);
    };
    const { replace, journal, root } = here(t, { open });
    const other = join(root, 'other');
    await replace('one');
    assert.throws(() => journal.append(Buffer.from(' two'), true, () => undefined), {
      code: 'io',
      message: /other names/,
    });
    assert.equal(readFileSync(other, 'utf8'), 'one');
  });

  it('is not copied when another file takes its place just before the copy', async (t) => {
    const open: FileOperations['open'] = (name, access, follow) => {
      if (access === 'read') renameSync(theirs, path);
      return systemFileOperations.open(name, access, follow);
    };
    const { replace, journal, root, path } = here(t, { open, flushesFolders: false });
    const theirs = join(root, 'theirs');
    await replace('one');
    linkSync(path, join(root, 'other'));
    writeFileSync(theirs, 'theirs');
    assert.throws(
      () => journal.append(Buffer.from(' two'), true, () => undefined),
      /somebody has replaced it meanwhile/,
    );
    assert.equal(readFileSync(path, 'utf8'), 'theirs');
  });

  it('cannot be read when it is a folder, nor appended to when it is gone', (t) => {
    const { root, path, journal } = here(t);
    mkdirSync(root);
    assert.throws(() => journal.append(Buffer.from('x'), true, () => undefined), { code: 'cannot-open' });
    mkdirSync(path);
    assert.throws(() => journal.read(systemProcesses.user), { code: 'cannot-open', message: /it is a folder/ });
    assert.throws(() => journal.remove(), { code: 'cannot-open' });
  });

  it('is read up to the greatest length of a journal', (t) => {
    const { root, path, journal } = here(t);
    mkdirSync(root);
    writeFileSync(path, Buffer.alloc(33 * 1024 * 1024));
    assert.equal(journal.read(systemProcesses.user)?.bytes.length, 32 * 1024 * 1024);
  });

  it('fails with a failure that says so when the disk is full', async (t) => {
    const { replace, root } = here(t, {
      write: () => {
        throw systemError('ENOSPC', 'write');
      },
    });
    await assert.rejects(replace('x'), { code: 'disk-full' });
    assert.deepEqual(readdirSync(root), [], 'nothing is left of the attempt');
  });
});

describe('the name of a journal', () => {
  it('is that of the target, with an ending', () => {
    assert.equal(journalName('debian.iso'), 'debian.iso.btget');
    assert.equal(journalName('x'.repeat(200)), `${'x'.repeat(200)}.btget`);
  });

  it('leaves room for the names of the lock, and is another one for each target', () => {
    const names = ['x'.repeat(201), `${'x'.repeat(200)}y`, 'é'.repeat(120), '文'.repeat(80), '😀'.repeat(60)].map(
      journalName,
    );
    for (const name of names) {
      assert.ok(Buffer.byteLength(`${name}.lock.0123abcd.new`) <= 255, name);
      assert.doesNotMatch(name, /\ufffd/);
      assert.match(name, /~[0-9a-f]{8}\.btget$/);
    }
    assert.equal(new Set(names).size, names.length);
  });
});
