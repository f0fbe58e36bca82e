import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import { type FileIdentity, FolderGone, type SurveyOutcome } from '../../../src/disk/storage.js';
import type { FoundJournal } from '../../../src/disk/target.js';
import { sumOf } from '../../../src/resume/journal-format.js';
import {
  DEFAULT_JOURNAL_KEEPER_OPTIONS,
  JournalKeeper,
  type StartingPoint,
} from '../../../src/resume/journal-keeper.js';
import type { JournaledStorage } from '../../../src/resume/journaled-storage.js';
import { type JournalContents, readJournal } from '../../../src/resume/read-journal.js';
import {
  BAD_SECTOR,
  DEFAULT_MEMORY_JOURNAL_OPTIONS,
  DISK_FULL,
  journaled,
  MemoryJournal,
} from '../../support/fakes/memory-journal.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../../support/fakes/memory-storage.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { Timeline } from '../../support/simulation/timeline.js';

const KIB = 1024;
const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: 100 * KIB },
    { path: 't/b', length: 156 * KIB },
  ],
  4 * KIB,
);
const OWNER = {
  infoHash: SAMPLE.metainfo.infoHash,
  pieceCount: SAMPLE.metainfo.pieceCount,
  fileCount: SAMPLE.metainfo.files.length,
};
const NOTHING: StartingPoint = {
  rewrites: false,
  verified: [],
  unfinished: new Map(),
  files: new Map(),
  unflushed: [],
};

class World {
  readonly timeline = new Timeline();
  readonly log: string[] = [];
  readonly disk: MemoryStorage;
  readonly file: MemoryJournal;
  readonly keeper: JournalKeeper;
  readonly storage: JournaledStorage;
  readonly warnings: string[] = [];

  constructor(
    options: {
      latency?: number;
      found?: FoundJournal;
      minLength?: number;
      length?: number;
      content?: Buffer;
      claimsFiles?: boolean;
    } = {},
  ) {
    const { latency = 0, found = null, content = null } = options;
    const { timeline, log } = this;
    const diskLog: string[] = [];
    diskLog.push = (...lines) => log.push(...lines.filter((line) => /^(sync|close)/.test(line)));
    this.disk = new MemoryStorage(SAMPLE.metainfo, timeline, {
      ...DEFAULT_MEMORY_STORAGE_OPTIONS,
      latency,
      content,
      log: diskLog,
    });
    this.file = new MemoryJournal(timeline, { ...DEFAULT_MEMORY_JOURNAL_OPTIONS, latency, found, log });
    this.keeper = new JournalKeeper(
      {
        timers: timeline,
        random: seededRandom(1),
        layout: SAMPLE.layout,
        owner: OWNER,
        storage: this.disk,
        file: this.file,
        claimsFiles: options.claimsFiles ?? false,
        warned: (code, message) => this.warnings.push(`${code}: ${message}`),
      },
      {
        ...DEFAULT_JOURNAL_KEEPER_OPTIONS,
        length: options.length ?? DEFAULT_JOURNAL_KEEPER_OPTIONS.length,
        minLength: options.minLength ?? DEFAULT_JOURNAL_KEEPER_OPTIONS.minLength,
      },
    );
    this.storage = journaled(this.disk, SAMPLE.layout, this.keeper);
  }

  begin(start: StartingPoint = NOTHING): this {
    this.keeper.begin(start, () => this.log.push('begun'));
    this.timeline.run(100);
    return this;
  }

  commit(...pieces: number[]): void {
    for (const piece of pieces)
      this.storage.commitPiece(SAMPLE.piece(piece), { data: Buffer.from(SAMPLE.bytesOf(piece)) }, (outcome) =>
        assert.deepEqual(outcome, { ok: true, matches: true }),
      );
  }

  end(): void {
    this.keeper.end(() => this.log.push('ended'));
    this.timeline.run(100);
  }

  get contents(): JournalContents | null {
    const found = this.file.image(null);
    return found === null ? null : readJournal(found.bytes, OWNER);
  }

  /** The pieces that the journal names, in its order. */
  get pieces(): number[] {
    return (this.contents?.runs ?? []).flatMap(({ first, end }) =>
      Array.from({ length: end - first }, (_, at) => first + at),
    );
  }

  identities(): Map<number, FileIdentity | null> {
    const found = new Map<number, FileIdentity | null>();
    this.disk.survey((outcome: SurveyOutcome) => {
      if (outcome.ok) for (const [file, { identity }] of outcome.files.entries()) found.set(file, identity);
    });
    this.timeline.run(50);
    return found;
  }
}

/** The disk of `world` flushes only when the test calls the next one of the functions that this returns. */
function holdSyncs({ disk }: World): (() => void)[] {
  const held: (() => void)[] = [];
  const sync = disk.sync.bind(disk);
  disk.sync = (also, answered) => held.push(() => sync(also, answered));
  return held;
}

test('data of half a second is flushed once and only then written down', () => {
  const world = new World({ latency: 10 }).begin();
  world.commit(3, 4, 30);
  world.timeline.run(400);
  assert.deepEqual(world.log, ['begun']);
  assert.equal(world.contents, null);
  world.timeline.run(1_000);
  assert.deepEqual(world.log, ['begun', 'sync', 'replace']);
  assert.deepEqual(world.pieces, [3, 4, 30]);
  world.commit(31);
  world.timeline.run(2_000);
  assert.deepEqual(world.log.slice(3), ['sync', 'append']);
  assert.deepEqual(world.pieces, [3, 4, 30, 31]);
  world.timeline.run(60_000);
  assert.equal(world.log.length, 5, 'nothing more is written while nothing comes');
});

test('the journal records the files as they were at their flush', () => {
  const world = new World().begin();
  world.commit(0);
  world.timeline.run(2_000);
  const then = world.identities();
  assert.deepEqual([...(world.contents?.files ?? [])], [[0, then.get(0)]]);
  world.commit(63);
  world.timeline.run(2_000);
  assert.deepEqual(world.contents?.files, world.identities());
});

test('a batch that has become long does not wait for its interval, and only one is under way at a time', () => {
  const world = new World({ latency: 50, length: 8 * KIB }).begin();
  world.commit(0, 1);
  world.timeline.run(120);
  assert.deepEqual(world.log, ['begun', 'sync']);
  world.commit(2, 3, 4, 5);
  world.timeline.run(500);
  assert.deepEqual(world.log, ['begun', 'sync', 'replace', 'sync', 'append', 'sync', 'append']);
  assert.deepEqual(world.pieces, [0, 1, 2, 3, 4, 5]);
});

test('a piece that the disk still flushes is named as written, not as flushed', () => {
  const world = new World().begin();
  const held = holdSyncs(world);
  world.commit(0);
  world.timeline.run(600);
  assert.equal(held.length, 1);
  assert.equal(world.file.image(null), null);
  world.timeline.run(200);
  assert.deepEqual(world.contents?.written, [{ first: 0, end: 1 }]);
  world.commit(1, 5);
  world.timeline.run(300);
  assert.deepEqual(world.log, ['begun', 'replace', 'append unflushed']);
  const written = [
    { first: 0, end: 1 },
    { first: 1, end: 2 },
    { first: 5, end: 6 },
  ];
  assert.deepEqual(world.contents, { runs: [], written, files: new Map(), blocks: new Map(), isClean: false });
  world.timeline.run(10_000);
  assert.equal(world.log.length, 3, 'each piece is named once');
  held.shift()?.();
  world.timeline.run(10);
  assert.deepEqual(world.pieces, [0]);
  world.timeline.run(1_000);
  held.shift()?.();
  world.timeline.run(10);
  assert.deepEqual(world.pieces, [0, 1, 5]);
});

test('an end during a flush names the pieces that are not flushed yet as written', () => {
  const world = new World().begin();
  world.disk.sync = () => undefined;
  world.commit(0);
  world.timeline.run(600);
  world.commit(1);
  world.timeline.run(10);
  world.end();
  assert.deepEqual(world.contents?.written, [{ first: 0, end: 2 }]);
  assert.ok(!world.log.includes('ended'));
});

test('closing names the pieces that are not flushed as written, and does not end the journal', () => {
  const world = new World().begin();
  world.commit(0, 1);
  world.timeline.run(10);
  world.keeper.closing();
  world.timeline.run(10);
  assert.deepEqual(world.contents?.written, [{ first: 0, end: 2 }]);
  world.storage.writeBlock(SAMPLE.piece(7), 0, SAMPLE.bytesOf(7), () => undefined);
  world.timeline.run(10);
  world.end();
  assert.deepEqual(world.pieces, [0, 1]);
  assert.equal(world.contents?.blocks.size, 1);
  assert.equal(world.log.at(-1), 'ended');
});

test('blocks that go to the disk one by one are written down once they are flushed, until their piece is whole', () => {
  const world = new World({ latency: 10 }).begin();
  const piece = SAMPLE.piece(7);
  world.storage.writeBlock(piece, 0, SAMPLE.bytesOf(7), () => undefined);
  world.timeline.run(400);
  assert.equal(world.contents, null);
  world.timeline.run(1_000);
  assert.deepEqual(world.contents, {
    runs: [],
    written: [],
    files: new Map([[0, world.identities().get(0)]]),
    blocks: new Map([[7, new Map([[0, sumOf(SAMPLE.bytesOf(7))]])]]),
    isClean: false,
  });
  world.storage.checkPiece(piece, () => undefined);
  world.timeline.run(2_000);
  assert.deepEqual(world.pieces, [7]);
});

test('blocks of a piece with a wrong hash are withdrawn, and may come again', () => {
  const world = new World({ latency: 10 }).begin();
  const piece = SAMPLE.piece(7);
  const wrong = Buffer.alloc(4 * KIB, 1);
  world.storage.writeBlock(piece, 0, wrong, () => undefined);
  world.timeline.run(1_000);
  assert.deepEqual(world.contents?.blocks, new Map([[7, new Map([[0, sumOf(wrong)]])]]));
  world.storage.checkPiece(piece, (outcome) => assert.deepEqual(outcome, { ok: true, matches: false }));
  world.timeline.run(1_000);
  assert.deepEqual(world.contents?.blocks, new Map());
  world.storage.writeBlock(piece, 0, SAMPLE.bytesOf(7), () => undefined);
  world.timeline.run(20);
  world.end();
  assert.deepEqual(world.contents?.blocks, new Map([[7, new Map([[0, sumOf(SAMPLE.bytesOf(7))]])]]));
});

test('blocks of the last run are written down again, also when a journal that has grown is written anew', () => {
  const unfinished = new Map([[SAMPLE.piece(3), new Map([[0, 77]])]]);
  const world = new World({ minLength: 1, length: 1 }).begin({ ...NOTHING, rewrites: true, unfinished });
  assert.deepEqual(world.contents?.blocks, unfinished);
  for (const piece of [10, 11, 12, 40, 41, 42]) {
    world.commit(piece);
    world.timeline.run(50);
  }
  assert.ok(world.log.filter((line) => line === 'replace').length > 1);
  assert.deepEqual(world.contents?.blocks, unfinished);
  world.commit(3);
  world.timeline.run(50);
  world.commit(20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 50, 52, 54, 56, 58, 60, 62);
  world.timeline.run(50);
  assert.deepEqual(world.contents?.blocks, new Map(), 'nothing is left to be said of a verified piece');
});

test('a part of a block is not written down as a block', () => {
  const world = new World().begin();
  world.storage.writeBlock(SAMPLE.piece(7), 0, SAMPLE.bytesOf(7).subarray(1), () => undefined);
  world.storage.writeBlock(SAMPLE.piece(8), 1, SAMPLE.bytesOf(7).subarray(1), () => undefined);
  world.timeline.run(1_000);
  assert.deepEqual(world.contents?.blocks, new Map());
});

test('an end writes down the rest, then the record that the files stay as they are', () => {
  const world = new World({ latency: 5 }).begin();
  world.commit(0, 1);
  world.timeline.run(20);
  world.end();
  assert.deepEqual(world.pieces, [0, 1]);
  assert.equal(world.contents?.isClean, true);
  assert.deepEqual(world.contents?.files.get(0), world.identities().get(0));
  assert.equal(world.log.at(-1), 'ended');
});

test("closing the storage waits for the disk's work, and for the last record of the journal", () => {
  const world = new World({ latency: 20 }).begin();
  const told: string[] = [];
  for (const piece of [0, 1, 2])
    world.storage.commitPiece(SAMPLE.piece(piece), { data: Buffer.from(SAMPLE.bytesOf(piece)) }, () =>
      told.push(`${piece}`),
    );
  world.timeline.run(30);
  world.storage.close(() => told.push('closed'));
  world.timeline.run(1_000);
  assert.deepEqual(told, ['0', 'closed'], 'nothing is answered after it was asked to close');
  assert.deepEqual(world.pieces, [0, 1, 2], 'but all that the disk has is written down');
  assert.equal(world.contents?.isClean, true);
});

test('an end during a batch waits for the batch', () => {
  for (let delay = 0; delay < 200; delay += 7) {
    const world = new World({ latency: 20 }).begin();
    world.commit(5);
    world.timeline.run(450 + delay);
    world.keeper.end(() => world.log.push('ended'));
    world.timeline.run(1_000);
    assert.equal(world.log.filter((line) => line === 'ended').length, 1);
    assert.deepEqual(world.pieces, [5]);
    assert.equal(world.contents?.isClean, true);
    assert.equal(world.timeline.pending, 0);
  }
});

test('when no data came, nothing is written, and the end does not wait', () => {
  const world = new World({ latency: 20 }).begin();
  world.end();
  assert.deepEqual(world.log, ['begun', 'ended']);
  assert.equal(world.contents, null);
});

test('when all is done, the journal is removed, also one that lay there before', () => {
  const long = new World({ latency: 1 }).begin();
  long.commit(0);
  long.timeline.run(2_000);
  long.commit(1);
  long.keeper.complete();
  long.end();
  assert.deepEqual(long.log.slice(-2), ['remove', 'ended']);
  assert.equal(long.file.image(null), null);

  const short = new World().begin();
  short.commit(0, 1);
  short.timeline.run(10);
  short.keeper.complete();
  short.end();
  assert.deepEqual(short.log, ['begun', 'remove', 'ended']);
});

test('what was found at the start is written down before anything is written to the files', () => {
  const before = new World().begin();
  before.commit(0, 1, 2);
  before.timeline.run(10);
  before.end();
  const found = before.file.image(null);
  assert.ok(found !== null);
  const files = new Map([[0, before.identities().get(0) as FileIdentity]]);
  const world = new World({ latency: 30, found });
  world.begin({
    rewrites: true,
    verified: [SAMPLE.piece(0), SAMPLE.piece(2)],
    unfinished: new Map(),
    files,
    unflushed: [],
  });
  assert.deepEqual(world.log, ['replace', 'begun']);
  assert.deepEqual(world.contents, {
    runs: [
      { first: 0, end: 1 },
      { first: 2, end: 3 },
    ],
    written: [],
    files,
    blocks: new Map(),
    isClean: false,
  });
});

test('pieces that were hashed are flushed before they are written down, because they may not be flushed', () => {
  const world = new World({ latency: 10, content: SAMPLE.content });
  const files = world.identities() as Map<number, FileIdentity>;
  world.begin({ rewrites: true, verified: [SAMPLE.piece(40)], unfinished: new Map(), files, unflushed: [1] });
  assert.deepEqual(world.log, ['sync 1', 'replace', 'begun']);
  assert.deepEqual(world.contents, {
    runs: [{ first: 40, end: 41 }],
    written: [],
    files,
    blocks: new Map(),
    isClean: false,
  });
});

test('when all is done, an older journal is removed even if this run has not written it', () => {
  const found = { bytes: Buffer.from('whatever it says'), changedAt: 0n, doubt: null };
  const world = new World({ found });
  world.begin(NOTHING);
  world.keeper.complete();
  world.end();
  assert.deepEqual(world.log, ['begun', 'remove', 'ended']);
});

test('a journal that has grown is written anew, and says the same', () => {
  const world = new World({ minLength: 400, length: 1 }).begin();
  const order = Array.from({ length: 64 }, (_, index) => (index * 37) % 64);
  for (const piece of order) {
    world.commit(piece);
    world.timeline.run(5);
    const length = world.file.image(null)?.bytes.length ?? 0;
    assert.ok(length <= 2 * (52 + 9 * 3 + 36 * 2 + 64 * 8), `${length} bytes`);
  }
  assert.ok(world.log.filter((line) => line === 'replace').length > 2, world.log.join());
  assert.deepEqual(
    [...world.pieces].sort((a, b) => a - b),
    Array.from({ length: 64 }, (_, index) => index),
  );
  assert.deepEqual(world.pieces.slice(-20), order.slice(-20), 'the newest are still known as such');
});

test('on a full disk the journal waits, and says everything when there is room', () => {
  const world = new World({ latency: 1 }).begin();
  world.commit(0);
  world.timeline.run(2_000);
  world.file.fail(DISK_FULL);
  world.commit(1);
  world.timeline.run(2_000);
  assert.deepEqual(world.pieces, [0], 'what it said stays');
  world.file.fail(null);
  world.commit(2);
  world.timeline.run(2_000);
  assert.deepEqual(world.log, ['begun', 'sync', 'replace', 'sync', 'append', 'sync', 'replace']);
  assert.deepEqual(world.pieces, [0, 1, 2]);
  assert.deepEqual(world.warnings, ['no-journal: the resume journal waits for room on the disk: no space left']);
  world.file.fail(DISK_FULL);
  world.commit(3);
  world.timeline.run(2_000);
  world.file.fail(null);
  world.end();
  assert.deepEqual(world.pieces, [0, 1, 2, 3]);
  assert.equal(world.contents?.isClean, true);
});

test('a journal whose folder is gone waits for it, and says everything when it is back', () => {
  const world = new World({ latency: 1 }).begin();
  world.commit(0);
  world.timeline.run(2_000);
  const gone = new FolderGone('is its disk unmounted?');
  world.disk.failNext('sync', gone);
  world.commit(1);
  world.timeline.run(1_000);
  world.file.fail(gone);
  world.timeline.run(2_000);
  assert.deepEqual(world.pieces, [0], 'what it said stays');
  world.file.fail(null);
  world.commit(2);
  world.timeline.run(2_000);
  assert.deepEqual(world.pieces, [0, 1, 2]);
  assert.deepEqual(world.warnings, ['no-journal: the resume journal waits for its disk: is its disk unmounted?']);
  world.end();
  assert.equal(world.contents?.isClean, true);
});

test('a journal whose folder is gone does not delay the end for ever', () => {
  const world = new World({ latency: 1 }).begin();
  world.disk.sync = (_also, answered) => {
    world.timeline.addTask(() => answered({ ok: false, failure: new FolderGone('is its disk unmounted?') }), 1);
  };
  world.commit(0);
  world.timeline.run(2_000);
  world.end();
  world.timeline.run(1_100);
  assert.equal(world.log.at(-1), 'ended');
});

test('a journal that fails is removed with one warning, and the download goes on', () => {
  const world = new World({ latency: 1 }).begin();
  world.commit(0);
  world.timeline.run(2_000);
  world.file.fail(BAD_SECTOR);
  world.commit(1);
  world.timeline.run(1_005);
  world.file.fail(null);
  world.commit(2);
  world.timeline.run(60_000);
  assert.deepEqual(world.log, ['begun', 'sync', 'replace', 'sync', 'append', 'remove']);
  assert.deepEqual(world.warnings, [
    'no-journal: no resume journal is kept, so that the next start hashes everything: a bad sector',
  ]);
  world.end();
  assert.equal(world.log.at(-1), 'ended');
});

test('a journal that alone tells which files are ours still says so when it is given up, and no more', () => {
  const world = new World({ latency: 1, claimsFiles: true }).begin();
  world.commit(0);
  world.timeline.run(2_000);
  const before = world.contents?.files;
  world.disk.failNext('sync', new BtgetError('io', 'a bad sector'));
  world.commit(1);
  world.timeline.run(5_000);
  assert.deepEqual(world.log.slice(-2), ['sync', 'replace']);
  assert.deepEqual(world.pieces, []);
  assert.ok(before !== undefined && before.size > 0);
  for (const [file, then] of before) {
    const now = world.contents?.files.get(file);
    assert.deepEqual([now?.inode, now?.bornAt], [then.inode, then.bornAt]);
    assert.ok((now?.changedAt ?? 0n) > BigInt(Number.MAX_SAFE_INTEGER), 'younger than any file');
  }
  const none = new World({ latency: 1, claimsFiles: true }).begin();
  none.file.fail(BAD_SECTOR);
  none.commit(0);
  none.timeline.run(2_000);
  assert.deepEqual(none.log.slice(-3), ['replace', 'replace', 'remove']);
});

test('pieces of a flush that failed are never named as flushed', () => {
  const world = new World({ latency: 1 }).begin();
  world.commit(0);
  world.disk.failNext('sync', new BtgetError('io', 'a bad sector'));
  world.timeline.run(5_000);
  assert.deepEqual(world.log, ['begun', 'sync', 'remove']);
  assert.match(world.warnings.join(), /a bad sector/);
  assert.equal(world.contents, null);
});

test('after a failure at the start or at the end the caller is still answered', () => {
  const start = new World();
  start.file.fail(BAD_SECTOR);
  start.begin({ ...NOTHING, rewrites: true, verified: [SAMPLE.piece(0)] });
  assert.deepEqual(start.log, ['replace', 'remove', 'begun']);
  const end = new World().begin();
  end.commit(0);
  end.timeline.run(0);
  end.file.fail(BAD_SECTOR);
  end.end();
  assert.deepEqual(end.log, ['begun', 'replace', 'sync', 'remove', 'ended']);
});

test('a journal that fails while the disk flushes delays neither the end nor a new beginning', () => {
  const failedInFlush = (
    before: (world: World) => void = () => undefined,
  ): { readonly world: World; readonly flushed: () => void } => {
    const world = new World().begin();
    const held = holdSyncs(world);
    world.commit(0);
    world.timeline.run(600);
    before(world);
    world.file.fail(BAD_SECTOR);
    world.timeline.run(1_000);
    assert.deepEqual(world.log, ['begun', 'replace', 'remove']);
    assert.equal(world.warnings.length, 1);
    const flushed = (): void => {
      held.shift()?.();
      world.timeline.run(10);
    };
    return { world, flushed };
  };
  const ended = failedInFlush();
  ended.flushed();
  ended.world.end();
  assert.equal(ended.world.log.at(-1), 'ended');
  const ending = failedInFlush();
  ending.world.end();
  assert.notEqual(ending.world.log.at(-1), 'ended', 'the disk still writes');
  ending.flushed();
  assert.equal(ending.world.log.at(-1), 'ended');
  const again = failedInFlush(({ keeper, log }) => keeper.beginAgain([], new Map(), () => log.push('begun again')));
  again.flushed();
  assert.equal(again.world.log.at(-1), 'begun again');
});

test('a journal that fails while it begins anew delays nothing', () => {
  const world = new World().begin();
  world.commit(0);
  world.timeline.run(2_000);
  const held = holdSyncs(world);
  world.keeper.beginAgain([], new Map(), () => world.log.push('begun again'));
  world.commit(1);
  world.timeline.run(10);
  world.file.fail(BAD_SECTOR);
  world.keeper.closing();
  world.timeline.run(10);
  assert.equal(world.warnings.length, 1);
  held.shift()?.();
  world.timeline.run(10);
  assert.equal(world.log.at(-1), 'begun again');
});

test('a journal that fails while its folder is gone does not delay the end', () => {
  const world = new World().begin();
  world.commit(0);
  world.timeline.run(2_000);
  world.disk.sync = (_also, answered) => {
    answered({ ok: false, failure: new FolderGone('d: the folder is gone') });
  };
  world.commit(1);
  world.timeline.run(600);
  world.file.fail(BAD_SECTOR);
  world.timeline.run(2_000);
  assert.equal(world.warnings.length, 1);
  world.end();
  assert.equal(world.log.at(-1), 'ended');
});

test('an abandoned keeper answers its end at once, and leaves the journal as it is', () => {
  const world = new World({ latency: 50 }).begin();
  world.commit(0);
  world.timeline.run(2_000);
  world.commit(1);
  world.timeline.run(50);
  world.keeper.end(() => world.log.push('ended'));
  world.keeper.abandon();
  assert.equal(world.log.at(-1), 'ended');
  world.timeline.run(5_000);
  assert.deepEqual(world.pieces, [0]);
  assert.equal(world.contents?.isClean, false);
});

test('a keeper that is abandoned during a batch answers an end that comes after that', () => {
  for (let delay = 0; delay < 200; delay += 7) {
    const world = new World({ latency: 50 }).begin();
    world.commit(0);
    world.timeline.run(450 + delay);
    world.keeper.abandon();
    world.keeper.end(() => world.log.push('ended'));
    assert.equal(world.log.at(-1), 'ended');
    world.timeline.run(5_000);
    assert.equal(world.log.filter((line) => line === 'ended').length, 1);
  }
});

test('a journal that is given up while the disk flushes keeps no end waiting', () => {
  for (const endsBefore of [true, false]) {
    const world = new World().begin();
    const held = holdSyncs(world);
    world.commit(0);
    world.timeline.run(600);
    assert.equal(held.length, 1);
    const end = (): void => world.keeper.end(() => world.log.push('ended'));
    world.file.fail(BAD_SECTOR);
    if (endsBefore) end();
    world.timeline.run(1_000);
    assert.equal(world.warnings.length, 1);
    held.shift()?.();
    world.timeline.run(10);
    if (!endsBefore) end();
    assert.equal(world.log.at(-1), 'ended');
    world.timeline.run(5_000);
    assert.equal(world.log.filter((line) => line === 'ended').length, 1);
  }
});
