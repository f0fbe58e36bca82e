/** `--bind 127.0.0.1` in a machine that has a way out: not one packet takes it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { CAN_WATCH, Machine } from './machine.js';
import { fingerprint } from './support.js';

const OPTIONS = { timeout: 20_000 };

const OUTSIDE_TRACKERS = [
  'http://tracker.example.org:6969/announce',
  'http://198.51.100.7:6969/announce',
  'https://198.51.100.8/announce',
  'udp://198.51.100.9:6969/announce',
  'udp://tracker.example.org:6969/announce',
  'udp://[2001:db8::9]:6969/announce',
  'http://[2001:db8::9]:6969/announce',
].flatMap((url) => ['--tracker', url]);
const OUTSIDE_PEERS = ['198.51.100.20:6881', '192.0.2.77:6881', '[2001:db8::7]:6881'].flatMap((peer) => [
  '--peer',
  peer,
]);

async function torrentIn(machine: Machine, dir: string, ...more: string[]): Promise<string> {
  writeNoise(join(dir, 'seed'), { 'data.bin': 3 << 20 });
  const torrent = join(dir, 'data.torrent');
  const create = machine.btget('create', join(dir, 'seed', 'data.bin'), '-o', torrent, ...more);
  assert.equal(await create.ended, 0, create.stderr);
  return torrent;
}

test('bound to loopback, a swarm completes and not one packet leaves the machine', OPTIONS, async (t) => {
  const dir = scratch(t);
  const machine = new Machine(t, dir);
  await machine.ready();
  const before = machine.sentOutside();
  const bind = ['--bind', '127.0.0.1'];
  const tracker = machine.btget('tracker', ...bind, '--port', '0', '--nat-check');
  const url = await tracker.until((output) => /http:\/\/127\.0\.0\.1:\d+\/announce/.exec(output)?.[0]);
  const torrent = await torrentIn(machine, dir, ...OUTSIDE_TRACKERS, '--tracker', url);
  const seed = machine.btget('seed', torrent, '-d', join(dir, 'seed'), ...bind, ...OUTSIDE_PEERS, '--max-upload', '2M');
  await seed.until((output) => /seeding/.exec(output));

  const leech = machine.btget(
    torrent,
    '-d',
    join(dir, 'leech'),
    ...bind,
    ...OUTSIDE_PEERS,
    ...OUTSIDE_TRACKERS,
    '--json',
  );
  assert.equal(await leech.ended, 0, leech.stderr);
  assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
  const answers = leech.events().filter(({ type }) => type === 'tracker');
  assert.equal(new Set(answers.map(({ url }) => url)).size, 8, 'every tracker was thought of');
  assert.deepEqual(
    answers.filter(({ ok }) => ok === true).map(({ url }) => url),
    [url, url, url],
    'ours alone was told that it began, was complete, and ended',
  );

  const fetched = machine.btget('http://tracker.example.org/x.torrent', '-d', dir, ...bind);
  assert.equal(await fetched.ended, 6, fetched.stderr);
  assert.equal(await seed.interrupt(), 0);
  assert.equal(machine.sentOutside(), before);
});

test(
  'bound to loopback, the nodes that a torrent and --dht-node name are asked nothing outside',
  OPTIONS,
  async (t) => {
    const dir = scratch(t);
    const machine = new Machine(t, dir);
    await machine.ready();
    const torrent = await torrentIn(machine, dir);
    const bytes = readFileSync(torrent, 'latin1');
    const nodes = '5:nodesll12:198.51.100.7i6881eel15:dht.example.orgi6881eee';
    writeFileSync(torrent, bytes.replace(/e$/, `${nodes}e`), 'latin1');
    const before = machine.sentOutside();
    const asked = ['--dht-node', '198.51.100.8:6881', '--dht-node', 'router.example.org:6881'];
    const leech = machine.btget(torrent, '-d', join(dir, 'leech'), '--bind', '127.0.0.1', ...asked, '--timeout', '2');
    assert.equal(await leech.ended, 2, leech.stderr);
    assert.equal(machine.sentOutside(), before);
  },
);

/** What a client without a fence sends into the world, each with a packet that proves it. */
const KINDS = [
  { kind: 'a peer', args: ['--peer', '198.51.100.20:6881'], packet: /^TCP 198\.51\.100\.20:6881 /m },
  {
    kind: 'a tracker over HTTP',
    args: ['--tracker', 'http://198.51.100.7:6969/announce'],
    packet: /^TCP 198\.51\.100\.7:6969 /m,
  },
  {
    kind: 'the name of a tracker',
    args: ['--tracker', 'http://tracker.example.org:6969/announce'],
    packet: /^UDP 198\.51\.100\.53:53 .*tracker.example.org/m,
  },
  {
    kind: 'a tracker over UDP',
    args: ['--tracker', 'udp://198.51.100.9:6969/announce'],
    packet: /^UDP 198\.51\.100\.9:6969 /m,
  },
  { kind: 'local peers', args: [], packet: /^UDP 239\.192\.152\.143:6771 .*BT-SEARCH/m },
  { kind: 'the gateway', args: [], packet: /^UDP 192\.0\.2\.254:5351 /m },
  { kind: 'gateways of UPnP', args: [], packet: /^UDP 239\.255\.255\.250:1900 .*M-SEARCH/m },
  { kind: 'the DHT', args: ['--dht-node', '198.51.100.30:6991'], packet: /^UDP 198\.51\.100\.30:6991 /m },
  { kind: 'the routers of the DHT', args: [], packet: /^UDP 198\.51\.100\.53:53 .*router.bittorrent.com/m },
];
const SWITCHES = ['--no-trackers', '--no-dht', '--no-pex', '--no-lsd', '--no-port-mapping'];

const WATCHED = { ...OPTIONS, skip: !CAN_WATCH };
if (!CAN_WATCH) console.log('live tests of single packets skipped: Python is not installed (Debian package python3)');

test('the same without --bind is seen, each kind of it: the counter counts', WATCHED, async (t) => {
  const dir = scratch(t);
  const machine = new Machine(t, dir);
  await machine.ready();
  const torrent = await torrentIn(machine, dir);
  const before = machine.sentOutside();
  const watcher = await machine.watch();
  // Trackers are asked one after the other, so each has a client of its own.
  const leeches = KINDS.map(({ args }, index) =>
    machine.btget(torrent, '-d', join(dir, `leech${index}`), ...args, '--timeout', '6'),
  );
  for (const leech of leeches) assert.equal(await leech.ended, 2, leech.stderr);
  watcher.child.kill();
  await watcher.ended;
  const unseen = KINDS.filter(({ packet }) => !packet.test(watcher.stdout)).map(({ kind }) => kind);
  assert.deepEqual(unseen, [], watcher.stdout);
  assert.ok(machine.sentOutside() >= before + KINDS.length);
});

test('bound to loopback, not one of these leaves, however long it runs', OPTIONS, async (t) => {
  const dir = scratch(t);
  const machine = new Machine(t, dir);
  await machine.ready();
  const torrent = await torrentIn(machine, dir);
  const args = KINDS.flatMap((kind) => kind.args);
  const before = machine.sentOutside();
  const leeches = ['127.0.0.1', '::1', 'lo'].map((bind) =>
    machine.btget(torrent, '-d', join(dir, bind), ...args, '--bind', bind, '--timeout', '6', '--json'),
  );
  for (const leech of leeches) assert.equal(await leech.ended, 2, leech.stderr);
  assert.equal(machine.sentOutside(), before);
  const asked = leeches.flatMap((leech) => leech.events()).filter(({ type }) => type === 'port-mapping');
  assert.deepEqual(asked, [], 'no gateway is even thought of');
});

test('with everything switched off, nothing is said to anybody', OPTIONS, async (t) => {
  const dir = scratch(t);
  const machine = new Machine(t, dir);
  await machine.ready();
  const torrent = await torrentIn(machine, dir, ...OUTSIDE_TRACKERS);
  const before = machine.sentOutside();
  const leech = machine.btget(torrent, '-d', join(dir, 'leech'), ...SWITCHES, '--timeout', '5');
  assert.equal(await leech.ended, 2, leech.stderr);
  assert.equal(machine.sentOutside(), before);
});

test('for a private torrent only its tracker and the gateway are spoken to', WATCHED, async (t) => {
  const dir = scratch(t);
  const machine = new Machine(t, dir);
  await machine.ready();
  const torrent = await torrentIn(machine, dir, '--private', '--tracker', 'udp://198.51.100.9:6969/announce');
  const dht = ['--dht-node', '198.51.100.30:6991'];
  const watcher = await machine.watch();
  const leech = machine.btget(torrent, '-d', join(dir, 'leech'), ...dht, '--timeout', '6');
  assert.equal(await leech.ended, 2, leech.stderr);
  watcher.child.kill();
  await watcher.ended;
  const targets = new Set([...watcher.stdout.matchAll(/^(\S+ \S+) /gm)].map(([, target]) => target));
  assert.deepEqual([...targets].sort(), ['UDP 192.0.2.254:5351', 'UDP 198.51.100.9:6969', 'UDP 239.255.255.250:1900']);
});
