import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  BtgetError,
  createNodeSession,
  createTorrent,
  DEFAULT_SESSION_OPTIONS,
  DEFAULT_TORRENT_OPTIONS,
  download,
  type PeerAddress,
  parseMetainfo,
  type Session,
  type TorrentStatus,
} from '../../src/index.js';
import { FIXTURES } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';

const LOOPBACK = { bind: '127.0.0.1', port: { first: 0, last: 0 }, useTorrentTrackers: false } as const;
const TORRENT = readFileSync(join(FIXTURES, 'one-file.torrent'));
const dir = mkdtempSync(join(tmpdir(), 'btget-library-'));
after(() => rmSync(dir, { recursive: true }));

describe('a script', { timeout: HANGS_AFTER }, () => {
  let seed: Session;
  let peer: PeerAddress;
  before(async () => {
    seed = createNodeSession({ ...DEFAULT_SESSION_OPTIONS, ...LOOPBACK }, 'test', (error) => assert.ifError(error));
    peer = await new Promise((resolve) =>
      seed.listen((outcome) => {
        assert.ok(outcome.ok);
        resolve({ host: '127.0.0.1', port: outcome.port });
      }),
    );
    await new Promise<void>((resolve) => {
      const nothing = (): void => undefined;
      const events = { started: nothing, fileDone: nothing, trackerAnswered: nothing, warned: nothing, done: resolve };
      const goal = { ratio: null, time: null };
      const options = { ...DEFAULT_TORRENT_OPTIONS, ...LOOPBACK, dir: FIXTURES, mode: 'seed', seedGoal: goal } as const;
      const failed = (failure: unknown): void => assert.ifError(failure);
      seed.addTorrent(parseMetainfo(TORRENT), options, { ...events, goalReached: nothing, failed });
    });
  });
  after(() => new Promise<void>((resolve) => seed.stop(resolve)));

  it('downloads, hears of the progress, and is told what it has', async () => {
    const statuses: TorrentStatus[] = [];
    const to = join(dir, 'plain');
    const onProgress = (status: TorrentStatus): unknown => statuses.push(status);
    const result = await download(TORRENT, { ...LOOPBACK, dir: to, peers: [peer], onProgress });
    const path = join(to, 'one-file.txt');
    const infoHash = parseMetainfo(TORRENT).infoHash.toString('hex');
    const amounts = { length: 163_783, downloaded: 163_783, uploaded: 0 };
    assert.deepEqual(result, { name: 'one-file.txt', infoHash, paths: [path], ...amounts });
    assert.deepEqual(readFileSync(path), readFileSync(join(FIXTURES, 'one-file.txt')));
    assert.deepEqual([statuses[0]?.state, statuses.at(-1)?.have], ['checking', 163_783]);
    assert.equal((await download(parseMetainfo(TORRENT), { ...LOOPBACK, dir: to })).downloaded, 0);
  });

  it('downloads a magnet link, and an info-hash, and hears of the metadata as a state', async () => {
    const { infoHash } = parseMetainfo(TORRENT);
    const link = `magnet:?xt=urn:btih:${infoHash.toString('hex')}&x.pe=${peer.host}:${peer.port}`;
    const statuses: TorrentStatus[] = [];
    const onProgress = (status: TorrentStatus): unknown => statuses.push(status);
    const { name, length } = await download(link, { ...LOOPBACK, dir: join(dir, 'link'), onProgress });
    assert.deepEqual([name, length, statuses[0]?.state], ['one-file.txt', 163_783, 'metadata']);
    const byHash = { ...LOOPBACK, dir: join(dir, 'hash'), peers: [peer] };
    const { paths } = await download(infoHash.toString('hex'), byHash);
    assert.deepEqual(readFileSync(paths[0] ?? ''), readFileSync(join(FIXTURES, 'one-file.txt')));
    assert.deepEqual(
      [readdirSync(join(dir, 'link')), readdirSync(join(dir, 'hash'))],
      [['one-file.txt'], ['one-file.txt']],
    );
    await assert.rejects(download('data.torrent', LOOPBACK), { code: 'magnet-invalid' });
    await assert.rejects(download('data', LOOPBACK), {
      code: 'magnet-invalid',
      message: 'neither a magnet link nor an info-hash: data',
    });
    await assert.rejects(download('5'.repeat(64), LOOPBACK), { code: 'torrent-invalid' });
  });

  it('gets what it aborts, what is wrong, and what it throws itself as a rejection', async () => {
    const alone = { ...LOOPBACK, dir: join(dir, 'alone') };
    const why = new Error('no more patience');
    const onProgress = (): void => controller.abort(why);
    const controller = new AbortController();
    const { signal } = controller;
    const isInterrupted = (error: unknown): boolean =>
      error instanceof BtgetError && error.code === 'interrupted' && error.cause === why;
    await assert.rejects(download(TORRENT, { ...alone, signal, onProgress }), isInterrupted);
    await assert.rejects(download(TORRENT, { ...alone, signal }), isInterrupted);
    await assert.rejects(download(Buffer.from('no torrent'), alone), { code: 'not-bencoded' });
    const throwing = (): void => {
      throw why;
    };
    await assert.rejects(download(TORRENT, { ...alone, onProgress: throwing }), why);
    writeFileSync(join(dir, 'one-file.txt'), 'foreign');
    await assert.rejects(download(TORRENT, { ...LOOPBACK, dir }), { code: 'foreign-file' });
  });

  it('makes the same torrent as the command line', async () => {
    const options = { pieceLength: 16_384, comment: 'one file, its last piece short', createdAt: 1_700_000_000 };
    const bytes = await createTorrent(join(FIXTURES, 'one-file.txt'), { ...options, createdBy: 'btget 0.1.0' });
    assert.deepEqual(bytes, TORRENT);
    await assert.rejects(createTorrent(join(dir, 'nothing')), { code: 'source-not-found' });
  });

  it('can be the example in the README', async () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const example = /## As a library\s+```ts\n([\s\S]+?)```/.exec(readme)?.[1] ?? '';
    const options = `dir: 'downloads', ...${JSON.stringify({ ...LOOPBACK, peers: [peer] })},`;
    const script = example.replace("dir: 'downloads',", options);
    assert.notEqual(script, example);
    // Beside this file, where the name of the package leads to the package.
    const path = fileURLToPath(new URL('./readme-example.mjs', import.meta.url));
    writeFileSync(path, script);
    after(() => rmSync(path));
    const cwd = mkdtempSync(join(dir, 'readme-'));
    copyFileSync(join(FIXTURES, 'one-file.torrent'), join(cwd, 'data.torrent'));
    const { stdout } = await promisify(execFile)(process.execPath, [path], { cwd });
    assert.equal(stdout, '1 files, 163783 bytes\n');
    assert.deepEqual(readdirSync(join(cwd, 'downloads')), ['one-file.txt']);
  });
});
