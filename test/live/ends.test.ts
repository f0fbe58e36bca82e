/**
 * Every way out: the process ends by itself within three seconds of what ends it, with the right exit code, whatever
 * sockets, workers and timers are open at that moment.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { closedPort, serveHttp } from '../support/fakes/http-server.js';
import { writeNoise } from '../support/noise.js';
import { Machine } from './machine.js';
import { btget, btgetEnds, fingerprint, HOSTS, type Program, startSeed, startSilentServer } from './support.js';

const LIMIT = 3000;
const OPTIONS = { timeout: 20_000 };
const MiB = 1 << 20;

/** A torrent of `data.bin`, whose tracker is `tracker`. */
async function torrentOf(t: TestContext, dir: string, length: number, tracker: string): Promise<string> {
  writeNoise(join(dir, 'seed'), { 'data.bin': length });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, '--tracker', tracker);
  return torrent;
}

/** A tracker that accepts and never answers. */
async function silentTracker(t: TestContext): Promise<string> {
  return `http://${(await startSilentServer(t, HOSTS.tracker)).address}/announce`;
}

function download(t: TestContext, torrent: string, dir: string, ...more: string[]): Program {
  return btget(t, 'download', torrent, '-d', dir, '--bind', HOSTS.btget, '--json', ...more);
}

async function interrupted(program: Program, signal: NodeJS.Signals = 'SIGINT', limit = LIMIT): Promise<number | null> {
  program.child.kill(signal);
  return program.endsWithin(limit);
}

/** The exit code that the last event names. */
function codeInSummary(program: Program): unknown {
  const last = program.events().at(-1);
  assert.equal(last?.['type'], 'summary');
  return last?.['exitCode'];
}

test('done, while the tracker never answers and another peer never speaks', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, 3 * MiB, await silentTracker(t));
  const silent = await startSilentServer(t, HOSTS.other);
  const seed = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'), '--no-trackers', '--max-upload', '2M');
  const program = download(t, torrent, join(dir, 'leech'), '--peer', seed, '--peer', silent.address);
  await silent.spokenTo;
  await program.event('done');
  assert.equal(await program.endsWithin(LIMIT), 0);
  assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
});

test('done, because all of it was there', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, MiB, await silentTracker(t));
  assert.equal(await download(t, torrent, join(dir, 'seed')).endsWithin(LIMIT), 0);
});

test('done, after a second torrent that can never be fetched failed', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, MiB, await silentTracker(t));
  writeFileSync(join(dir, 'bad.torrent'), 'd4:infoi1ee');
  const program = download(t, torrent, join(dir, 'seed'), join(dir, 'bad.torrent'));
  assert.equal(await program.endsWithin(LIMIT), 26);
  assert.equal(codeInSummary(program), 26);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} while downloading, when tracker and peer never say a word`, OPTIONS, async (t) => {
    const dir = scratch(t);
    const torrent = await torrentOf(t, dir, MiB, await silentTracker(t));
    const silent = await startSilentServer(t, HOSTS.other);
    const program = download(t, torrent, join(dir, 'leech'), '--peer', silent.address);
    await silent.spokenTo;
    assert.equal(await interrupted(program, signal), 7);
    assert.equal(codeInSummary(program), 7);
  });
}

test('Ctrl-C while data comes', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, 16 * MiB, await silentTracker(t));
  const seed = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'), '--no-trackers', '--max-upload', '2M');
  const program = download(t, torrent, join(dir, 'leech'), '--peer', seed);
  await program.event('progress', ({ downloaded }) => Number(downloaded) > MiB);
  assert.equal(await interrupted(program), 7);
});

test('Ctrl-C while a tracker that has answered once does not answer again', OPTIONS, async (t) => {
  const dir = scratch(t);
  const answer: RequestListener = ({ url }, response) => {
    if (url?.includes('event=started')) response.end('d8:intervali1800e5:peers0:e');
  };
  const tracker = await serveHttp(t, answer, HOSTS.tracker);
  const torrent = await torrentOf(t, dir, MiB, `http://${tracker}/announce`);
  const program = download(t, torrent, join(dir, 'leech'));
  await program.event('tracker', ({ ok }) => ok === true);
  assert.equal(await interrupted(program), 7);
});

test('Ctrl-C while what is on the disk is checked', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = sparseTorrent(dir, 64 * 1024 * MiB, await silentTracker(t));
  const program = download(t, torrent, dir);
  await program.event('checking', ({ checked }) => Number(checked) > 0);
  assert.equal(await interrupted(program), 7);
  assert.equal(codeInSummary(program), 7);
});

test('Ctrl-C while verify reads, and while create does, in the middle of the longest piece', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = sparseTorrent(dir, 64 * 1024 * MiB, 'http://10.9.0.1/announce', 512 * MiB);
  const verify = btget(t, 'verify', torrent, '-d', dir);
  const made = join(dir, 'other.torrent');
  const create = btget(t, 'create', join(dir, 'data.bin'), '-o', made, '--piece-length', '512M');
  await Promise.all([verify, create].map((program) => opened(program, join(dir, 'data.bin'))));
  const ends = [verify, create].map((program) => interrupted(program, 'SIGINT', 1000));
  assert.deepEqual(await Promise.all(ends), [7, 7]);
  assert.deepEqual(readdirSync(dir).sort(), ['data.bin', 'data.torrent']);
});

test('Ctrl-C while seeding, and while seeding after a download', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, MiB, await silentTracker(t));
  const seed = btget(t, 'seed', torrent, '-d', join(dir, 'seed'), '--bind', HOSTS.rival, '--json');
  const port = await seed.until((output) => /listening on \S*?:(\d+)[\s\S]*seeding/.exec(output)?.[1]);
  const program = download(t, torrent, join(dir, 'leech'), '--seed', '--peer', `${HOSTS.rival}:${port}`);
  await program.event('done');
  await program.until((output) => /: seeding/.exec(output));
  assert.deepEqual(await Promise.all([interrupted(program), interrupted(seed)]), [0, 0]);
});

test('Ctrl-C while the source is fetched from a server that never answers', OPTIONS, async (t) => {
  const server = await startSilentServer(t, HOSTS.other);
  const program = download(t, `http://${server.address}/x.torrent`, scratch(t));
  await server.spokenTo;
  assert.equal(await interrupted(program), 7);
  assert.equal(codeInSummary(program), 7);
});

test(
  'Ctrl-C while the name server never answers: for a tracker, --peer, the source, routers of the DHT',
  OPTIONS,
  async (t) => {
    const dir = scratch(t);
    const machine = new Machine(t, dir);
    await machine.ready();
    const torrent = await torrentOf(t, dir, MiB, 'http://tracker.example.org/announce');
    // Nothing else sends, not even when the process has gone, as the kernel does that leaves a multicast group.
    const quiet = ['--no-lsd', '--no-port-mapping'];
    const cases = [
      [torrent, '-d', join(dir, 'tracker'), ...quiet, '--no-dht'],
      [torrent, '-d', join(dir, 'dht'), ...quiet, '--no-trackers'],
      [torrent, '-d', join(dir, 'peer'), ...quiet, '--no-dht', '--no-trackers', '--peer', 'peer.example.org:6881'],
      ['http://www.example.org/data.torrent', '-d', join(dir, 'source')],
    ];
    for (const args of cases) {
      const before = machine.sentOutside();
      const program = machine.btget(...args);
      // The question has been sent.
      while (machine.sentOutside() === before) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(await interrupted(program), 7, args.join(' '));
    }
  },
);

test('Ctrl-C while a tracker has clients that never say what they want', OPTIONS, async (t) => {
  const tracker = btget(t, 'tracker', '--bind', HOSTS.tracker, '--port', '0');
  const port = await tracker.until((output) => /:(\d+)\/announce/.exec(output)?.[1]);
  const client = connect(Number(port), HOSTS.tracker);
  t.after(() => client.destroy());
  await new Promise((resolve) => client.once('connect', resolve));
  assert.equal(await interrupted(tracker), 0);
});

test('--timeout, and --stop-timeout', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, MiB, await silentTracker(t));
  const silent = await startSilentServer(t, HOSTS.other);
  for (const option of ['--timeout', '--stop-timeout']) {
    const program = download(t, torrent, join(dir, option), option, '1', '--peer', silent.address);
    await program.event('error', ({ code }) => code === 'gave-up');
    assert.equal(await program.endsWithin(LIMIT), 2);
    assert.equal(codeInSummary(program), 2);
  }
});

test('13: a file of that name is another', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, MiB, await silentTracker(t));
  writeNoise(join(dir, 'leech'), { 'data.bin': 77 });
  const before = fingerprint(join(dir, 'leech'));
  const program = download(t, torrent, join(dir, 'leech'));
  await program.event('error');
  assert.equal(await program.endsWithin(LIMIT), 13);
  assert.equal(codeInSummary(program), 13);
  assert.deepEqual(fingerprint(join(dir, 'leech')), before);
});

test('16: there is a file where the folder would be', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, MiB, await silentTracker(t));
  const seed = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'), '--no-trackers');
  const program = download(t, torrent, join(dir, 'data.torrent', 'below'), '--peer', seed);
  await program.event('error');
  assert.equal(await program.endsWithin(LIMIT), 16);
});

test('26: the torrent is not valid; 25: it is not bencoded; 28: wrong usage', OPTIONS, async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'empty-info.torrent'), 'd4:infodee');
  writeFileSync(join(dir, 'page.torrent'), '<html></html>');
  const codes = [
    await download(t, join(dir, 'empty-info.torrent'), dir).endsWithin(LIMIT),
    await download(t, join(dir, 'page.torrent'), dir).endsWithin(LIMIT),
    await download(t, join(dir, 'page.torrent'), dir, '--no-such-option').endsWithin(LIMIT),
    await download(t, join(dir, 'page.torrent'), dir, '--timeout', 'soon').endsWithin(LIMIT),
  ];
  assert.deepEqual(codes, [26, 25, 28, 28]);
});

test('6: the port is in use, the source cannot be fetched; 3: it is not there', OPTIONS, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentOf(t, dir, MiB, await silentTracker(t));
  const taken = (await startSilentServer(t, HOSTS.btget)).address.split(':')[1] ?? '';
  const nobody = `http://${HOSTS.other}:${await closedPort(HOSTS.other)}/x.torrent`;
  const empty = await serveHttp(t, (_request, response) => response.writeHead(404).end(), HOSTS.other);
  const codes = [
    await download(t, torrent, join(dir, 'leech'), '--port', taken).endsWithin(LIMIT),
    await download(t, nobody, dir).endsWithin(LIMIT),
    await download(t, `http://${empty}/x.torrent`, dir).endsWithin(LIMIT),
  ];
  assert.deepEqual(codes, [6, 6, 3]);
});

/** Resolves when the program has the file open: it says nothing of that where there is no terminal. */
async function opened(program: Program, path: string): Promise<void> {
  const folder = `/proc/${program.child.pid}/fd`;
  const targets = (): string[] => readdirSync(folder).flatMap((name) => linkTarget(join(folder, name)));
  while (!targets().includes(path)) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** None when it was closed in between. */
function linkTarget(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}

/** A torrent of `length` bytes that nobody has, and a file of that length, which takes no room and long to read. */
function sparseTorrent(dir: string, length: number, tracker: string, pieceLength = 16 * MiB): string {
  const path = join(dir, 'data.bin');
  closeSync(openSync(path, 'w'));
  truncateSync(path, length);
  const count = length / pieceLength;
  const info = Buffer.concat([
    Buffer.from(`d6:lengthi${length}e4:name8:data.bin12:piece lengthi${pieceLength}e6:pieces${count * 20}:`),
    Buffer.alloc(count * 20, 1),
    Buffer.from('e'),
  ]);
  const torrent = join(dir, 'data.torrent');
  writeFileSync(
    torrent,
    Buffer.concat([Buffer.from(`d8:announce${tracker.length}:${tracker}4:info`), info, Buffer.from('e')]),
  );
  return torrent;
}
