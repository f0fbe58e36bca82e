import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fullBitfield } from '../../src/wire/bitfield.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { HostileWorld, SAMPLE } from '../support/worlds/hostile-world.js';
import { addressOf, linkTo, magnetSample } from '../support/worlds/magnet-world.js';

const COUNT = 2_000;
const MINUTE = 60_000;
/** What strangers may hold: unfinished handshakes, and places in the torrent's table. */
const MOST_UNFINISHED = 200;
const MOST_PLACES = 80;

type Host = (number: number) => string;
const ONE_ADDRESS: Host = () => '10.77.0.1';
const MANY_ADDRESSES: Host = (number) => `10.${100 + (number >> 8)}.${number & 255}.1`;

/**
 * Floods the victim; each stranger says as much of its handshake as `greeting`, and those who have finished it keep the
 * connection alive for ever. The victim never has more sockets than it should.
 */
function flood(world: HostileWorld, host: Host, greeting: number): FakeTalk[] {
  const talks: FakeTalk[] = [];
  const script = {
    gotHandshake: (talk: FakeTalk) =>
      talk.sayMessages(
        { type: 'bitfield', bits: fullBitfield(SAMPLE.layout.pieceCount).toWire() },
        { type: 'interested' },
      ),
  };
  for (let number = 0; number < COUNT; number += 1) {
    talks.push(world.stranger(host(number), greeting === 68 ? script : {}, greeting));
    if (number % 20 < 19) continue;
    world.run(10);
    const { socketCount } = world.victim.rawServer;
    assert.ok(socketCount <= MOST_UNFINISHED + MOST_PLACES, `${socketCount} sockets`);
  }
  const keepAlive = (): void => {
    for (const talk of talks) if (!talk.lost) talk.sayKeepAlive();
    world.swarm.timeline.addTask(keepAlive, 2 * MINUTE);
  };
  if (greeting === 68) keepAlive();
  return talks;
}

describe('2,000 connections', () => {
  for (const [from, host] of [
    ['one address', ONE_ADDRESS],
    ['2,000 addresses', MANY_ADDRESSES],
  ] as const) {
    for (const [saying, greeting] of [
      ['nothing', 0],
      ['half a handshake', 48],
      ['hello and no more', 68],
    ] as const) {
      it(`from ${from} that say ${saying} take no more than their share, and honest peers get in`, () => {
        const world = new HostileWorld();
        // The tracker names the seed, but nobody can reach it yet.
        world.swarm.network.silence(world.seed.address.host);
        const strangers = flood(world, host, greeting);
        world.run(2 * MINUTE);
        const left = strangers.filter((talk) => !talk.lost).length;
        assert.equal(left, greeting < 68 ? 0 : host === ONE_ADDRESS ? 16 : 60);
        assert.equal(world.victim.torrent.status().peers, left);
        // One that nobody can dial, and one that has to be dialled.
        const guest = world.stranger('10.250.0.1');
        world.swarm.network.restore(world.seed.address.host);
        world.untilDone(10 * MINUTE);
        assert.equal(guest.lost, false);
      });
    }
  }
});

describe('a client that seeds, with strangers in every place', () => {
  it('gives up those who let their turn go by, for newcomers, and none who still waits', () => {
    const world = new HostileWorld();
    world.untilDone(MINUTE);
    const script = { gotHandshake: (talk: FakeTalk) => talk.sayMessages({ type: 'interested' }) };
    const strangers = Array.from({ length: 60 }, (_, number) => world.stranger(MANY_ADDRESSES(number), script));
    world.run(2 * MINUTE);
    const newcomers = Array.from({ length: 10 }, (_, number) => world.stranger(MANY_ADDRESSES(1_000 + number), script));
    world.run(1_000);
    assert.deepEqual(world.refusals, ['useless 10']);
    assert.ok(newcomers.every((talk) => !talk.lost));
    const givenUp = strangers.filter((talk) => talk.lost);
    assert.equal(givenUp.length, 10);
    for (const { log } of givenUp) assert.deepEqual(log.slice(-3), ['unchoke', 'choke', 'lost: ended']);
  });
});

describe('peers that are dialled, stay, and do nothing', () => {
  for (const mode of ['a torrent', 'a magnet link'] as const) {
    it(`keep nobody else from being dialled for long by ${mode}`, () => {
      const sample = magnetSample();
      const swarm = new SimulatedSwarm(sample, 1);
      const { infoHash } = sample.metainfo;
      const silent = { gotHandshake: stayFor(swarm) };
      const hosts = Array.from({ length: 60 }, (_, number) => MANY_ADDRESSES(number));
      for (const [number, host] of hosts.entries()) {
        const peerId = Buffer.from(`-XX0001-silent${String(number).padStart(6, '0')}`, 'latin1');
        new FakePeer(swarm.network.host(host, { timeout: 1e12 }), { infoHash, peerId }, silent).listen(6881);
      }
      const seed = swarm.start({ seed: true, torrent: { trackers: [] } });
      const peers = [...hosts.map(addressOf), seed.address];
      const options = { torrent: { trackers: [], peers } };
      if (mode === 'a torrent') swarm.start(options);
      else swarm.startMagnet(linkTo(infoHash), options);
      swarm.untilAllDone(20 * MINUTE);
      swarm.stop();
    });
  }
});

/** Shakes hands, and says that it lives now and then. */
function stayFor(swarm: SimulatedSwarm) {
  return (talk: FakeTalk): void => {
    talk.sayHandshake();
    const live = (): void => {
      if (talk.lost) return;
      talk.sayKeepAlive();
      swarm.timeline.addTask(live, MINUTE);
    };
    live();
  };
}
