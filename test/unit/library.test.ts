import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type AddedTorrent,
  BtgetError,
  createNodeSession,
  createTorrent,
  download,
  type ListenAnswer,
  type Metainfo,
  type NodeSession,
  type PeerAddress,
  parseLink,
  parseMetainfo,
  resolveLinkPeers,
  type TorrentStatus,
} from '../../src/index.js';
import { FIXTURES } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { LOOPBACK, seedFixtures } from '../support/seed-session.js';

const TORRENT = readFileSync(join(FIXTURES, 'one-file.torrent'));
const dir = mkdtempSync(join(tmpdir(), 'btget-library-'));
after(() => rmSync(dir, { recursive: true }));

describe('a script', { timeout: HANGS_AFTER }, () => {
  let seed: NodeSession;
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
    assert.deepEqual(result, { name: 'one-file.txt', infoHash, infoHashV2: null, paths: [path], ...amounts });
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
    const sha1InBtmh = `urn:btmh:1114${infoHash.toString('hex')}`;
    await assert.rejects(download(sha1InBtmh, LOOPBACK), { code: 'magnet-invalid' });
  });

  it('names the torrent by a path, a URL, a link or an info-hash, and a file comes before an info-hash', async () => {
    const infoHash = parseMetainfo(TORRENT).infoHash.toString('hex');
    const server = createServer(({ url }, response) => {
      if (url === '/to-link') response.writeHead(302, { location: `magnet:?xt=urn:btih:${infoHash}` }).end();
      else if (url === '/a.torrent') response.end(TORRENT);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const origin = `http://127.0.0.1:${address.port}`;
    const shadow = join(dir, 'a'.repeat(40));
    writeFileSync(shadow, TORRENT);
    const path = join(FIXTURES, 'one-file.torrent');
    const before = process.cwd();
    process.chdir(dir);
    try {
      for (const [index, source] of [path, `${origin}/a.torrent`, `${origin}/to-link`, 'a'.repeat(40)].entries()) {
        const to = join(dir, `source-${index}`);
        const { name } = await download(source, { ...LOOPBACK, dir: to, peers: [peer] });
        assert.deepEqual([name, readdirSync(to)], ['one-file.txt', ['one-file.txt']]);
      }
      await assert.rejects(download(`${origin}/none`, LOOPBACK), { code: 'source-not-found' });
    } finally {
      process.chdir(before);
      server.close();
    }
  });

  it('hears what a source may be when it gives another thing', async () => {
    const missing = { code: 'source-not-found', message: 'no such file: data.torrent' };
    await assert.rejects(download('data.torrent', LOOPBACK), missing);
    await assert.rejects(download('data.torrent', LOOPBACK), ({ hint }: BtgetError) =>
      /a magnet link/.test(hint ?? ''),
    );
    await assert.rejects(download(dir, LOOPBACK), {
      code: 'cannot-open',
      message: `${dir} is a folder, not a .torrent`,
    });
    await assert.rejects(download('ftp://example.org/a.torrent', LOOPBACK), {
      code: 'usage',
      message: 'only http and https URLs can be fetched: ftp://example.org/a.torrent',
    });
    const { signal } = { signal: AbortSignal.abort() };
    await assert.rejects(download('http://127.0.0.1:1/', { ...LOOPBACK, signal }), { code: 'interrupted' });
    const others = [Promise.resolve(TORRENT), '', {}, null, undefined, 5, new URL('http://127.0.0.1/')];
    for (const source of others)
      await assert.rejects(download(source as never, LOOPBACK), {
        code: 'usage',
        message: /^source: .+ is not a path, /,
      });
  });

  it('begins a link in a session, and fetches its metadata alone', async () => {
    const infoHash = parseMetainfo(TORRENT).infoHash.toString('hex');
    const link = parseLink(`magnet:?xt=urn:btih:${infoHash}&x.pe=${peer.host}:${peer.port}&so=0`);
    const { bind, port } = LOOPBACK;
    const session = createNodeSession({ bind, port });
    const linkPeers = await resolveLinkPeers(link.peers, bind);
    const nothing = (): void => undefined;
    const to = join(dir, 'session');
    const metainfo = await new Promise<Metainfo>((resolve, reject) => {
      const events = { gotMetadata: resolve, trackerAnswered: nothing, warned: nothing, failed: reject };
      session.fetchMetadata(link, { dir: to, linkPeers }, events);
      assert.throws(() => session.fetchMetadata(link, {}, events), { code: 'target-busy' });
    });
    assert.equal(metainfo.name, 'one-file.txt');
    await new Promise<void>((resolve) => session.stop(resolve));

    const other = createNodeSession({ bind, port });
    await new Promise<void>((resolve, reject) => {
      const events = { started: nothing, fileDone: nothing, trackerAnswered: nothing, warned: nothing, done: nothing };
      const more = { gotMetadata: nothing, goalReached: resolve, failed: reject };
      other.addMagnet(link, { dir: to, linkPeers }, { ...events, ...more });
    });
    await new Promise<void>((resolve) => other.stop(resolve));
    assert.deepEqual(readFileSync(join(to, 'one-file.txt')), readFileSync(join(FIXTURES, 'one-file.txt')));
  });

  it('is answered by a session that stops or has stopped, whatever it asks, and hears that no torrent is taken', async () => {
    const { bind, port } = LOOPBACK;
    const session = createNodeSession({ bind, port });
    const stopped = (): Promise<void> => new Promise((resolve) => session.stop(resolve));
    const nothing = (): void => undefined;
    const events = { started: nothing, fileDone: nothing, trackerAnswered: nothing, warned: nothing, done: nothing };
    const add = (): AddedTorrent =>
      session.addTorrent(
        parseMetainfo(TORRENT),
        { dir: join(dir, 'stopped'), useTorrentTrackers: false },
        { ...events, goalReached: nothing, failed: nothing },
      );
    const torrent = add();
    const early = new Promise<ListenAnswer>((resolve) => session.listen(resolve));
    await Promise.all([stopped(), stopped()]);
    await stopped();
    await new Promise<void>((resolve) => torrent.stop(resolve));
    await new Promise<void>((resolve) => session.remove(torrent, resolve));
    const late = new Promise<ListenAnswer>((resolve) => session.listen(resolve));
    for (const outcome of [await early, await late])
      assert.deepEqual([outcome.ok, !outcome.ok && outcome.failure.code], [false, 'interrupted']);
    assert.throws(add, { code: 'interrupted' });
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

  it('is told by the promise alone that no thread can hash', { skip: process.platform === 'win32' }, () => {
    const [gone, index] = [join(dir, 'gone'), new URL('../../src/index.js', import.meta.url)];
    mkdirSync(gone);
    // Node begins no thread where the current folder is gone.
    const script = `
      import { rmdirSync } from 'node:fs';
      import { createTorrent } from '${index}';
      rmdirSync(process.cwd());
      const error = await createTorrent('${join(FIXTURES, 'one-file.txt')}').catch((error) => error);
      setTimeout(() => console.log(/uv_cwd/.test(error.message)), 10);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: gone });
    assert.deepEqual([`${stdout}`, `${stderr}`], ['true\n', '']);
  });

  it('makes the same torrent as the command line', async () => {
    const options = { pieceLength: 16_384, comment: 'one file, its last piece short', createdAt: 1_700_000_000 };
    const bytes = await createTorrent(join(FIXTURES, 'one-file.txt'), { ...options, createdBy: 'btget 0.1.0' });
    assert.deepEqual(bytes, TORRENT);
    await assert.rejects(createTorrent(join(dir, 'nothing')), { code: 'source-not-found' });
  });
});
