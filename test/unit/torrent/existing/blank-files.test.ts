import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import type { BlockRead, DoneOutcome, FileSurvey } from '../../../../src/disk/storage.js';
import type { TorrentFile } from '../../../../src/metainfo/metainfo.js';
import { findBlankFiles } from '../../../../src/torrent/existing/blank-files.js';
import { layoutOf } from '../../../support/pieces.js';

const PIECE = 3 * 1024 * 1024;
const LENGTHS = [10, 2 * PIECE, 0, PIECE];

/**
 * Which of the files are found blank. A file whose `bytes` are null cannot be read. Every read stays within a piece.
 */
function blankOf(bytes: readonly (Buffer | null)[], files: readonly number[]): { blank: number[]; read: number } {
  let length = 0;
  const contents = LENGTHS.map((own, index): TorrentFile => {
    const file = { path: [`${index}`], begin: length, length: own, padding: false, executable: false, hidden: false };
    length += own;
    return { ...file, symlink: null };
  });
  const pieceCount = Math.ceil(length / PIECE);
  const layout = layoutOf(pieceCount, PIECE, length);
  const survey = bytes.map((held): FileSurvey => {
    return { found: 'part', length: held?.length ?? 5, identity: null, bothNames: false };
  });
  let read = 0;
  const readBlocks = ([block]: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void => {
    assert.ok(block !== undefined);
    const { piece, begin, into, inFiles } = block;
    assert.equal(inFiles, true, 'what lies aside is no byte of the file');
    assert.ok(begin + into.length <= layout.lengthOf(piece));
    read += into.length;
    const at = layout.beginOf(piece) + begin;
    const index = contents.findLastIndex((file) => file.length > 0 && file.begin <= at);
    const from = at - (contents[index] as TorrentFile).begin;
    const held = bytes[index];
    if (held === null || held === undefined) answered({ ok: false, failure: new BtgetError('io', 'cannot read') });
    else {
      assert.equal(held.copy(into, 0, from, from + into.length), into.length);
      answered({ ok: true });
    }
  };
  let found: number[] | null = null;
  findBlankFiles({ metainfo: { files: contents }, layout, storage: { readBlocks } }, survey, files, (blank) => {
    found = [...blank];
  });
  assert.ok(found !== null);
  return { blank: found, read };
}

test('files of zeros of any length are blank, also over borders of pieces, and other files are not', () => {
  const late = Buffer.alloc(2 * PIECE);
  late[late.length - 1] = 1;
  const [zeros, none] = [Buffer.alloc(PIECE), Buffer.alloc(0)];
  assert.deepEqual(blankOf([Buffer.alloc(10), Buffer.alloc(2 * PIECE), none, zeros], [0, 1, 3]).blank, [0, 1, 3]);
  assert.deepEqual(blankOf([Buffer.alloc(7), late, none, Buffer.alloc(PIECE - 1)], [0, 1, 3]).blank, [0, 3]);
});

test('a file is read up to its first byte that is not zero', () => {
  const text = Buffer.alloc(2 * PIECE, 'x');
  const { blank, read } = blankOf([Buffer.alloc(10), text, Buffer.alloc(0), text], [1]);
  assert.deepEqual(blank, []);
  assert.ok(read <= 1024 * 1024, `${read} bytes were read`);
});

test('a file that is longer than the torrent says, or cannot be read, is not blank', () => {
  const none = Buffer.alloc(0);
  assert.deepEqual(blankOf([Buffer.alloc(11), null, Buffer.alloc(1), none], [0, 1, 2, 3]).blank, [3]);
});
