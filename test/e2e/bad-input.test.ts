import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { BTGET, BtgetProcess, environment, FIXTURES, LOOPBACK, runBtget } from '../support/btget-process.js';
import { closedPort, serveHttp } from '../support/fakes/http-server.js';
import { HANGS_AFTER } from '../support/hang.js';

const isPosix = process.platform !== 'win32';
const dir = mkdtempSync(join(tmpdir(), 'btget-bad-'));
after(() => rmSync(dir, { recursive: true }));

const torrent = (info: string): string => `d4:info${info}e`;
const HASH = 'h'.repeat(20);
const files: Readonly<Record<string, string | Buffer>> = {
  'empty.torrent': '',
  'photo.torrent': Buffer.from('ffd8ffe000104a464946', 'hex'),
  'cut.torrent': readFileSync(join(FIXTURES, 'many-files.torrent')).subarray(0, 400),
  'd-3.torrent': 'd-3:',
  'l-3.torrent': 'l-3:',
  'l-4.torrent': 'l-4:',
  'deep.torrent': 'l'.repeat(2_000_000),
  'long.torrent': 'd4:info2147483648:',
  'no-info.torrent': 'd8:announce3:fooe',
  'no-pieces.torrent': torrent('d6:lengthi5e4:name1:a12:piece lengthi16384ee'),
  'v2.torrent': torrent('d9:file treed1:ad0:d6:lengthi5eeee12:meta versioni2e4:name1:a12:piece lengthi16384ee'),
  'dots.torrent': torrent(
    `d5:filesld6:lengthi5e4:pathl2:..2:..4:evileee4:name2:..12:piece lengthi16384e6:pieces20:${HASH}e`,
  ),
  'a file': 'in the place of a folder',
  'link.torrent': `magnet:?xt=urn:btih:${'ab'.repeat(20)}\n`,
  'hello.torrent': torrent(`d6:lengthi5e4:name5:hello12:piece lengthi16384e6:pieces20:${HASH}e`),
};
for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
mkdirSync(join(dir, 'folder'));
const HEX = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a';

interface Row {
  readonly args: readonly string[];
  readonly code: number;
  /** All of stderr. */
  readonly says: string;
}

const rows: Readonly<Record<string, Row>> = {
  'no such file': { args: ['none.torrent'], code: 3, says: 'no such file: none.torrent' },
  'a folder': { args: ['folder'], code: 16, says: 'folder is a folder, not a .torrent' },
  'an empty file': { args: ['empty.torrent'], code: 25, says: 'empty.torrent is empty' },
  'nothing on stdin': { args: ['-'], code: 25, says: 'stdin is empty' },
  'a picture': {
    args: ['photo.torrent'],
    code: 25,
    says: 'photo.torrent: this is a JPEG picture, not a .torrent',
  },
  'a torrent cut in half': {
    args: ['cut.torrent'],
    code: 25,
    says: 'cut.torrent: cut short: the bytes end too early, at byte 400 (fetch it again)',
  },
  'd-3:': {
    args: ['d-3.torrent'],
    code: 25,
    says: 'd-3.torrent: not bencoded: the length of a string should stand here, at byte 1',
  },
  'l-3:': {
    args: ['l-3.torrent'],
    code: 25,
    says: 'l-3.torrent: not bencoded: a value should begin here, at byte 1',
  },
  'l-4:': {
    args: ['l-4.torrent'],
    code: 25,
    says: 'l-4.torrent: not bencoded: a value should begin here, at byte 1',
  },
  'two million lists': {
    args: ['deep.torrent'],
    code: 25,
    says: 'deep.torrent: not bencoded: nested deeper than 100, at byte 100',
  },
  'a string of 2 GB that is not there': {
    args: ['long.torrent'],
    code: 25,
    says: 'long.torrent: cut short: a string is longer than all bytes there are, at byte 8 (fetch it again)',
  },
  "a magnet link's text in a file": {
    args: ['link.torrent'],
    code: 25,
    says: 'link.torrent: this is the text of a magnet link, not a .torrent (give btget the link itself, or the file with -i)',
  },
  'a torrent without info': {
    args: ['no-info.torrent'],
    code: 26,
    says: 'no-info.torrent: torrent is not valid: info is missing',
  },
  'a torrent without pieces': {
    args: ['no-pieces.torrent'],
    code: 26,
    says: 'no-pieces.torrent: torrent is not valid: pieces is not a string',
  },
  'a torrent of version 2 whose file has no root': {
    args: ['v2.torrent'],
    code: 26,
    says: 'v2.torrent: torrent is not valid: file tree[a].pieces root is missing',
  },
  'a folder to take files from that is not there': {
    args: ['hello.torrent', '--reuse', 'no-such-folder'],
    code: 28,
    says: "--reuse: 'no-such-folder' is not a folder",
  },
  'a file where a folder to take files from is named': {
    args: ['hello.torrent', '--reuse', 'hello.torrent'],
    code: 28,
    says: "--reuse: 'hello.torrent' is not a folder",
  },
  'an option that is nearly right': {
    args: ['hello.torrent', '--sequentiall'],
    code: 28,
    says: "unknown option '--sequentiall' (Did you mean --sequential?)",
  },
  'a duration': {
    args: ['hello.torrent', '--timeout', 'soon'],
    code: 28,
    says: "--timeout: 'soon' is not a duration such as 90s, 30m, 1h30m or 1d, up to 3650d",
  },
  'a rate': {
    args: ['hello.torrent', '--max-upload', '10 parsecs'],
    code: 28,
    says: "--max-upload: '10 parsecs' is not a rate in bytes a second such as 500K, 10M or 10MiB/s; 0 is no limit",
  },
  'no limits but one': {
    args: ['hello.torrent', '--timeout', '0', '--max-download', '0', '--max-upload', '0', '--stop-timeout', '1'],
    code: 2,
    says: 'hello: gave up: no new data came for 1s: no tracker to ask (--tracker and --peer name some; the same command again goes on)',
  },
  'a limit longer than any timer of the system': {
    args: ['hello.torrent', '-d', 'long', '--timeout', '30d', '--stop-timeout', '1'],
    code: 2,
    says: 'hello: gave up: no new data came for 1s: no tracker to ask (--tracker and --peer name some; the same command again goes on)',
  },
  'a count': {
    args: ['hello.torrent', '--max-peers', '0'],
    code: 28,
    says: "--max-peers: '0' is not a whole number from 1 to 10000",
  },
  'a ratio': {
    args: ['hello.torrent', '--seed-ratio', '-1'],
    code: 28,
    says: "--seed-ratio: '-1' is not a ratio such as 1 or 1.5; 0 is no limit",
  },
  ports: {
    args: ['hello.torrent', '--port', '6999-6881'],
    code: 28,
    says: "--port: '6999-6881' is not a port from 0 to 65535, or a range such as 6881-6999",
  },
  'a peer': {
    args: ['hello.torrent', '--peer', '127.0.0.1'],
    code: 28,
    says: "--peer: '127.0.0.1' is not HOST:PORT (an IPv6 address in brackets)",
  },
  'a tracker': {
    args: ['hello.torrent', '--tracker', 'ftp://x/'],
    code: 28,
    says: "--tracker: 'ftp://x/' is not the URL of a tracker (http, https or udp)",
  },
  'a text': { args: ['hello.torrent', '-d', ''], code: 28, says: '--dir: the value is empty' },
  'a path as a name': {
    args: ['hello.torrent', '-o', '../x'],
    code: 28,
    says: "--output: '../x' is not a file name",
  },
  'stdout as the name of a download': {
    args: ['hello.torrent', '-o', '-'],
    code: 28,
    says: "--output: '-' is no name for content; btget cat SOURCE writes a file to stdout",
  },
  'an address that is not ours': {
    args: ['hello.torrent', '--bind', '192.0.2.1'],
    code: 28,
    says: 'this machine does not have the address 192.0.2.1',
  },
  'a folder under a file': {
    args: ['hello.torrent', '-d', 'a file'],
    code: 16,
    says: `hello: cannot make the folder ${join(dir, 'a file')}: a file, or a link that leads nowhere, has its name (EEXIST) (-d names another folder)`,
  },
  'a folder below a file': {
    args: ['hello.torrent', '-d', 'a file/x'],
    code: 16,
    says: `hello: cannot make the folder ${join(dir, 'a file/x')}: something on the way to it is no folder (ENOTDIR) (-d names another folder)`,
  },
  'a magnet link to nobody': {
    args: [`magnet:?xt=urn:btih:${HEX}&dn=a%1bname`, '--stop-timeout', '1'],
    code: 2,
    says: 'a\\x1bname: gave up: no new data came for 1s: no tracker to ask (--tracker and --peer name some; the same command again goes on)',
  },
  'a broken magnet link': {
    args: ['magnet:?xt=urn:btih:c12f'],
    code: 27,
    says: 'the magnet link has an xt that is no info-hash (urn:btih:c12f): magnet:?xt=urn:btih:c12f',
  },
  'a magnet link by another hash function than SHA-256': {
    args: [`magnet:?xt=urn:btmh:1114${'ab'.repeat(20)}`],
    code: 27,
    says: `the magnet link has a urn:btmh that is not 1220 (SHA-256, 32 bytes) and 64 hexadecimal digits (urn:btmh:1114${'ab'.repeat(20)}): magnet:?xt=urn:btmh:1114${'ab'.repeat(20)}`,
  },
  'no peer and no tracker': {
    args: ['hello.torrent', '-d', 'lonely', '--stop-timeout', '1'],
    code: 2,
    says: 'hello: gave up: no new data came for 1s: no tracker to ask (--tracker and --peer name some; the same command again goes on)',
  },
};

describe('bad input ends with its exit code and one line', { concurrency: 4, timeout: HANGS_AFTER }, () => {
  for (const [name, { args, code, says }] of Object.entries(rows)) {
    it(name, async (t) => {
      // The last of two options of one name counts.
      assert.deepEqual(await runBtget(t, dir, [...LOOPBACK, ...args]), { code, out: '', err: `btget: ${says}\n` });
    });
  }

  it('a URL with nothing behind it, and one that answers with a page', async (t) => {
    const host = await serveHttp(t, (request, response) => {
      response.writeHead(request.url === '/page' ? 200 : 404).end('<html>');
    });
    const missing = await runBtget(t, dir, [`http://${host}/x.torrent`, ...LOOPBACK]);
    const says = `btget: http://${host}/x.torrent: the server says 404, not found\n`;
    assert.deepEqual(missing, { code: 3, out: '', err: says });
    assert.equal((await runBtget(t, dir, [`http://${host}/page`, ...LOOPBACK])).code, 25);
  });

  it('a URL of something that is too long for a .torrent, by its header or as it comes', async (t) => {
    const host = await serveHttp(t, (request, response) => {
      if (request.url === '/told') response.writeHead(200, { 'Content-Length': 40_000_000 });
      for (let at = 0; at < 40; at += 1) response.write(Buffer.alloc(1_000_000));
      response.end();
    });
    for (const url of [`http://${host}/told`, `http://${host}/untold`]) {
      const { code, err } = await runBtget(t, dir, [url, ...LOOPBACK]);
      assert.equal(err, `btget: ${url} is longer, and a .torrent is at most 32 MiB: is it the content?\n`);
      assert.equal(code, 26);
    }
  });

  it('a URL that redirects to a magnet link, whatever is asked of it, has the exit codes of the link', async (t) => {
    const host = await serveHttp(t, (request, response) => {
      const location = request.url === '/bad' ? 'magnet:?xt=urn:btih:c12f' : `Magnet:?dn=a b&xt=urn:btih:${HEX}`;
      response.writeHead(302, { Location: request.url === '/ftp' ? 'ftp://127.0.0.1/' : location }).end();
    });
    const [bad, ftp, good] = [`http://${host}/bad`, `http://${host}/ftp`, `http://${host}/good`];
    const says = `btget: ${bad}: the magnet link has an xt that is no info-hash (urn:btih:c12f): magnet:?xt=urn:btih:c12f\n`;
    const bind = ['--bind', '127.0.0.1'];
    assert.deepEqual(await runBtget(t, dir, [bad, ...LOOPBACK]), { code: 27, out: '', err: says });
    assert.deepEqual(await runBtget(t, dir, ['seed', bad, ...LOOPBACK]), { code: 27, out: '', err: says });
    assert.deepEqual(await runBtget(t, dir, ['show', bad, ...LOOPBACK]), { code: 27, out: '', err: says });
    assert.deepEqual(await runBtget(t, dir, ['verify', bad, ...bind]), { code: 27, out: '', err: says });
    const checked = await runBtget(t, dir, ['doctor', bad, '--port', '0', '--no-dht', ...bind]);
    assert.equal(checked.code, 27, checked.out);
    assert.match(checked.out, /^failed {3}\S+: the magnet link has an xt that is no info-hash/);
    const refused = `btget: cannot fetch ${ftp}: redirected: ftp: urls are not fetched\n`;
    assert.deepEqual(await runBtget(t, dir, [ftp, ...LOOPBACK]), { code: 6, out: '', err: refused });
    const ended = await runBtget(t, dir, [good, '--stop-timeout', '1', ...LOOPBACK]);
    assert.deepEqual([ended.code, /^btget: a b: gave up/.test(ended.err)], [2, true], ended.err);
  });

  it('--timeout that is over, of which no --stop-timeout of 0 is a part', async (t) => {
    // Time counts from the start of the command: on a busy machine it may be over before the source is read or checked.
    const at = (name: string, source: string) =>
      `btget: (${name}: gave up: not done after 1s.*|gave up: still waiting for ${source} after 1s)`;
    for (const [source, name] of [
      ['hello.torrent', 'hello'],
      [HEX, HEX],
      ['ab'.repeat(32), 'ab'.repeat(32)],
    ] as const) {
      const args = [source, '-d', 'over', '--stop-timeout', '0', '--timeout', '1', ...LOOPBACK];
      const { code, out, err } = await runBtget(t, dir, args);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, new RegExp(`^${at(name, source)}\n$`));
    }
  });

  it('a source, a list or a blocklist that does not come within --timeout, and says so', async (t) => {
    const silent = createServer((socket) => socket.on('error', () => undefined));
    const sockets = new Set<Socket>();
    silent.on('connection', (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const { port } = silent.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/x.torrent`;
    const pipe = join(dir, 'never-written');
    if (isPosix) assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const network = [...LOOPBACK, '--no-dht'];
    const commands = [['show'], ['download', ...network], ['seed', ...network], ['cat', ...network]];
    const sources = isPosix ? [url, pipe, '-'] : [url, '-'];
    const rows = commands.flatMap((command) => sources.map((source) => [source, ...command, source]));
    rows.push([url, 'download', join(FIXTURES, 'one-piece.torrent'), ...network, '--blocklist', url]);
    if (isPosix) rows.push([pipe, 'show', '-i', pipe], [pipe, 'show', 'x', '--ca-certificate', pipe]);
    const giveUp = async ([source = '', ...args]: readonly string[]): Promise<void> => {
      // Its stdin stays open.
      const program = spawn(process.execPath, [BTGET, ...args, '--timeout', '1'], { cwd: dir, env: environment() });
      t.after(() => program.kill('SIGKILL'));
      let err = '';
      program.stderr.setEncoding('utf8').on('data', (text: string) => {
        err += text;
      });
      const code = await new Promise((resolve) => program.on('close', resolve));
      const [, what] = /gave up: still waiting for (.*) after 1s/.exec(err) ?? [];
      assert.equal(code, 2, `${args}: ${err}`);
      // On a busy machine the time may be over before the list is asked for.
      const expected = args.includes('--blocklist') ? ['--blocklist', args[1]] : [source === '-' ? 'stdin' : source];
      assert.ok(expected.includes(what), `${args}: ${err}`);
    };
    for (let begin = 0; begin < rows.length; begin += 3) await Promise.all(rows.slice(begin, begin + 3).map(giveUp));
  });

  it('a URL that nobody serves', async (t) => {
    const url = `http://127.0.0.1:${await closedPort()}/x.torrent`;
    const says = `btget: cannot fetch ${url}: the connection was refused\n`;
    assert.deepEqual(await runBtget(t, dir, [url, ...LOOPBACK]), { code: 6, out: '', err: says });
  });

  it('a port that is in use', async (t) => {
    const host = await serveHttp(t, (_request, response) => response.end());
    const [, port = ''] = host.split(':');
    const ended = await runBtget(t, dir, ['hello.torrent', ...LOOPBACK, '--port', port]);
    assert.deepEqual(ended, { code: 6, out: '', err: `btget: cannot listen on port ${port}: in use\n` });
    const tracker = await runBtget(t, dir, ['tracker', '--bind', '127.0.0.1', '--port', port]);
    assert.deepEqual(tracker, { code: 6, out: '', err: `btget: cannot listen on port ${port}: it is in use\n` });
  });

  it("a stranger's file under the torrent's name is left as it was", async (t) => {
    mkdirSync(join(dir, 'taken'));
    writeFileSync(join(dir, 'taken/hello'), 'not of this torrent');
    const hint = '(--overwrite replaces it, -o or -d saves elsewhere)';
    const err = `btget: hello: taken/hello exists and shares nothing with the torrent ${hint}\n`;
    assert.deepEqual(await runBtget(t, dir, ['hello.torrent', '-d', 'taken', ...LOOPBACK]), { code: 13, out: '', err });
    assert.deepEqual(readdirSync(join(dir, 'taken')), ['hello']);
    assert.equal(readFileSync(join(dir, 'taken/hello'), 'utf8'), 'not of this torrent');
  });

  it('a path that leads out of the folder is shown as it would be written: inside', async (t) => {
    const shown = await runBtget(t, dir, ['show', '--json', 'dots.torrent']);
    assert.equal(shown.code, 0);
    const [{ path }] = JSON.parse(shown.out).files;
    assert.ok(!path.split('/').includes('..') && path.endsWith('/evil'), path);
    mkdirSync(join(dir, 'outer/inner'), { recursive: true });
    const inside = ['dots.torrent', '-d', 'outer/inner', '--stop-timeout', '1', ...LOOPBACK];
    assert.equal((await runBtget(t, dir, inside)).code, 2);
    assert.deepEqual(readdirSync(join(dir, 'outer')), ['inner']);
  });

  it('a tracker that is down, and no peer', async (t) => {
    const url = `http://127.0.0.1:${await closedPort()}/announce`;
    const args = ['hello.torrent', '-d', 'lonely2', ...LOOPBACK, '--tracker', url, '--stop-timeout', '5'];
    const { code, err } = await runBtget(t, dir, args);
    const [tracker = '', gaveUp = '', ...more] = err.trimEnd().split('\n');
    const refused = `tracker ${url}: the connection was refused`;
    assert.ok(tracker.startsWith(`hello: ${refused}, asked again in `), tracker);
    const why = `1 tracker failing: ${url}: the connection was refused`;
    assert.equal(gaveUp, `btget: hello: gave up: no new data came for 5s: ${why} (the same command again goes on)`);
    assert.deepEqual([code, more], [2, []]);
  });

  it('of several sources the first that failed gives the code, and the others are completed', async (t) => {
    const seed = ['seed', join(FIXTURES, 'one-piece.torrent'), '-d', FIXTURES, ...LOOPBACK];
    const [, peer = ''] = await new BtgetProcess(t, dir, seed).says(/listening on (\S+)\n[\s\S]*seeding/);
    const good = join(FIXTURES, 'one-piece.torrent');
    const sources = [good, 'photo.torrent', 'none.torrent'];
    const ended = await runBtget(t, dir, [...sources, '-d', 'several', ...LOOPBACK, '--peer', peer, '--json', '-q']);
    const events = ended.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { exitCode, torrents } = events.at(-1);
    assert.deepEqual([ended.code, exitCode], [25, 25]);
    assert.deepEqual(
      torrents.map(({ result }: { result: string }) => result),
      ['ok', 'not-bencoded', 'source-not-found'],
    );
    assert.deepEqual(readFileSync(join(dir, 'several/one-piece.txt')), readFileSync(join(FIXTURES, 'one-piece.txt')));
    assert.deepEqual(ended.err.trimEnd().split('\n').length, 2);
  });
});

test('where nothing can be written a download ends before it asks anybody for anything', async (t) => {
  if (!existsSync('/proc/self')) {
    t.diagnostic('there is no /proc here');
    return;
  }
  const { code, err } = await runBtget(t, dir, ['hello.torrent', '-d', '/proc', ...LOOPBACK]);
  assert.equal(code, 16);
  assert.match(err, /^btget: hello: cannot [^\n]*\/proc[^\n]*\n$/);
});
