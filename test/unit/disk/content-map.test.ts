import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContentMap, type ContentSegment } from '../../../src/disk/content-map.js';
import type { FileSurvey } from '../../../src/disk/storage.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { v2Torrent } from '../../support/v2-torrent.js';

/** Pieces of 100 bytes; those with the numbers 1, 2 and 4 are shared. */
const { metainfo, layout } = sampleTorrent(
  [
    { path: 't/a', length: 150 },
    { path: 't/b', length: 130 },
    { path: 't/c', length: 170 },
    { path: 't/d', length: 50 },
  ],
  100,
);

const words = (segments: readonly ContentSegment[]): string[] =>
  segments.map((segment) => {
    if (segment.kind === 'zeros') return `zeros ${segment.length}`;
    return `${segment.kind === 'file' ? segment.file : 'aside'} ${segment.begin}+${segment.length}`;
  });

const found = (...states: FileSurvey['found'][]) => states.map((state) => ({ found: state }));
const NOTHING = found('absent', 'absent', 'absent', 'absent');

test('without a selection all bytes lie in their files', () => {
  const map = new ContentMap(metainfo, layout, null);
  map.surveyed(NOTHING, false);
  assert.deepEqual(words(map.segmentsBy('kept', 0, 500)), ['0 0+150', '1 0+130', '2 0+170', '3 0+50']);
  assert.deepEqual(words(map.segments(100, 100)), ['0 100+50', '1 0+50']);
});

test('bytes of a file that is not selected lie aside if a selected file shares their piece, at its place', () => {
  const map = new ContentMap(metainfo, layout, new Set([1]));
  map.surveyed(NOTHING, false);
  assert.deepEqual(words(map.segmentsBy('kept', 100, 200)), ['aside 0+50', '1 0+50', '1 50+80', 'aside 180+20']);
  // No selected file shares the piece in the middle of a file that is not selected.
  assert.deepEqual(words(map.segmentsBy('kept', 300, 200)), ['2 20+100', 'aside 200+50', 'aside 250+50']);
});

test('a piece is read where it was found at the start, and after that where it was written', () => {
  const map = new ContentMap(metainfo, layout, new Set([1]));
  map.surveyed(found('part', 'final', 'absent', 'absent'), true);
  assert.deepEqual(words(map.segments(100, 200)), ['0 100+50', '1 0+130', 'aside 180+20']);
  map.settle(1, 'kept');
  assert.deepEqual(words(map.segments(100, 100)), ['aside 0+50', '1 0+50']);
  assert.deepEqual(words(map.segmentsInFiles(100, 100)), ['0 100+50', '1 0+50']);
  map.settle(1, 'found');
  assert.deepEqual(words(map.segments(100, 100)), ['0 100+50', '1 0+50']);
});

test('of a file beside its part, nothing is looked for aside while the file counts and not the part', () => {
  const map = new ContentMap(metainfo, layout, null);
  map.surveyed(found('final', 'part', 'final', 'final'), true);
  const aside = words(map.segmentsBy('aside', 100, 100));
  assert.deepEqual(aside, ['0 100+50', 'aside 50+50']);
  map.passOver([1]);
  assert.deepEqual(words(map.segmentsBy('aside', 100, 100)), ['0 100+50', '1 0+50']);
  map.usePart([1]);
  assert.deepEqual(words(map.segmentsBy('aside', 100, 100)), aside);
});

test('bytes of a selected file that was not there are looked for aside', () => {
  const map = new ContentMap(metainfo, layout, null);
  map.surveyed(found('absent', 'part', 'final', 'absent'), true);
  assert.deepEqual(words(map.segmentsBy('found', 100, 100)), ['aside 0+50', '1 0+50']);
  assert.deepEqual(words(map.segmentsBy('kept', 100, 100)), ['0 100+50', '1 0+50']);
  // A file that an earlier run began may lack the piece. A file with its final name has it.
  assert.deepEqual(words(map.segmentsBy('aside', 100, 200)), ['aside 0+50', 'aside 50+50', 'aside 100+80', '2 0+20']);
});

test('a piece at a border is written aside as a whole, and to the files that are selected', () => {
  const map = new ContentMap(metainfo, layout, new Set([1]));
  const writes = map.writeSegments(150, 150);
  assert.deepEqual(words(writes), ['1 0+130', 'aside 50+50', 'aside 100+100']);
  assert.deepEqual(
    writes.map(({ from }) => from),
    [0, 0, 50],
  );
  assert.deepEqual(words(new ContentMap(metainfo, layout, null).writeSegments(100, 100)), ['0 100+50', '1 0+50']);
});

test('with hash trees, no byte lies aside, and what no file holds of a piece is zeros', () => {
  const KIB = 1024;
  const files = [
    { path: 't/a', length: 40 * KIB },
    { path: 't/b', length: 10 * KIB },
  ];
  for (const version of ['2', 'hybrid'] as const) {
    const torrent = v2Torrent(files, 32 * KIB, version);
    const second = torrent.metainfo.files.findIndex(({ path }) => path.at(-1) === 'b');
    for (const selected of [null, new Set([second])]) {
      const map = new ContentMap(torrent.metainfo, torrent.layout, selected);
      map.surveyed(found('absent', 'absent', 'absent', 'absent'), false);
      assert.equal(map.hasBorders || map.keepsAside, false);
      assert.deepEqual(words(map.segments(32 * KIB, 64 * KIB)), [
        `0 ${32 * KIB}+${8 * KIB}`,
        `zeros ${24 * KIB}`,
        `${second} 0+${10 * KIB}`,
        `zeros ${22 * KIB}`,
      ]);
      const written = map.writeSegments(32 * KIB, 64 * KIB).map(({ from, length }) => [from, length]);
      assert.deepEqual(written, [
        [0, 8 * KIB],
        [32 * KIB, 10 * KIB],
      ]);
    }
  }
});
