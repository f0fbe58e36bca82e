import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BtgetError, type FailureCode } from '../../../src/base/failure.js';
import { exitCodeOf } from '../../../src/cli/exit-code.js';
import { classifySource } from '../../../src/cli/source/classify.js';
import { loadSource, type SourceReaders } from '../../../src/cli/source/load-source.js';
import { resolvePeers } from '../../../src/cli/source/resolve-peers.js';
import { listSources } from '../../../src/cli/source/source-list.js';
import { readPeer } from '../../../src/cli/values.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-source-'));
after(() => rmSync(dir, { recursive: true }));

async function* streamOf(...chunks: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* chunks;
}

const TORRENT = Buffer.concat([
  Buffer.from('d8:announce17:http://t/announce4:infod6:lengthi5e4:name5:hello12:piece lengthi16384e6:pieces20:'),
  Buffer.alloc(20, 7),
  Buffer.from('ee'),
]);

function readers(stdin: AsyncIterable<Buffer> = streamOf()): SourceReaders {
  return {
    stdin,
    parse: parseMetainfo,
    resolve: async (peers) => peers.map((peer) => readPeer(peer, 'x.pe')),
    fetch: async (url) => {
      if (url.endsWith('/there')) return TORRENT;
      throw new BtgetError('source-not-found', `${url}: the server says 404, not found`);
    },
  };
}

function put(name: string, bytes: Buffer | string): string {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
}

async function load(input: string, stdin?: AsyncIterable<Buffer>): Promise<string> {
  const source = await loadSource(input, readers(stdin));
  if (source.ok && source.kind === 'magnet') return `link to ${source.link.infoHash.toString('hex')}`;
  return source.ok ? source.metainfo.name : `${exitCodeOf(source.failure)} ${source.failure.message}`;
}

test('a source is known by its form', () => {
  const kinds: readonly [string, string][] = [
    ['-', 'stdin'],
    ['https://example.org/a.torrent', 'url'],
    ['HTTP://example.org/a.torrent', 'url'],
    ['magnet:?xt=urn:btih:x', 'magnet'],
    ['89d97c2261a21b040cf11caa661a3ba7233bb7e6', 'info-hash'],
    ['89D97C2261A21B040CF11CAA661A3BA7233BB7E6', 'info-hash'],
    ['a'.repeat(64), 'info-hash'],
    ['abcdefghijklmnopqrstuvwxyz234567', 'info-hash'],
    ['a'.repeat(41), 'path'],
    ['x.torrent', 'path'],
    ['./-', 'path'],
  ];
  assert.deepEqual(
    kinds.map(([input]) => classifySource(input)),
    kinds.map(([, kind]) => kind),
  );
});

test('torrents come from a path, a URL, stdin and a pipe', async () => {
  const path = put('good.torrent', TORRENT);
  assert.equal(await load(path), 'hello');
  assert.equal(await load('http://example.org/there'), 'hello');
  assert.equal(await load('-', streamOf(TORRENT.subarray(0, 40), TORRENT.subarray(40))), 'hello');
  const fifo = join(dir, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const loading = load(fifo);
  await writeFile(fifo, TORRENT);
  assert.equal(await loading, 'hello');
});

test('each bad source has its exit code and one line that names it', async () => {
  const hanging = ['d-3:', 'l-3:', 'l-4:'];
  mkdirSync(join(dir, 'folder'));
  const huge = put('huge', '');
  truncateSync(huge, 33 * 1024 * 1024);
  const rows: readonly [input: string, exitCode: number, why: RegExp][] = [
    [join(dir, 'missing.torrent'), 3, /no such file/],
    [join(put('plain', 'x'), 'below'), 3, /no such file/],
    ['http://example.org/missing', 3, /404/],
    [put('empty', ''), 25, /is empty/],
    [put('photo.jpg', Buffer.from('ffd8ffe000104a46', 'hex')), 25, /./],
    [put('half.torrent', TORRENT.subarray(0, 60)), 25, /./],
    ...hanging.map((text, index): [string, number, RegExp] => [put(`hanging${index}`, text), 25, /./]),
    [put('deep', 'l'.repeat(100_000)), 25, /./],
    [put('other', 'd3:foo3:bare'), 26, /info/],
    [join(dir, 'folder'), 16, /is a folder/],
    [huge, 26, /33 MiB long.*at most 32 MiB/],
    ['magnet:?dn=nothing', 27, /names no torrent/],
    ['magnet:', 27, /has no parameters/],
    ['magnet:?xt=urn:btih:zz', 27, /no info-hash/],
    [`magnet:?xt=urn:btih:${'ab'.repeat(20)}&dn=%zz`, 27, /broken escape/],
    [`magnet:?xt=urn:btmh:1220${'ab'.repeat(32)}`, 26, /version 2 alone are not supported yet/],
    ['ab'.repeat(32), 26, /version 2 alone are not supported yet/],
    ['ftp://example.org/a.torrent', 28, /only http and https/],
  ];
  for (const [input, exitCode, why] of rows) {
    const answer = await load(input);
    assert.ok(answer.startsWith(`${exitCode} `), `${input}: ${answer}`);
    assert.match(answer, why);
    assert.ok(answer.includes(input), answer);
    assert.ok(!answer.includes('\n'));
  }
});

test('a link and an info-hash are sources without metainfo, and a file of that name wins', async () => {
  const hash = '89d97c2261a21b040cf11caa661a3ba7233bb7e6';
  assert.equal(await load(`magnet:?xt=urn:btih:${hash.toUpperCase()}&x.pe=192.0.2.1:6881`), `link to ${hash}`);
  assert.equal(await load(hash), `link to ${hash}`);
  assert.equal(await load('RHMXYITBUINQIDHRDSVGMGR3U4RTXN7G'), `link to ${hash}`);
  const source = await loadSource(`magnet:?xt=urn:btih:${hash}&x.pe=192.0.2.1:6881`, readers());
  assert.deepEqual(source.ok && source.kind === 'magnet' && source.peers, [{ host: '192.0.2.1', port: 6881 }]);
  const before = process.cwd();
  process.chdir(dir);
  try {
    put(hash, TORRENT);
    assert.equal(await load(hash), 'hello');
  } finally {
    process.chdir(before);
  }
});

test('an empty stdin, and one that never ends, are refused', async () => {
  assert.match(await load('-'), /^25 -: stdin is empty|^25 stdin is empty/);
  async function* endless(): AsyncIterable<Buffer> {
    for (;;) yield Buffer.alloc(1 << 20, 'd');
  }
  assert.match(await load('-', endless()), /^26 .*at most 32 MiB/);
});

test('sources come from arguments and from a list, and stdin is read once', async () => {
  const list = put('list', '# comment\n\n  a.torrent  \r\nhttp://x/b c.torrent\n');
  assert.deepEqual(await listSources(['x'], list, streamOf()), ['x', 'a.torrent', 'http://x/b c.torrent']);
  assert.deepEqual(await listSources([], '-', streamOf(Buffer.from('a\nb'))), ['a', 'b']);
  const refused = async (args: readonly string[], file: string | null, code: FailureCode): Promise<void> => {
    const text = Buffer.from('-\n');
    await assert.rejects(
      listSources(args, file, streamOf(text)),
      (error) => error instanceof BtgetError && error.code === code,
    );
  };
  await refused([], null, 'usage');
  await refused(['-', '-'], null, 'usage');
  await refused([], '-', 'usage');
  await refused([], join(dir, 'missing'), 'source-not-found');
});

test('peers are dialled by address, and names are not looked up behind a fence', async () => {
  const peers = [
    { host: '10.0.0.1', port: 1 },
    { host: 'localhost', port: 2 },
    { host: '::1', port: 3 },
  ];
  assert.deepEqual(await resolvePeers(peers, '127.0.0.1'), [
    { host: '10.0.0.1', port: 1 },
    { host: '127.0.0.1', port: 2 },
    { host: '::1', port: 3 },
  ]);
  await assert.rejects(resolvePeers([{ host: 'seed.example', port: 1 }], '127.0.0.1'), /--bind allows no look-up/);
});
