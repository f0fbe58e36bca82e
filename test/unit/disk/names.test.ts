import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StorageNames } from '../../../src/disk/names.js';
import { type SampleFile, sampleTorrent } from '../../support/sample-torrent.js';

function names(files: readonly SampleFile[], output: string | null = null): StorageNames {
  return new StorageNames(sampleTorrent(files, 1024).metainfo.files, output);
}

function parts(...paths: string[]): readonly string[] {
  const all = names(paths.map((path) => ({ path })));
  return paths.map((_, index) => all.of(index).part);
}

describe('the names of files', () => {
  it('are the path, and the path with .part until the file is whole', () => {
    assert.deepEqual(names([{ path: 'a/b/c' }]).of(0), { final: 'a/b/c', part: 'a/b/c.part' });
  });

  it('begin with the output name when there is one', () => {
    const bare = names([{ path: 'film.mkv' }], 'other');
    assert.deepEqual(bare.of(0), { final: 'other', part: 'other.part' });
    assert.deepEqual(names([{ path: 'a/b/c' }], 'x').of(0), { final: 'x/b/c', part: 'x/b/c.part' });
  });

  it('lie in these folders of the download folder, if none lies in the download folder itself', () => {
    const files = [{ path: 't/a' }, { path: 't/b/c' }];
    assert.deepEqual(names(files).topFolders(), ['t']);
    assert.deepEqual(names(files, 'other').topFolders(), ['other']);
    assert.equal(names([{ path: 'film.mkv' }]).topFolders(), null);
  });

  it('never have a part name that the torrent itself has as a name', () => {
    assert.deepEqual(parts('t/a', 't/a.part'), ['t/a.1.part', 't/a.part.part']);
    assert.deepEqual(parts('t/a', 't/A.PART'), ['t/a.1.part', 't/A.PART.part']);
    assert.deepEqual(parts('t/ß', 't/SS.part'), ['t/ß.1.part', 't/SS.part.part']);
    assert.deepEqual(parts('t/a', 't/a.part/b'), ['t/a.1.part', 't/a.part/b.part']);
    assert.deepEqual(parts('t/a', 't/a.part', 't/a.1'), ['t/a.2.part', 't/a.part.part', 't/a.1.part']);
    assert.deepEqual(parts('t/a', 't/a.part', 't/a.1.part'), ['t/a.2.part', 't/a.part.part', 't/a.1.part.part']);
  });

  it('have a number in the part name while a stranger’s file has the usual one', () => {
    const all = names([{ path: 't/a' }, { path: 't/b' }]);
    all.passOver([0]);
    all.passOver([0, 1]);
    assert.deepEqual([all.of(0).part, all.of(1).part], ['t/a.2.part', 't/b.1.part']);
    all.usePart([0]);
    assert.deepEqual(all.of(0), { final: 't/a', part: 't/a.part' });
  });

  it('fit the file system even with a number, however long the final name is', () => {
    for (const length of [248, 249, 255]) {
      const final = 'ü'.repeat(60) + 'n'.repeat(length - 120);
      const all = names([{ path: 'film' }, { path: 'other' }], final);
      all.passOver([0]);
      const { part } = all.of(0);
      assert.ok(Buffer.byteLength(part) <= 255 && part.endsWith('.1.part'), part);
      assert.notEqual(part, all.of(0).final);
    }
  });

  it('have relative link targets, from the folder of the link to its target', () => {
    const links = names(
      [
        { path: 't/here', symlink: 't/a' },
        { path: 't/deep/er/link', symlink: 't/a/b' },
        { path: 't/deep/up', symlink: 't' },
        { path: 't/self', symlink: 't' },
        { path: 't/plain' },
      ],
      'other',
    );
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((index) => links.linkTarget(index)),
      ['a', '../../a/b', '..', '.', null],
    );
  });

  it('are found for 100,000 files in a moment', () => {
    const files = Array.from({ length: 100_000 }, (_, index) => ({ path: `t/${index % 100}/${index}` }));
    assert.equal(names(files).of(99_999).part, 't/99/99999.part');
    assert.equal(names([...files, { path: 't/99/99999.part' }]).of(99_999).part, 't/99/99999.1.part');
  });
});
