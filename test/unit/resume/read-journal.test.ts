import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from '../../../src/base/crc32.js';
import type { PieceRun } from '../../../src/metainfo/piece-layout.js';
import {
  encodeHead,
  encodeRecords,
  HEAD_LENGTH,
  type JournalRecord,
  lastSeal,
  sealOf,
} from '../../../src/resume/journal-format.js';
import { isJournal, readJournal } from '../../../src/resume/read-journal.js';

const OWNER = { infoHash: Buffer.alloc(20, 7), pieceCount: 100_000, fileCount: 30_000 };
const HEAD = encodeHead(OWNER, Buffer.from('chance!!'));

/** A record that btget never writes, with the right seal. */
function forged(kind: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(9 + body.length);
  bytes.writeUInt32BE(body.length);
  bytes[4] = kind;
  body.copy(bytes, 5);
  bytes.writeUInt32BE(sealOf(bytes.subarray(0, -4), HEAD.readUInt32BE(HEAD_LENGTH - 4)), bytes.length - 4);
  return bytes;
}

function numbers(...all: number[]): Buffer {
  const bytes = Buffer.alloc(all.length * 4);
  for (const [index, number] of all.entries()) bytes.writeUInt32BE(number, index * 4);
  return bytes;
}

test('a journal of another version counts as a journal, and is not believed', () => {
  for (const version of [0, 2, 0xffffffff]) {
    const head = Buffer.from(HEAD);
    head.writeUInt32BE(version, 8);
    head.writeUInt32BE(crc32(head.subarray(0, -4)), HEAD_LENGTH - 4);
    assert.ok(isJournal(head));
    assert.equal(readJournal(head, OWNER), null);
  }
});

test('bytes that do not begin like a journal are not one: no bytes, zeros, text', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(4096), Buffer.from('btget is a program')]) {
    assert.ok(!isJournal(bytes));
    assert.equal(readJournal(bytes, OWNER), null);
  }
});

test('an impossible record ends what is believed, although its seal is right', () => {
  const good = numbers(5, 6);
  const rows: readonly (readonly [string, number, Buffer])[] = [
    ['a run beyond the last piece', 1, Buffer.concat([good, numbers(99_999, 100_001)])],
    ['an empty run', 1, Buffer.concat([good, numbers(7, 7)])],
    ['a run that goes back', 1, Buffer.concat([good, numbers(9, 8)])],
    ['half a run', 1, Buffer.concat([good, numbers(9)])],
    ['no runs', 1, Buffer.alloc(0)],
    ['too many runs', 1, Buffer.concat(Array.from({ length: 10_001 }, () => good))],
    ['a file beyond the last', 2, Buffer.concat([numbers(30_000), Buffer.alloc(32)])],
    ['half a file', 2, Buffer.alloc(30)],
    ['a block of a piece beyond the last', 5, Buffer.concat([numbers(100_000, 0), Buffer.alloc(6)])],
    ['half a block', 5, Buffer.concat([numbers(5, 0), Buffer.alloc(5)])],
    ['blocks of no piece', 5, Buffer.alloc(3)],
    ['too many blocks', 5, Buffer.alloc(4 + 10_001 * 10)],
    ['an end with something in it', 3, good],
    ['an unknown kind', 9, good],
  ];
  for (const [name, kind, body] of rows) {
    const contents = readJournal(Buffer.concat([HEAD, forged(kind, body)]), OWNER);
    assert.deepEqual(contents, { runs: [], written: [], files: new Map(), blocks: new Map(), isClean: false }, name);
  }
  const contents = readJournal(Buffer.concat([HEAD, forged(1, good)]), OWNER);
  assert.deepEqual(contents?.runs, [{ first: 5, end: 6 }], 'the good run alone');
});

test('a journal that names every piece many times is not read to its end', () => {
  const runs: PieceRun[] = Array.from({ length: 9_000 }, () => ({ first: 0, end: OWNER.pieceCount }));
  const bytes = Buffer.concat([HEAD, encodeRecords(lastSeal(HEAD), [{ kind: 'pieces', runs: runs.slice(0, 16) }])]);
  assert.equal(readJournal(bytes, OWNER)?.runs.length, 16);
  const endless = Buffer.concat([bytes, encodeRecords(lastSeal(bytes), [{ kind: 'pieces', runs }])]);
  assert.equal(readJournal(endless, OWNER)?.runs.length, 16);
});

test('a journal that names blocks many times is not read to its end', () => {
  const sums = new Map(Array.from({ length: 10_000 }, (_, block) => [block, 2 ** 48 - 1 - block] as const));
  const blocks = { kind: 'blocks', piece: 7, sums } as const;
  const enough = Array.from({ length: 100 }, () => blocks);
  const bytes = Buffer.concat([HEAD, encodeRecords(lastSeal(HEAD), enough)]);
  const last = { kind: 'pieces', runs: [{ first: 5, end: 6 }] } as const;
  const then = (records: readonly JournalRecord[]): Buffer =>
    Buffer.concat([bytes, encodeRecords(lastSeal(bytes), records)]);
  const contents = readJournal(then([last]), OWNER);
  assert.deepEqual(contents?.blocks.get(7), sums);
  assert.deepEqual(contents?.runs, last.runs);
  assert.deepEqual(readJournal(then([blocks, last]), OWNER)?.runs, []);
});

test('a list that is too long for one record reads back complete', () => {
  const runs = Array.from({ length: 25_000 }, (_, index) => ({ first: index * 2, end: index * 2 + 1 }));
  const files = new Map(
    runs.map(({ first }, index) => [index, { length: first, changedAt: 1n, inode: BigInt(index), bornAt: -1n }]),
  );
  const sums = new Map(runs.map(({ first }, block) => [block, first]));
  const records = [
    { kind: 'files', files } as const,
    { kind: 'pieces', runs } as const,
    { kind: 'written', runs } as const,
    { kind: 'blocks', piece: 9, sums } as const,
  ];
  const contents = readJournal(Buffer.concat([HEAD, encodeRecords(lastSeal(HEAD), records)]), OWNER);
  assert.deepEqual(contents, { runs, written: runs, files, blocks: new Map([[9, sums]]), isClean: false });
});
