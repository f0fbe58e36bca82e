import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeBencode } from '../../src/bencode/encode.js';
import { decodeAnnounceResponse } from '../../src/discovery/trackers/announce-response.js';
import type { TrackerClient } from '../../src/discovery/trackers/tracker-client.js';
import { encodeCompact } from '../../src/net/ip-address.js';
import { fullBitfield } from '../../src/wire/bitfield.js';
import { FakeNetworkWatch } from '../support/fakes/fake-network-watch.js';
import { answer, DOWN, FakeTrackers } from '../support/fakes/fake-tracker.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { fromNear, NEAR } from '../support/simulation/simulated-tracker.js';
import { HostileWorld, SAMPLE } from '../support/worlds/hostile-world.js';

const KIB = 1024;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** At 64 KiB a second it takes 64 seconds. */
const LONG = sampleTorrent([{ path: 'long', length: 4096 * KIB }], 256 * KIB);
const LINE = { host: { upload: 64 * KIB } };

describe('a tracker', () => {
  it('that is down for an hour is asked a few times, and its first answer brings the peers together', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    swarm.tracker.down = true;
    swarm.start({ seed: true });
    const leech = swarm.start();
    swarm.timeline.run(HOUR);
    const asked = swarm.log.filter((line) => line.includes('leech 2: tracker names null')).length;
    assert.ok(asked >= 4 && asked <= 8, `asked ${asked} times in an hour`);
    assert.deepEqual([leech.done, leech.failure, leech.torrent.status().state], [false, null, 'stalled']);
    swarm.tracker.down = false;
    swarm.timeline.runUntil(() => leech.done, HOUR);
    swarm.stop();
    assert.equal(swarm.timeline.pending, 0);
  });

  it('that goes down in the middle of a download is not missed', () => {
    const world = new HostileWorld({ sample: LONG, seed: LINE });
    world.run(10_000);
    world.swarm.tracker.down = true;
    world.untilDone(80_000);
    assert.equal(world.victim.failure, null);
  });

  it('that answers nonsense is passed over for the next one', () => {
    const random = seededRandom(5);
    const own = Buffer.from([10, 0, 0, 2, 0x1a, 0xe1]);
    const answers: readonly (() => Buffer)[] = [
      () => Buffer.alloc(0),
      () => random.bytes(500),
      () => Buffer.from('<html><body>404</body></html>'),
      () => Buffer.from('d-3:'),
      () => Buffer.from('l'.repeat(100_000)),
      () => Buffer.from('d8:intervali-5e5:peers7:1234567e'),
      () => Buffer.from('d8:interval3:abc5:peersld2:ip3:::14:porti-1eeee'),
      () => Buffer.from('d8:intervali9007199254740993e5:peers0:e'),
      () => Buffer.from('d14:failure reasonli1eee'),
      () => encodeBencode(new Map([['peers', Buffer.concat([own, Buffer.alloc(6), Buffer.alloc(6, 0xff)])]])),
    ];
    for (const [index, body] of answers.entries()) {
      const swarm = new SimulatedSwarm(SAMPLE, 1);
      swarm.start({ seed: true });
      swarm.timeline.run(1_000);
      const sane = swarm.tracker.client('10.0.0.2');
      const trackerClient: TrackerClient = {
        announce: (request, answered) =>
          request.url.whole === swarm.tracker.url
            ? sane.announce(request, answered)
            : swarm.timeline.addTask(() => answered(fromNear(decodeAnnounceResponse(body()))), 50),
      };
      const trackers = ['http://mad.test/announce', swarm.tracker.url];
      const leech = swarm.start({ trackerClient, torrent: { trackers } });
      swarm.timeline.run(2 * HOUR);
      const isAnAnswer = decodeAnnounceResponse(body()).ok;
      assert.deepEqual([leech.failure, leech.done], [null, !isAnAnswer], `answer ${index}`);
      assert.equal(leech.torrent.status().peers, 0);
    }
  });

  it('whose host name is a key tells us our address, and the download goes on', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
    const peers = [{ ...seed.address, peerId: null }];
    const told = answer({ peers, externalIp: '203.0.113.7' }, NEAR);
    const trackerClient = new FakeTrackers(swarm.timeline, () => told, 50);
    const trackers = ['http://a1b2c3d4e5f6a7b8c9d0.tracker.example.org/announce'];
    const leech = swarm.start({ trackerClient, torrent: { trackers } });
    swarm.timeline.run(5 * MINUTE);
    assert.deepEqual([leech.failure, leech.done], [null, true]);
  });

  it('that says how it sees us does no harm, however its URL is spelled', () => {
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
    const peers = encodeCompact(seed.address) as Buffer;
    const body = encodeBencode(new Map([...Object.entries({ 'external ip': Buffer.from([8, 8, 8, 8]), peers })]));
    const trackerClient: TrackerClient = {
      announce: (_, answered) => swarm.timeline.addTask(() => answered(fromNear(decodeAnnounceResponse(body))), 50),
    };
    // A URL has no such characters once it is parsed, but we show it as it is spelled.
    const trackers = ['http://127.0.0\u00ad.1/announce', 'http://track\u200ber.test/announce'];
    for (const tracker of trackers) {
      const leech = swarm.start({ trackerClient, torrent: { trackers: [tracker] } });
      swarm.timeline.run(MINUTE);
      assert.deepEqual([leech.failure, leech.done], [null, true], tracker);
    }
  });

  it('that names two hundred addresses where nobody answers does not hide the one who does', () => {
    const dead = Array.from({ length: 199 }, (_, number) => ({
      host: `10.5.0.${number + 1}`,
      port: 6881,
      peerId: null,
    }));
    const swarm = new SimulatedSwarm(SAMPLE, 1);
    const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
    for (const { host } of dead) {
      swarm.network.host(host);
      swarm.network.silence(host);
    }
    const peers = [...dead, { ...seed.address, peerId: null }];
    const trackerClient: TrackerClient = {
      announce: (_request, answered) =>
        swarm.timeline.addTask(
          () =>
            answered({
              ok: true,
              from: NEAR,
              response: {
                interval: 1_800,
                minInterval: null,
                peers,
                seeds: 1,
                leeches: 199,
                warning: null,
                trackerId: null,
                externalIp: null,
              },
            }),
          50,
        ),
    };
    const leech = swarm.start({ trackerClient });
    let most = 0;
    while (!leech.done && swarm.timeline.now() < 5 * MINUTE) {
      swarm.timeline.run(1_000);
      most = Math.max(most, leech.rawServer.socketCount);
    }
    assert.equal(leech.done, true);
    assert.ok(most <= 64, `${most} sockets`);
  });
});

describe('a seed', () => {
  it('that is very slow holds nobody up once a faster one is there', () => {
    const alone = new HostileWorld({ sample: LONG, seed: LINE });
    alone.untilDone(2 * MINUTE);
    const time = alone.swarm.timeline.now();
    const world = new HostileWorld({ sample: LONG, seed: { host: { upload: KIB } } });
    world.run(2 * MINUTE);
    assert.equal(world.victim.torrent.status().have < LONG.content.length / 4, true);
    const began = world.swarm.timeline.now();
    world.swarm.start({ seed: true, ...LINE });
    world.untilDone(2 * MINUTE);
    const took = world.swarm.timeline.now() - began;
    assert.ok(took < 1.05 * time, `${took} ms, and ${time} with the fast one alone`);
    assert.deepEqual(world.refusals, []);
  });
});

describe('a machine that sleeps', () => {
  for (const [whose, hostOf] of [
    ['ours', (world: HostileWorld) => world.victim.address.host],
    ['the seed’s', (world: HostileWorld) => world.seed.address.host],
  ] as const) {
    // After a minute the connection goes on; after twenty it is dialled again, when the pauses between attempts allow it.
    for (const [sleep, left] of [
      [MINUTE, MINUTE],
      [20 * MINUTE, 20 * MINUTE],
    ] as const) {
      it(`for ${sleep / MINUTE} min, ${whose}, goes on where it was, and nobody is blamed`, () => {
        const world = new HostileWorld({ sample: LONG, seed: LINE });
        world.run(20_000);
        world.swarm.network.silence(hostOf(world));
        world.run(sleep);
        assert.equal(world.victim.done, false);
        world.swarm.network.restore(hostOf(world));
        world.untilDone(left);
        assert.equal(world.refusalsFor('banned'), 0);
      });
    }
  }
});

describe('a machine that comes to another network', () => {
  for (const outage of [10 * MINUTE, 40 * MINUTE, 3 * HOUR]) {
    it(`after ${outage / MINUTE} min without one goes on at once`, () => {
      const networkWatch = new FakeNetworkWatch();
      let isAway = false;
      const swarm = new SimulatedSwarm(LONG, 1);
      swarm.start({ seed: true, ...LINE });
      swarm.timeline.run(1_000);
      const near = swarm.tracker.client('10.0.0.2');
      const trackerClient: TrackerClient = {
        announce: (request, answered) =>
          isAway ? swarm.timeline.addTask(() => answered(DOWN), 50) : near.announce(request, answered),
      };
      const leech = swarm.start({ trackerClient, networkWatch });
      swarm.timeline.run(20_000);
      isAway = true;
      swarm.network.silence(leech.address.host);
      swarm.timeline.run(outage);
      assert.deepEqual([leech.done, leech.torrent.status().peers], [false, 0]);
      isAway = false;
      swarm.network.restore(leech.address.host);
      networkWatch.tell();
      swarm.timeline.runUntil(() => leech.torrent.status().peers > 0, 5_000);
      swarm.timeline.runUntil(() => leech.done, MINUTE);
      swarm.stop();
      assert.equal(swarm.timeline.pending, 0);
    });
  }
});

describe('data that a crash has left behind', () => {
  it('and that is not right is fetched again, and nobody is blamed for it', () => {
    const part = Buffer.from(LONG.content.subarray(0, 2048 * KIB + 77));
    for (const piece of [0, 3, 5]) part.fill(0, piece * 256 * KIB + 1_000, piece * 256 * KIB + 20_000);
    const world = new HostileWorld({ sample: LONG, seed: LINE, victim: { part } });
    world.untilDone(2 * MINUTE);
    const { downloaded, wasted } = world.victim.torrent.status();
    assert.deepEqual([downloaded, wasted], [LONG.content.length - 5 * 256 * KIB, 0]);
    assert.deepEqual(world.refusals, []);
  });

  it('brings late answers to requests of before: they are dropped, and nobody is blamed', () => {
    const world = new HostileWorld({ sample: LONG, seed: LINE });
    // It chokes the victim, so that nothing is asked of it.
    const late = world.guest({});
    late.sayMessages({ type: 'bitfield', bits: fullBitfield(LONG.layout.pieceCount).toWire() });
    for (let begin = 0; begin < 256 * KIB; begin += 16 * KIB) {
      // Half of them are wrong even.
      const right = world.bytesFor({ piece: 7, begin, length: 16 * KIB });
      late.sayMessages({
        type: 'piece',
        piece: 7,
        begin,
        block: begin % (32 * KIB) === 0 ? right : Buffer.alloc(16 * KIB),
      });
    }
    world.untilDone(2 * MINUTE);
    assert.deepEqual([late.lost, world.refusals], [false, []]);
  });
});
