/** The contract that every storage keeps, wherever its bytes are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  CheckOutcome,
  DoneOutcome,
  FileIdentity,
  PieceSlot,
  Storage,
  SurveyOutcome,
  SyncOutcome,
} from '../../../src/disk/storage.js';
import { readsOf } from '../disk/block-reads.js';
import { type SampleTorrent, sampleTorrent } from '../sample-torrent.js';

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

function torrent(): SampleTorrent {
  return sampleTorrent(
    [
      { path: 'a/one', length: 40 * KIB },
      { path: 'a/.pad/24576', length: 24 * KIB, padding: true },
      { path: 'a/empty' },
      { path: 'a/sub/two', length: 70 * KIB + 5 },
      { path: 'a/link', symlink: 'a/one' },
      { path: 'a/three', length: 1000 },
    ],
    32 * KIB,
  );
}

export function describeStorage(name: string, create: (torrent: SampleTorrent) => StorageHarness): void {
  describe(`a storage: ${name}`, () => {
    const on = (title: string, action: (torrent: SampleTorrent, harness: StorageHarness) => Promise<void>): void => {
      it(title, async () => {
        const sample = torrent();
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
      assert.deepEqual(outcome, {
        ok: true,
        files: sample.metainfo.files.map(() => ({ found: 'absent', length: 0, identity: null, bothNames: false })),
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
        (answered) => storage.demoteFile(0, false, answered),
        (answered) => storage.finishFile(1, answered),
        (answered) => storage.finishFile(2, answered),
        (answered) => storage.sync([0], answered),
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
      assert.deepEqual(outcome, { ok: true, matches: false });
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
      ];
      const blocks = await read(sample, harness, spans);
      assert.deepEqual(
        blocks?.map((block) => block.toString('hex')),
        spans.map(([piece, begin, length]) =>
          sample
            .bytesOf(piece)
            .subarray(begin, begin + length)
            .toString('hex'),
        ),
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
        return outcome.files.map((file) => `${file.found} ${file.length}`);
      };
      const [one, two, three] = [`${40 * KIB}`, `${70 * KIB + 5}`, '1000'];
      assert.deepEqual(await found(), [
        `part ${one}`,
        'absent 0',
        'absent 0',
        `part ${two}`,
        'absent 0',
        `part ${three}`,
      ]);
      for (const file of sample.metainfo.files.keys()) {
        assert.deepEqual(await answer<DoneOutcome>((answered) => storage.finishFile(file, answered)), { ok: true });
      }
      assert.deepEqual(await found(), [
        `final ${one}`,
        'absent 0',
        'final 0',
        `final ${two}`,
        'absent 0',
        `final ${three}`,
      ]);
      assert.deepEqual(await answer<DoneOutcome>((answered) => storage.demoteFile(3, false, answered)), { ok: true });
      assert.equal((await found())[3], `part ${two}`);
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
        assert.equal((await sync(0, 3)).size, 0, 'nothing is there yet');
        await commit(sample, harness, 0);
        const [first, ...others] = await sync();
        assert.deepEqual([first?.[0], others], [0, []]);
        assert.equal((await sync()).size, 0, 'nothing was written since');
        assert.deepEqual([...(await sync(0, 5))], [first]);
        await commitAll(sample, harness);
        const all = await sync();
        assert.deepEqual([...all.keys()].sort(), [0, 3, 5], 'no padding, no link, no empty file');
        const outcome = await harness.answer<SurveyOutcome>((answered) => harness.storage.survey(answered));
        assert.ok(outcome.ok);
        for (const [file, identity] of all) assert.deepEqual(identity, outcome.files[file]?.identity, `file ${file}`);
        assert.equal(all.get(0)?.inode, first?.[1].inode);
        assert.equal(all.get(0)?.bornAt, first?.[1].bornAt);
        assert.equal(new Set([...all.values()].map(({ inode }) => inode)).size, 3);
      },
    );

    on('keeps the identity of a file that gets its final name', async (sample, harness) => {
      await commitAll(sample, harness);
      const identity = async (): Promise<FileIdentity | null | undefined> => {
        const outcome = await harness.answer<SurveyOutcome>((answered) => harness.storage.survey(answered));
        return outcome.ok ? outcome.files[0]?.identity : undefined;
      };
      const before = await identity();
      assert.equal(before?.length, 40 * KIB);
      const finish = (answered: (outcome: DoneOutcome) => void): void => harness.storage.finishFile(0, answered);
      assert.deepEqual(await harness.answer<DoneOutcome>(finish), { ok: true });
      assert.deepEqual(await identity(), before);
    });

    on('answers only that it is closed once it is asked to close', async (sample, harness) => {
      const { storage, slotOf, answer } = harness;
      const log: string[] = [];
      storage.commitPiece(sample.piece(0), slotOf(sample.bytesOf(0)), () => log.push('committed'));
      storage.checkPiece(sample.piece(0), () => log.push('checked'));
      storage.readBlocks(readsOf([{ piece: sample.piece(0), begin: 0, length: 1 }]), () => log.push('read'));
      storage.finishFile(2, () => log.push('finished'));
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
