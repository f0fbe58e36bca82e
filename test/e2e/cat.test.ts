/** `btget cat` by the command line: verified bytes of one file on stdout, and nothing left behind. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { toHex } from '../../src/base/bytes.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { createNodeSession, type NodeSession } from '../../src/session/node-session.js';
import { LOOPBACK } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { writeNoise } from '../support/noise.js';

const BTGET = fileURLToPath(new URL('../../package/btget.js', import.meta.url));
const MIB = 1024 * 1024;
const root = mkdtempSync(join(tmpdir(), 'btget-cat-'));
after(() => rmSync(root, { recursive: true }));
const source = join(root, 'source', 'box');
const scratch = join(root, 'scratch');
/** Where the program keeps what V8 compiled of it. */
const cache = join(root, 'cache');

const torrents = new Map<string, { readonly path: string; readonly metainfo: Metainfo; readonly peer: string }>();
const seeds: NodeSession[] = [];

before(async () => {
  mkdirSync(scratch);
  mkdirSync(cache);
  writeNoise(source, { 'film.mkv': 9 * MIB + 7, 'notes/1.txt': 3000, 'notes/2.txt': 70_000, empty: 0 });
  for (const metaVersion of ['1', '2', 'hybrid'] as const) {
    const bytes = await createTorrent(source, { pieceLength: 131_072, metaVersion });
    const path = join(root, `${metaVersion}.torrent`);
    writeFileSync(path, bytes);
    const metainfo = parseMetainfo(bytes);
    torrents.set(metaVersion, { path, metainfo, peer: await beginSeed(metainfo) });
  }
});
after(async () => {
  for (const seed of seeds) await new Promise<void>((resolve) => seed.stop(resolve));
});

/** Seeds the torrent in a session of its own: a hybrid has the hashes of the two others. Resolves to HOST:PORT. */
async function beginSeed(metainfo: Metainfo): Promise<string> {
  const seed = createNodeSession({ bind: '127.0.0.1', port: { first: 0, last: 0 }, useDht: false });
  seeds.push(seed);
  const peer = await new Promise<string>((resolve) =>
    seed.listen((outcome) => resolve(outcome.ok ? `127.0.0.1:${outcome.port}` : assert.fail(outcome.failure))),
  );
  const nothing = (): void => undefined;
  await new Promise<void>((resolve, reject) => {
    seed.addTorrent(
      metainfo,
      { dir: join(root, 'source'), mode: 'seed', seedGoal: { ratio: null, time: null } },
      {
        ...{ started: nothing, fileDone: nothing, trackerAnswered: nothing, warned: nothing, goalReached: nothing },
        ...{ done: resolve, failed: reject },
      },
    );
  });
  return peer;
}

interface Ended {
  readonly code: number | null;
  readonly out: Buffer;
  readonly err: string;
}

function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [BTGET, 'cat', ...args, ...LOOPBACK], {
    env: { ...process.env, TMPDIR: scratch, XDG_CACHE_HOME: cache },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: root,
  });
}

async function endOf(child: ChildProcess): Promise<Ended> {
  const out: Buffer[] = [];
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out: Buffer.concat(out), err };
}

const peerOfOne = (): string => torrents.get('1')?.peer ?? assert.fail();
const cat = (...args: readonly string[]): Promise<Ended> => endOf(start('--peer', peerOfOne(), ...args));
const torrent = (version = '1'): string => torrents.get(version)?.path ?? assert.fail();
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const film = (begin = 0, end = 9 * MIB + 7): Buffer => readFileSync(join(source, 'film.mkv')).subarray(begin, end);

describe('cat', { timeout: HANGS_AFTER }, () => {
  for (const version of ['1', '2', 'hybrid'])
    it(`writes a file to stdout, verified, in order, and nothing else (version ${version})`, async () => {
      const before = readdirSync(root).sort();
      const ended = await cat(torrent(version), '*.mkv', '--peer', torrents.get(version)?.peer ?? '');
      assert.deepEqual([ended.code, ended.err], [0, '']);
      assert.equal(digest(ended.out), digest(film()));
      assert.deepEqual(readdirSync(root).sort(), before);
      assert.deepEqual(readdirSync(scratch), []);
    });

  it('writes a part, from a magnet link too', async () => {
    const part = ['--offset', '5M', '--length', '100000'];
    const { infoHash } = torrents.get('1')?.metainfo ?? assert.fail();
    for (const source of [torrent(), `magnet:?xt=urn:btih:${toHex(infoHash)}`]) {
      const ended = await cat(source, 'film.mkv', ...part);
      assert.deepEqual([ended.code, ended.err], [0, '']);
      assert.equal(digest(ended.out), digest(film(5 * MIB, 5 * MIB + 100_000)));
    }
    assert.deepEqual(readdirSync(scratch), []);
  });

  it('writes nothing of an empty file, and nothing of a length of 0', async () => {
    for (const args of [['empty'], ['film.mkv', '--length', '0'], ['film.mkv', '--offset', `${9 * MIB + 7}`]]) {
      const ended = await cat(torrent(), ...args);
      assert.deepEqual([ended.code, ended.err, ended.out.length], [0, '', 0]);
    }
  });

  it('ends at the first signal while its reader has paused', async () => {
    const child = start(torrent(), 'film.mkv', '--peer', peerOfOne());
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.stderr?.resume();
    await new Promise<void>((resolve) => child.stdout?.once('readable', resolve));
    // What is not taken fills the pipe.
    await setTimeout(300);
    child.kill('SIGTERM');
    assert.equal(await ended, 7);
    child.stdout?.destroy();
    assert.deepEqual(readdirSync(scratch), []);
  });

  it('ends with 0 when its reader has enough', async () => {
    const child = start(torrent(), 'film.mkv', '--peer', peerOfOne());
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    child.stdout?.destroy();
    child.stderr?.resume();
    assert.equal(await ended, 0);
  });

  it('gives up with 2 when no piece comes', async () => {
    const none = await endOf(start(torrent(), 'film.mkv', '--stop-timeout', '1'));
    assert.equal(none.code, 2);
    assert.match(none.err, /gave up: no piece came for 1s: no tracker to ask \(--tracker and --peer name some\)$/m);
    const dead = await endOf(start(torrent(), 'film.mkv', '--timeout', '1', '--peer', '127.0.0.1:1'));
    assert.equal(dead.code, 2);
    // On a busy machine the time may be over before the source is read, or the disk is looked at.
    assert.match(dead.err, /gave up: (not done after 1s.*|still waiting for .+ after 1s)$/m);
  });

  it('keeps what it has fetched in the folder of --dir, and does not fetch it again', async () => {
    const dir = join(root, 'kept');
    const first = await cat(torrent(), 'film.mkv', '-d', dir);
    assert.deepEqual([first.code, digest(first.out)], [0, digest(film())]);
    const again = await endOf(start(torrent(), 'film.mkv', '-d', dir, '--stop-timeout', '9'));
    assert.deepEqual([again.code, digest(again.out)], [0, digest(film())]);
    assert.equal(digest(readFileSync(join(dir, 'box', 'film.mkv'))), digest(film()));
  });

  it('says which file it needs to be told, and which it cannot find', async () => {
    const faults: readonly (readonly [readonly string[], RegExp])[] = [
      [[torrent()], /has 4 files: say which one/],
      [[torrent(), '*.txt'], /has 2 files that \*\.txt means: say which one/],
      [[torrent(), '9'], /FILE: there is no file 9: the torrent has 4/],
      [[torrent(), '*.avi'], /FILE: no file of box matches/],
      [
        [torrent(), 'film.mkv', '--exclude', '*.mkv', '--select', '*'],
        /no selected file of box is one that film\.mkv means/,
      ],
      [[torrent(), 'film.mkv', '--offset', '10M'], /--offset: box\/film\.mkv has 9437191 bytes, and no byte 10485760/],
      [[torrent(), 'film.mkv', '--length', '1x'], /--length: '1x' is not a number of bytes/],
      [[], /missing required argument/],
      [[torrent(), 'a', 'b'], /too many arguments/],
    ];
    for (const [args, message] of faults) {
      const ended = await endOf(start(...args));
      assert.deepEqual([ended.code, ended.out.length], [28, 0], ended.err);
      assert.match(ended.err, message);
    }
  });

  it('needs no file named when one is left', async () => {
    const ended = await cat(torrent(), '--select', 'notes/*', '--exclude', '2.txt');
    assert.deepEqual([ended.code, ended.err], [0, '']);
    assert.deepEqual(ended.out, readFileSync(join(source, 'notes', '1.txt')));
  });
});
