import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileIdentity, FileSurvey } from '../../../src/disk/storage.js';
import type { TorrentFile } from '../../../src/metainfo/metainfo.js';
import { piecesOfFile } from '../../../src/metainfo/piece-layout.js';
import { type Belief, believe, DEFAULT_BELIEF_OPTIONS } from '../../../src/resume/belief.js';
import { claimOf, NOT_THERE } from '../../../src/resume/own-journal.js';
import type { JournalContents } from '../../../src/resume/read-journal.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

const KIB = 1024;
const SECOND = 1_000_000_000n;
/** Pieces of 1 KiB: `a` has 0 to 9, `b` 9 to 19 (9 is shared), the pad file the rest of 19, `c` 20 to 29. */
const SAMPLE = sampleTorrent(
  [
    { path: 't/a', length: 9.5 * KIB },
    { path: 't/b', length: 10 * KIB },
    { path: 't/.pad/512', length: 512, padding: true },
    { path: 't/link', symlink: 't/a' },
    { path: 't/empty' },
    { path: 't/c', length: 10 * KIB },
  ],
  KIB,
);
const [A, B, C] = [0, 1, 5];
const WRITTEN_AT = 1000n * SECOND;

function identityOf(file: number, changes: Partial<FileIdentity> = {}): FileIdentity {
  const length = SAMPLE.metainfo.files[file]?.length ?? 0;
  return { length, changedAt: WRITTEN_AT - 5n, inode: BigInt(100 + file), bornAt: 7n, ...changes };
}

const THEN = new Map([A, B, C].map((file) => [file, identityOf(file)]));
const ALL = { first: 0, end: 30 };

interface Case {
  readonly contents?: Partial<JournalContents>;
  /** The files that differ from the journal's record, and how; null for a file that is gone. */
  readonly now?: Readonly<Record<number, Partial<FileIdentity> | null>>;
  readonly doubtLength?: number;
  readonly sampleLength?: number;
  readonly samplePieces?: number;
  /** Files that have their final name, and whether files grow under part names. */
  readonly final?: readonly number[];
  readonly partNames?: boolean;
  readonly possible?: (piece: number) => boolean;
  readonly seed?: number;
}

function beliefOf(one: Case): Belief {
  const { contents = {}, now = {}, doubtLength = 0, possible = () => true, seed = 1 } = one;
  const { final = [], partNames = true, sampleLength = 30 * KIB, samplePieces = 30 } = one;
  const survey = SAMPLE.metainfo.files.map((file, index): FileSurvey => {
    const change = now[index];
    const identity = change === null || file.padding || file.length === 0 ? null : identityOf(index, change);
    const found = identity === null ? 'absent' : final.includes(index) ? 'final' : 'part';
    return { found, length: identity?.length ?? 0, identity, bothNames: false };
  });
  return believe(
    {
      files: SAMPLE.metainfo.files,
      layout: SAMPLE.layout,
      random: seededRandom(seed),
      survey,
      possible: Array.from(SAMPLE.layout.pieceIndices()).filter(possible),
      contents: { runs: [ALL], written: [], files: THEN, blocks: new Map(), isClean: true, ...contents },
      writtenAt: WRITTEN_AT,
      partNames,
    },
    { ...DEFAULT_BELIEF_OPTIONS, doubtLength, sampleLength, samplePieces },
  );
}

/** What becomes of each piece: `B`elieved, `d`oubted, `?` for unknown, `.` for absent. */
function picture(one: Case): string {
  const belief = beliefOf(one);
  const marks = Array.from({ length: 30 }, () => '.');
  for (const [mark, pieces] of [
    ['B', belief.believed],
    ['d', belief.doubted],
    ['?', belief.unknown],
  ] as const)
    for (const piece of pieces) {
      assert.equal(marks[piece], '.', `piece ${piece} is in two lists`);
      marks[piece] = mark;
    }
  const text = marks.join('');
  return `${text.slice(0, 10)} ${text.slice(10, 20)} ${text.slice(20)}`;
}

/** As `picture`, but doubted pieces look like believed ones. */
function vouchedFor(one: Case): string {
  return picture(one).replaceAll('d', 'B');
}

test('after a clean end everything that the journal says is believed, and nothing else', () => {
  assert.equal(vouchedFor({}), 'BBBBBBBBBB BBBBBBBBBB BBBBBBBBBB');
  const runs = [
    { first: 25, end: 27 },
    { first: 3, end: 5 },
    { first: 9, end: 10 },
  ];
  assert.equal(vouchedFor({ contents: { runs } }), '...BB....B .......... .....BB...');
});

test('after a clean end one random piece of each file has to prove itself, and speaks for all files', () => {
  const drawn = new Set<number>();
  for (let seed = 0; seed < 200; seed += 1) {
    const { doubted, doubtedFor } = beliefOf({ seed });
    assert.equal(doubtedFor, 'all');
    for (const file of [A, B, C].map((index) => SAMPLE.metainfo.files[index] as TorrentFile)) {
      const { first, end } = piecesOfFile(file, SAMPLE.layout);
      assert.ok(
        doubted.some((piece) => piece >= first && piece < end),
        `${file.path} in ${doubted}`,
      );
    }
    // Two files may have drawn the same piece, which they share.
    assert.ok(doubted.length <= 3, doubted.join());
    for (const piece of doubted) drawn.add(piece);
  }
  assert.equal(drawn.size, 30, 'any piece');
});

test('after a clean end random files are hashed up to the limit, but at least one piece', () => {
  for (const bound of [{ samplePieces: 2 }, { sampleLength: 2 * KIB }, { sampleLength: 3 * KIB - 1 }]) {
    const drawn = new Set<number>();
    for (let seed = 0; seed < 100; seed += 1) {
      const { doubted } = beliefOf({ ...bound, seed });
      // One piece is left when two files have drawn the piece that they share and there is no room for a third file.
      assert.ok(doubted.length === 2 || doubted.length === 1, doubted.join());
      for (const piece of doubted) drawn.add(Math.floor(piece / 10));
    }
    assert.equal(drawn.size, 3, 'any file');
  }
  assert.equal(beliefOf({ sampleLength: KIB / 2 }).doubted.length, 1);
  assert.deepEqual(beliefOf({ contents: { runs: [] } }).doubted, []);
});

test('after an unclean end a piece that has to prove itself speaks only for its own files', () => {
  assert.equal(beliefOf({ contents: { isClean: false } }).doubtedFor, 'their files');
});

test('after a clean end a file that is not the same to the nanosecond is hashed, and no other', () => {
  const changes: readonly Partial<FileIdentity>[] = [
    { length: 9 * KIB },
    { length: 11 * KIB },
    { changedAt: WRITTEN_AT - 4n },
    { changedAt: WRITTEN_AT - 6n },
    { inode: 99n },
    { bornAt: 8n },
  ];
  for (const change of changes) {
    assert.equal(vouchedFor({ now: { [B]: change } }), 'BBBBBBBBB? ?????????? BBBBBBBBBB', Object.keys(change)[0]);
  }
});

test('a file that the journal does not name is hashed, with the piece that it shares', () => {
  const files = new Map([...THEN].filter(([file]) => file !== A));
  assert.equal(vouchedFor({ contents: { files } }), '?????????? BBBBBBBBBB BBBBBBBBBB');
});

test('a piece that a file is too short for is absent, whatever the journal says', () => {
  const possible = (piece: number): boolean => piece < 9 || piece >= 20;
  assert.equal(vouchedFor({ now: { [B]: null }, possible }), 'BBBBBBBBB. .......... BBBBBBBBBB');
});

test('after an unclean end a file may be longer and newer than at its flush, because the download wrote on', () => {
  const contents = { isClean: false };
  assert.doesNotMatch(picture({ contents, now: { [A]: { length: 20 * KIB } } }), /[?]/);
  assert.doesNotMatch(picture({ contents, now: { [A]: { changedAt: WRITTEN_AT + 30n * SECOND } } }), /[?]/);
});

test('after an unclean end a file is hashed when it is shorter, older, another one, or changed too late', () => {
  const contents = { isClean: false };
  const changes: readonly Partial<FileIdentity>[] = [
    { length: 9 * KIB },
    { changedAt: WRITTEN_AT - 6n },
    { changedAt: WRITTEN_AT + 61n * SECOND },
    { inode: 99n },
    { bornAt: 8n },
  ];
  for (const change of changes) {
    const [a, b, c] = picture({ contents, now: { [C]: change } }).split(' ');
    assert.equal(c, '??????????', Object.keys(change)[0]);
    assert.match(`${a}${b}`, /^[Bd]{20}$/);
  }
});

test('after an unclean end the newest pieces have to prove themselves, up to the length that a drive may lose', () => {
  const runs = [
    { first: 20, end: 30 },
    { first: 0, end: 3 },
    { first: 10, end: 12 },
  ];
  const newest = picture({ contents: { runs, isClean: false }, doubtLength: 4 * KIB });
  assert.match(newest, /^Bdd.{7} dd.{8} [Bd]{10}$/);
  assert.equal(newest.match(/d/g)?.length, 4 + 1, 'and one of c, which has none of the newest');
});

test('after an unclean end one random piece of each file has to prove itself', () => {
  const pictures = Array.from({ length: 60 }, (_, seed) => picture({ contents: { isClean: false }, seed }));
  for (const one of pictures) {
    const doubted = one.replaceAll(' ', '');
    assert.match(doubted.slice(0, 10), /d/);
    assert.match(doubted.slice(9, 20), /d/);
    assert.match(doubted.slice(20), /^B*dB*$/);
  }
  assert.equal(new Set(pictures.map((one) => one.split(' ')[2])).size, 10, 'any piece of c');
});

test('a file of which the journal says nothing has nothing to prove', () => {
  const contents = { runs: [{ first: 0, end: 5 }], isClean: false };
  assert.match(picture({ contents }), /^[Bd]{5}\.{5} \.{10} \.{10}$/);
});

test('pieces that were written and not flushed are hashed, and no others', () => {
  const runs = [{ first: 0, end: 12 }];
  const written = [{ first: 10, end: 14 }];
  assert.match(picture({ contents: { runs, written, isClean: false } }), /^[Bd]{10} [Bd]{2}\?{2}\.{6} \.{10}$/);
});

test('the pieces of a file with its final name are hashed when the journal does not name them', () => {
  const contents = { runs: [{ first: 0, end: 5 }], isClean: false };
  const without = picture({ contents });
  const withName = picture({ contents, final: [A] });
  const { first, end } = piecesOfFile(SAMPLE.metainfo.files[A] as TorrentFile, SAMPLE.layout);
  const expected = Array.from(without.replaceAll(' ', ''), (mark, piece) =>
    mark === '.' && piece >= first && piece < end ? '?' : mark,
  ).join('');
  assert.equal(withName.replaceAll(' ', ''), expected);
  assert.notEqual(withName, without);
  assert.equal(picture({ contents, final: [A], partNames: false }), without);
});

test('a file that a power cut left older and shorter is ours; one with other bytes or another birth is not', () => {
  const isOurs = (isClean: boolean, change: Partial<FileIdentity>, final = [B]): boolean =>
    beliefOf({ contents: { isClean }, now: { [B]: change }, final }).known.has(B);
  assert.ok(isOurs(false, { changedAt: 7n, length: 0 }));
  assert.ok(!isOurs(true, { changedAt: 7n }), 'after a clean end nothing is lost');
  assert.ok(!isOurs(false, { changedAt: 6n }), 'a copy keeps the time of what was there before our file was');
  assert.ok(!isOurs(false, { changedAt: WRITTEN_AT + 61n * SECOND }));
  assert.ok(!isOurs(false, { changedAt: 9n, bornAt: 8n }));
  assert.ok(!isOurs(false, { inode: 5n }));
  for (const change of [{ changedAt: 6n }, { changedAt: 9n, bornAt: 8n }, { inode: 5n }])
    assert.ok(!isOurs(false, change, []), 'nor is a part');
});

test('a file that the journal only claims is ours after a clean end too, while nothing has changed it since', () => {
  const files = new Map([[B, claimOf(identityOf(B))]]);
  const isOurs = (change: Partial<FileIdentity>, isClean = true): boolean =>
    beliefOf({ contents: { isClean, files }, now: { [B]: change }, final: [B], partNames: false }).known.has(B);
  assert.ok(isOurs({}));
  assert.ok(isOurs({ changedAt: WRITTEN_AT }));
  assert.ok(!isOurs({ changedAt: WRITTEN_AT + 1n }), 'somebody has written to it');
  assert.ok(isOurs({ changedAt: WRITTEN_AT + 1n }, false), 'the download has');
  assert.ok(!isOurs({ inode: 5n }));
  assert.ok(!isOurs({ changedAt: 6n }), 'a copy that keeps its time');
});

test('after a kill a part file of ours is ours, even when it was written to long after the last record', () => {
  const isOurs = (contents: Case['contents'], change: Partial<FileIdentity>): boolean =>
    beliefOf({ contents: { isClean: false, ...contents }, now: { [B]: change } }).known.has(B);
  assert.ok(isOurs({}, { changedAt: WRITTEN_AT + 1000n * SECOND }));
  assert.ok(!isOurs({ isClean: true }, { changedAt: WRITTEN_AT + 1000n * SECOND }));
  assert.ok(!isOurs({ files: new Map() }, {}), 'nothing is said of it');
});

test('after a kill a new part file is ours when the journal says that none was there; an older one is not', () => {
  const files = new Map([[B, NOT_THERE]]);
  const isOurs = (isClean: boolean, born: bigint, changed = born): boolean =>
    beliefOf({ contents: { isClean, files }, now: { [B]: { bornAt: born, changedAt: changed } } }).known.has(B);
  assert.ok(isOurs(false, WRITTEN_AT + 1n));
  assert.ok(isOurs(false, WRITTEN_AT - 59n * SECOND), 'the journal may be written in the meantime');
  assert.ok(!isOurs(false, WRITTEN_AT - 61n * SECOND));
  assert.ok(!isOurs(false, WRITTEN_AT + 2n, WRITTEN_AT), 'a copy that keeps its time');
  assert.ok(!isOurs(true, WRITTEN_AT + 1n), 'after a clean end all that we made is named');
});
