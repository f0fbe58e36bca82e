import assert from 'node:assert/strict';
import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import type { StoragePlace, WatchedFile, WatchedState } from '../../../../src/disk/protocol.js';
import { FolderGone } from '../../../../src/disk/storage.js';
import {
  type FileOperations,
  type IdentifiedFile,
  systemFileOperations,
} from '../../../../src/disk/system/operations.js';
import { confirmFiles } from '../../../../src/disk/worker/confirm-files.js';
import { scratch } from '../../../support/disk/scratch.js';

const LENGTH = 1000;
const NAMES = { final: 't/film', part: 't/film.part' };

interface Here {
  readonly path: string;
  readonly place: StoragePlace;
  readonly watched: WatchedFile;
  /** What became of the file, as a worker says. `changes` is what the system says otherwise of the file. */
  look(changes?: Partial<IdentifiedFile>, of?: WatchedFile): WatchedState['state'];
}

/** A whole file that was looked at. */
function here(t: TestContext): Here {
  const root = scratch(t);
  const path = join(root, NAMES.final);
  mkdirSync(join(root, 't'));
  writeFileSync(path, Buffer.alloc(LENGTH, 1));
  const { id, ...identity } = systemFileOperations.identify(path) as IdentifiedFile;
  const place: StoragePlace = { id: 1, root, partNames: true, overwrite: false };
  const places = [{ name: path, id, identity }];
  const watched: WatchedFile = { names: NAMES, length: LENGTH, link: null, isWritten: false, places };
  const look: Here['look'] = (changes = {}, of = watched) => {
    const identify: FileOperations['identify'] = (name) => {
      const now = systemFileOperations.identify(name);
      return now === undefined ? undefined : { ...now, ...changes };
    };
    const [told] = confirmFiles({ ...systemFileOperations, identify }, place, undefined, [of]);
    return told === null || told === undefined ? 'same' : told.state;
  };
  return { path, place, watched, look };
}

test('a file is the same as long as nobody touches it, and when it gets a second name', (t) => {
  const { path, look } = here(t);
  assert.equal(look(), 'same');
  linkSync(path, `${path}.backup`);
  assert.equal(look(), 'same');
});

test('a file of which the file system says another inode is the same, for FAT numbers its files anew', (t) => {
  const { path, look } = here(t);
  assert.equal(look({ id: '1:7', inode: 7n }), 'same');
  utimesSync(path, 1, 1);
  assert.equal(look({ id: '1:7', inode: 7n }), 'replaced', 'it was changed too');
});

test('a file that has the inode of one that is gone is another file, when it was made later', (t) => {
  const { watched, look } = here(t);
  const bornAt = (watched.places[0]?.identity?.bornAt ?? 0n) + 1n;
  assert.equal(look({ bornAt }), 'replaced');
});

test('a whole file that is shorter or longer is cut, and one that is not whole may have any length', (t) => {
  const { path, watched, look } = here(t);
  for (const length of [0, LENGTH - 1, LENGTH + 1]) {
    truncateSync(path, length);
    assert.equal(look(), 'cut');
    assert.equal(look({}, { ...watched, length: null }), 'same');
  }
});

test('a file that is gone, alone or with its folder, is removed', (t) => {
  const { path, place, look } = here(t);
  const folder = join(place.root, 't');
  renameSync(path, `${path}.part`);
  assert.equal(look(), 'removed');
  renameSync(folder, `${folder}.moved`);
  assert.equal(look(), 'removed');
  writeFileSync(folder, 'a file has the place of the folder');
  assert.equal(look(), 'removed');
});

test('a file may be at any of the places where it was found', (t) => {
  const { path, place, watched, look } = here(t);
  const gone = { name: join(place.root, 't/gone'), id: '1:1', identity: null };
  assert.equal(look({}, { ...watched, places: [gone, ...watched.places] }), 'same');
  rmSync(path);
  assert.equal(look({}, { ...watched, places: [gone, ...watched.places] }), 'removed');
});

test('a file that has its name by a link to the same bytes is looked for behind the link', (t) => {
  const { path, place, watched, look } = here(t);
  const unknown: WatchedFile = { ...watched, places: [] };
  const elsewhere = join(place.root, 'elsewhere');
  renameSync(path, elsewhere);
  symlinkSync(elsewhere, path);
  assert.equal(look({}, unknown), 'same');
  truncateSync(elsewhere, 5);
  assert.equal(look({}, unknown), 'replaced');
  rmSync(elsewhere);
  assert.equal(look({}, unknown), 'removed');
});

test('a link of the torrent is right with its target alone', (t) => {
  const { path, watched, look } = here(t);
  const link: WatchedFile = { ...watched, link: '../there', places: [] };
  assert.equal(look({}, link), 'replaced');
  rmSync(path);
  assert.equal(look({}, link), 'removed');
  symlinkSync('../there', path);
  assert.equal(look({}, link), 'same');
});

test('when the download folder is another one, nothing is said of its files', (t) => {
  const { place, watched } = here(t);
  const elsewhere = { ...place, anchor: { id: '1:1' } };
  assert.throws(() => confirmFiles(systemFileOperations, elsewhere, undefined, [watched]), FolderGone);
});

test('a file that the system does not tell of is a failure, and no loss', (t) => {
  const { place, watched } = here(t);
  const identify = (): never => {
    throw Object.assign(new Error('EACCES: permission denied, lstat'), { code: 'EACCES', syscall: 'lstat' });
  };
  assert.throws(
    () => confirmFiles({ ...systemFileOperations, identify }, place, undefined, [watched]),
    (error) => error instanceof BtgetError && error.code === 'cannot-open',
  );
});
