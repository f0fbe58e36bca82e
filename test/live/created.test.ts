/** Torrents that btget makes, beside those that libtorrent makes of the same content. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Random } from '../../src/base/random.js';
import { getDictionary } from '../../src/bencode/access.js';
import { type BencodeDictionary, decodeBencode } from '../../src/bencode/bencode.js';
import { CANONICAL } from '../../src/bencode/guard.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { scratch } from '../support/disk/scratch.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { LIBTORRENT_CREATE, PYTHON } from './support.js';

const skip =
  spawnSync(PYTHON, ['-c', 'import libtorrent']).status === 0
    ? false
    : 'libtorrent is not installed (Debian package python3-libtorrent)';
const FOLDERS = 50;
const KiB = 1024;
const NAMES = ['1', '10', '2', 'a', 'a-b', 'a.b', 'B', 'ü', '☃ snow', '.hidden', 'z', '\u{1f600}', '\uffee'];
/** Lengths about which a hash tree can be wrong. */
const EDGES = [0, 1, 16 * KiB - 1, 16 * KiB, 16 * KiB + 1, 48 * KiB, 64 * KiB, 64 * KiB + 1, 128 * KiB, 256 * KiB];

for (let seed = 1; seed <= FOLDERS; seed += 1)
  test(`libtorrent makes the same torrents of a random folder, which is number ${seed}`, { skip }, async (t) => {
    const dir = scratch(t);
    const random = seededRandom(seed);
    const content = writeRandomContent(dir, random);
    const pieceLength = (16 * KiB) << random.below(4);
    const tasks = (['2', 'hybrid'] as const).map((version) => ({ version, theirs: join(dir, `${version}.torrent`) }));
    const input = tasks
      .map(({ version, theirs }) => JSON.stringify([content, pieceLength, version, theirs]))
      .join('\n');
    const { status, stderr } = spawnSync(PYTHON, [LIBTORRENT_CREATE], { input });
    assert.deepEqual([status, stderr.toString()], [0, '']);
    for (const { version, theirs } of tasks) {
      const bytes = await createTorrent(content, { metaVersion: version, pieceLength });
      assert.deepEqual(factsOf(bytes), factsOf(readFileSync(theirs)), `version ${version}`);
    }
  });

function factsOf(torrent: Buffer): unknown {
  const metainfo: Metainfo = parseMetainfo(torrent);
  const hex = (hash: Buffer | null) => hash?.toString('hex');
  const layers = getDictionary(decodeBencode(torrent, CANONICAL) as BencodeDictionary, 'piece layers');
  return {
    infoHashes: [hex(metainfo.infoHashV1), hex(metainfo.infoHashV2)],
    files: metainfo.files.map(({ path, piecesRoot }) => [path.join('/'), hex(piecesRoot ?? null)]),
    layers: [...(layers ?? [])].map(([root, layer]) => [root, hex(layer as Buffer)]).sort(),
    info: metainfo.info.toString('latin1'),
  };
}

/** Makes a folder of one to nine files, or a bare file, and returns its path. */
function writeRandomContent(dir: string, random: Random): string {
  const top = join(dir, 'content', 'tóp');
  const isBare = random.below(8) === 0;
  const files = new Map<string, number>();
  const lengthOf = () => (random.below(2) === 0 ? EDGES[random.below(EDGES.length)] : random.below(700 * KiB)) ?? 0;
  const folders = new Set<string>();
  for (let left = isBare ? 0 : 1 + random.below(9); left > 0; left -= 1) {
    const elements = Array.from({ length: 1 + random.below(3) }, () => NAMES[random.below(NAMES.length)] ?? '');
    const above = elements.slice(0, -1).map((_, index) => elements.slice(0, index + 1).join('/'));
    const path = elements.join('/');
    if (folders.has(path) || above.some((folder) => files.has(folder))) continue;
    for (const folder of above) folders.add(folder);
    files.set(path, lengthOf());
  }
  if (isBare) files.set('', 1 + lengthOf());
  else files.set('last', 1 + lengthOf());
  // Two files with the same bytes share a layer.
  const bytes = random.bytes(1024 * KiB);
  for (const [path, length] of files) {
    const at = path === '' ? top : join(top, path);
    mkdirSync(dirname(at), { recursive: true });
    const from = random.below(2) * 100;
    writeFileSync(at, bytes.subarray(from, from + length));
    if (random.below(4) === 0) chmodSync(at, 0o755);
  }
  return top;
}
