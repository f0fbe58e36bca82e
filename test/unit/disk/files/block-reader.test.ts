import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BtgetError } from '../../../../src/base/failure.js';
import { ContentMap } from '../../../../src/disk/content-map.js';
import { readBlocks } from '../../../../src/disk/files/block-reader.js';
import { FileReadPool, type ReadHome } from '../../../../src/disk/files/read-pool.js';
import { StorageNames } from '../../../../src/disk/names.js';
import type { BlockRead } from '../../../../src/disk/storage.js';
import type { ReadOperations } from '../../../../src/disk/system/operations.js';
import { readsOf } from '../../../support/disk/block-reads.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: 300 },
    { path: 't/.pad/84', length: 84, padding: true },
    { path: 't/b', length: 1000 },
  ],
  128,
);

const HOME: ReadHome = {
  id: 1,
  place: { root: '/d' },
  find: ({ names }, answered) => answered([names.part, names.final].map((path) => ({ root: '/d', path, id: '' }))),
};

/** Reads over a disk that answers after 1 ms and gives a random part of what is asked for, at least a byte. */
class World {
  readonly timeline = new Timeline();
  readonly log: string[] = [];
  readonly #random = seededRandom(5);
  readonly #names = new StorageNames(SAMPLE.metainfo.files, null);
  /** From this offset on, no file has any bytes. */
  readonly end: number;

  constructor(end = 10_000) {
    this.end = end;
  }

  read(reads: readonly BlockRead[]): (BtgetError | null)[] {
    const answers: (BtgetError | null)[] = [];
    const pool = new FileReadPool(this.#operations(), 10);
    readBlocks(
      {
        layout: SAMPLE.layout,
        map: new ContentMap(SAMPLE.metainfo, SAMPLE.layout, null),
        pool,
        operations: this.#operations(),
        addressOf: (segment) => ({
          home: HOME,
          file: segment.kind === 'file' ? segment.file : null,
          names: segment.kind === 'file' ? this.#names.of(segment.file) : { part: 'aside', final: 'aside' },
          link: null,
        }),
      },
      reads,
      (failure) => answers.push(failure),
    );
    this.timeline.run(10_000);
    return answers;
  }

  #operations(): ReadOperations {
    return {
      open: (path, answered) => this.timeline.addTask(() => answered(null, path.includes('b') ? 2 : 0), 1),
      facts: (_, answered) =>
        this.timeline.addTask(
          () => answered(null, { kind: 'file', length: 0, mode: 0, owner: 0, group: 0, links: 1, id: '' }),
          1,
        ),
      read: (file, into, position, answered) => {
        const wanted = into.reduce((sum, buffer) => sum + buffer.length, 0);
        const there = Math.max(0, Math.min(wanted, this.end - position));
        const count = there === 0 ? 0 : 1 + this.#random.below(there);
        this.log.push(`${file} ${position}+${wanted}`);
        this.timeline.addTask(() => {
          const begin = (SAMPLE.metainfo.files[file]?.begin ?? 0) + position;
          const bytes = SAMPLE.content.subarray(begin, begin + count);
          let done = 0;
          for (const buffer of into) done += bytes.copy(buffer, 0, done);
          answered(null, count);
        }, 1);
      },
      close: (_, answered) => answered(null),
      identify: () => undefined,
      numbersAnew: () => false,
      lookUp: (path) => ({
        kind: path === '/d/t' ? 'folder' : 'file',
        length: 0,
        mode: 0,
        owner: 0,
        group: 0,
        links: 1,
        id: '',
      }),
      realPath: (path) => path,
      holdFolder: (root, elements) => ({
        nameIn: (element) => [root, ...elements, element].join('/'),
        release: () => undefined,
      }),
    };
  }
}

describe('reading blocks', () => {
  it('goes on where a read ended early, across files and padding, for runs of any kind', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 200; round += 1) {
      const spans = Array.from({ length: 1 + random.below(8) }, () => {
        const piece = SAMPLE.piece(random.below(SAMPLE.layout.pieceCount));
        const begin = random.below(SAMPLE.layout.lengthOf(piece));
        return { piece, begin, length: 1 + random.below(SAMPLE.layout.lengthOf(piece) - begin) };
      });
      const reads = readsOf(spans);
      assert.deepEqual(new World().read(reads), [null]);
      const expected = spans.map(({ piece, begin, length }) => SAMPLE.bytesOf(piece).subarray(begin, begin + length));
      assert.deepEqual(
        reads.map(({ into }) => into),
        expected,
      );
    }
  });

  it('joins reads of consecutive bytes', () => {
    const spans = [0, 1, 2].map((piece) => ({ piece: SAMPLE.piece(piece), begin: 0, length: piece === 2 ? 40 : 128 }));
    const world = new World();
    world.read(readsOf(spans));
    assert.equal(world.log[0], '0 0+296');
  });

  it('answers once, after every run has ended, even when one failed', () => {
    const spans = [
      { piece: SAMPLE.piece(0), begin: 0, length: 128 },
      { piece: SAMPLE.piece(9), begin: 0, length: 10 },
    ];
    const reads = readsOf(spans);
    const [failure, ...others] = new World(500).read(reads);
    assert.deepEqual(others, []);
    assert.match(failure?.message ?? '', /cannot read .*b\.part: it ends at byte/);
    assert.deepEqual(reads[0]?.into, SAMPLE.bytesOf(0));
  });
});
