import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FileMap, type FileSegment } from '../../../src/disk/content-map.js';
import type { TorrentFile } from '../../../src/metainfo/metainfo.js';

type Told = readonly [length: number, kind?: 'padding' | 'link'];

function files(told: readonly Told[]): readonly TorrentFile[] {
  let begin = 0;
  return told.map(([length, kind], index) => {
    const file: TorrentFile = {
      path: ['t', `${index}`],
      begin,
      length,
      padding: kind === 'padding',
      executable: false,
      hidden: false,
      symlink: kind === 'link' ? ['t', '0'] : null,
    };
    begin += length;
    return file;
  });
}

describe('the file map', () => {
  it('finds the files of a run, and leaves out empty files and links', () => {
    const map = new FileMap(files([[10], [0], [5], [0, 'link'], [20]]));
    assert.deepEqual(map.segments(8, 10), [
      { kind: 'file', file: 0, begin: 8, length: 2 },
      { kind: 'file', file: 2, begin: 0, length: 5 },
      { kind: 'file', file: 4, begin: 0, length: 3 },
    ]);
  });

  it('gives zeros for padding', () => {
    const map = new FileMap(files([[10], [6, 'padding'], [4]]));
    assert.deepEqual(map.segments(9, 9), [
      { kind: 'file', file: 0, begin: 9, length: 1 },
      { kind: 'zeros', length: 6 },
      { kind: 'file', file: 2, begin: 0, length: 2 },
    ]);
  });

  it('gives nothing for a run of no bytes', () => {
    assert.deepEqual(new FileMap(files([[10]])).segments(4, 0), []);
  });

  it('calls a run beyond the torrent a bug', () => {
    const map = new FileMap(files([[10], [3]]));
    assert.throws(() => map.segments(12, 2), /no file holds byte 13/);
    assert.throws(() => new FileMap([]).segments(0, 1), /no file holds byte 0/);
  });

  it('gives zeros for the gaps between files and after the last one, up to the end of the padding', () => {
    const [one, empty, two] = files([[10], [0], [4]]) as [TorrentFile, TorrentFile, TorrentFile];
    const map = new FileMap([one, { ...empty, begin: 16 }, { ...two, begin: 16 }], 32);
    assert.deepEqual(map.segments(9, 23), [
      { kind: 'file', file: 0, begin: 9, length: 1 },
      { kind: 'zeros', length: 6 },
      { kind: 'file', file: 2, begin: 0, length: 4 },
      { kind: 'zeros', length: 12 },
    ]);
    assert.deepEqual(map.segments(12, 3), [{ kind: 'zeros', length: 3 }]);
    assert.deepEqual(map.segments(12, 5), [
      { kind: 'zeros', length: 4 },
      { kind: 'file', file: 2, begin: 0, length: 1 },
    ]);
    assert.deepEqual(map.segments(30, 2), [{ kind: 'zeros', length: 2 }]);
    assert.throws(() => map.segments(30, 3), /no file holds byte 32/);
  });

  it('maps offsets beyond 2^32', () => {
    const map = new FileMap(files([[2 ** 40], [7]]));
    assert.deepEqual(map.segments(2 ** 40 - 1, 3), [
      { kind: 'file', file: 0, begin: 2 ** 40 - 1, length: 1 },
      { kind: 'file', file: 1, begin: 0, length: 2 },
    ]);
  });

  it('places each byte of any run where counting through the files one by one does', () => {
    const told = fc.array(
      fc.tuple(fc.oneof(fc.constant(0), fc.nat(40)), fc.constantFrom(undefined, 'padding' as const)),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(told, fc.nat(), fc.nat(), (lengths, one, other) => {
        const list = files(lengths.map(([length, kind]) => (kind === undefined ? [length] : [length, kind])));
        const bytes = list.flatMap((file, index) =>
          Array.from({ length: file.length }, (_, begin) => (file.padding ? 'zero' : `${index}:${begin}`)),
        );
        const [begin, end] = [one % (bytes.length + 1), other % (bytes.length + 1)].sort((a, b) => a - b) as [
          number,
          number,
        ];
        const spelled = (segment: FileSegment): string[] =>
          Array.from({ length: segment.length }, (_, at) =>
            segment.kind === 'zeros' ? 'zero' : `${segment.file}:${segment.begin + at}`,
          );
        const segments = new FileMap(list).segments(begin, end - begin);
        assert.deepEqual(segments.flatMap(spelled), bytes.slice(begin, end));
        assert.ok(segments.every((segment) => segment.length > 0));
      }),
    );
  });
});
