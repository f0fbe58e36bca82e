/** Other clients that demand encryption, as seeds and as leeches; and what a connection looks like from outside. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { formatMagnet, linkOf } from '../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { ENCRYPTING_RIVALS, type EncryptionWish } from './rivals.js';
import { btget, btgetEnds, fingerprint, HOSTS, startSeed, startTracker } from './support.js';

const OPTIONS = { timeout: 120_000 };
const MiB = 1 << 20;
const FILES = { 'data/one.bin': 60 * MiB + 1, 'data/two.bin': 39 * MiB, 'data/sub/three.bin': MiB - 7 };

const WISHES: Readonly<Record<string, readonly EncryptionWish[]>> = {
  libtorrent: ['required', 'rc4', 'plaintext', 'preferred'],
  aria2: ['required', 'rc4', 'preferred'],
  transmission: ['preferred', 'required'],
  rtorrent: ['required', 'rc4'],
  qbittorrent: ['required'],
};

interface Sample {
  readonly dir: string;
  readonly torrent: string;
}

/** A torrent of 100 MiB whose content lies in `seed`, with a tracker of btget's. */
async function makeSample(t: TestContext, files: Record<string, number> = FILES): Promise<Sample> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), files);
  const torrent = join(dir, 'data.torrent');
  const tracker = await startTracker(t, HOSTS.tracker);
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent, '--tracker', tracker);
  return { dir, torrent };
}

/** A client may leave files of its own beside the content. */
function assertSame(dir: string): void {
  const { 'data.aria2': _, ...leech } = fingerprint(join(dir, 'leech'));
  assert.deepEqual(leech, fingerprint(join(dir, 'seed')));
}

for (const rival of ENCRYPTING_RIVALS.filter(({ installed }) => installed)) {
  for (const encryption of WISHES[rival.name] ?? []) {
    test(`btget downloads from ${rival.name} that wants encryption: ${encryption}`, OPTIONS, async (t) => {
      const { dir, torrent } = await makeSample(t);
      const task = { torrent, dir: join(dir, 'seed'), host: HOSTS.rival, peers: [], encryption };
      await (await rival.start(t, task)).complete();
      await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget);
      assertSame(dir);
    });

    test(`${rival.name} that wants encryption (${encryption}) downloads from btget`, OPTIONS, async (t) => {
      const { dir, torrent } = await makeSample(t);
      await startSeed(t, HOSTS.other, torrent, join(dir, 'seed'));
      const task = { torrent, dir: join(dir, 'leech'), host: HOSTS.rival, peers: [], encryption };
      await (await rival.start(t, task)).complete();
      assertSame(dir);
    });
  }

  test(`btget that requires encryption downloads from ${rival.name} as it is, and gives to it`, OPTIONS, async (t) => {
    const { dir, torrent } = await makeSample(t, { 'data/one.bin': 9 * MiB });
    const task = { torrent, dir: join(dir, 'seed'), host: HOSTS.rival, peers: [] };
    await (await rival.start(t, task)).complete();
    const policy = ['--encryption', 'require', '--json'];
    const leech = await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget, ...policy);
    assertSame(dir);
    const counts = leech
      .events()
      .flatMap(({ type, peers, encrypted }) => (type === 'progress' ? [[peers, encrypted]] : []));
    assert.ok(counts.length > 0);
    for (const [peers, encrypted] of counts) assert.equal(encrypted, peers);
  });
}

for (const rival of ENCRYPTING_RIVALS.filter(({ installed, name }) => installed && name !== 'qbittorrent')) {
  test(
    `a magnet link gets metadata and content from ${rival.name} over encrypted connections alone`,
    OPTIONS,
    async (t) => {
      const { dir, torrent } = await makeSample(t, { 'data/one.bin': 3 * MiB });
      const task = { torrent, dir: join(dir, 'seed'), host: HOSTS.rival, peers: [], encryption: 'required' } as const;
      const seed = await rival.start(t, task);
      await seed.complete();
      const link = formatMagnet(linkOf(parseMetainfo(readFileSync(torrent))));
      const options = ['--bind', HOSTS.btget, '--encryption', 'require', '--no-trackers', '--peer', seed.address];
      await btgetEnds(t, 0, link, '-d', join(dir, 'leech'), ...options);
      assertSame(dir);
    },
  );
}

/** Passes on what both sides say, and keeps it. */
async function startRelay(t: TestContext, host: string, target: string): Promise<{ address: string; heard: Buffer[] }> {
  const heard: Buffer[] = [];
  const [targetHost = '', targetPort = ''] = target.split(':');
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = dial({ host: targetHost, port: Number(targetPort), localAddress: host });
    sockets.push(client, upstream);
    const connection: [Buffer[], Buffer[]] = [[], []];
    const parts = connection;
    client.on('data', (data) => parts[0].push(data));
    upstream.on('data', (data) => parts[1].push(data));
    client.on('close', () => heard.push(Buffer.concat(parts[0]), Buffer.concat(parts[1])));
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.pipe(upstream).pipe(client);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, host, () => resolve((server.address() as { port: number }).port));
  });
  return { address: `${host}:${port}`, heard };
}

/** Downloads through a relay; resolves to what went by, a buffer for each direction of each connection. */
async function overheard(t: TestContext, policy: string): Promise<Buffer[]> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': 2 * MiB });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent);
  const seed = await startSeed(t, HOSTS.other, torrent, join(dir, 'seed'), '--encryption', policy);
  const relay = await startRelay(t, HOSTS.rival, seed);
  const options = ['-d', join(dir, 'leech'), '--bind', HOSTS.btget, '--encryption', policy, '--peer', relay.address];
  await btgetEnds(t, 0, torrent, ...options);
  assertSame(dir);
  while (relay.heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return relay.heard;
}

test('with require nobody sees BitTorrent go by, and two handshakes differ in length', OPTIONS, async (t) => {
  const runs = [await overheard(t, 'require'), await overheard(t, 'require'), await overheard(t, 'require')];
  const firsts = new Set<string>();
  for (const heard of runs) {
    for (const bytes of heard) {
      assert.equal(bytes.indexOf('BitTorrent'), -1);
      assert.equal(bytes.indexOf('ut_metadata'), -1);
      firsts.add(bytes.subarray(0, 16).toString('hex'));
    }
  }
  assert.equal(firsts.size, runs.flat().length, 'no two streams begin alike');
  assert.ok(new Set(runs.map(([dialler]) => dialler?.length)).size > 1, 'padding has no one length');
});

test('with allow a peer that takes plain connections gets one', OPTIONS, async (t) => {
  const heard = await overheard(t, 'allow');
  for (const bytes of heard) assert.equal(bytes.indexOf('\x13BitTorrent protocol', 0, 'latin1'), 0);
});

test('require and a peer that speaks in plain alone: the stall says why', OPTIONS, async (t) => {
  const { dir, torrent } = await makeSample(t, { 'data/one.bin': MiB });
  await startSeed(t, HOSTS.other, torrent, join(dir, 'seed'), '--encryption', 'off');
  const options = ['--bind', HOSTS.btget, '--encryption', 'require', '--json', '--timeout', '20'];
  const leech = btget(t, torrent, '-d', join(dir, 'leech'), ...options);
  await leech.until((output) => /"type":"stalled"[^\n]*"code":"encryption"/.exec(output));
  assert.equal(await leech.ended, 2);
});

test(
  'the doctor says that a peer demands encryption when the user forbids it, and is fine when he does not',
  OPTIONS,
  async (t) => {
    const rival = ENCRYPTING_RIVALS.find(({ installed }) => installed);
    if (rival === undefined) return t.skip('no client that demands encryption is installed');
    const { dir, torrent } = await makeSample(t, { 'data/one.bin': MiB });
    const task = { torrent, dir: join(dir, 'seed'), host: HOSTS.rival, peers: [], encryption: 'required' } as const;
    const seed = await rival.start(t, task);
    await seed.complete();
    const options = [
      '--bind',
      HOSTS.btget,
      '--no-trackers',
      '--no-dht',
      '--no-port-mapping',
      '--peer',
      seed.address,
      '--json',
    ];
    const peersBy = async (policy: string, code: number): Promise<{ state: string; message: string }> => {
      const doctor = await btgetEnds(t, code, 'doctor', torrent, ...options, '--encryption', policy);
      const findings = doctor.events() as unknown as { check: string; state: string; message: string }[];
      return findings.find(({ check }) => check === 'peers') ?? assert.fail('nothing is said of peers');
    };
    const off = await peersBy('off', 6);
    assert.equal(off.state, 'failed');
    assert.match(off.message, /peers may demand encryption, and --encryption off forbids it/);
    assert.equal((await peersBy('allow', 0)).state, 'ok');
    const require = await peersBy('require', 0);
    assert.equal(require.message, '1 peer of this torrent answered, 1 of them encrypted');
  },
);
