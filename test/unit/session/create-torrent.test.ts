import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { getDictionary } from '../../../src/bencode/access.js';
import { type BencodeDictionary, decodeBencode } from '../../../src/bencode/bencode.js';
import { TOLERANT } from '../../../src/bencode/guard.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../../src/session/create-torrent.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';
import { scratch } from '../../support/disk/scratch.js';

const NAMES = ['single-1', 'single-16384', 'single-in-folder', 'sizes', 'same-files', 'empty-first-last', 'big-piece'];

/** The content of the corpus's files: each chunk of 32 bytes is the SHA-256 of the path and the chunk's number. */
function contentOf(path: string, length: number): Buffer {
  const chunks = Array.from({ length: Math.ceil(length / 32) }, (_, chunk) =>
    createHash('sha256').update(`${path}:${chunk}`).digest(),
  );
  return Buffer.concat(chunks).subarray(0, length);
}

for (const name of NAMES)
  for (const version of ['2', 'hybrid'] as const) {
    const path = `reach/${name}.${version === '2' ? 'v2' : 'hybrid'}.torrent`;
    test(`the torrent that another program made of the same content has the same hashes: ${path}`, {
      skip: !hasCorpus(path),
    }, async (t) => {
      const bytes = readCorpus(path);
      const theirs = parseMetainfo(bytes);
      const dir = scratch(t);
      for (const file of theirs.files.filter(({ padding }) => !padding)) {
        const at = join(dir, ...file.path);
        mkdirSync(dirname(at), { recursive: true });
        writeFileSync(at, contentOf(file.path.join('/'), file.length));
      }
      const made = await createTorrent(join(dir, theirs.name), {
        metaVersion: version,
        pieceLength: theirs.pieceLength,
      });
      assert.deepEqual(parseMetainfo(made).info, theirs.info);
      assert.deepEqual(layersOf(made), layersOf(bytes));
      assert.equal(theirs.infoHashV2?.equals(parseMetainfo(made).infoHashV2 ?? Buffer.alloc(0)), true);
    });
  }

function layersOf(torrent: Buffer): unknown {
  return getDictionary(decodeBencode(torrent, TOLERANT) as BencodeDictionary, 'piece layers');
}

test('a file that is written while it is read makes no torrent', async (t) => {
  const path = join(scratch(t), 'content');
  writeFileSync(path, 'text');
  let isOver = false;
  const making = createTorrent(path).finally(() => {
    isOver = true;
  });
  making.catch(() => undefined);
  for (let time = 1; !isOver; time += 1) {
    utimesSync(path, time, time);
    await setImmediate();
  }
  await assert.rejects(making, { code: 'io', message: `${path} changed while it was read` });
});
