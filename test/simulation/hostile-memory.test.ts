import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_SEND_MEMORY_OPTIONS } from '../../src/swarm/upload/send-memory.js';
import type { PeerMessage } from '../../src/wire/message.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { BLOCK, HostileWorld, type HostileWorldOptions } from '../support/worlds/hostile-world.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Eight pieces of 512 KiB. */
const LONG = sampleTorrent([{ path: 'long', length: 4 * MIB }], 512 * KIB);

/** Gives each stranger's first request its block, and then leaves. */
function giveOneAndLeave(world: HostileWorld): (talk: FakeTalk, message: PeerMessage) => void {
  let given = false;
  return (talk, message) => {
    if (message.type !== 'request' || given) return;
    given = true;
    talk.sayMessages({ ...message, type: 'piece', block: world.bytesFor(message) });
    world.swarm.timeline.addTask(() => talk.hangUp(), 30);
  };
}

describe('seeds that give one block of a long piece and leave', () => {
  const cases: readonly [string, Partial<HostileWorldOptions['victim']>][] = [
    ['while there is memory for two pieces', { memory: MIB }],
    ['of pieces that no memory is long enough for', { memory: MIB, maxSlotLength: 256 * KIB }],
  ];
  for (const [when, victim] of cases) {
    it(`${when}, leave no more behind than that, and the download completes`, () => {
      const world = new HostileWorld({ sample: LONG, victim, seed: { host: { upload: 256 * KIB } } });
      world.swarm.network.silence(world.seed.address.host);
      for (let stranger = 0; stranger < 100; stranger += 1) {
        world.falseSeed(giveOneAndLeave(world));
        world.run(100);
        assert.ok(world.victim.slots.taken <= 2, `${world.victim.slots.taken} slots`);
      }
      assert.equal(world.victim.torrent.status().downloaded, 100 * BLOCK);
      world.swarm.network.restore(world.seed.address.host);
      world.untilDone(600_000);
      assert.deepEqual(
        world.refusals.filter((line) => !line.startsWith('connect-timeout')),
        [],
      );
    });
  }
});

describe('peers that ask for all they can and read nothing', () => {
  /** What all memory for sending holds at the most when each read is for one request of 128 KiB. */
  const BOUND = 64 * (128 * KIB + 13);

  const everything = (world: HostileWorld): Extract<PeerMessage, { type: 'request' }>[] => {
    const requests: Extract<PeerMessage, { type: 'request' }>[] = [];
    for (const piece of world.sample.layout.pieceIndices()) {
      const length = world.sample.layout.lengthOf(piece);
      for (let begin = 0; begin + 128 * KIB <= length; begin += 128 * KIB) {
        requests.push({ type: 'request', piece, begin, length: 128 * KIB });
      }
    }
    return requests;
  };

  const greedy = (world: HostileWorld, count: number): FakeTalk[] => {
    const talks = Array.from({ length: count }, (_, number) => world.stranger(`10.80.${number}.1`));
    for (const talk of talks) {
      talk.socket.pauseReading();
      talk.sayMessages({ type: 'interested' });
    }
    return talks;
  };

  /** Each asks every ten seconds. Returns the most that ever waited in our sockets, bytes. */
  const askFor = (world: HostileWorld, talks: readonly FakeTalk[], seconds: number): number => {
    let most = 0;
    for (let second = 0; second < seconds; second += 1) {
      if (second % 10 === 5) for (const talk of talks) if (!talk.lost) talk.sayMessages(...everything(world));
      world.run(1_000);
      most = Math.max(most, world.victim.rawServer.unsentLength);
    }
    return most;
  };

  /** An honest leech that can have the torrent only of the victim. */
  const serveHonestLeech = (world: HostileWorld, limit: number): void => {
    world.seed.session.stop(() => undefined);
    const leech = world.swarm.start({ host: { upload: 64 * KIB } });
    world.runUntil(() => leech.done, limit);
    assert.ok(leech.storage.contents().equals(LONG.content));
  };

  it('fill no more than a bounded queue when they are a hundred, and honest leeches are served beside them', () => {
    const world = new HostileWorld({ sample: LONG, seed: {} });
    world.untilDone(60_000);
    const most = askFor(world, greedy(world, 100), 120);
    assert.ok(most > 0, 'nothing was queued at all');
    assert.ok(most <= BOUND, `${most} bytes wait in our sockets`);
    assert.deepEqual(world.refusals, ['table-full 40']);
    serveHonestLeech(world, 600_000);
  });

  it('have the memory of 64 reads, and must leave it, when they are two hundred and are all served at once', () => {
    const victim = { torrent: { maxPeers: 400, uploadSlots: 300 } };
    const world = new HostileWorld({ sample: LONG, seed: {}, victim });
    world.untilDone(60_000);
    const most = askFor(world, greedy(world, 200), 9);
    assert.ok(most > 0, 'nothing was queued at all');
    assert.ok(most <= BOUND, `${most} bytes wait in our sockets`);
    assert.deepEqual(world.refusals, []);
    serveHonestLeech(world, 60_000);
    assert.match(world.refusals.join(), /^takes-nothing \d+$/);
  });
});

describe('two hundred peers that ask for 2,000 blocks each and cancel them again and again', () => {
  it('fill no more than the memory for sending, and an honest leech is served beside them', () => {
    const REQUESTS = 2_000;
    const victim = { torrent: { maxPeers: 400, uploadSlots: 300 } };
    const world = new HostileWorld({ sample: LONG, seed: {}, victim });
    world.untilDone(60_000);
    const talks = Array.from({ length: 200 }, (_, number) => world.stranger(`10.80.${number}.1`));
    // Each at a place of its own, two kilobytes long.
    const spans = Array.from({ length: REQUESTS }, (_, number) => ({
      piece: number >> 8,
      begin: (number & 255) * 2 * KIB,
      length: 2 * KIB,
    }));
    const all = (type: 'request' | 'cancel') => spans.map((span) => ({ type, ...span }));
    for (const talk of talks) {
      talk.socket.pauseReading();
      talk.sayMessages({ type: 'interested' });
    }
    world.run(11_000);
    let most = 0;
    for (let round = 0; round < 4; round += 1) {
      for (const type of ['request', 'cancel'] as const) {
        for (const talk of talks) talk.sayMessages(...all(type));
        world.run(100);
        most = Math.max(most, world.victim.rawServer.unsentLength);
      }
    }
    assert.ok(most > 0, 'nothing was queued at all');
    assert.ok(
      most <= DEFAULT_SEND_MEMORY_OPTIONS.count * DEFAULT_SEND_MEMORY_OPTIONS.length,
      `${most} bytes wait in our sockets`,
    );
    assert.ok(
      talks.some((talk) => !talk.lost),
      'all of them were turned away',
    );
    world.seed.session.stop(() => undefined);
    const leech = world.swarm.start({ host: { upload: 64 * KIB } });
    world.runUntil(() => leech.done, 60_000);
    assert.ok(leech.storage.contents().equals(LONG.content));
  });
});

describe('a thousand requests a second beside as many cancels', () => {
  it('cost us no memory and end in a refusal', () => {
    const world = new HostileWorld({ sample: LONG, seed: {} });
    world.untilDone(60_000);
    const talk = world.stranger('10.80.0.1');
    talk.sayMessages({ type: 'interested' });
    world.run(1_000);
    for (let number = 0; number < 20_000 && !talk.lost; number += 1) {
      const span = { piece: number % 8, begin: 0, length: BLOCK };
      // Half a millisecond later the block is being read.
      talk.sayMessages({ type: 'request', ...span });
      world.run(0.5);
      talk.sayMessages({ type: 'cancel', ...span });
      world.run(0.5);
      assert.ok(world.victim.rawServer.unsentLength <= MIB);
    }
    assert.deepEqual(world.refusals, ['too-much-work 1']);
  });
});
