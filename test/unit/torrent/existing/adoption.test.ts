import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileSurvey } from '../../../../src/disk/storage.js';
import type { TorrentFile } from '../../../../src/metainfo/metainfo.js';
import type { PieceLayout } from '../../../../src/metainfo/piece-layout.js';
import { SharedPieces } from '../../../../src/metainfo/shared-pieces.js';
import { asBegun, judgeFiles, piecesToCheck } from '../../../../src/torrent/existing/adoption.js';
import { layoutOf } from '../../../support/pieces.js';

const PIECE = 100;

/** Files of the given lengths, one after another, in pieces of 100 bytes; a negative length is a pad file. */
function content(...lengths: number[]): { files: TorrentFile[]; layout: PieceLayout } {
  let begin = 0;
  const files = lengths.map((length, index): TorrentFile => {
    const file = {
      path: ['t', `${index}`],
      begin,
      length: Math.abs(length),
      padding: length < 0,
      executable: false,
      hidden: false,
      symlink: null,
    };
    begin += file.length;
    return file;
  });
  const pieceCount = Math.ceil(begin / PIECE);
  return {
    files,
    layout: layoutOf(pieceCount, PIECE, begin),
  };
}

const absent: FileSurvey = { found: 'absent', length: 0, identity: null, bothNames: false };
const part = (length: number): FileSurvey => ({ found: 'part', length, identity: null, bothNames: false });
const final = (length: number): FileSurvey => ({ found: 'final', length, identity: null, bothNames: false });

function verdicts(lengths: number[], survey: FileSurvey[], verified: number[], ours: number[] = []): string[] {
  const { files, layout } = content(...lengths);
  const checked = new Set<number>(piecesToCheck({ files }, layout, survey, null));
  for (const piece of verified) assert.ok(checked.has(piece), `piece ${piece} cannot be verified: it is not checked`);
  return judgeFiles({ files }, layout, survey, {
    isLookedAt: (piece) => checked.has(piece),
    isVerified: (piece) => verified.includes(piece),
    isOurs: (file) => ours.includes(file),
  });
}

test('no piece is hashed when no file is there', () => {
  const { files, layout } = content(250, 50);
  assert.deepEqual(piecesToCheck({ files }, layout, [absent, absent], null), []);
});

test('only pieces with all their bytes on the disk are hashed, and pad files count as there', () => {
  const { files, layout } = content(250, -50, 150, 100);
  assert.deepEqual(piecesToCheck({ files }, layout, [final(250), absent, part(120), absent], null), [0, 1, 2, 3]);
  assert.deepEqual(piecesToCheck({ files }, layout, [final(249), absent, part(99), absent], null), [0, 1]);
});

test('a file is whole when all its pieces are verified and its length is right', () => {
  assert.deepEqual(verdicts([200], [final(200)], [0, 1]), ['whole']);
});

test('a file longer than it should be is ours, but not whole', () => {
  assert.deepEqual(verdicts([200], [final(260)], [0, 1]), ['demote']);
});

test('a file with a verified piece is ours', () => {
  assert.deepEqual(verdicts([200], [final(200)], [1]), ['demote']);
  assert.deepEqual(verdicts([300], [final(130)], [0]), ['demote']);
});

test('a file that shares no verified piece is foreign, whatever its length', () => {
  assert.deepEqual(verdicts([200], [final(200)], []), ['foreign']);
  assert.deepEqual(verdicts([200], [final(7)], []), ['foreign']);
  assert.deepEqual(verdicts([200], [final(0)], []), ['foreign']);
});

test('a file that is known to be ours needs no verified piece', () => {
  assert.deepEqual(verdicts([200, 100], [final(7), final(100)], [], [0]), ['demote', 'foreign']);
});

test('a file whose only piece reaches into an absent file is unproved when its length is right', () => {
  assert.deepEqual(verdicts([30, 70], [final(30), absent], []), ['unproved', 'ours']);
  assert.deepEqual(verdicts([30, 70], [final(31), absent], []), ['unproved', 'ours'].with(0, 'foreign'));
});

test('a file whose only piece reaches into a growing file is unproved, although the piece is wrong', () => {
  assert.deepEqual(verdicts([30, 70], [final(30), part(70)], [], [1]), ['unproved', 'ours']);
  assert.deepEqual(verdicts([30, 70], [final(30), final(70)], []), ['foreign', 'foreign']);
  assert.deepEqual(verdicts([130, 70], [final(130), part(70)], [], [1]), ['foreign', 'ours']);
});

test('a file under its part name is ours when a piece is verified, when we know it is ours, or when it is empty', () => {
  assert.deepEqual(verdicts([300], [part(120)], [0]), ['ours']);
  assert.deepEqual(verdicts([300], [part(120)], [], [0]), ['ours']);
  assert.deepEqual(verdicts([300], [part(0)], []), ['ours']);
});

test('a file under its part name is foreign when nothing shows that it is ours, even if it cannot be checked', () => {
  assert.deepEqual(verdicts([300], [part(120)], []), ['foreign']);
  assert.deepEqual(verdicts([300], [part(99)], []), ['foreign']);
  assert.deepEqual(verdicts([300], [part(300)], []), ['foreign']);
  assert.deepEqual(verdicts([0, 100], [part(5), absent], []), ['foreign', 'ours']);
  assert.deepEqual(verdicts([30, 70, 100], [part(30), absent, part(100)], [1]), ['foreign', 'ours', 'ours']);
});

test('a file that should be empty is whole when it is', () => {
  assert.deepEqual(verdicts([0, 100], [final(0), part(100)], [0]), ['whole', 'ours']);
  assert.deepEqual(verdicts([0, 100], [final(5), part(100)], [0]), ['foreign', 'ours']);
});

test('only a file that shares no piece stays whole when the border file may hold the right bytes of a piece', () => {
  const { files, layout } = content(200, 150, 0, 50);
  const shared = new SharedPieces(files, layout);
  const all = files.map((file) => asBegun('whole', file, layout, shared));
  assert.deepEqual(all, ['whole', 'demote', 'whole', 'demote']);
  assert.equal(asBegun('unproved', files[1] as TorrentFile, layout, shared), 'unproved');
});

test('a wrong piece shows nothing of a file that shares it with a file of ours under its final name', () => {
  const survey = [final(150), final(50)];
  assert.deepEqual(verdicts([150, 50], survey, [0], [0]), ['demote', 'unproved']);
  assert.deepEqual(verdicts([150, 50], survey, [], []), ['foreign', 'foreign']);
});
