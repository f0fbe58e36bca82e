/** Torrents of random folders: made, read, and verified beside content of which some bits are wrong. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Random } from '../../src/base/random.js';
import { type ContentVerdict, verifyContent } from '../../src/cli/content/verify-content.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS, type FileDisk } from '../../src/disk/files/file-disk.js';
import { META_VERSIONS } from '../../src/metainfo/create-metainfo.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { PieceLayout } from '../../src/metainfo/piece-layout.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { WantedContent } from '../../src/torrent/content/wanted-content.js';
import { scratch } from '../support/disk/scratch.js';
import { realTimers } from '../support/real-timers.js';
import { seededRandom } from '../support/simulation/seeded-random.js';

const KiB = 1024;
const RUNS = 15;
const NAMES = [
  '1',
  '10',
  '2',
  'a',
  'a-b',
  'a.b',
  'B',
  'ü',
  '☃ snow',
  '.hidden',
  '__proto__',
  'z',
  '\u{1f600}',
  '\uffee',
];
const EDGES = [0, 1, 16 * KiB - 1, 16 * KiB, 16 * KiB + 1, 48 * KiB, 64 * KiB, 64 * KiB + 1, 128 * KiB];

for (let seed = 1; seed <= RUNS; seed += 1)
  test(`a torrent of a random folder finds each wrong bit in it, for seed ${seed}`, async (t) => {
    const random = seededRandom(seed);
    const dir = scratch(t);
    const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: realTimers });
    const files = writeContent(join(dir, 'top'), random);
    for (const metaVersion of META_VERSIONS) {
      const pieceLength = (16 * KiB) << random.below(3);
      const bytes = await createTorrent(join(dir, 'top'), { metaVersion, pieceLength });
      assert.deepEqual(bytes, await createTorrent(join(dir, 'top'), { metaVersion, pieceLength }));
      const metainfo = parseMetainfo(bytes);
      assert.equal(metainfo.version, metaVersion);
      assert.deepEqual(listOf(metainfo), files);
      const whole = await verify(disk, metainfo, dir);
      assert.deepEqual([whole.ok, whole.have, whole.badPieces], [true, whole.length, []]);
      for (let flips = 1 + random.below(3); flips > 0; flips -= 1) await flipAndVerify(disk, metainfo, dir, random);
    }
    await new Promise<void>((resolve) => disk.close(resolve));
  });

/** Each file with its length and whether it is executable, in any order. */
function listOf({ files }: Metainfo): unknown {
  return files
    .filter(({ padding }) => !padding)
    .map(({ path, length, executable }) => `${path.join('/')} ${length} ${executable}`)
    .sort();
}

/** Changes a bit of one file, expects the verdict to name its piece alone, and puts the bit right again. */
async function flipAndVerify(disk: FileDisk, metainfo: Metainfo, dir: string, random: Random): Promise<void> {
  const candidates = metainfo.files.filter(({ padding, length }) => !padding && length > 0);
  const file = candidates[random.below(candidates.length)];
  if (file === undefined) throw new Error('no file has content');
  const position = random.below(file.length);
  const path = join(dir, ...file.path);
  const bytes = readFileSync(path);
  const changed = Buffer.from(bytes);
  changed[position] = (bytes[position] ?? 0) ^ (1 << random.below(8));
  writeFileSync(path, changed);
  const verdict = await verify(disk, metainfo, dir);
  writeFileSync(path, bytes);
  const { pieceLength } = metainfo;
  const piece = Math.floor((file.begin + position) / pieceLength);
  assert.deepEqual(verdict.badPieces, [piece]);
  const begin = Math.max(0, piece * pieceLength - file.begin);
  const end = Math.min(file.length, (piece + 1) * pieceLength - file.begin);
  const told = verdict.files.find((each) => each.path === file.path.join('/'));
  assert.deepEqual(told?.badRanges, [{ begin, length: end - begin }]);
  const wrong = verdict.files.filter(({ ok }) => !ok).length;
  if (metainfo.version !== '1') assert.equal(wrong, 1);
}

function verify(disk: FileDisk, metainfo: Metainfo, dir: string): Promise<ContentVerdict> {
  const layout = new PieceLayout(metainfo);
  const content = new WantedContent(metainfo, layout, { select: [], exclude: [], ranges: null });
  const where = { dir, output: null, partNames: true, overwrite: false, selected: null };
  const storage = disk.openStorage({ timers: null, metainfo, layout, ...where });
  return new Promise((resolve, reject) => {
    let last = 0;
    const progress = (checked: number, length: number): void => {
      assert.ok(checked > last && checked <= length);
      last = checked;
    };
    verifyContent(metainfo, layout, content, storage, progress, (outcome) =>
      storage.close(() => (outcome.ok ? resolve(outcome.verdict) : reject(outcome.failure))),
    );
  });
}

/** Makes one to nine files, and returns the facts that `listOf` gives. */
function writeContent(top: string, random: Random): unknown {
  const files = new Map<string, number>();
  const folders = new Set<string>();
  const lengthOf = (): number =>
    random.below(2) === 0 ? (EDGES[random.below(EDGES.length)] ?? 0) : random.below(200 * KiB);
  for (let left = 1 + random.below(8); left > 0; left -= 1) {
    const elements = Array.from({ length: 1 + random.below(3) }, () => NAMES[random.below(NAMES.length)] ?? '');
    const above = elements.slice(0, -1).map((_, index) => elements.slice(0, index + 1).join('/'));
    const path = elements.join('/');
    if (folders.has(path) || above.some((folder) => files.has(folder))) continue;
    for (const folder of above) folders.add(folder);
    files.set(path, lengthOf());
  }
  files.set('last', 1 + lengthOf());
  const facts = [...files].map(([path, length]) => {
    const at = join(top, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, random.bytes(length));
    const executable = random.below(4) === 0;
    if (executable) chmodSync(at, 0o755);
    return `top/${path} ${length} ${executable}`;
  });
  return facts.sort();
}
