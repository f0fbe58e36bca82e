import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CheckOutcome, DoneOutcome, FileSurvey, Storage, SurveyOutcome } from '../../../src/disk/storage.js';
import { type SampleTorrent, sampleTorrent } from '../sample-torrent.js';
import { ask, type DiskFolder, diskFolder, type OpenOptions, slotOf } from './file-disk.js';

/** A torrent of one file with 5 pieces; the last piece is short. */
export const FILM = sampleTorrent([{ path: 'film', length: 5100 }], 1024);
/** A torrent with an executable file, an empty file and a link. */
export const TREE = sampleTorrent(
  [
    { path: 't/one', length: 1500 },
    { path: 't/sub/two', length: 3000, executable: true },
    { path: 't/empty' },
    { path: 't/deep/er/link', symlink: 't/sub/two' },
  ],
  1024,
);

type Found =
  | { readonly ok: true; readonly files: readonly Omit<FileSurvey, 'identity'>[] }
  | Extract<SurveyOutcome, { ok: false }>;

/** A storage in real files, with short words for what tests ask of it. */
export interface StorageCase extends DiskFolder {
  readonly torrent: SampleTorrent;
  readonly storage: Storage;
  commit(piece: number): Promise<CheckOutcome>;
  commitAll(): Promise<void>;
  check(piece: number): Promise<CheckOutcome>;
  finish(file: number): Promise<DoneOutcome>;
  demote(file: number): Promise<DoneOutcome>;
  /** Adopts the file as it is on the disk, to be written to. */
  adopt(file: number): Promise<DoneOutcome>;
  read(piece: number): Promise<DoneOutcome>;
  /** The survey without the identities of files, which no test can foresee. */
  survey(): Promise<Found>;
  /** Puts a file there that the torrent did not write. */
  put(path: string, bytes: Buffer | string): void;
  bytes(path: string): Buffer;
}

/** Runs `action` in a fresh folder, and removes the folder after it. */
export async function withStorage(
  torrent: SampleTorrent,
  action: (disk: StorageCase) => Promise<void>,
  options: OpenOptions = {},
): Promise<void> {
  const folder = diskFolder();
  const storage = folder.open(torrent, options);
  const commit = (piece: number): Promise<CheckOutcome> =>
    ask((answered) => storage.commitPiece(torrent.piece(piece), slotOf(torrent.bytesOf(piece)), answered));
  try {
    await action({
      ...folder,
      torrent,
      storage,
      commit,
      commitAll: async () => {
        for (let piece = 0; piece < torrent.layout.pieceCount; piece += 1) {
          assert.deepEqual(await commit(piece), { ok: true, matches: true });
        }
      },
      check: (piece) => ask((answered) => storage.checkPiece(torrent.piece(piece), answered)),
      finish: (file) => ask((answered) => storage.finishFile(file, answered)),
      adopt: (file) =>
        ask<DoneOutcome>((answered) =>
          storage.survey((outcome) => {
            const identity = outcome.ok ? outcome.files[file]?.identity : null;
            if (identity) storage.adoptFiles([{ file, identity, isWritten: true }], answered);
          }),
        ),
      demote: (file) => ask((answered) => storage.demoteFile(file, false, answered)),
      read: (piece) =>
        ask((answered) =>
          storage.readBlocks(
            [{ piece: torrent.piece(piece), begin: 0, into: Buffer.alloc(torrent.bytesOf(piece).length) }],
            answered,
          ),
        ),
      survey: async () => {
        const outcome = await ask<SurveyOutcome>((answered) => storage.survey(answered));
        return outcome.ok ? { ok: true, files: outcome.files.map(({ identity, ...found }) => found) } : outcome;
      },
      put: (path, bytes) => {
        mkdirSync(dirname(folder.at(path)), { recursive: true });
        writeFileSync(folder.at(path), bytes);
      },
      bytes: (path) => readFileSync(folder.at(path)),
    });
  } finally {
    await folder.end();
  }
}

export const DONE = { ok: true } as const;

/** Asserts that `outcome` is a failure with this code and message. */
export function assertFailed(
  outcome: { readonly ok: true } | { readonly ok: false; readonly failure: { code: string; message: string } },
  code: string,
  message: RegExp,
): void {
  assert.ok(!outcome.ok, 'it should have failed');
  assert.equal(outcome.failure.code, code, outcome.failure.message);
  assert.match(outcome.failure.message, message);
}
