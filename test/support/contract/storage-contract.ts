/** The contract that every storage keeps, wherever its bytes are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sha1, sha256 } from '../../../src/base/digest.js';
import {
  type CheckOutcome,
  type DoneOutcome,
  type FileIdentity,
  InconsistentHashes,
  type LeavesOutcome,
  type PieceSlot,
  type Storage,
  type SurveyOutcome,
  type SyncOutcome,
} from '../../../src/disk/storage.js';
import type { Metainfo } from '../../../src/metainfo/metainfo.js';
import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import { readsOf } from '../disk/block-reads.js';
import { type SampleFile, type SampleTorrent, sampleTorrent } from '../sample-torrent.js';
import { type V2SampleOptions, v2Torrent } from '../v2-torrent.js';

/** One implementation under test. */
export interface StorageHarness {
  readonly storage: Storage;
  /** A slot that holds `bytes`, as the implementation wants it. */
  slotOf(bytes: Buffer): PieceSlot;
  /** Asks, and lets time pass until the answer has come. */
  answer<T>(asking: (answered: (outcome: T) => void) => void): Promise<T>;
  /** Tidies up; the storage may be closed already. */
  end(): Promise<void>;
}

const KIB = 1024;

const PIECE_LENGTH = 32 * KIB;
const ONE: SampleFile = { path: 'a/one', length: 40 * KIB };
const EMPTY: SampleFile = { path: 'a/empty' };
const TWO: SampleFile = { path: 'a/sub/two', length: 70 * KIB + 5 };
const LINK: SampleFile = { path: 'a/link', symlink: 'a/one' };
const THREE: SampleFile = { path: 'a/three', length: 1000 };

/** The files of all versions are the same. `one` has pieces 0 and 1, `two` has 2 and 3, and begins or is all of 4. */
const TORRENTS: Readonly<Record<Metainfo['version'], () => SampleTorrent>> = {
  1: () =>
    sampleTorrent(
      [ONE, { path: 'a/.pad/24576', length: 24 * KIB, padding: true }, EMPTY, TWO, LINK, THREE],
      PIECE_LENGTH,
    ),
  2: () => v2Torrent([ONE, EMPTY, TWO, LINK, THREE], PIECE_LENGTH, '2'),
  hybrid: () => v2Torrent([ONE, EMPTY, TWO, LINK, THREE], PIECE_LENGTH, 'hybrid'),
};

export function describeStorage(name: string, create: (torrent: SampleTorrent) => StorageHarness): void {
  for (const version of ['1', '2', 'hybrid'] as const) {
    describeOne(`a storage: ${name}, version ${version}`, TORRENTS[version], create);
    if (version !== '1') describeTrees(`hash trees in a storage: ${name}, version ${version}`, version, create);
  }
}

type Create = (torrent: SampleTorrent) => StorageHarness;

/** The index of a file, by its path. */
function indexOf({ metainfo }: SampleTorrent, { path }: SampleFile): number {
  return metainfo.files.findIndex((file) => file.path.join('/') === path);
}

function describeOne(title: string, createTorrent: () => SampleTorrent, create: Create): void {
  describe(title, () => {
    const on = (title: string, action: (torrent: SampleTorrent, harness: StorageHarness) => Promise<void>): void => {
      it(title, async () => {
        const sample = createTorrent();
        const harness = create(sample);
        try {
          await action(sample, harness);
        } finally {
          await harness.end();
        }
      });
    };
    const commit = (sample: SampleTorrent, harness: StorageHarness, piece: number): Promise<CheckOutcome> =>
      harness.answer((answered) =>
        harness.storage.commitPiece(sample.piece(piece), harness.slotOf(sample.bytesOf(piece)), answered),
      );
    const commitAll = async (sample: SampleTorrent, harness: StorageHarness): Promise<void> => {
      for (let piece = 0; piece < sample.layout.pieceCount; piece += 1) {
        assert.deepEqual(await commit(sample, harness, piece), { ok: true, matches: true });
      }
    };
    const check = (sample: SampleTorrent, harness: StorageHarness, piece: number): Promise<CheckOutcome> =>
      harness.answer((answered) => harness.storage.checkPiece(sample.piece(piece), answered));
    /** The blocks, or null when the storage could not read them. */
    const read = async (
      sample: SampleTorrent,
      harness: StorageHarness,
      spans: readonly (readonly [piece: number, begin: number, length: number])[],
    ): Promise<readonly Buffer[] | null> => {
      const reads = readsOf(spans.map(([piece, begin, length]) => ({ piece: sample.piece(piece), begin, length })));
      const outcome = await harness.answer<DoneOutcome>((answered) => harness.storage.readBlocks(reads, answered));
      return outcome.ok ? reads.map(({ into }) => into) : null;
    };

    on('finds nothing before anything is written', async (sample, { storage, answer }) => {
      const outcome = await answer<SurveyOutcome>((answered) => storage.survey(answered));
      const absent = { found: 'absent', length: 0, identity: null, bothNames: false };
      assert.deepEqual(outcome, {
        ok: true,
        files: sample.metainfo.files.map(({ symlink }) =>
          symlink === null ? absent : { ...absent, symlink: 'absent' },
        ),
        hasBorderFile: false,
      });
    });

    on('never answers within the call', async (sample, harness) => {
      const { storage, slotOf, answer } = harness;
      const log: string[] = [];
      const calls: ((answered: () => void) => void)[] = [
        (answered) => storage.survey(answered),
        (answered) => storage.commitPiece(sample.piece(0), slotOf(sample.bytesOf(0)), answered),
        (answered) => storage.writeBlock(sample.piece(1), 0, sample.bytesOf(1), answered),
        (answered) => storage.checkPiece(sample.piece(0), answered),
        (answered) => storage.readBlocks([], answered),
        (answered) => storage.readBlocks(readsOf([{ piece: sample.piece(0), begin: 0, length: 5 }]), answered),
        (answered) => storage.demoteFile(indexOf(sample, ONE), false, answered),
        ...sample.metainfo.files.flatMap(({ padding, length }, file) =>
          padding || length === 0 ? [(answered: () => void) => storage.finishFile(file, answered)] : [],
        ),
        (answered) => storage.sync([indexOf(sample, ONE)], answered),
        (answered) => storage.close(answered),
      ];
      for (const [index, call] of calls.entries()) {
        await answer<void>((answered) => {
          call(() => {
            log.push(`answered ${index}`);
            answered();
          });
          log.push(`asked ${index}`);
        });
      }
      assert.deepEqual(
        log,
        calls.flatMap((_, index) => [`asked ${index}`, `answered ${index}`]),
      );
    });

    on('keeps a right piece, and says so when asked to check it', async (sample, harness) => {
      assert.deepEqual(await commit(sample, harness, 1), { ok: true, matches: true });
      assert.deepEqual(await check(sample, harness, 1), { ok: true, matches: true });
      const last = sample.layout.pieceCount - 1;
      assert.deepEqual(await commit(sample, harness, last), { ok: true, matches: true });
      assert.deepEqual(await check(sample, harness, last), { ok: true, matches: true });
    });

    on('writes nothing of a wrong piece', async (sample, harness) => {
      const bytes = Buffer.from(sample.bytesOf(2));
      bytes[7] = (bytes[7] as number) ^ 1;
      const outcome = await harness.answer<CheckOutcome>((answered) =>
        harness.storage.commitPiece(sample.piece(2), harness.slotOf(bytes), answered),
      );
      assert.ok(outcome.ok && !outcome.matches);
      assert.deepEqual(await check(sample, harness, 2), { ok: true, matches: false });
    });

    on('hashes only as much of a slot as the piece is long', async (sample, harness) => {
      const last = sample.layout.pieceCount - 1;
      const longer = Buffer.concat([sample.bytesOf(last), Buffer.alloc(100, 7)]);
      const outcome = await harness.answer<CheckOutcome>((answered) =>
        harness.storage.commitPiece(sample.piece(last), harness.slotOf(longer), answered),
      );
      assert.deepEqual(outcome, { ok: true, matches: true });
    });

    on('says that bytes which are not there do not match', async (sample, harness) => {
      assert.deepEqual(await check(sample, harness, 0), { ok: true, matches: false });
      await commit(sample, harness, 0);
      assert.deepEqual(await check(sample, harness, 1), { ok: true, matches: false });
    });

    on('takes a piece block by block, in any order, and checks it afterwards', async (sample, harness) => {
      const bytes = sample.bytesOf(1);
      for (const begin of [16 * KIB, 0]) {
        const data = Buffer.from(bytes.subarray(begin, begin + 16 * KIB));
        const outcome = await harness.answer<DoneOutcome>((answered) => {
          harness.storage.writeBlock(sample.piece(1), begin, data, answered);
          data.fill(0);
        });
        assert.deepEqual(outcome, { ok: true });
      }
      assert.deepEqual(await check(sample, harness, 1), { ok: true, matches: true });
    });

    on('reads what was written, over files, padding and pieces', async (sample, harness) => {
      await commitAll(sample, harness);
      const spans: [number, number, number][] = [
        [0, 0, 16 * KIB],
        [0, 16 * KIB, 16 * KIB],
        [1, 0, 16 * KIB],
        [3, 100, 1],
        [1, 16 * KIB, 16 * KIB],
        [4, 0, sample.bytesOf(4).length],
        [sample.layout.pieceCount - 1, 0, 1000],
      ];
      const blocks = await read(sample, harness, spans);
      assert.deepEqual(
        blocks?.map((block) => block.toString('hex')),
        spans.map(([piece, begin, length]) => {
          const padded = Buffer.concat([sample.bytesOf(piece), Buffer.alloc(PIECE_LENGTH)]);
          return padded.subarray(begin, begin + length).toString('hex');
        }),
      );
    });

    on('fails to read when one run is not there', async (sample, harness) => {
      await commit(sample, harness, 0);
      const spans: [number, number, number][] = [
        [0, 0, 100],
        [3, 0, 100],
      ];
      assert.equal(await read(sample, harness, spans), null);
    });

    on('tells parts from finished files', async (sample, harness) => {
      const { storage, answer } = harness;
      await commitAll(sample, harness);
      const found = async (): Promise<readonly string[]> => {
        const outcome = await answer<SurveyOutcome>((answered) => storage.survey(answered));
        assert.ok(outcome.ok);
        const { files } = outcome;
        return [ONE, EMPTY, TWO, LINK, THREE].map((file) => {
          const survey = files[indexOf(sample, file)];
          return survey?.symlink === undefined ? `${survey?.found} ${survey?.length}` : `link ${survey.symlink}`;
        });
      };
      const [one, two, three] = [`${40 * KIB}`, `${70 * KIB + 5}`, '1000'];
      assert.deepEqual(await found(), [`part ${one}`, 'absent 0', `part ${two}`, 'link absent', `part ${three}`]);
      for (const file of sample.metainfo.files.keys()) {
        assert.deepEqual(await answer<DoneOutcome>((answered) => storage.finishFile(file, answered)), { ok: true });
      }
      assert.deepEqual(await found(), [`final ${one}`, 'final 0', `final ${two}`, 'link right', `final ${three}`]);
      const demote = (answered: (outcome: DoneOutcome) => void): void =>
        storage.demoteFile(indexOf(sample, TWO), false, answered);
      assert.deepEqual(await answer<DoneOutcome>(demote), { ok: true });
      assert.equal((await found())[2], `part ${two}`);
      assert.deepEqual(await check(sample, harness, 3), { ok: true, matches: true });
    });

    on('reads and checks finished files as before', async (sample, harness) => {
      await commitAll(sample, harness);
      await read(sample, harness, [[0, 0, 10]]);
      for (const file of sample.metainfo.files.keys()) {
        await harness.answer<DoneOutcome>((answered) => harness.storage.finishFile(file, answered));
      }
      assert.deepEqual(await read(sample, harness, [[0, 5, 10]]), [sample.bytesOf(0).subarray(5, 15)]);
      for (let piece = 0; piece < sample.layout.pieceCount; piece += 1) {
        assert.deepEqual(await check(sample, harness, piece), { ok: true, matches: true });
      }
    });

    on(
      'flushes the files that were written to, and others that it is asked for, and tells the identity of each',
      async (sample, harness) => {
        const sync = async (...also: number[]): Promise<ReadonlyMap<number, FileIdentity>> => {
          const outcome = await harness.answer<SyncOutcome>((answered) => harness.storage.sync(also, answered));
          assert.ok(outcome.ok);
          return outcome.flushed;
        };
        const [one, two, three] = [ONE, TWO, THREE].map((file) => indexOf(sample, file)) as [number, number, number];
        assert.equal((await sync(one, two)).size, 0, 'nothing is there yet');
        await commit(sample, harness, 0);
        const [first, ...others] = await sync();
        assert.deepEqual([first?.[0], others], [one, []]);
        assert.equal((await sync()).size, 0, 'nothing was written since');
        assert.deepEqual([...(await sync(one, three))], [first]);
        await commitAll(sample, harness);
        const all = await sync();
        assert.deepEqual([...all.keys()].sort(), [one, two, three].sort(), 'no padding, no link, no empty file');
        const outcome = await harness.answer<SurveyOutcome>((answered) => harness.storage.survey(answered));
        assert.ok(outcome.ok);
        for (const [file, identity] of all) assert.deepEqual(identity, outcome.files[file]?.identity, `file ${file}`);
        assert.equal(all.get(one)?.inode, first?.[1].inode);
        assert.equal(all.get(one)?.bornAt, first?.[1].bornAt);
        assert.equal(new Set([...all.values()].map(({ inode }) => inode)).size, 3);
      },
    );

    on('keeps the identity of a file that gets its final name', async (sample, harness) => {
      await commitAll(sample, harness);
      const identity = async (): Promise<FileIdentity | null | undefined> => {
        const outcome = await harness.answer<SurveyOutcome>((answered) => harness.storage.survey(answered));
        return outcome.ok ? outcome.files[indexOf(sample, ONE)]?.identity : undefined;
      };
      const before = await identity();
      assert.equal(before?.length, 40 * KIB);
      const finish = (answered: (outcome: DoneOutcome) => void): void =>
        harness.storage.finishFile(indexOf(sample, ONE), answered);
      assert.deepEqual(await harness.answer<DoneOutcome>(finish), { ok: true });
      assert.deepEqual(await identity(), before);
    });

    on('answers only that it is closed once it is asked to close', async (sample, harness) => {
      const { storage, slotOf, answer } = harness;
      const log: string[] = [];
      storage.commitPiece(sample.piece(0), slotOf(sample.bytesOf(0)), () => log.push('committed'));
      storage.checkPiece(sample.piece(0), () => log.push('checked'));
      storage.readBlocks(readsOf([{ piece: sample.piece(0), begin: 0, length: 1 }]), () => log.push('read'));
      storage.finishFile(indexOf(sample, EMPTY), () => log.push('finished'));
      await answer<void>((answered) =>
        storage.close(() => {
          log.push('closed');
          answered();
        }),
      );
      assert.deepEqual(log, ['closed']);
    });
  });
}

/** The SHA-256 of each block of `content`. */
function leavesOf(content: Buffer): readonly string[] {
  return Array.from({ length: Math.ceil(content.length / BLOCK_LENGTH) }, (_, block) =>
    sha256(content.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH)).toString('hex'),
  );
}

function listed(leaves: Buffer | undefined): readonly string[] {
  return Array.from({ length: (leaves?.length ?? 0) / 32 }, (_, at) =>
    (leaves as Buffer).subarray(at * 32, (at + 1) * 32).toString('hex'),
  );
}

/** What only torrents with hash trees have. */
function describeTrees(title: string, version: '2' | 'hybrid', create: Create): void {
  describe(title, () => {
    const on = (
      title: string,
      action: (torrent: SampleTorrent, harness: StorageHarness) => Promise<void>,
      options: V2SampleOptions = {},
    ): void => {
      it(title, async () => {
        const sample = v2Torrent([ONE, EMPTY, TWO, LINK, THREE], PIECE_LENGTH, version, options);
        const harness = create(sample);
        try {
          await action(sample, harness);
        } finally {
          await harness.end();
        }
      });
    };
    const commit = (
      sample: SampleTorrent,
      { storage, slotOf, answer }: StorageHarness,
      piece: number,
      bytes = sample.bytesOf(piece),
    ): Promise<CheckOutcome> => answer((answered) => storage.commitPiece(sample.piece(piece), slotOf(bytes), answered));
    const check = (sample: SampleTorrent, { storage, answer }: StorageHarness, piece: number): Promise<CheckOutcome> =>
      answer((answered) => storage.checkPiece(sample.piece(piece), answered));
    const write = async (sample: SampleTorrent, { storage, answer }: StorageHarness, piece: number, bytes: Buffer) => {
      for (let begin = 0; begin < bytes.length; begin += BLOCK_LENGTH) {
        const block = bytes.subarray(begin, begin + BLOCK_LENGTH);
        const written = await answer<DoneOutcome>((answered) =>
          storage.writeBlock(sample.piece(piece), begin, block, answered),
        );
        assert.deepEqual(written, { ok: true });
      }
    };
    const contentOf = (sample: SampleTorrent, piece: number): Buffer =>
      sample.bytesOf(piece).subarray(0, sample.layout.contentLengthOf(sample.piece(piece)));
    const flipped = (bytes: Buffer, at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] as number) ^ 1;
      return copy;
    };
    const pieces = [0, 1, 2, 3, 4, 5];

    on('tell which block of a piece is wrong, and nothing of a right one', async (sample, harness) => {
      for (const piece of pieces) {
        const content = contentOf(sample, piece);
        const blocks = leavesOf(content);
        for (const block of blocks.keys()) {
          const bytes = flipped(sample.bytesOf(piece), block * BLOCK_LENGTH + 3);
          const outcome = await commit(sample, harness, piece, bytes);
          assert.ok(outcome.ok && !outcome.matches);
          assert.deepEqual(listed(outcome.leaves), leavesOf(bytes.subarray(0, content.length)));
          const differing = listed(outcome.leaves).flatMap((leaf, at) => (leaf === blocks[at] ? [] : [at]));
          assert.deepEqual(differing, [block], `piece ${piece}`);
        }
        assert.deepEqual(await commit(sample, harness, piece), { ok: true, matches: true });
        assert.deepEqual(await check(sample, harness, piece), { ok: true, matches: true });
      }
    });

    on('tell which block of a piece on the disk is wrong', async (sample, harness) => {
      for (const piece of pieces) {
        const content = contentOf(sample, piece);
        const bytes = flipped(sample.bytesOf(piece), content.length - 1);
        await write(sample, harness, piece, bytes);
        const outcome = await check(sample, harness, piece);
        assert.ok(outcome.ok && !outcome.matches);
        assert.deepEqual(listed(outcome.leaves), leavesOf(bytes.subarray(0, content.length)));
        await write(sample, harness, piece, sample.bytesOf(piece));
        assert.deepEqual(await check(sample, harness, piece), { ok: true, matches: true });
      }
    });

    on('tell the leaves of a piece that is there', async (sample, harness) => {
      const hash = (piece: number): Promise<LeavesOutcome> =>
        harness.answer((answered) => harness.storage.hashBlocks(sample.piece(piece), answered));
      for (const piece of pieces) {
        const before = await hash(piece);
        assert.ok(!before.ok && before.failure.code === 'io', `piece ${piece} is not there`);
        await commit(sample, harness, piece);
        const outcome = await hash(piece);
        assert.ok(outcome.ok);
        assert.deepEqual(listed(outcome.leaves), leavesOf(contentOf(sample, piece)));
      }
      for (const file of sample.metainfo.files.keys())
        await harness.answer<DoneOutcome>((answered) => harness.storage.finishFile(file, answered));
      const finished = await hash(3);
      assert.ok(finished.ok);
      assert.deepEqual(listed(finished.leaves), leavesOf(contentOf(sample, 3)));
    });

    on('tell no leaves of bytes that are not right any more', async (sample, harness) => {
      await write(sample, harness, 2, flipped(sample.bytesOf(2), 9));
      const outcome = await harness.answer<LeavesOutcome>((answered) =>
        harness.storage.hashBlocks(sample.piece(2), answered),
      );
      assert.ok(!outcome.ok && outcome.failure.code === 'io');
    });

    on('let a read reach behind the end of a file, where zeros are', async (sample, harness) => {
      for (const piece of pieces) await commit(sample, harness, piece);
      const reads = readsOf(pieces.map((piece) => ({ piece: sample.piece(piece), begin: 0, length: PIECE_LENGTH })));
      const tail = readsOf([{ piece: sample.piece(5), begin: BLOCK_LENGTH, length: BLOCK_LENGTH }]);
      const outcome = await harness.answer<DoneOutcome>((answered) =>
        harness.storage.readBlocks([...reads, ...tail], answered),
      );
      assert.deepEqual(outcome, { ok: true });
      for (const piece of pieces) {
        const content = contentOf(sample, piece);
        const padded = Buffer.concat([content, Buffer.alloc(PIECE_LENGTH - content.length)]);
        assert.ok(reads[piece]?.into.equals(padded), `piece ${piece}`);
      }
      assert.ok(tail[0]?.into.equals(Buffer.alloc(BLOCK_LENGTH)));
    });

    if (version === '2') return;

    const pieceHashes = Buffer.concat([
      ...pieces.map((piece) => (piece === 2 ? Buffer.alloc(20, 7) : sha1(TORRENTS.hybrid().bytesOf(piece)))),
    ]);
    on(
      'make a piece whose two hashes contradict each other a fault of the torrent',
      async (sample, harness) => {
        const isFault = (outcome: CheckOutcome): boolean =>
          !outcome.ok && outcome.failure instanceof InconsistentHashes && outcome.failure.piece === 2;
        assert.ok(isFault(await commit(sample, harness, 2)));
        assert.deepEqual(await check(sample, harness, 2), { ok: true, matches: false }, 'nothing was written');
        await write(sample, harness, 2, sample.bytesOf(2));
        assert.ok(isFault(await check(sample, harness, 2)));
        const wrong = await commit(sample, harness, 2, flipped(sample.bytesOf(2), 0));
        assert.ok(wrong.ok && !wrong.matches, 'wrong by both hashes');
        assert.deepEqual(await commit(sample, harness, 3), { ok: true, matches: true });
      },
      { info: { pieces: pieceHashes } },
    );

    on('do not blame the torrent, nor a block, for padding that is not zeros', async (sample, harness) => {
      for (const piece of [1, 4, 5]) {
        const bytes = flipped(sample.bytesOf(piece), PIECE_LENGTH - 1);
        assert.deepEqual(await commit(sample, harness, piece, bytes), { ok: true, matches: false });
        await write(sample, harness, piece, bytes);
        assert.deepEqual(await check(sample, harness, piece), { ok: true, matches: true }, 'padding is not written');
      }
    });
  });
}
