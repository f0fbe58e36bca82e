import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { encodeBencode } from '../../src/bencode/encode.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { encodeHandshake } from '../../src/wire/handshake.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import { scratch } from '../support/disk/scratch.js';
import { serveHttp } from '../support/fakes/http-server.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { BTGET, btget, btgetEnds, fingerprint, HOSTS, Program } from './support.js';

const MiB = 1 << 20;
/** A client that was turned away comes back a minute later: it must not need that. */
const TIMEOUT = 50_000;
const SLOW = new URL('./slow-check-hook.js', import.meta.url).href;

interface Place {
  readonly torrent: string;
  readonly seed: string;
  readonly leech: string;
  /** Where the seed is going to listen. */
  readonly port: number;
}

let lastPort = 21_499;

/** `named`: the torrent's tracker names the seed, whether it has announced itself or not. */
async function place(t: TestContext, length: number, named = false): Promise<Place> {
  const dir = scratch(t);
  lastPort += 1;
  const port = lastPort;
  writeNoise(join(dir, 'seed'), { 'data.bin': length });
  mkdirSync(join(dir, 'leech'));
  const torrent = join(dir, 'data.torrent');
  const peers = Buffer.from([...HOSTS.btget.split('.').map(Number), port >> 8, port & 0xff]);
  const answer = encodeBencode(new Map<string, number | Buffer>(Object.entries({ interval: 3600, peers })));
  const tracker = named ? await serveHttp(t, (_request, response) => response.end(answer), HOSTS.tracker) : null;
  const announce = tracker === null ? [] : ['--tracker', `http://${tracker}/announce`];
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, ...announce);
  return { torrent, seed: join(dir, 'seed'), leech: join(dir, 'leech'), port };
}

/** A seed whose disk gives 4 MiB a second to each thread that checks; resolves when its port is open. */
async function startChecking(t: TestContext, { torrent, seed, port }: Place): Promise<Program> {
  process.env['SLOW_CHECK_RATE'] = String(4 * MiB);
  const args = ['seed', torrent, '-d', seed, '--bind', HOSTS.btget, '--port', `${port}`, '--no-trackers'];
  const program = new Program(t, process.execPath, ['--import', SLOW, BTGET, ...args]);
  await program.until((output) => /listening on/.exec(output));
  return program;
}

for (const rival of RIVALS.filter(({ name }) => name === 'libtorrent' || name === 'aria2')) {
  test(`${rival.name} that dials a seed in the middle of its check gets everything without a pause`, {
    skip: !rival.installed,
    timeout: TIMEOUT,
  }, async (t) => {
    const at = await place(t, 30 * MiB + 7, !rival.dials);
    const seed = await startChecking(t, at);
    const peers = rival.dials ? [`${HOSTS.btget}:${at.port}`] : [];
    const leech = await rival.start(t, { torrent: at.torrent, dir: at.leech, host: HOSTS.rival, peers });
    assert.doesNotMatch(seed.stdout + seed.stderr, /seeding/, 'the check goes on');
    await leech.complete();
    assert.deepEqual(fingerprint(at.leech)['data.bin'], fingerprint(at.seed)['data.bin']);
  });
}

test('btget that dials a seed in the middle of its check gets everything without a pause', {
  timeout: TIMEOUT,
}, async (t) => {
  const at = await place(t, 30 * MiB + 7);
  const seed = await startChecking(t, at);
  const leech = btget(t, at.torrent, '-d', at.leech, '--bind', HOSTS.other, '--peer', `${HOSTS.btget}:${at.port}`);
  assert.doesNotMatch(seed.stdout + seed.stderr, /seeding/, 'the check goes on');
  assert.equal(await leech.ended, 0);
  assert.deepEqual(fingerprint(at.leech), fingerprint(at.seed));
});

test('libtorrent that is begun at the same time as a seed of 45 MiB gets everything without a pause', {
  skip: RIVALS.find(({ name }) => name === 'libtorrent')?.installed !== true,
  timeout: TIMEOUT,
}, async (t) => {
  const at = await place(t, 45 * MiB);
  const { torrent, port } = at;
  const seed = btget(t, 'seed', torrent, '-d', at.seed, '--bind', HOSTS.btget, '--port', `${port}`);
  await seed.until((output) => /listening on/.exec(output));
  const peers = [`${HOSTS.btget}:${port}`];
  const libtorrent = RIVALS.find(({ name }) => name === 'libtorrent');
  const leech = await libtorrent?.start(t, { torrent, dir: at.leech, host: HOSTS.rival, peers });
  await leech?.complete();
  assert.deepEqual(fingerprint(at.leech), fingerprint(at.seed));
});

test('a peer that dials the moment that the port of a seed of fifty torrents opens is served', {
  timeout: TIMEOUT,
}, async (t) => {
  const TORRENTS = 50;
  const dir = scratch(t);
  lastPort += 1;
  const port = lastPort;
  const names = Array.from({ length: TORRENTS }, (_, number) => `${number}.bin`);
  writeNoise(dir, Object.fromEntries(names.map((name) => [name, 1_000])));
  const torrents: string[] = [];
  for (const name of names) {
    const torrent = join(dir, `${name}.torrent`);
    await btgetEnds(t, 0, 'create', join(dir, name), '-o', torrent);
    torrents.push(torrent);
  }
  btget(t, 'seed', ...torrents, '-d', dir, '--bind', HOSTS.btget, '--port', `${port}`, '--no-trackers');
  const last = parseMetainfo(readFileSync(torrents.at(-1) ?? '')).infoHash;
  const handshake = encodeHandshake(last, Buffer.from('-XX0001-first-------'), encodeReserved([]));
  const answer = await new Promise<Buffer>((resolve, reject) => {
    const dial = (): void => {
      const socket = connect({ host: HOSTS.btget, port, localAddress: HOSTS.other });
      let isOpen = false;
      socket.on('connect', () => {
        isOpen = true;
        socket.write(handshake);
      });
      socket.on('data', (data) => {
        socket.destroy();
        resolve(data);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (isOpen) reject(new Error('the seed turned the peer away'));
        else setImmediate(dial);
      });
    };
    dial();
  });
  assert.deepEqual(answer.subarray(28, 48), last);
});

test('a seed that is interrupted in the middle of its check ends at once, and says that it did not get to serve', {
  timeout: TIMEOUT,
}, async (t) => {
  const at = await place(t, 30 * MiB + 7);
  const seed = await startChecking(t, at);
  const leech = btget(t, at.torrent, '-d', at.leech, '--bind', HOSTS.other, '--peer', `${HOSTS.btget}:${at.port}`);
  await leech.until((output) => /%/.exec(output) ?? leech.stderr.length > 0);
  seed.child.kill('SIGINT');
  assert.equal(await seed.endsWithin(10_000), 7);
});
