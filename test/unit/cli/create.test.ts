/** What `create` does when content changes while it is read. */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '../../../src/cli/commands/create.js';
import { nodeIo } from '../../../src/cli/node-io.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS, type FileDisk } from '../../../src/disk/files/file-disk.js';
import { scratch } from '../../support/disk/scratch.js';
import { realTimers } from '../../support/real-timers.js';
import { FakeIo } from './support/fake-io.js';

const CHANGES: readonly (readonly [what: string, change: (path: string) => void, verb: string])[] = [
  [
    'grows',
    (path) => {
      appendFileSync(path, 'more');
      utimesSync(path, 5, 5);
    },
    'changed',
  ],
  ['is written over', (path) => utimesSync(path, 1, 1), 'changed'],
  [
    'is replaced',
    (path) => {
      writeFileSync(`${path}.new`, 'text');
      utimesSync(`${path}.new`, 5, 5);
      renameSync(`${path}.new`, path);
    },
    'changed',
  ],
  ['vanishes', (path) => rmSync(path), 'vanished'],
];

for (const [what, change, verb] of CHANGES)
  test(`create writes no .torrent of a file that ${what} while it is read, and names the file`, async (t) => {
    const dir = scratch(t);
    const path = join(dir, 'content');
    writeFileSync(path, 'text');
    utimesSync(path, 5, 5);
    const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: realTimers });
    t.after(() => new Promise<void>((closed) => disk.close(closed)));
    const changing: FileDisk = {
      ...disk,
      hashPieces: (files, pieceLength, version, progress, done) =>
        disk.hashPieces(files, pieceLength, version, progress, (outcome) => {
          change(path);
          done(outcome);
        }),
    };
    const io = Object.assign(new FakeIo(), { timers: nodeIo().timers });
    const made = create(changing).run([path, '-o', join(dir, 'new.torrent')], io);
    await assert.rejects(made, { code: 'io', message: `${path} ${verb} while it was read` });
    assert.ok(!readdirSync(dir).includes('new.torrent'));
  });
