import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import type { Candidate, CopyOutcome, FileRun } from '../../../../src/disk/storage.js';
import type { PieceIndex } from '../../../../src/metainfo/piece-layout.js';
import { WantedContent } from '../../../../src/torrent/content/wanted-content.js';
import type { ExistingDataFound } from '../../../../src/torrent/existing/existing-data.js';
import { Reuse } from '../../../../src/torrent/existing/reuse.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../../../support/fakes/memory-storage.js';
import { type SampleTorrent, sampleTorrent } from '../../../support/sample-torrent.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { type V2SampleFile, v2Torrent } from '../../../support/v2-torrent.js';

const PIECE = 32 * 1024;
const FILES: readonly V2SampleFile[] = [
  { path: 'box/a', length: 3 * PIECE + 5 },
  { path: 'box/b', length: 100 },
  { path: 'box/c', length: PIECE },
];
const V1 = sampleTorrent(
  [
    { path: 'box/a', length: 2 * PIECE + 5000 },
    { path: 'box/b', length: 2 * PIECE },
    { path: 'box/c', length: 700 },
  ],
  PIECE,
);

interface Case {
  readonly torrent: SampleTorrent;
  readonly elsewhere: ReadonlyMap<string, Buffer>;
  readonly reuse?: readonly string[];
  readonly select?: readonly string[];
  readonly found?: Partial<ExistingDataFound>;
  /** Called before each copy. */
  readonly copying?: (run: FileRun, candidate: Candidate) => CopyOutcome | undefined;
  readonly stopsAfter?: number;
}

class WatchedStorage extends MemoryStorage {
  copying: Case['copying'] = undefined;

  override copyCandidate(...[run, candidate, mayShare, answered]: Parameters<MemoryStorage['copyCandidate']>): void {
    const outcome = this.copying?.(run, candidate);
    super.copyCandidate(run, candidate, mayShare, outcome === undefined ? answered : () => answered(outcome));
  }
}

function run({ torrent, elsewhere, reuse = ['old'], select = [], found = {}, copying, stopsAfter }: Case) {
  const { metainfo, layout } = torrent;
  const timers = new Timeline();
  const content = new WantedContent(metainfo, layout, { select, exclude: [], ranges: null });
  const log: string[] = [];
  const options = { ...DEFAULT_MEMORY_STORAGE_OPTIONS, elsewhere, log, latency: 1 };
  const storage = new WatchedStorage(metainfo, timers, {
    ...options,
    selected: content.isAll ? null : content.files,
  });
  storage.copying = copying;
  storage.survey(() => undefined);
  timers.run(10);
  log.length = 0;
  const reused: string[] = [];
  const progress: [number, number][] = [];
  let end: ExistingDataFound | undefined;
  let ends = 0;
  const before: ExistingDataFound = {
    ok: true,
    verified: [],
    unfinished: new Map(),
    whole: new Set(),
    absent: new Set(),
    ...found,
  };
  const reusing = new Reuse(
    {
      ...{ timers, metainfo, layout, content, storage },
      options: { dir: '.', reuse, preallocate: false },
      checking: (done, length) => progress.push([done, length]),
      warned: (code, message) => log.push(`${code}: ${message}`),
      fileReused: (file, from) => reused.push(`${metainfo.files[file]?.path.join('/')} ${from}`),
    },
    before,
    (outcome) => {
      ends += 1;
      end = outcome;
    },
  );
  reusing.begin();
  timers.run(stopsAfter ?? 1_000_000);
  if (stopsAfter !== undefined) {
    reusing.stop();
    timers.run(100_000);
  }
  const verified = [...(end?.verified ?? [])].sort((a, b) => a - b);
  return { log, reused: reused.sort(), progress, end, ends, verified, storage };
}

function fileAt(torrent: SampleTorrent, path: string): number {
  return torrent.metainfo.files.findIndex((file) => file.path.join('/') === path);
}

function bytesOf(torrent: SampleTorrent, path: string): Buffer {
  return Buffer.from(torrent.fileBytes(fileAt(torrent, path)));
}

function piecesOf(torrent: SampleTorrent): number[] {
  return [...torrent.layout.pieceIndices()];
}

function partOf(storage: MemoryStorage, file: number): Buffer | undefined {
  const { part } = storage.image(null).files[file] ?? { part: null };
  return part?.bytes.subarray(0, part.length);
}

/** The same bytes but for one. */
function flipped(bytes: Buffer, at: number): Buffer {
  const other = Buffer.from(bytes);
  other[at]! ^= 1;
  return other;
}

describe('files elsewhere', () => {
  for (const version of ['2', 'hybrid'] as const) {
    const torrent = v2Torrent(FILES, PIECE, version);

    it(`make a torrent whole, by their bytes alone: version ${version}`, () => {
      const elsewhere = new Map([
        ['/x/1', bytesOf(torrent, 'box/c')],
        ['/x/2', bytesOf(torrent, 'box/a')],
        ['/x/3', bytesOf(torrent, 'box/b')],
      ]);
      const { reused, verified, ends, storage } = run({ torrent, elsewhere });
      assert.deepEqual(reused, ['box/a /x/2', 'box/b /x/3', 'box/c /x/1']);
      assert.deepEqual(verified, piecesOf(torrent));
      assert.equal(ends, 1);
      assert.deepEqual(partOf(storage, 0), bytesOf(torrent, 'box/a'));
    });

    it(`of which one byte is wrong anywhere are not copied: version ${version}`, () => {
      const right = bytesOf(torrent, 'box/a');
      for (const at of [0, PIECE - 1, PIECE, right.length - 1]) {
        const { reused, verified, log } = run({ torrent, elsewhere: new Map([['/x/1', flipped(right, at)]]) });
        assert.deepEqual([reused, verified], [[], []]);
        assert.ok(!log.some((line) => line.startsWith('copyCandidate')), `byte ${at}`);
      }
    });

    it(`are searched for in the download folder too, without being named: version ${version}`, () => {
      const elsewhere = new Map([['/x/1', bytesOf(torrent, 'box/a')]]);
      assert.deepEqual(run({ torrent, elsewhere, reuse: [] }).reused, ['box/a /x/1']);
    });
  }

  const torrent = v2Torrent(FILES, PIECE, '2');
  const a = bytesOf(torrent, 'box/a');

  it('are read no further than their first piece when that is wrong', () => {
    const { log } = run({ torrent, elsewhere: new Map([['/x/1', flipped(a, 0)]]), select: ['a'] });
    assert.deepEqual(
      log.filter((line) => line.startsWith('hash')),
      ['hashCandidate 0 /x/1', 'hashCandidate 0 /x/1'],
    );
  });

  it('that change while they are copied count for nothing, and the next one is taken', () => {
    const elsewhere = new Map<string, Buffer>([
      ['/x/1', Buffer.from(a)],
      ['/x/2', Buffer.from(a)],
    ]);
    let copies = 0;
    const { reused, verified, storage } = run({
      ...{ torrent, elsewhere, select: ['a'] },
      copying: (_run, { path }) => {
        copies += 1;
        if (copies === 1) elsewhere.get(path)?.fill(7, PIECE);
        return undefined;
      },
    });
    assert.equal(copies, 2);
    assert.equal(reused.length, 1);
    assert.deepEqual(verified, [0, 1, 2, 3]);
    assert.deepEqual(partOf(storage, 0), a);
  });

  it('that get shorter while they are copied are given up, and nothing wrong counts', () => {
    const elsewhere = new Map<string, Buffer>([['/x/1', Buffer.from(a)]]);
    const { reused, end, verified } = run({
      ...{ torrent, elsewhere, select: ['a'] },
      copying: (_run, { path }) => {
        elsewhere.set(path, a.subarray(0, 100));
        return undefined;
      },
    });
    assert.deepEqual([reused, verified, end?.ok], [[], [], true]);
  });

  it('serve every file of the torrent that has the same bytes', () => {
    const twins = v2Torrent(
      [...FILES, { path: 'box/twin', content: a }].map((file) => ({ ...file })),
      PIECE,
      '2',
    );
    const elsewhere = new Map([['/x/1', bytesOf(twins, 'box/a')]]);
    const { reused, log } = run({ torrent: twins, elsewhere });
    assert.deepEqual(reused, ['box/a /x/1', 'box/twin /x/1']);
    assert.equal(log.filter((line) => line === 'hashCandidate 3 /x/1').length, 1);
  });

  it('complete a file of which some pieces are there, and only what is missing is copied', () => {
    const { log, verified, end } = run({
      ...{ torrent, elsewhere: new Map([['/x/1', a]]), select: ['a'] },
      found: {
        verified: [0, 2] as PieceIndex[],
        unfinished: new Map([[3 as PieceIndex, new Map([[0, 9]])]]),
      },
    });
    assert.deepEqual(
      log.filter((line) => line.startsWith('copy')),
      [`copyCandidate 0 ${PIECE} /x/1`, `copyCandidate 0 ${3 * PIECE} /x/1`],
    );
    assert.deepEqual(verified, [0, 1, 2, 3]);
    assert.equal(end?.unfinished.size, 0);
  });

  it('are not looked for when nothing is missing, nor for files that are not selected', () => {
    const elsewhere = new Map([['/x/1', a]]);
    const verified = [...torrent.layout.pieceIndices()];
    assert.deepEqual(run({ torrent, elsewhere, found: { verified } }).log, []);
    assert.deepEqual(run({ torrent, elsewhere, select: ['b'] }).reused, []);
  });

  it('are left alone when our own file cannot be written; the download goes on as it is', () => {
    const failure = new BtgetError('disk-full', 'full');
    const { ends, reused, verified } = run({
      ...{ torrent, elsewhere: new Map([['/x/1', a]]) },
      copying: () => ({ ok: false, failure }),
    });
    assert.deepEqual([ends, reused, verified], [1, [], []]);
  });

  it('a hundred thousand of them, all of the right length, are hashed once each, within a bound', () => {
    const small = v2Torrent(
      Array.from({ length: 50 }, (_, index) => ({ path: `box/${index}`, length: 20 })),
      PIECE,
      '2',
    );
    const wrong = Buffer.alloc(20, 1);
    const elsewhere = new Map<string, Buffer>();
    for (let index = 0; index < 100_000; index += 1) elsewhere.set(`/x/${index}`, wrong);
    elsewhere.set('/x/last', bytesOf(small, 'box/7'));
    const { reused, log } = run({ torrent: small, elsewhere, reuse: [] });
    assert.deepEqual(reused, ['box/7 /x/last']);
    assert.equal(log.filter((line) => line.startsWith('hashCandidate')).length, 100_001);
  });

  it('a hundred thousand of them, all right, are no deeper stack and one copy', () => {
    const elsewhere = new Map<string, Buffer>(
      Array.from({ length: 100_000 }, (_, index) => [`/x/${index}`, bytesOf(torrent, 'box/b')]),
    );
    const { log, reused } = run({ torrent, elsewhere, select: ['b'], reuse: [] });
    assert.equal(reused.length, 1);
    assert.equal(log.filter((line) => line.startsWith('copy')).length, 1);
  });

  it('are hashed to a bound, and the user is told when a folder of theirs holds more', () => {
    const big = v2Torrent([{ path: 'box/a', content: Buffer.alloc(1024 * 1024, 1) }], 1024 * 1024, '2');
    const other = Buffer.alloc(1024 * 1024, 2);
    const elsewhere = new Map<string, Buffer>(Array.from({ length: 5000 }, (_, index) => [`/x/${index}`, other]));
    const here = run({ torrent: big, elsewhere, reuse: [] });
    assert.equal(here.log.filter((line) => line.startsWith('hashCandidate')).length, 256);
    assert.ok(!here.log.some((line) => line.startsWith('not-reused')));
  });

  it('tell of the progress, which never passes its end', () => {
    const { progress } = run({ torrent, elsewhere: new Map([['/x/1', a]]) });
    assert.ok(progress.length > 0 && progress.every(([done, length]) => done <= length));
    const [done, length] = progress.at(-1) as [number, number];
    assert.equal(done, length);
  });

  it('are forgotten when the torrent ends meanwhile', () => {
    for (let stopsAfter = 0; stopsAfter < 20; stopsAfter += 1)
      assert.ok(run({ torrent, elsewhere: new Map([['/x/1', a]]), stopsAfter }).ends <= 1);
    assert.equal(run({ torrent, elsewhere: new Map([['/x/1', a]]), stopsAfter: 3 }).ends, 0);
  });
});

describe('files elsewhere, for a torrent of version 1', () => {
  it('are taken from named folders, with the pieces that they share', () => {
    const elsewhere = new Map(['box/a', 'box/b', 'box/c'].map((path) => [`/x/${path}`, bytesOf(V1, path)]));
    const { reused, verified } = run({ torrent: V1, elsewhere });
    // The last file is in no piece of its own, so nothing proves it, and the last piece has to be fetched.
    assert.deepEqual(reused, ['box/a /x/box/a', 'box/b /x/box/b']);
    assert.deepEqual(verified, [0, 1, 2, 3]);
  });

  it('are not taken when a piece of theirs alone is wrong', () => {
    const elsewhere = new Map([['/x/a', flipped(bytesOf(V1, 'box/a'), PIECE)]]);
    assert.deepEqual(run({ torrent: V1, elsewhere }).verified, []);
  });

  it('count without the piece that they share when that is wrong', () => {
    const elsewhere = new Map([
      ['/x/a', flipped(bytesOf(V1, 'box/a'), 2 * PIECE + 1)],
      ['/x/b', bytesOf(V1, 'box/b')],
    ]);
    assert.deepEqual(run({ torrent: V1, elsewhere }).verified, [0, 1, 3]);
  });

  it('are not looked for in the download folder', () => {
    assert.deepEqual(run({ torrent: V1, elsewhere: new Map([['/x/a', bytesOf(V1, 'box/a')]]), reuse: [] }).log, []);
  });
});
