import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fullBitfield } from '../../src/wire/bitfield.js';
import type { PeerMessage } from '../../src/wire/message.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import type { SimulatedHost } from '../support/simulation/simulated-host.js';
import { Swarm } from '../support/worlds/swarm.js';
import { PORT, SwarmMember } from '../support/worlds/swarm-member.js';

const KIB = 1024;
const SEED = '10.0.0.1';
const OTHER = '10.0.0.66';
const LIMIT = 120_000;

/** A leech, an honest seed that it may dial, and whatever else lives behind the seed's address. */
class Household {
  readonly swarm = new Swarm();
  readonly seedHost: SimulatedHost;
  readonly seed: SwarmMember;
  readonly leech: SwarmMember;

  constructor(leechName = '10.0.0.2') {
    const { network, torrent, random } = this.swarm;
    this.seedHost = network.host(SEED, { upload: 400 * KIB });
    const everything = { content: torrent.content, have: 'everything' as const };
    this.seed = new SwarmMember(this.seedHost, torrent, SEED, random, everything);
    this.leech = new SwarmMember(network.host('10.0.0.2'), torrent, leechName, random);
    this.swarm.timeline.run(10);
  }

  /** Comes from `machine` under the seed's id, says that it has everything, gives so many right blocks and then nothing. */
  squat(machine: SimulatedHost, count: number, blocks = 0): void {
    const { torrent } = this.swarm;
    let given = 0;
    const gotMessage = (talk: FakeTalk, message: PeerMessage): void => {
      if (message.type !== 'request' || given >= blocks) return;
      given += 1;
      const block = torrent.bytesOf(message.piece).subarray(message.begin, message.begin + message.length);
      talk.sayMessages({ type: 'piece', piece: message.piece, begin: message.begin, block });
    };
    for (let number = 0; number < count; number += 1)
      this.#visit(machine, Buffer.from(SEED.padEnd(20, '-')), gotMessage);
  }

  /** Comes under one id after the other, as soon as it is sent off, and answers each request with wrong bytes. */
  poison(machine: SimulatedHost): FakeTalk[] {
    const talks: FakeTalk[] = [];
    const gotMessage = (talk: FakeTalk, message: PeerMessage): void => {
      if (message.type !== 'request') return;
      talk.sayMessages({ ...message, type: 'piece', block: Buffer.alloc(message.length, 'x') });
    };
    const visit = (): void => {
      if (talks.at(-1)?.lost !== false) {
        talks.push(this.#visit(machine, Buffer.from(`poison ${talks.length}`.padEnd(20, '-')), gotMessage));
      }
      this.swarm.timeline.addTask(visit, 500);
    };
    visit();
    return talks;
  }

  #visit(machine: SimulatedHost, peerId: Buffer, gotMessage: (talk: FakeTalk, message: PeerMessage) => void): FakeTalk {
    const { infoHash } = this.swarm.torrent.metainfo;
    const bits = fullBitfield(this.swarm.torrent.layout.pieceCount).toWire();
    const gotHandshake = (talk: FakeTalk): void => talk.sayMessages({ type: 'bitfield', bits }, { type: 'unchoke' });
    const peer = new FakePeer(machine, { infoHash, peerId }, { gotHandshake, gotMessage });
    const talk = peer.dial({ host: this.leech.host, port: PORT });
    talk.sayHandshake();
    return talk;
  }

  /** How long the download takes from here on. */
  download(): number {
    const { timeline, torrent } = this.swarm;
    const began = timeline.now();
    timeline.runUntil(() => this.leech.isDone, LIMIT);
    assert.ok(this.leech.storage.contents().equals(torrent.content));
    return timeline.now() - began;
  }
}

const clean = ((): number => {
  const household = new Household();
  household.leech.dial(SEED);
  return household.download();
})();

describe('a peer id that others bear too', () => {
  for (const from of ['the same address', 'another address']) {
    for (const blocks of [0, 1]) {
      for (const when of ['before', 'after'] as const) {
        // Of two ids one is greater: both orders matter, when two dial each other.
        for (const leechName of ['0', 'z']) {
          const gives = blocks === 0 ? 'give nothing' : 'give a block';
          it(`keeps the seed from nobody when squatters at ${from} come ${when} it and ${gives} (${leechName})`, () => {
            const household = new Household(leechName);
            const { swarm, leech, seedHost } = household;
            const machine = from === 'the same address' ? seedHost : swarm.network.host(OTHER);
            if (when === 'after') {
              leech.dial(SEED);
              swarm.timeline.run(100);
            }
            household.squat(machine, 5, blocks);
            swarm.timeline.run(100);
            if (when === 'before') leech.dial(SEED);
            const time = household.download();
            assert.ok(time <= 1.2 * clean + 3_000, `${time} ms instead of ${clean}`);
          });
        }
      }
    }
  }
});

describe('a poisoner behind the address of an honest seed', () => {
  it('is stopped when it has lied under three ids, and the seed stays and completes the download', () => {
    const household = new Household();
    const { leech, seedHost } = household;
    leech.dial(SEED);
    const talks = household.poison(seedHost);
    const time = household.download();
    const liars = new Set(leech.banned.map(({ peerId }) => peerId.toString()));
    assert.ok(liars.size > 0 && liars.size <= 3, `${liars.size} liars`);
    assert.ok([...liars].every((id) => id.startsWith('poison')));
    assert.ok(talks.slice(3).every(({ log }) => log.every((line) => line.startsWith('lost'))));
    assert.ok(time <= 2 * clean + 3_000, `${time} ms instead of ${clean}`);
  });
});
