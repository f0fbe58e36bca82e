import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import { decodeExtensionHandshake } from '../../src/wire/extended.js';
import type { PeerMessage } from '../../src/wire/message.js';
import { type AnnouncedExtension, encodeReserved } from '../../src/wire/reserved.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { addressOf, linkTo, magnetSample } from '../support/worlds/magnet-world.js';

const KiB = 1024;
/** Eight pieces of one block. */
const SAMPLE = sampleTorrent([{ path: 'file', length: 8 * 16 * KiB }], 16 * KiB);
/** Each step on the disk takes so long, one after another: three come first, and piece N has been checked after (N + 4) × it. */
const LATENCY = 1_000;
const SEED = { seed: true, diskLatency: LATENCY, torrent: { mode: 'seed' } } as const;

interface Scene {
  readonly swarm: SimulatedSwarm;
  readonly client: Client;
  /** A peer that says nothing by itself but its handshake. */
  dial(
    extensions: readonly AnnouncedExtension[],
    gotMessage?: (talk: FakeTalk, message: PeerMessage) => void,
  ): FakeTalk;
}

function scene(options: Partial<ClientOptions> = SEED, damage: (client: Client) => void = () => undefined): Scene {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const client = swarm.start(options);
  damage(client);
  let peers = 0;
  return {
    swarm,
    client,
    dial: (extensions, gotMessage) => {
      peers += 1;
      const identity = { infoHash: SAMPLE.metainfo.infoHash, peerId: Buffer.from(`fake ${peers}`.padEnd(20, '-')) };
      const host = swarm.network.host(`10.1.0.${peers}`, { timeout: 1e12 });
      const connected = (talk: FakeTalk): void => talk.say(talk.handshake(encodeReserved(extensions)));
      const script = gotMessage === undefined ? { connected } : { connected, gotMessage };
      return new FakePeer(host, identity, script).dial(addressOf(client.address.host));
    },
  };
}

/** What was said but the handshake, keep-alives and whatever has to do with requests. */
function said(talk: FakeTalk): string[] {
  return talk.log.filter((line) => /^(have|bitfield|lost)/.test(line) || line === 'interested');
}

const haves = (first: number): string[] => [0, 1, 2, 3, 4, 5, 6, 7].slice(first).map((piece) => `have ${piece}`);

for (const [when, after, fast, plain] of [
  ['before the first piece is checked', 500, ['haveNone', ...haves(0)], haves(0)],
  ['when half are checked', 7_500, ['bitfield f0', ...haves(4)], ['bitfield f0', ...haves(4)]],
  ['before the last is checked', 10_500, ['bitfield fe', ...haves(7)], ['bitfield fe', ...haves(7)]],
  ['after the check', 14_000, ['haveAll'], ['bitfield ff']],
] as const) {
  test(`whoever dials a seed ${when} is told once of every piece, in the way of its extensions`, () => {
    const { swarm, dial } = scene();
    swarm.timeline.run(after);
    const talks = [dial(['fast']), dial([])];
    swarm.timeline.run(20_000);
    assert.deepEqual(talks.map(said), [fast, plain]);
    swarm.stop();
    assert.equal(swarm.timeline.pending, 0);
  });
}

test('a peer that joins between a piece and the news of it hears of the piece once', () => {
  for (let after = 1_000; after <= 3_200; after += 10) {
    const { swarm, dial } = scene();
    swarm.timeline.run(after);
    const talk = dial(['fast']);
    swarm.timeline.run(20_000);
    const news = said(talk);
    const told = news.filter((line) => line.startsWith('have ')).length;
    const first = news[0] ?? '';
    const bits = first.startsWith('bitfield ') ? Number.parseInt(first.slice('bitfield '.length), 16).toString(2) : '';
    assert.equal(told + [...bits].filter((bit) => bit === '1').length, 8, `dialled after ${after}: ${news.join(', ')}`);
    swarm.stop();
  }
});

test('pieces that are found are served while the rest is checked, and no other is', () => {
  const { swarm, client, dial } = scene();
  const talk = dial(['fast'], (peer, message) => {
    if (message.type === 'haveNone') peer.sayMessages({ type: 'interested' });
    if (message.type !== 'have') return;
    for (const piece of [message.piece, 7]) peer.sayMessages({ type: 'request', piece, begin: 0, length: 16 * KiB });
  });
  swarm.timeline.run(7_500);
  assert.equal(client.torrent.status().state, 'checking');
  const served = talk.log.filter((line) => line.startsWith('piece'));
  assert.ok(served.length >= 2, talk.log.join(', '));
  assert.ok(!served.some((line) => line.startsWith('piece 7 ')));
  assert.ok(talk.log.includes('reject 7 0 16384'));
  swarm.stop();
});

test('a leech that dials during the check is done no later than one piece after it', () => {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const seed = swarm.start(SEED);
  const leech = swarm.start({ torrent: { peers: [seed.address] } });
  swarm.timeline.runUntil(() => leech.done, 60_000);
  assert.ok(leech.storage.contents().equals(SAMPLE.content));
  assert.ok(swarm.timeline.now() < 13 * LATENCY, `done after ${swarm.timeline.now()} ms`);
  swarm.stop();
});

test('a piece that is found wrong is told of to nobody', () => {
  const { swarm, dial } = scene({
    ...SEED,
    seed: false,
    part: Buffer.concat([SAMPLE.content.subarray(0, 40 * KiB), Buffer.alloc(88 * KiB)]),
  });
  const talk = dial(['fast']);
  swarm.timeline.run(20_000);
  assert.deepEqual(said(talk), ['haveNone', 'have 0', 'have 1']);
  swarm.stop();
});

test('a download asks nobody for anything before its check is over, and then of what it lacks those who told before', () => {
  const part = Buffer.concat([SAMPLE.content.subarray(0, 96 * KiB), Buffer.alloc(32 * KiB)]);
  const { swarm, client, dial } = scene({ diskLatency: LATENCY, part });
  const talk = dial(['fast'], (peer, message) => {
    if (message.type === 'haveNone') peer.sayMessages({ type: 'haveAll' }, { type: 'unchoke' });
  });
  swarm.timeline.runUntil(() => client.torrent.status().state !== 'checking', 60_000);
  assert.deepEqual(said(talk), ['haveNone'], 'it has what is found');
  swarm.timeline.run(1_000);
  const asked = talk.log.filter((line) => /^(request|interested)/.test(line));
  assert.deepEqual(asked.sort(), ['interested', 'request 6 0 16384', 'request 7 0 16384']);
  swarm.stop();
});

test('a peer hears of the last piece before it hears that we only give', () => {
  const { swarm, dial } = scene();
  const heard: string[] = [];
  dial(['fast', 'extended'], (_peer, message) => {
    if (message.type === 'have') heard.push(`have ${message.piece}`);
    if (message.type === 'extended' && message.id === 0)
      heard.push(`upload only ${decodeExtensionHandshake(message.payload)?.uploadOnly}`);
  });
  swarm.timeline.run(9_980);
  // Whoever comes meanwhile hears it at once, and the others none the later for that.
  dial(['extended']);
  swarm.timeline.run(5_000);
  assert.deepEqual(heard, ['upload only false', ...haves(0), 'upload only true']);
  swarm.stop();
});

test('two seeds part when both have found out that they are', () => {
  const { swarm, dial } = scene();
  const talk = dial(['fast'], (peer, message) => {
    if (message.type === 'haveNone') peer.sayMessages({ type: 'haveAll' });
  });
  swarm.timeline.run(10_500);
  assert.equal(talk.lost, false);
  swarm.timeline.run(10_000);
  assert.equal(talk.lost, true);
  swarm.stop();
});

test('a check that fails ends the torrent with its reason, and everybody who waits is parted from', () => {
  const { swarm, client, dial } = scene(SEED, ({ storage }) => {
    storage.failNext('checkPiece', new BtgetError('io', 'cannot be read'));
  });
  swarm.timeline.run(3_500);
  const talk = dial(['fast']);
  swarm.timeline.run(1_000);
  assert.equal(talk.lost, false);
  swarm.timeline.runUntil(() => client.failure !== null, 60_000);
  swarm.timeline.run(1_000);
  assert.equal(client.failure?.message, 'cannot be read');
  assert.equal(talk.lost, true);
  swarm.stop();
  assert.equal(swarm.timeline.pending, 0);
});

test('a stop in the middle of a check parts from everybody and leaves nothing behind', () => {
  const { swarm, dial } = scene();
  const talks = [dial(['fast']), dial([])];
  swarm.timeline.run(4_500);
  swarm.stop();
  assert.deepEqual(
    talks.map(({ lost }) => lost),
    [true, true],
  );
  assert.equal(swarm.timeline.pending, 0);
});

test('trackers hear of a seed when its check is over', () => {
  const { swarm } = scene();
  swarm.timeline.run(9_500);
  assert.deepEqual(
    swarm.log.filter((line) => line.includes('tracker')),
    [],
  );
  swarm.timeline.run(5_000);
  assert.equal(swarm.log.filter((line) => line.includes('tracker')).length, 1);
  swarm.stop();
});

test('strangers who fill the table during the check do not keep it', () => {
  const { swarm, client, dial } = scene({ ...SEED, diskLatency: 6_500, torrent: { mode: 'seed', maxPeers: 4 } });
  const strangers = [1, 2, 3, 4].map(() => dial(['fast']));
  swarm.timeline.run(62_000);
  const gone = (): number => strangers.filter(({ lost }) => lost).length;
  const before = gone();
  for (const stranger of strangers) stranger.sayKeepAlive();
  const newcomer = dial(['fast']);
  swarm.timeline.run(1_000);
  assert.equal(client.torrent.status().state, 'checking');
  assert.equal(newcomer.lost, false);
  assert.equal(gone(), before + 1);
  swarm.timeline.run(60_000);
  swarm.stop();
});

test('peers of a link are told of pieces while its second life begins with a check', () => {
  const sample = magnetSample();
  const swarm = new SimulatedSwarm(sample, 1);
  const seed = swarm.start({ seed: true });
  const half = sample.content.subarray(0, sample.content.length >> 1);
  const client = swarm.startMagnet(linkTo(sample.metainfo.infoHash), {
    diskLatency: LATENCY,
    part: half,
    torrent: { peers: [seed.address] },
  });
  const heard: string[] = [];
  const peer = new FakePeer(
    swarm.network.host('10.1.0.1', { timeout: 1e12 }),
    { infoHash: sample.metainfo.infoHash, peerId: Buffer.from('fake'.padEnd(20, '-')) },
    {
      connected: (talk) => talk.say(talk.handshake(encodeReserved(['fast']))),
      gotMessage: (_talk, { type }) => {
        heard.push(`${type} ${client.torrent.status().state}`);
      },
    },
  );
  peer.dial(client.address);
  swarm.timeline.runUntil(() => client.metadataAt !== null, 60_000);
  swarm.timeline.run(5_500);
  assert.equal(client.torrent.status().state, 'checking');
  assert.equal(heard[0], 'haveNone metadata');
  assert.ok(heard.filter((line) => line === 'have checking').length >= 2, heard.join(', '));
  swarm.stop();
});
