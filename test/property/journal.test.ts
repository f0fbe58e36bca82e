import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeHead,
  encodeRecords,
  HEAD_LENGTH,
  type JournalRecord,
  lastSeal,
} from '../../src/resume/journal-format.js';
import { type JournalContents, readJournal } from '../../src/resume/read-journal.js';

const OWNER = { infoHash: Buffer.alloc(20, 7), pieceCount: 1000, fileCount: 50 };

const run = fc
  .tuple(fc.integer({ min: 0, max: 999 }), fc.integer({ min: 1, max: 20 }))
  .map(([first, length]) => ({ first, end: Math.min(1000, first + length) }));
const identity = fc.record(
  {
    length: fc.maxSafeNat(),
    changedAt: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    bornAt: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  },
  { noNullPrototype: true },
);
const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.array(run, { minLength: 1, maxLength: 5 }).map((runs) => ({ kind: 'pieces' as const, runs })),
  fc.array(run, { minLength: 1, maxLength: 5 }).map((runs) => ({ kind: 'written' as const, runs })),
  fc
    .array(fc.tuple(fc.nat(49), identity), { minLength: 1, maxLength: 3 })
    .map((files) => ({ kind: 'files' as const, files: new Map(files) })),
  fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.array(fc.tuple(fc.nat(5), fc.nat(2 ** 48 - 1)), { maxLength: 3 }))
    .map(([piece, sums]) => ({ kind: 'blocks' as const, piece, sums: new Map(sums) })),
);
const journal = fc.record({
  nonce: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  records: fc.array(record, { maxLength: 6 }),
  clean: fc.boolean(),
});

interface Written {
  readonly bytes: Buffer;
  /** What may be believed of it after the head, and after each record. */
  readonly states: readonly JournalContents[];
}

function write(
  { nonce, records, clean }: { nonce: Uint8Array; records: readonly JournalRecord[]; clean: boolean },
  owner = OWNER,
): Written {
  let bytes = encodeHead(owner, nonce);
  let state: JournalContents = { runs: [], written: [], files: new Map(), blocks: new Map(), isClean: false };
  const states = [state];
  for (const one of clean ? [...records, { kind: 'end' } as const] : records) {
    bytes = Buffer.concat([bytes, encodeRecords(lastSeal(bytes), [one])]);
    if (one.kind === 'pieces') state = { ...state, runs: [...state.runs, ...one.runs] };
    else if (one.kind === 'written') state = { ...state, written: [...state.written, ...one.runs] };
    else if (one.kind === 'files') state = { ...state, files: new Map([...state.files, ...one.files]) };
    else if (one.kind === 'blocks') {
      const blocks = new Map(state.blocks);
      if (one.sums.size === 0) blocks.delete(one.piece);
      else blocks.set(one.piece, new Map([...(blocks.get(one.piece) ?? []), ...one.sums]));
      state = { ...state, blocks };
    } else state = { ...state, isClean: true };
    states.push(state);
  }
  return { bytes, states };
}

function isOneOf(contents: JournalContents | null, states: readonly JournalContents[]): boolean {
  return states.some((state) => {
    try {
      assert.deepEqual(contents, state);
      return true;
    } catch {
      return false;
    }
  });
}

test('records that are written read back as the same', () => {
  fc.assert(
    fc.property(journal, (one) => {
      const { bytes, states } = write(one);
      assert.deepEqual(readJournal(bytes, OWNER), states.at(-1));
    }),
  );
});

test('records that were appended together read back as if they were appended one by one', () => {
  fc.assert(
    fc.property(journal, ({ nonce, records }) => {
      const head = encodeHead(OWNER, nonce);
      const together = Buffer.concat([head, encodeRecords(lastSeal(head), records)]);
      assert.deepEqual(together, write({ nonce, records, clean: false }).bytes);
    }),
  );
});

test('a journal that is cut anywhere says what its records before the cut say, and is not clean', () => {
  fc.assert(
    fc.property(journal, fc.nat(), (one, at) => {
      const { bytes, states } = write(one);
      const contents = readJournal(bytes.subarray(0, at % bytes.length), OWNER);
      if (at % bytes.length < HEAD_LENGTH) assert.equal(contents, null);
      else assert.ok(isOneOf(contents, states) && contents?.isClean === false);
    }),
  );
});

test('with any byte damaged, nothing is believed that was not written', () => {
  fc.assert(
    fc.property(journal, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, at, damage) => {
      const { bytes, states } = write(one);
      const place = at % bytes.length;
      bytes[place] = (bytes[place] as number) ^ damage;
      const contents = readJournal(bytes, OWNER);
      if (place < HEAD_LENGTH) assert.equal(contents, null);
      else assert.ok(isOneOf(contents, states.slice(0, -1)), 'it is what it was before some record');
    }),
    { numRuns: 1000 },
  );
});

test('bytes after a journal without an end add nothing to it', () => {
  fc.assert(
    fc.property(journal, fc.uint8Array({ minLength: 1, maxLength: 80 }), ({ nonce, records }, junk) => {
      const { bytes, states } = write({ nonce, records, clean: false });
      assert.deepEqual(readJournal(Buffer.concat([bytes, junk]), OWNER), states.at(-1));
    }),
  );
});

test('a journal with bytes after its end is not clean', () => {
  fc.assert(
    fc.property(journal, fc.uint8Array({ minLength: 1, maxLength: 80 }), ({ nonce, records }, junk) => {
      const { bytes } = write({ nonce, records, clean: true });
      assert.equal(readJournal(Buffer.concat([bytes, junk]), OWNER)?.isClean, false);
    }),
  );
});

test('records left over from another journal of the same torrent continue nothing', () => {
  fc.assert(
    fc.property(journal, journal, (one, other) => {
      fc.pre(!Buffer.from(one.nonce).equals(other.nonce));
      const { bytes, states } = write({ ...one, clean: false });
      const older = write(other).bytes;
      // A crash may leave the new head with the old blocks after it.
      const mixed = Buffer.concat([bytes, older.subarray(HEAD_LENGTH)]);
      assert.deepEqual(readJournal(mixed, OWNER), states.at(-1));
    }),
  );
});

test('a record that is dropped or repeated ends what is believed', () => {
  fc.assert(
    fc.property(journal, fc.nat(), ({ nonce, records }, at) => {
      fc.pre(records.length >= 2);
      const ends = records.map((_, index) => write({ nonce, records: records.slice(0, index + 1), clean: false }));
      const { bytes } = ends.at(-1) as Written;
      const dropped = at % (records.length - 1);
      const begin = dropped === 0 ? HEAD_LENGTH : (ends[dropped - 1] as Written).bytes.length;
      const end = (ends[dropped] as Written).bytes.length;
      const before = write({ nonce, records: records.slice(0, dropped), clean: false }).states.at(-1);
      const without = Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]);
      assert.deepEqual(readJournal(without, OWNER), before);
      const twice = Buffer.concat([bytes.subarray(0, end), bytes.subarray(begin)]);
      assert.deepEqual(readJournal(twice, OWNER), ends[dropped]?.states.at(-1));
    }),
  );
});

test('any bytes are read without an exception, and the journal of another torrent is not believed', () => {
  const stranger = fc.constantFrom(
    { ...OWNER, infoHash: Buffer.alloc(20, 8) },
    { ...OWNER, pieceCount: 999 },
    { ...OWNER, fileCount: 51 },
  );
  fc.assert(
    fc.property(journal, stranger, fc.uint8Array({ maxLength: 200 }), (one, other, junk) => {
      assert.equal(readJournal(write(one, other).bytes, OWNER), null);
      assert.equal(readJournal(Buffer.from(junk), OWNER), null);
    }),
  );
});
