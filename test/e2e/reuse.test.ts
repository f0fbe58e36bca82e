import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { main } from '../../src/cli/main.js';
import { nodeIo } from '../../src/cli/node-io.js';
import { createMetainfo } from '../../src/metainfo/create-metainfo.js';
import { BTGET, BtgetProcess, LOOPBACK } from '../support/btget-process.js';
import { asPlainUser } from '../support/disk/plain-user.js';
import { HANGS_AFTER } from '../support/hang.js';
import { pieceHashes } from '../support/pieces.js';
import { runSync } from '../support/run-sync.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { NOTHING_SAID } from '../support/torrent-bytes.js';
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
  const argv = [source, '-d', dir, ...LOOPBACK, '--no-trackers', '--json', '--stop-timeout', '1', ...options];
  const code = await main(argv, Object.assign(io, { timers }));
  const events = io.stdout.lines.map((line) => JSON.parse(line));
  const of = (type: string) => events.filter((event) => event.type === type);
  const have: number = of('summary')[0].torrents[0]?.have;
  const errors = of('error')
    .map(({ message }) => message)
    .join();
  return { code, reused: of('reused'), done: of('done')[0], have, errors };
}

const movie = noise(300 * KIB + 77, 1);
const note = noise(50, 2);

const BOX = [
  { path: 'box/movie.mkv', content: movie },
  { path: 'box/note.txt', content: note },
];

/** The same files as a torrent of any version. */
function torrentOf(version: '1' | '2' | 'hybrid', pieceLength: number): Buffer {
  if (version !== '1') return v2Torrent(BOX, pieceLength, version).torrent;
  const content = BOX.map(({ path, content: { length } }) => ({
    path: path.split('/').slice(1),
    length,
    executable: false,
  }));
  const pieces = pieceHashes(Buffer.concat(BOX.map((file) => file.content)), pieceLength);
  return createMetainfo({
    ...NOTHING_SAID,
    metaVersion: '1',
    name: 'box',
    content,
    pieceLength,
    pieces,
    pieceRoots: null,
  });
}

function tree(dir: string): readonly string[] {
  return (readdirSync(dir, { recursive: true, encoding: 'utf8' }) as string[]).sort();
}

describe('files that lie elsewhere', { timeout: HANGS_AFTER }, () => {
  for (const version of ['2', 'hybrid'] as const)
    it(`are taken under another name, of another torrent, and nothing is fetched: version ${version}`, async () => {
      const [old, dir] = [place(), place()];
      const from = put(join(old, 'deep', 'down', 'other name.bin'), movie);
      put(join(old, 'n'), note);
      const { torrent } = v2Torrent(BOX, 64 * KIB, version);
      const { code, reused, done } = await download(torrent, dir, '--reuse', old);
      assert.equal(code, 0);
      assert.equal(done.downloaded, 0);
      assert.deepEqual(reused.map(({ path, from: where, length }) => [path, where, length]).sort(), [
        [join(dir, 'box/movie.mkv'), from, movie.length],
        [join(dir, 'box/note.txt'), join(old, 'n'), note.length],
      ]);
      assert.deepEqual(readFileSync(join(dir, 'box/movie.mkv')), movie);
      assert.deepEqual(readFileSync(join(dir, 'box/note.txt')), note);
      assert.equal(statSync(from).nlink, 1);
      assert.ok(!existsSync(join(dir, 'box.btget')));
    });

  it('are found in the download folder, where another torrent has left them', async () => {
    const dir = place();
    put(join(dir, 'older torrent', 'm.mkv'), movie);
    put(join(dir, 'older torrent', 'n'), note);
    const { code, done } = await download(torrentOf('2', 32 * KIB), dir);
    assert.deepEqual([code, done.downloaded], [0, 0]);
  });

  it('are found for a torrent of version 1 below a named folder, which may be a link', async () => {
    const [old, dir] = [place(), place()];
    put(join(old, 'x', 'm'), movie);
    symlinkSync(old, join(root, 'link to old'));
    const { code, reused } = await download(torrentOf('1', 32 * KIB), dir, '--reuse', join(root, 'link to old'));
    // The note lies in a piece that the movie shares, so it must come from a peer.
    assert.equal(code, 2);
    assert.deepEqual(
      reused.map(({ from }) => from),
      [join(old, 'x', 'm')],
    );
  });

  it('are read for what is selected alone', async () => {
    const [old, dir] = [place(), place()];
    put(join(old, 'm'), movie);
    put(join(old, 'n'), note);
    const { code, reused } = await download(torrentOf('2', 64 * KIB), dir, '--reuse', old, '--select', 'note.txt');
    assert.deepEqual([code, reused.length], [0, 1]);
    assert.deepEqual(tree(dir), ['box', 'box/note.txt']);
  });

  it('that are links, pipes, devices, holes or parts are passed over, and the right one is taken', async () => {
    const [old, dir, beyond] = [place(), place(), place()];
    put(join(beyond, 'm'), movie);
    symlinkSync(join(beyond, 'm'), join(old, 'a link'));
    symlinkSync(beyond, join(old, 'b link to a folder'));
    symlinkSync(old, join(old, 'c link in a circle'));
    execFileSync('mkfifo', [join(old, 'd pipe')]);
    if (process.getuid?.() === 0) execFileSync('mknod', [join(old, 'e zeros'), 'c', '1', '5']);
    put(join(old, 'f hole'), Buffer.alloc(0));
    truncateSync(join(old, 'f hole'), movie.length);
    put(join(old, 'g huge'), Buffer.alloc(0));
    truncateSync(join(old, 'g huge'), 2 ** 42);
    put(join(old, 'h.part'), movie);
    const first = await download(torrentOf('2', 64 * KIB), dir, '--reuse', old);
    assert.deepEqual([first.code, first.reused], [2, []]);
    put(join(old, 'z', 'right'), movie);
    put(join(old, 'z', 'note'), note);
    const second = await download(torrentOf('2', 64 * KIB), dir, '--reuse', old);
    assert.equal(second.code, 0);
    assert.deepEqual(readFileSync(join(dir, 'box/movie.mkv')), movie);
  });

  it('replace no stranger, and nothing is taken when one is in the way', async () => {
    const [old, dir] = [place(), place()];
    put(join(old, 'm'), movie);
    const foreign = put(join(dir, 'box', 'note.txt'), Buffer.from('a letter of the user'));
    const { code, reused } = await download(torrentOf('2', 64 * KIB), dir, '--reuse', old);
    assert.deepEqual([code, reused], [13, []]);
    assert.equal(readFileSync(foreign, 'utf8'), 'a letter of the user');
    assert.deepEqual(tree(dir), ['box', 'box/note.txt']);
  });

  it('may be in the folder that the download itself grows in, under its own names too', async () => {
    const dir = place();
    put(
      join(dir, 'box', 'movie.mkv'),
      Buffer.concat([movie.subarray(0, 64 * KIB), Buffer.alloc(movie.length - 64 * KIB)]),
    );
    put(join(dir, 'copy'), movie);
    put(join(dir, 'copied note'), note);
    const { code, done } = await download(torrentOf('2', 64 * KIB), dir, '--reuse', dir, '--no-part');
    assert.deepEqual([code, done.downloaded], [0, 0]);
    assert.deepEqual(readFileSync(join(dir, 'box/movie.mkv')), movie);
  });

  it('that our user may not read are passed over, and those of others are only read', async (test) => {
    const [old, dir] = [place(), place()];
    const shared = put(join(old, 'm'), movie);
    put(join(old, 'closed', 'n'), note);
    put(join(old, 'n'), note);
    for (const path of [join(old, 'closed'), join(old, 'n')]) chmodSync(path, 0);
    test.after(() => chmodSync(join(old, 'closed'), 0o700));
    for (const path of [root, old, dir]) chmodSync(path, 0o755);
    chmodSync(dir, 0o777);
    const source = put(join(place(), 'x.torrent'), torrentOf('2', 64 * KIB));
    chmodSync(dirname(source), 0o755);
    const argv = [source, '-d', dir, ...LOOPBACK, '--json', '--stop-timeout', '1', '--reuse', old];
    argv.push('--reuse', join(old, 'closed'));
    const [program, ...args] = asPlainUser(process.execPath, BTGET, ...argv) ?? assert.fail('no other user runs btget');
    const { status, stdout } = runSync(program, args, { env: { HOME: dir, PATH: process.env['PATH'] } });
    assert.equal(status, 2, stdout);
    assert.match(stdout, /"type":"reused"/);
    assert.match(stdout, /"code":"not-reused","message":"nothing is reused from there: .*closed/);
    assert.deepEqual(readFileSync(join(dir, 'box/movie.mkv')), movie);
    const us = process.getuid?.();
    assert.equal(statSync(join(dir, 'box/movie.mkv')).uid, us === 0 ? 65534 : us);
    assert.deepEqual([readFileSync(shared), statSync(shared).uid], [movie, us]);
  });

  it('are taken anew after a kill in the middle of a copy', async (test) => {
    const long = noise(48 * 1024 * KIB, 3);
    const old = place();
    put(join(old, 'm'), long);
    const { torrent } = v2Torrent([{ path: 'long', content: long }], 1024 * KIB, '2');
    const source = put(join(place(), 'x.torrent'), torrent);
    for (const wait of [0, 5, 20, 60]) {
      const dir = place();
      const argv = [source, '-d', dir, ...LOOPBACK, '--no-dht', '--no-lsd', '--reuse', old];
      const killed = new BtgetProcess(test, dir, argv);
      while (!existsSync(join(dir, 'long.part')) && killed.process.exitCode === null) await sleep(1);
      await sleep(wait);
      killed.process.kill('SIGKILL');
      await killed.ended;
      if (existsSync(join(dir, 'long'))) assert.ok(readFileSync(join(dir, 'long')).equals(long));
      const { code } = await new BtgetProcess(test, dir, argv).ended;
      assert.equal(code, 0);
      assert.ok(readFileSync(join(dir, 'long')).equals(long));
      assert.deepEqual(tree(dir), ['long']);
    }
  });
});

describe('a torrent of another version of the same content', { timeout: HANGS_AFTER }, () => {
  const VERSIONS = ['1', '2', 'hybrid'] as const;
  for (const before of VERSIONS)
    for (const now of VERSIONS) {
      if (before === now) continue;

      it(`adopts what version ${before} has made whole: version ${now}`, async () => {
        const [old, dir] = [place(), place()];
        put(join(old, 'm'), movie);
        put(join(old, 'n'), note);
        if (before === '1') for (const { path, content } of BOX) put(join(dir, path), content);
        else assert.equal((await download(torrentOf(before, 32 * KIB), dir, '--reuse', old)).code, 0);
        const { code, done, reused } = await download(torrentOf(now, 64 * KIB), dir);
        assert.deepEqual([code, done.downloaded, reused], [0, 0, []]);
        assert.deepEqual(tree(dir), ['box', 'box/movie.mkv', 'box/note.txt']);
      });

      it(`goes on with what version ${before} has begun, by its hashes: version ${now}`, async () => {
        const [old, dir] = [place(), place()];
        put(join(old, 'm'), movie);
        const first = await download(torrentOf(before, 32 * KIB), dir, '--reuse', old);
        assert.equal(first.code, 2);
        assert.ok(existsSync(join(dir, 'box.btget')));
        put(join(old, 'n'), note);
        const { code, done } = await download(torrentOf(now, 64 * KIB), dir, '--reuse', old);
        assert.deepEqual(tree(join(dir, 'box')), now === '1' ? ['movie.mkv.part'] : ['movie.mkv', 'note.txt']);
        // To a torrent of version 1 a file is not whole before its last piece is, which it shares with the next file.
        if (now === '1') assert.equal(code, 2);
        else assert.deepEqual([code, done.downloaded], [0, 0]);
      });
    }

  for (const [before, now] of [
    ['1', '2'],
    ['2', 'hybrid'],
    ['hybrid', '1'],
  ] as const) {
    /** A part that version `before` has begun: its first bytes are right, and the rest is missing. */
    const begun = async (rightBytes: number): Promise<string> => {
      const dir = place();
      const first = await download(torrentOf(before, 32 * KIB), dir);
      assert.equal(first.code, 2);
      const part = Buffer.concat([movie.subarray(0, rightBytes), Buffer.alloc(1000, 7)]);
      put(join(dir, 'box/movie.mkv.part'), part);
      assert.ok(existsSync(join(dir, 'box.btget')));
      return dir;
    };

    it(`takes over a part of version ${before} of which a piece is proven: version ${now}`, async () => {
      const dir = await begun(100 * KIB);
      const { code, have } = await download(torrentOf(now, 64 * KIB), dir);
      assert.deepEqual([code, have], [2, 64 * KIB]);
      assert.deepEqual(
        readFileSync(join(dir, 'box/movie.mkv.part')).subarray(0, 64 * KIB),
        movie.subarray(0, 64 * KIB),
      );
    });

    it(`leaves a part of version ${before} alone of which nothing is proven, and says why: version ${now}`, async () => {
      const dir = await begun(20 * KIB);
      const before = readFileSync(join(dir, 'box/movie.mkv.part'));
      const { code, errors } = await download(torrentOf(now, 64 * KIB), dir);
      assert.equal(code, 13);
      assert.match(
        errors,
        /movie\.mkv\.part exists .* \(another torrent has begun it \(.*box\.btget\): finish that one first, --overwrite/,
      );
      assert.deepEqual(readFileSync(join(dir, 'box/movie.mkv.part')), before);
    });
  }
});
