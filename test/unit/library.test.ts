import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  BtgetError,
  createTorrent,
  download,
  type PeerAddress,
  parseMetainfo,
  type Session,
  type TorrentStatus,
} from '../../src/index.js';
import { FIXTURES } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { LOOPBACK, seedFixtures } from '../support/seed-session.js';

const TORRENT = readFileSync(join(FIXTURES, 'one-file.torrent'));
const dir = mkdtempSync(join(tmpdir(), 'btget-library-'));
after(() => rmSync(dir, { recursive: true }));

describe('a script', { timeout: HANGS_AFTER }, () => {
  let seed: Session;
  let peer: PeerAddress;
  before(async () => {
    ({ session: seed, peer } = await seedFixtures([TORRENT]));
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
});
