import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PeerMessage } from '../../src/wire/message.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import type { SimulatedHost } from '../support/simulation/simulated-host.js';
import { Swarm } from '../support/worlds/swarm.js';
import { PORT } from '../support/worlds/swarm-member.js';

const KIB = 1024;
const TURN = 30_000;

/** How a squatter spends its turn. */
type Habit = (talk: FakeTalk) => void;

const takesNothing: Habit = () => undefined;
const takesOneBlock: Habit = (talk) => talk.sayMessages({ type: 'request', piece: 0, begin: 0, length: 16 * KIB });
/** It comes back as a stranger. */
const leaves: Habit = (talk) => {
  takesOneBlock(talk);
  talk.hangUp();
};

/** The address from which a squatter dials for the `nth` time. */
type Host = (number: number, nth: number) => string;

/** So many connections that want everything of `seed`, and come back a second after they are sent off. */
function squat(swarm: Swarm, seed: string, count: number, host: Host, habit: Habit): void {
  const { timeline, torrent } = swarm;
  const machines = new Map<string, SimulatedHost>();
  for (let number = 0; number < count; number += 1) {
    const peerId = Buffer.from(`-XX0001-squat${String(number).padStart(7, '0')}`, 'latin1');
    const script = {
      gotHandshake: (talk: FakeTalk) => talk.sayMessages({ type: 'interested' }),
      gotMessage: (talk: FakeTalk, message: PeerMessage) => {
        if (message.type === 'unchoke') habit(talk);
      },
    };
    let nth = 0;
    const dial = (): void => {
      const from = host(number, nth);
      nth += 1;
      const machine = machines.get(from) ?? swarm.network.host(from, { timeout: 1e12 });
      machines.set(from, machine);
      const identity = { infoHash: torrent.metainfo.infoHash, peerId };
      const talk = new FakePeer(machine, identity, script).dial({ host: seed, port: PORT });
      talk.sayHandshake();
      const look = (): void => {
        timeline.addTask(talk.lost ? dial : look, 1_000);
      };
      look();
    };
    dial();
  }
}

/** How long a leech waits for its first block that comes so long after 200 squatters. It knows the seed alone. */
function waitOfLeech(host: Host, habit: Habit, before: number, network = '10.0.0.'): number {
  const swarm = new Swarm();
  const seed = swarm.seed(`${network}1`, {}, { upload: 400 * KIB });
  const leech = swarm.member(`${network}2`);
  swarm.timeline.run(10);
  squat(swarm, seed.host, 200, host, habit);
  swarm.timeline.run(before);
  leech.dial(seed.host);
  const again = (): void => {
    leech.dial(seed.host);
    swarm.timeline.addTask(again, 10_000);
  };
  again();
  swarm.timeline.runUntil(() => leech.downloader.total > 0, 600_000);
  return swarm.timeline.now() - 10 - before;
}

const ofHosts = (count: number) => (number: number) => `10.77.${number % count}.1`;
/** Each time that it dials, a squatter has a network of its own, of a /48 that all squatters share. */
const ofOneSite: Host = (number, nth) => `2001:db8:0:${(200 * nth + number).toString(16)}::1`;
const ofNetworks = (count: number) => (number: number) => `2001:db8:0:${number % count}::${(number + 1).toString(16)}`;

describe('an honest leech at a seed that 200 squatters fill', () => {
  for (const hostCount of [1, 4, 64]) {
    for (const [name, habit] of [
      ['take one block a turn', takesOneBlock],
      ['take nothing', takesNothing],
    ] as const) {
      it(`has its first block within three turns when they have ${hostCount} hosts and ${name}`, () => {
        for (const before of [0, 120_000]) {
          const wait = waitOfLeech(ofHosts(hostCount), habit, before);
          assert.ok(wait <= 3 * TURN, `${wait} ms, ${before} ms after the squatters`);
        }
      });
    }
  }

  for (const [name, habit] of [
    ['go after a block', leaves],
    ['take one block a turn', takesOneBlock],
    ['take nothing', takesNothing],
  ] as const) {
    it(`has its first block within three turns when each has a new network of one /48 each time, and they ${name}`, () => {
      for (const before of [0, 120_000]) {
        const wait = waitOfLeech(ofOneSite, habit, before, '2001:db8:9::');
        assert.ok(wait <= 3 * TURN, `${wait} ms, ${before} ms after the squatters`);
      }
    });
  }

  it('has its first block within three turns when they have 200 addresses in four networks of IPv6', () => {
    const wait = waitOfLeech(ofNetworks(4), takesOneBlock, 120_000, '2001:db8:9::');
    assert.ok(wait <= 3 * TURN, `${wait} ms`);
  });
});
