import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PeerMessage } from '../../src/wire/message.js';
import type { FakeTalk } from '../support/fake-talk.js';
import { BLOCK, HostileWorld, type HostileWorldOptions } from '../support/hostile-world.js';
import { sampleTorrent } from '../support/sample-torrent.js';

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

describe('a hundred peers that ask for all they can and read nothing', () => {
  const everything = (world: HostileWorld): PeerMessage[] => {
    const requests: PeerMessage[] = [];
    for (const piece of world.sample.layout.pieceIndices()) {
      const length = world.sample.layout.lengthOf(piece);
      for (let begin = 0; begin + 128 * KIB <= length; begin += 128 * KIB) {
        requests.push({ type: 'request', piece, begin, length: 128 * KIB });
      }
    }
    return requests;
  };

  it('fill no more than a bounded queue, and honest leeches are served beside them', () => {
    const world = new HostileWorld({ sample: LONG, seed: {} });
    world.untilDone(60_000);
    const talks = Array.from({ length: 100 }, (_, number) => world.stranger(`10.80.${number}.1`));
    for (const talk of talks) {
      talk.socket.pauseReading();
      talk.sayMessages({ type: 'interested' });
    }
    let most = 0;
    const ask = (): void => {
      for (const talk of talks) {
        if (talk.lost) continue;
        for (const request of everything(world)) if (request.type === 'request') talk.sayMessages(request);
      }
    };
    for (let second = 0; second < 120; second += 1) {
      if (second % 10 === 5) ask();
      world.run(1_000);
      most = Math.max(most, world.victim.rawServer.unsentLength);
    }
    assert.ok(most > 0, 'nothing was queued at all');
    assert.ok(most <= 64 * MIB, `${most} bytes wait in our sockets`);
    assert.deepEqual(world.refusals, ['table-full 40']);
    // The seed is gone: an honest leech can have it only of the victim.
    world.seed.session.stop(() => undefined);
    const leech = world.swarm.start({ host: { upload: 64 * KIB } });
    world.runUntil(() => leech.done, 600_000);
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
    assert.deepEqual(world.refusals, ['too-much-junk 1']);
  });
});
