import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findExactNames } from '../../../src/disk/exact-names.js';
import { StorageNames } from '../../../src/disk/names.js';
import type { FileFacts } from '../../../src/disk/system/operations.js';
import type { TorrentFile } from '../../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { file, folder } from '../../support/torrent-bytes.js';

type Kinds = Readonly<Record<string, FileFacts['kind'] | 'denied'>>;

/**
 * A disk that holds `there`, below `/d`, and records what it is asked. `sameFile` gives names that the disk cannot tell
 * apart the same text.
 */
function diskOf(there: Kinds, sameFile: (name: string) => string = (name) => name) {
  const asked: string[] = [];
  const calls = {
    lookUp: (path: string): FileFacts | undefined => {
      asked.push(path.slice('/d/'.length));
      const name = Object.keys(there).find((one) => sameFile(one) === sameFile(path.slice('/d/'.length)));
      if (name === undefined) return undefined;
      const kind = there[name] as FileFacts['kind'] | 'denied';
      if (kind === 'denied')
        throw Object.assign(new Error('ENAMETOOLONG: name too long'), { code: 'ENAMETOOLONG', syscall: 'lstat' });
      return { kind, length: 1, mode: 0o644, owner: 0, group: 0, links: 1, id: sameFile(name) };
    },
    realPath: (path: string) => path,
  };
  return { asked, calls };
}

const filesOf = (...paths: (string | Buffer)[][]): readonly TorrentFile[] =>
  parseMetainfo(folder(paths.map((path) => file(path, 1)))).files;

/** The final names that the files get on a disk that holds `there`. */
function namesOn(files: readonly TorrentFile[], there: Kinds, sameFile?: (name: string) => string): readonly string[] {
  const names = new StorageNames(files, null);
  const candidates = names.candidates();
  names.settle(candidates, findExactNames(diskOf(there, sameFile).calls, '/d', candidates));
  return files.map((_, index) => names.of(index).final);
}

const TOP = filesOf(['x'])[0]?.path[0] as string;
const below = (kinds: Kinds): Kinds =>
  Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [`${TOP}/${name}`, kind]));

describe('exact names', () => {
  it('are used when a file has them or grows under them; else the clean names are used', () => {
    const files = filesOf(['a\\b'], ['c\nd'], ['e\u200bf'], ['plain']);
    const names = namesOn(files, below({ 'a\\b': 'file', 'c\nd.part': 'file' }));
    assert.deepEqual(names, [`${TOP}/a\\b`, `${TOP}/c\nd`, `${TOP}/ef`, `${TOP}/plain`]);
  });

  it('are used for folders too, if folders of these names exist', () => {
    const files = filesOf(['o\\dd', 'in\\ner', 'fi\\le'], ['o\\dd', 'plain']);
    assert.deepEqual(namesOn(files, below({ 'o\\dd': 'folder' })), [`${TOP}/o\\dd/inner/file`, `${TOP}/o\\dd/plain`]);
    assert.deepEqual(namesOn(files, below({ 'o\\dd': 'file' })), [`${TOP}/odd/inner/file`, `${TOP}/odd/plain`]);
  });

  it('give no part name that is the name of a folder of the torrent', () => {
    const files = filesOf(['\n.part', 'a'], ['\n']);
    const names = new StorageNames(files, null);
    const candidates = names.candidates();
    const disk = diskOf(below({ '\n.part': 'folder', '\n': 'file' }));
    names.settle(candidates, findExactNames(disk.calls, '/d', candidates));
    assert.equal(names.of(1).final, `${TOP}/\n`);
    assert.notEqual(names.of(1).part, `${TOP}/\n.part`);
  });

  it('are not used when a folder or a pipe has them, or when the system refuses to look', () => {
    const files = filesOf(['a\\b']);
    for (const kind of ['folder', 'other', 'denied'] as const)
      assert.deepEqual(namesOn(files, below({ 'a\\b': kind })), [`${TOP}/ab`]);
  });

  it('never lead out of the folder', () => {
    const odd = ['..', '.', '', 'a/b', '/etc', '../x', 'a\0b', '..\0'];
    for (const { exactPath } of filesOf(...odd.map((name) => [name, 'file']), ...odd.map((name) => [name])))
      assert.equal(exactPath, undefined);
  });

  it('are never shared by two files: a file keeps a name that is its clean name', () => {
    const files = filesOf(['ab'], ['a\u200bb'], ['a\u200bb']);
    assert.deepEqual(namesOn(files, below({ ab: 'file', 'a\u200bb': 'file' })), [
      `${TOP}/ab`,
      `${TOP}/a\u200bb`,
      `${TOP}/ab.2`,
    ]);
    // btget calls the first file `ab` when it writes it. Then the second file, `ab` in the torrent, gets another name.
    const turned = filesOf(['a\u200bb'], ['ab']);
    assert.deepEqual(namesOn(turned, below({ ab: 'file', 'ab.1': 'file' })), [`${TOP}/ab`, `${TOP}/ab.1`]);
    assert.deepEqual(namesOn(turned, below({ ab: 'file', 'a\u200bb': 'file' })), [`${TOP}/a\u200bb`, `${TOP}/ab`]);
  });

  it('that differ in case are told apart on a disk that tells them apart, and not on another', () => {
    const files = filesOf(['README'], ['readme']);
    const there = below({ README: 'file', readme: 'file' });
    assert.deepEqual(namesOn(files, there), [`${TOP}/README`, `${TOP}/readme`]);
    const fold = (name: string): string => name.toLowerCase();
    assert.deepEqual(namesOn(files, below({ README: 'file' }), fold), [`${TOP}/README`, `${TOP}/readme.1`]);
  });

  it('cost no system call for a torrent whose names btget keeps, and linear time for 100,000 odd names', () => {
    const plain = parseMetainfo(
      folder([file(['plain'], 1), file(['sub', 'plain'], 1), file(['می\u200cخواهم'], 1)]),
    ).files;
    assert.deepEqual(new StorageNames(plain, null).candidates(), []);
    const many = Array.from({ length: 100_000 }, (_, at) => ['o\\dd', `${at % 50_000}\u200b`]);
    const files = filesOf(...many);
    const names = new StorageNames(files, null);
    const candidates = names.candidates();
    const { asked, calls } = diskOf({});
    names.settle(candidates, findExactNames(calls, '/d', candidates));
    assert.equal(candidates.length, 100_000);
    assert.ok(asked.length <= 2 * 100_000 + 1, String(asked.length));
  });
});
