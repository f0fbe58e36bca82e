import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { main } from '../../src/cli/main.js';
import { nodeIo } from '../../src/cli/node-io.js';
import { LOOPBACK } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { v2Torrent } from '../support/v2-torrent.js';
import { FakeIo } from '../unit/cli/support/fake-io.js';

const KIB = 1024;
const root = mkdtempSync(join(tmpdir(), 'btget-reuse-'));
after(() => rmSync(root, { recursive: true }));
const { timers } = nodeIo();
let places = 0;

function place(): string {
  places += 1;
  const path = join(root, String(places));
  mkdirSync(path);
  return path;
}

function noise(length: number, seed: number): Buffer {
  return seededRandom(seed).bytes(length);
}

function put(path: string, bytes: Buffer): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

/** Downloads without any peer. */
async function download(torrent: Buffer, dir: string, ...options: readonly string[]) {
  const source = put(join(place(), 'x.torrent'), torrent);
  const io = new FakeIo();
  const argv = [source, '-d', dir, ...LOOPBACK, '--no-trackers', '--json', '--stop-timeout', '2', ...options];
  const code = await main(argv, Object.assign(io, { timers }));
  const events = io.stdout.lines.map((line) => JSON.parse(line));
  const of = (type: string) => events.filter((event) => event.type === type);
  return { code, reused: of('reused'), done: of('done')[0], warnings: of('warning'), err: io.stderr.text };
}

const movie = noise(300 * KIB + 77, 1);
const note = noise(50, 2);

describe('files that lie elsewhere', { timeout: HANGS_AFTER }, () => {
  for (const version of ['2', 'hybrid'] as const)
    it(`are taken under another name, of another torrent, and nothing is fetched: version ${version}`, async () => {
      const [old, dir] = [place(), place()];
      const from = put(join(old, 'deep', 'down', 'other name.bin'), movie);
      put(join(old, 'n'), note);
      const { torrent } = v2Torrent(
        [
          { path: 'box/movie.mkv', length: movie.length, content: movie },
          { path: 'box/note.txt', length: note.length, content: note },
        ],
        64 * KIB,
        version,
      );
      const { code, reused, done } = await download(torrent, dir, '--reuse', old);
      assert.equal(code, 0);
      assert.equal(done.downloaded, 0);
      assert.deepEqual(
        reused.map(({ path, from: where, length }) => [path, where, length]),
        [
          [join(dir, 'box/movie.mkv'), from, movie.length],
          [join(dir, 'box/note.txt'), join(old, 'n'), note.length],
        ],
      );
      assert.deepEqual(readFileSync(join(dir, 'box/movie.mkv')), movie);
      assert.deepEqual(readFileSync(join(dir, 'box/note.txt')), note);
      assert.equal(statSync(from).nlink, 1);
      assert.ok(!existsSync(join(dir, 'box.btget')));
    });
});
