import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeUdpAnswer } from '../../../src/wire/udp-tracker-answer.js';
import { encodeUdpRequest, type UdpTrackerRequest } from '../../../src/wire/udp-tracker-request.js';
import { HANGS_AFTER } from '../../support/hang.js';
import { pipeThatIsRead } from '../../support/pipe-that-is-read.js';

const BTGET = fileURLToPath(new URL('../../../package/btget.js', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'btget-process-'));
after(() => rmSync(dir, { recursive: true }));

const TORRENT = join(dir, 'x.torrent');
const INFO = `d6:lengthi5e4:name5:hello12:piece lengthi16384e6:pieces20:${'x'.repeat(20)}e`;
writeFileSync(TORRENT, `d4:info${INFO}e`);

const NODE_IO = new URL('../../../src/cli/node-io.js', import.meta.url).href;

class Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | string | null>;
  out = '';
  err = '';
  #seen: () => void = () => undefined;

  constructor(test: TestContext, ...args: readonly string[]) {
    this.process = spawn(process.execPath, [BTGET, ...args], { cwd: dir });
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
      this.#seen();
    });
    this.ended = new Promise((resolve) => this.process.on('close', (code, signal) => resolve(code ?? signal)));
    test.after(() => this.process.kill('SIGKILL'));
  }

  /** Resolves when `pattern` matches stderr, or when the process has ended. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const seen = new Promise<void>((resolve) => {
      this.#seen = () => pattern.test(this.err) && resolve();
      this.#seen();
    });
    await Promise.race([seen, this.ended]);
    const match = pattern.exec(this.err);
    assert.ok(match, this.err);
    return match;
  }
}

const LOOPBACK = ['--bind', '127.0.0.1', '--port', '0', '--no-trackers'];

test('the process ends with the exit code, and --version is the package’s', async (t) => {
  const version = new Child(t, '--version');
  const missing = new Child(t, 'show', 'missing.torrent');
  assert.deepEqual([await version.ended, await missing.ended], [0, 3]);
  const about = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'));
  assert.equal(version.out, `${about.version}\n`);
});

test('when the reader of stdout goes away, that is no failure, and btget prints nothing about it', async (t) => {
  const child = new Child(t, 'show', ...Array.from({ length: 600 }, () => TORRENT));
  child.process.stdout.once('data', () => child.process.stdout.destroy());
  assert.equal(await child.ended, 0);
  assert.equal(child.err, '');
});

test('an output that cannot be written is a failure, not a bug', (t) => {
  if (!existsSync('/dev/full')) {
    t.diagnostic('there is no /dev/full here');
    return;
  }
  const full = openSync('/dev/full', 'w');
  for (const args of [['show', TORRENT], ['--version']]) {
    const ended = spawnSync(process.execPath, [BTGET, ...args], { stdio: ['ignore', full, 'pipe'] });
    assert.equal(ended.stderr.toString(), 'btget: cannot write to stdout: ENOSPC\n');
    assert.equal(ended.status, 9);
  }
  closeSync(full);
});

test('Ctrl-C ends a download with exit code 7 and a summary, and nothing keeps the process alive', async (t) => {
  const child = new Child(t, TORRENT, ...LOOPBACK, '--json', '-v', '-d', 'out');
  await child.says(/listening on 127\.0\.0\.1:\d+\n/);
  child.process.kill('SIGINT');
  assert.equal(await child.ended, 7);
  const last = JSON.parse(child.out.trim().split('\n').at(-1)!);
  assert.deepEqual([last.type, last.exitCode], ['summary', 7]);
  assert.ok(!/[^\n\P{Cc}]/u.test(child.out + child.err), 'no control character outside a terminal');
});

test('a command ends at Ctrl-C while its certificates come by a pipe, with a summary for whom it tells events', {
  timeout: HANGS_AFTER,
  skip: process.platform === 'win32',
}, async (t) => {
  const pipe = join(dir, 'certificates.pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  const isTold = new Set(['download', 'seed']);
  for (const command of ['download', 'seed', 'show', 'verify', 'cat', 'serve', 'doctor']) {
    const json = isTold.has(command) ? ['--json'] : [];
    const child = new Child(t, command, TORRENT, '--bind', '127.0.0.1', '--ca-certificate', pipe, ...json);
    const writer = await pipeThatIsRead(pipe);
    child.process.kill('SIGINT');
    assert.deepEqual([command, await child.ended], [command, 7]);
    assert.equal(child.err, 'btget: interrupted before it was done\n');
    const events = child.out.split('\n').filter((line) => line !== '');
    const told = events.map((line) => JSON.parse(line)).map(({ type, exitCode }) => [type, exitCode]);
    assert.deepEqual(told, isTold.has(command) ? [['summary', 7]] : []);
    closeSync(writer);
  }
});

test('a port that is in use gives exit code 6', async (t) => {
  const first = new Child(t, TORRENT, ...LOOPBACK, '-v', '-d', 'out2');
  const [, port = ''] = await first.says(/listening on 127\.0\.0\.1:(\d+)\n/);
  const second = new Child(t, TORRENT, '--bind', '127.0.0.1', '--port', port, '--no-trackers', '-d', 'out3');
  assert.equal(await second.ended, 6);
  assert.match(second.err, /^btget: [^\n]*in use\n$/);
  first.process.kill('SIGTERM');
  assert.equal(await first.ended, 7);
});

test('a file with other content stays and gives exit code 13, and a seed without content gives 32', async (t) => {
  writeFileSync(join(dir, 'hello'), 'other');
  const child = new Child(t, TORRENT, ...LOOPBACK);
  assert.equal(await child.ended, 13);
  assert.match(child.err, /^btget: .*hello.*\n/m);
  assert.equal(readFileSync(join(dir, 'hello'), 'utf8'), 'other');
  const seed = new Child(t, 'seed', TORRENT, ...LOOPBACK, '-d', 'nowhere');
  assert.equal(await seed.ended, 32);
});

test('a tracker says where it listens, answers, and saves its state when it is interrupted', async (t) => {
  const child = new Child(t, 'tracker', '--bind', '127.0.0.1', '--port', '0', '--state', 'tracker.state');
  const [, url = ''] = await child.says(/(http:\/\/127\.0\.0\.1:\d+)\/announce\n/);
  assert.equal((await fetch(`${url}/stats.json`)).status, 200);
  child.process.kill('SIGTERM');
  assert.equal(await child.ended, 0);
  assert.ok(statSync(join(dir, 'tracker.state')).size > 0);
});

test('a tracker with a file that is no state, or without a folder for it, ends at once and changes nothing', async (t) => {
  const path = join(dir, 'note.txt');
  writeFileSync(path, 'text\n');
  const run = (state: string): Child => new Child(t, 'tracker', '--bind', '127.0.0.1', '--port', '0', '--state', state);
  const foreign = run(path);
  assert.equal(await foreign.ended, 13);
  const said = `btget: ${path} is already there and is no state of a tracker; --state FILE names another file\n`;
  assert.equal(foreign.err, said);
  assert.equal(readFileSync(path, 'utf8'), 'text\n');
  assert.equal(await run(TORRENT).ended, 13);
  const homeless = run('no-folder/tracker.state');
  assert.equal(await homeless.ended, 16);
  assert.equal(homeless.err, 'btget: cannot write no-folder/tracker.state: there is no folder no-folder\n');
  // A file system of the kernel, in which nobody can make a file, root neither.
  if (!existsSync('/proc/self')) return;
  const readOnly = run('/proc/tracker.state');
  assert.equal(await readOnly.ended, 16);
  assert.match(readOnly.err, /^btget: cannot write \/proc\/tracker\.state: E[^\n]*\n$/);
});

test('a tracker whose state was cut short keeps it under another name, and starts', async (t) => {
  const folder = join(dir, 'cut');
  mkdirSync(folder);
  const state = join(folder, 'tracker.state');
  const whole = `d8:torrentsd20:${'x'.repeat(20)}d10:downloadedi3e5:peersleee7:versioni1ee`;
  const run = async (): Promise<Child> => {
    const child = new Child(t, 'tracker', '--bind', '127.0.0.1', '--port', '0', '--state', state);
    await child.says(/\/announce\n/);
    child.process.kill('SIGTERM');
    assert.equal(await child.ended, 0);
    return child;
  };
  writeFileSync(state, whole, { mode: 0o600 });
  assert.doesNotMatch((await run()).err, /warning/);
  assert.equal(readFileSync(state, 'utf8'), whole);
  writeFileSync(state, whole.slice(0, 50), { mode: 0o600 });
  const { err } = await run();
  assert.match(err, /^warning: \S+ is no whole state of a tracker, beginning anew$/m);
  const [, kept = ''] = /^warning: what was in \S+ is kept as (\S+)$/m.exec(err) ?? [];
  assert.equal(readFileSync(kept, 'utf8'), whole.slice(0, 50));
  assert.equal(readFileSync(state, 'utf8'), 'd8:torrentsde7:versioni1ee');
});

test('a tracker whose port is in use leaves the state to the one that has the port', async (t) => {
  const args = ['tracker', '--bind', '127.0.0.1', '--state', 'shared.state', '--port'];
  const first = new Child(t, ...args, '0');
  const [, port = ''] = await first.says(/http:\/\/127\.0\.0\.1:(\d+)\/announce\n/);
  const { ino } = statSync(join(dir, 'shared.state'));
  const second = new Child(t, ...args, port);
  assert.equal(await second.ended, 6);
  assert.equal(statSync(join(dir, 'shared.state')).ino, ino);
  first.process.kill('SIGTERM');
  assert.equal(await first.ended, 0);
});

test('a tracker that cannot save its state at the end says so and gives exit code 17', async (t) => {
  const folder = join(dir, 'gone');
  mkdirSync(folder);
  const child = new Child(t, 'tracker', '--bind', '127.0.0.1', '--port', '0', '--state', 'gone/tracker.state');
  await child.says(/http:\S+\/announce\n/);
  rmSync(folder, { recursive: true });
  child.process.kill('SIGTERM');
  assert.equal(await child.ended, 17);
  assert.match(child.err, /^btget: the last state is lost: cannot write gone\/tracker\.state: ENOENT[^\n]*$/m);
});

test('a tracker ignores a state that other users may have written, and ends with 16 when the state is a pipe', async (t) => {
  const state = join(dir, 'forged.state');
  const args = ['tracker', '--bind', '127.0.0.1', '--port', '0', '--state', state];
  writeFileSync(state, 'd8:torrentsde7:versioni1ee');
  chmodSync(state, 0o666);
  const child = new Child(t, ...args);
  await child.says(/\/announce\n/);
  assert.match(child.err, /^warning: \S+ is not believed, beginning anew: it may be written by others \(mode 0666\)$/m);
  child.process.kill('SIGTERM');
  assert.equal(await child.ended, 0);
  const again = new Child(t, ...args);
  await again.says(/\/announce\n/);
  assert.doesNotMatch(again.err, /warning/);
  again.process.kill('SIGTERM');
  assert.equal(await again.ended, 0);
  rmSync(state);
  if (spawnSync('mkfifo', [state]).status !== 0) return;
  const piped = new Child(t, ...args);
  assert.equal(await piped.ended, 16);
  assert.match(piped.err, /it is a device, pipe or socket/);
});

test('a tracker answers over UDP at the same port', async (t) => {
  const child = new Child(t, 'tracker', '--bind', '127.0.0.1', '--port', '0', '--interval', '600');
  const [, port = ''] = await child.says(
    /udp:\/\/127\.0\.0\.1:(\d+)\/announce\n.*http:\/\/127\.0\.0\.1:\1\/announce\n/,
  );
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  const ask = async (request: UdpTrackerRequest) => {
    socket.send(encodeUdpRequest(request), Number(port), '127.0.0.1');
    const [data] = (await once(socket, 'message')) as [Buffer];
    return decodeUdpAnswer(data);
  };
  const connected = await ask({ kind: 'connect', transactionId: 1 });
  assert.ok(connected?.kind === 'connect');
  const { connectionId } = connected;
  const infoHash = Buffer.alloc(20, 1);
  const announce: UdpTrackerRequest = {
    kind: 'announce',
    connectionId,
    transactionId: 2,
    infoHash,
    peerId: Buffer.alloc(20, 2),
    downloaded: 0,
    left: 0,
    uploaded: 0,
    event: 'started',
    ip: null,
    key: 1,
    numwant: null,
    port: 6881,
    urlData: '/announce',
  };
  const announced = { kind: 'announce', transactionId: 2, interval: 600, leeches: 0, seeds: 1, peers: Buffer.alloc(0) };
  assert.deepEqual(await ask(announce), announced);
  assert.deepEqual(await ask({ kind: 'scrape', connectionId, transactionId: 3, infoHashes: [infoHash] }), {
    kind: 'scrape',
    transactionId: 3,
    counts: [{ seeds: 1, downloaded: 0, leeches: 0 }],
  });
  child.process.kill('SIGTERM');
  assert.equal(await child.ended, 0);
});

test('a tracker whose port is in use over UDP says so and gives exit code 6', async (t) => {
  const taken = createSocket('udp4');
  t.after(() => taken.close());
  taken.bind(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address();
  const child = new Child(t, 'tracker', '--bind', '127.0.0.1', '--port', String(port));
  assert.equal(await child.ended, 6);
  assert.equal(child.err, `btget: cannot listen on port ${port} over UDP: it is in use\n`);
});

test('a tracker with --allowed serves only the torrents in that folder', { timeout: HANGS_AFTER }, async (t) => {
  const child = new Child(t, 'tracker', '--bind', '127.0.0.1', '--port', '0', '--allowed', '.');
  const [, url = ''] = await child.says(/(http:\/\/127\.0\.0\.1:\d+\/announce)\n/);
  const { createHash } = await import('node:crypto');
  const announce = async (infoHash: Buffer): Promise<string> => {
    const escaped = [...infoHash].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    return (await fetch(`${url}?info_hash=${escaped}&peer_id=${'p'.repeat(20)}&port=7001&left=0`)).text();
  };
  assert.match(await announce(createHash('sha1').update(INFO).digest()), /8:interval/);
  assert.match(await announce(Buffer.alloc(20)), /14:failure reason/);
  writeFileSync(join(dir, 'broken.torrent'), 'broken');
  t.after(() => rmSync(join(dir, 'broken.torrent')));
  child.process.kill('SIGHUP');
  await child.says(/warning: broken\.torrent is not served/);
  assert.match(await announce(createHash('sha1').update(INFO).digest()), /8:interval/);
  child.process.kill('SIGINT');
  assert.equal(await child.ended, 0);
});

test('a tracker refuses an --interval below one second', { timeout: HANGS_AFTER }, async (t) => {
  for (const interval of ['0', '0.9', '0s']) {
    const child = new Child(t, 'tracker', '--bind', '127.0.0.1', '--port', '0', '--interval', interval);
    assert.equal(await child.ended, 28);
    assert.equal(child.err, `btget: --interval: '${interval}' is not a duration of at least 1s\n`);
  }
});

test('a tracker believes the header of a trusted proxy only', async (t) => {
  for (const [trusted, expected] of [
    ['127.0.0.0/8', '9.9.9.9'],
    ['192.0.2.0/24', '127.0.0.1'],
  ] as const) {
    const args = ['--bind', '127.0.0.1', '--port', '0', '--trusted-proxy', trusted, '--trusted-proxy', '::1'];
    const child = new Child(t, 'tracker', ...args);
    const [, url = ''] = await child.says(/(http:\/\/127\.0\.0\.1:\d+\/announce)\n/);
    const announce = async (id: string): Promise<string> => {
      const query = `info_hash=${'h'.repeat(20)}&peer_id=${id.repeat(20)}&port=700${id.charCodeAt(0) % 10}&left=1`;
      return (await fetch(`${url}?${query}`, { headers: { 'X-Forwarded-For': '1.1.1.1, 9.9.9.9' } })).text();
    };
    await announce('a');
    assert.match(await announce('b'), new RegExp(`2:ip\\d+:${expected}7:peer id`));
    child.process.kill('SIGINT');
    assert.equal(await child.ended, 0);
  }
});

test('a process that ends when all is written ends with its code once a slow reader has it all, and not before', async (t) => {
  const script = `
    const { nodeIo } = await import(${JSON.stringify(NODE_IO)});
    const io = nodeIo();
    setInterval(() => undefined, 1000);
    io.stdout.write('x'.repeat(2_000_000) + '\\n');
    io.exitWhenWritten(3);
    io.stderr.write('asked');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { timeout: HANGS_AFTER });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stderr, 'data');
  let length = 0;
  let last = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    length += text.length;
    last = text.slice(-1);
  });
  const [code] = await once(child, 'close');
  assert.deepEqual({ code, length, last }, { code: 3, length: 2_000_001, last: '\n' });
});
