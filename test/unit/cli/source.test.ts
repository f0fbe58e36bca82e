import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { BtgetError, type FailureCode } from '../../../src/base/failure.js';
import { exitCodeOf } from '../../../src/cli/exit-code.js';
import { loadSource, type SourceReaders } from '../../../src/cli/source/load-source.js';
import { classifySource, recognise } from '../../../src/cli/source/recognise.js';
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

/** As `load`, in the folder of the tests. */
async function loadHere(input: string): Promise<string> {
  const before = process.cwd();
  process.chdir(dir);
  try {
    return await load(input);
  } finally {
    process.chdir(before);
  }
}

async function load(input: string, stdin?: AsyncIterable<Buffer>): Promise<string> {
  const source = await loadSource(input, readers(stdin));
  if (source.ok && source.kind === 'magnet') return `link to ${source.link.infoHash.toString('hex')}`;
  return source.ok ? source.metainfo.name : `${exitCodeOf(source.failure)} ${source.failure.message}`;
}

test('the form of a source decides what kind it is', () => {
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
    ['magnet://?xt=urn:btih:x', 'magnet'],
    ['magnet%3A%3Fxt%3Durn', 'magnet'],
    ['URN:BTIH:89D97C2261A21B040CF11CAA661A3BA7233BB7E6', 'magnet'],
    ['urn:btmh:1220ab', 'magnet'],
    ['urn:isbn:1', 'path'],
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
    ['magnet:?xt=urn%zz:btih', 27, /broken escape/],
    ['urn:btih:zz', 27, /no info-hash/],
    [`magnet:?xt=urn:btmh:1114${'ab'.repeat(20)}`, 27, /urn:btmh that is not 1220/],
    [`urn:btmh:1220${'ab'.repeat(31)}`, 27, /urn:btmh that is not 1220/],
    ['ab'.repeat(33), 3, /no such file/],
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

test('a link and an info-hash are loaded without metainfo, and a file of the same name wins over an info-hash', async () => {
  const hash = '89d97c2261a21b040cf11caa661a3ba7233bb7e6';
  assert.equal(await load(`magnet:?xt=urn:btih:${hash.toUpperCase()}&x.pe=192.0.2.1:6881`), `link to ${hash}`);
  assert.equal(await load(hash), `link to ${hash}`);
  assert.equal(await load('RHMXYITBUINQIDHRDSVGMGR3U4RTXN7G'), `link to ${hash}`);
  const source = await loadSource(`magnet:?xt=urn:btih:${hash}&x.pe=192.0.2.1:6881`, readers());
  assert.deepEqual(source.ok && source.kind === 'magnet' && source.peers, [{ host: '192.0.2.1', port: 6881 }]);
  put(hash, TORRENT);
  assert.equal(await loadHere(hash), 'hello');
});

test('blanks, quotes and brackets around a source are ignored', async () => {
  const hash = '89d97c2261a21b040cf11caa661a3ba7233bb7e6';
  put('bare.torrent', TORRENT);
  const links = [`magnet:?xt=urn:btih:${hash}`, `URN:BTIH:${hash}`, hash, `magnet://?xt=urn:btih:${hash}&amp;dn=x`];
  for (const [before, behind] of [
    [' ', '\t'],
    ['\n', '\r\n'],
    ['\ufeff', '\u200b'],
    ['\u00a0', '\u00a0\u2003'],
    ['"', '"'],
    ["'", "'"],
    ['“', '”'],
    ['„', '“'],
    ['« ', ' »'],
    ['<', '>'],
    ['"<', '>" '],
    ['', '”'],
  ] as const) {
    for (const link of links) assert.equal(await load(`${before}${link}${behind}`), `link to ${hash}`, before + link);
    assert.equal(await load(`${before}http://example.org/there${behind}`), 'hello');
    assert.equal(await loadHere(`${before}bare.torrent${behind}`), 'hello');
  }
  assert.match(await loadHere('" missing.torrent "'), /^3 no such file: missing\.torrent$/);
});

test('a file whose own name has blanks or quotes around it is found first', async () => {
  const named = TORRENT.toString('latin1').replace('5:hello', '5:named');
  for (const name of [' twin.torrent', '"twin.torrent"', '“twin.torrent”', '<twin.torrent>']) {
    put('twin.torrent', TORRENT);
    put(name, Buffer.from(named, 'latin1'));
    assert.equal(await loadHere(name), 'named', name);
    const list = put('names', `${name}\n  twin.torrent\u00a0\n`);
    const before = process.cwd();
    process.chdir(dir);
    try {
      assert.deepEqual(await listSources([], list, streamOf()), [name, 'twin.torrent']);
    } finally {
      process.chdir(before);
    }
  }
  const far = `"${'x'.repeat(5000)}"`;
  assert.match(await loadHere(far), /^16 |^3 /);
});

test('one link on stdin is a source, and several links are refused with a hint at -i', async () => {
  const link = 'magnet:?xt=urn:btih:89d97c2261a21b040cf11caa661a3ba7233bb7e6';
  const utf16 = Buffer.from(`\ufeff${link}\r\n`, 'utf16le');
  for (const text of [link, `${link}\n`, `\ufeff "${link}"\r\n`, utf16, link.replace('magnet:?xt=', '')])
    assert.match(await load('-', streamOf(Buffer.from(text))), /^link to 89d97c/);
  assert.match(await load('-', streamOf(Buffer.from(`${link}\n${link}\n`))), /^28 .*several links.*-i -/);
  assert.match(await load('-', streamOf(Buffer.from('magnet:?xt=urn:btih:x\n'))), /^27 /);
});

test('a URL that nothing can fetch is wrong usage, and is not asked for', async () => {
  for (const url of ['http://', 'http://127.0.0.1:99999/x', 'http://[::1/x', 'https://t/a b', 'http://t/a\tb']) {
    const source = await loadSource(url, { ...readers(), fetch: assert.fail });
    assert.deepEqual([url, source.ok ? 'ok' : source.failure.code], [url, 'usage']);
  }
});

test('a URL that redirects to a magnet link counts as that link, and a bad link gives the exit code of a bad link', async () => {
  const at = async (location: string): Promise<string> => {
    const source = await loadSource('http://t/dl', { ...readers(), fetch: async () => location });
    if (source.ok) return source.kind === 'magnet' ? source.link.infoHash.toString('hex') : 'torrent';
    return `${exitCodeOf(source.failure)} ${source.failure.message}`;
  };
  assert.equal(await at(`MAGNET:?dn=a b&xt=urn:btih:${'ab'.repeat(20)}`), 'ab'.repeat(20));
  assert.match(
    await at('magnet:?xt=urn:btih:zz'),
    /^27 http:\/\/t\/dl: the magnet link has an xt that is no info-hash/,
  );
  assert.equal(await at(`magnet:?xt=urn:btmh:1220${'ab'.repeat(32)}`), 'ab'.repeat(20));
});

test('a file that is no .torrent is refused with a sentence that names its kind', async () => {
  const link = `magnet:?xt=urn:btih:${'ab'.repeat(20)}`;
  const kinds: readonly [bytes: Buffer | string, what: RegExp][] = [
    ['<!DOCTYPE html>\n<title>Log in</title>', /a web page \(HTML\)/],
    ['\ufeff  <HTML><body>', /a web page \(HTML\)/],
    ['<!-- x --><html lang="en">', /a web page \(HTML\)/],
    ['<?xml version="1.0"?><html xmlns="x">', /a web page \(HTML\)/],
    ['<?xml version="1.0"?>\n<metalink xmlns="urn:x">', /a Metalink/],
    ['<?xml version="1.0"?><rss version="2">', /a feed/],
    ['<svg width="1">', /XML/],
    ['{"error":"no such torrent"}', /JSON/],
    ['[{"id":1}]', /JSON/],
    [gzipSync(TORRENT), /gzip data.*gunzip/],
    [Buffer.from('504b030414000000', 'hex'), /a ZIP archive/],
    [Buffer.from('89504e470d0a1a0a', 'hex'), /a PNG picture/],
    ['%PDF-1.7', /a PDF document/],
    [`${link}\n`, /the text of a magnet link/],
    [`\ufeff"${link}"`, /the text of a magnet link/],
    [`urn:btih:${'ab'.repeat(20)}`, /the text of a magnet link/],
    ['ab'.repeat(20), /the text of an info-hash/],
    ['https://example.org/a.torrent\n', /the text of a URL/],
    [' \r\n\t', /nothing but blanks/],
    [Buffer.alloc(9000), /nothing but zero bytes/],
    ['Not Found', /text that begins with 'Not Found'/],
    // The sentence cuts the line before the `@` that shows that a password stands before it.
    [`${'x'.repeat(40)} alice:hunter22hunter22@t.example`, /text that begins with 'x{40} t\.example'/],
    [TORRENT.subarray(0, 60), /cut short/],
    [TORRENT.subarray(0, TORRENT.length - 1), /cut short/],
    [TORRENT.subarray(0, 1), /cut short/],
  ];
  for (const [bytes, what] of kinds) {
    const path = put('what', bytes);
    const answer = await load(path);
    assert.match(answer, /^25 /, answer);
    assert.match(answer, what);
    assert.ok(answer.includes(path) && !answer.includes('\n'), answer);
    assert.match(
      await load('-', streamOf(Buffer.from(bytes))),
      typeof bytes === 'string' && /magnet:|btih|^ab/.test(bytes) ? /^link/ : what,
    );
  }
});

test('for any bytes the sentence that names their kind is one line of bounded length', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 600 }),
        fc.string().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        const what = recognise(Buffer.from(bytes));
        assert.ok(what === null || (what.length > 0 && what.length < 200));
        assert.ok(!/[\r\n]/.test(what ?? ''));
      },
    ),
  );
});

test('an empty stdin and an endless stdin are refused', async () => {
  assert.match(await load('-'), /^25 -: stdin is empty|^25 stdin is empty/);
  async function* endless(): AsyncIterable<Buffer> {
    for (;;) yield Buffer.alloc(1 << 20, 'd');
  }
  assert.match(await load('-', endless()), /^26 .*at most 32 MiB/);
});

test('sources come from the arguments and from a list, and stdin cannot be read twice', async () => {
  const list = put('list', '\ufeff# comment\n\n  a.torrent  \r\nhttp://x/b c.torrent\n\u00a0\n');
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

test('a .torrent in the place of a list, a list with a NUL and one without end are refused in one sentence', async () => {
  const refusal = (file: string, bytes: Buffer): Promise<string> =>
    listSources(['x'], file, streamOf(bytes)).then(
      () => assert.fail('it is taken for a list'),
      (error) => `${error.code}: ${error.message}`,
    );
  const [torrent, list] = [put('in-place-of-a-list.torrent', TORRENT), put('nul', 'a.torrent\nb\0.torrent\n')];
  const what = 'is a .torrent, and no list of sources: give it without --input-file';
  assert.equal(await refusal(torrent, TORRENT), `usage: ${torrent} ${what}`);
  assert.equal(await refusal('-', TORRENT), `usage: stdin ${what}`);
  assert.equal(await refusal(list, TORRENT), `usage: ${list} is no list of sources: it holds a NUL byte`);
  const long = Buffer.alloc(33 * 1024 * 1024, 'a\n');
  assert.equal(await refusal('-', long), 'usage: stdin is too long for a list of sources');
  const utf16 = put('utf16', Buffer.from('\ufeffa.torrent\n', 'utf16le'));
  assert.deepEqual(await listSources([], utf16, streamOf()), ['a.torrent'], 'UTF-16 has zero bytes of its own');
});

test('with --bind, --peer takes addresses and localhost, and refuses names that need a look-up', async () => {
  const peers = [
    { host: '10.0.0.1', port: 1 },
    { host: 'localhost', port: 2 },
    { host: '::1', port: 3 },
  ];
  assert.deepEqual(await resolvePeers(peers, { bind: '127.0.0.1', proxy: null }), [
    { host: '10.0.0.1', port: 1 },
    { host: '127.0.0.1', port: 2 },
    { host: '::1', port: 3 },
  ]);
  await assert.rejects(
    resolvePeers([{ host: 'seed.example', port: 1 }], { bind: '127.0.0.1', proxy: null }),
    /--bind allows no look-up/,
  );
});
