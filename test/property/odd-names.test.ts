import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type VerifyOutcome, verifyContent } from '../../src/cli/content/verify-content.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../../src/disk/files/file-disk.js';
import { META_VERSIONS } from '../../src/metainfo/create-metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { PieceLayout } from '../../src/metainfo/piece-layout.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { WantedContent } from '../../src/torrent/content/wanted-content.js';
import { ask } from '../support/disk/file-disk.js';
import { HANGS_AFTER } from '../support/hang.js';
import { realTimers } from '../support/real-timers.js';

const root = mkdtempSync(join(tmpdir(), 'btget-names-'));
const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: realTimers, hashingWorkers: 1 });
after(async () => {
  await new Promise<void>((closed) => disk.close(closed));
  rmSync(root, { recursive: true });
});

// Characters that the path policy changes, names that it takes for one, and bytes that are not UTF-8.
const part = fc.constantFrom(
  ...[
    'a',
    'A',
    'ab',
    '.part',
    '.mkv',
    '.1',
    '.',
    '\\',
    '\n',
    '\u200b',
    '\u200d',
    '\u202e',
    'é',
    'e\u0301',
    'ß',
    'SS',
    '\ufffd',
  ].map((text) => Buffer.from(text)),
  ...['\xff', '\xc3', '\xed\xb2\x80'].map((text) => Buffer.from(text, 'latin1')),
  Buffer.alloc(120, 'x'),
  Buffer.alloc(119, 'x'),
);
const name = fc
  .array(part, { minLength: 1, maxLength: 4 })
  .map((parts) => Buffer.concat(parts).subarray(0, 255))
  .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')));
const path = fc.array(name, { minLength: 1, maxLength: 3 });

function under(folder: string, elements: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(folder), ...elements.flatMap((element) => [Buffer.from('/'), element])]);
}

/** Makes a file with bytes of its own, unless something else lies there. */
function put(folder: string, elements: readonly Buffer[], bytes: string): boolean {
  try {
    mkdirSync(under(folder, elements.slice(0, -1)), { recursive: true });
    writeFileSync(under(folder, elements), bytes, { flag: 'wx' });
    return true;
  } catch (error) {
    assert.match(String(error), /EEXIST|ENOTDIR|EISDIR|EILSEQ|ENAMETOOLONG/);
    return false;
  }
}

let folders = 0;

test('files with any names that a disk allows are found again when they are read', { timeout: HANGS_AFTER }, () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(path, { minLength: 1, maxLength: 12 }),
      fc.constantFrom(...META_VERSIONS),
      async (paths, metaVersion) => {
        folders += 1;
        const dir = join(root, String(folders));
        mkdirSync(join(dir, 't'), { recursive: true });
        const made = paths.filter((elements, at) => put(join(dir, 't'), elements, `the bytes of file ${at}`));
        if (made.length === 0) return;
        const metainfo = parseMetainfo(await createTorrent(join(dir, 't'), { metaVersion }));
        assert.equal(metainfo.files.filter(({ padding }) => !padding).length, made.length);
        const layout = new PieceLayout(metainfo);
        const content = new WantedContent(metainfo, layout, { select: [], exclude: [], ranges: null });
        const storage = disk.openStorage({
          ...{ timers: null, metainfo, layout, dir, output: null, partNames: true, overwrite: false, selected: null },
        });
        const outcome = await ask<VerifyOutcome>((answered) => {
          verifyContent(metainfo, layout, content, storage, () => undefined, answered);
        });
        await new Promise<void>((closed) => storage.close(closed));
        assert.ok(outcome.ok, outcome.ok ? '' : outcome.failure.message);
        assert.deepEqual(
          outcome.verdict.files.filter(({ ok }) => !ok),
          [],
        );
        rmSync(dir, { recursive: true });
      },
    ),
    { numRuns: 120 },
  ),
);
