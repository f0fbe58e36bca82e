import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeMessage, type PeerMessage } from '../../src/wire/message.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { BLOCK, HostileWorld } from '../support/worlds/hostile-world.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** 8 pieces of 64 blocks: at 100 KiB a second they take 82 seconds. */
const LONG = sampleTorrent([{ path: 'long', length: 8 * MIB }], MIB);

function longWorld(): HostileWorld {
  return new HostileWorld({ sample: LONG, seed: { host: { upload: 100 * KIB } } });
}

/** Sends the right bytes, one block each `gap`, but the first `wrongCount` blocks are wrong and come at once. */
function trickle(world: HostileWorld, gap: number, wrongCount: number): (talk: FakeTalk, message: PeerMessage) => void {
  const waiting: Extract<PeerMessage, { type: 'request' }>[] = [];
  let left = wrongCount;
  let ticking = false;
  const tick = (talk: FakeTalk): void => {
    const next = waiting.shift();
    if (next !== undefined) talk.sayMessages({ ...next, type: 'piece', block: world.bytesFor(next) });
    world.swarm.timeline.addTask(() => tick(talk), gap);
  };
  return (talk, message) => {
    if (message.type === 'cancel') {
      const at = waiting.findIndex(({ piece, begin }) => piece === message.piece && begin === message.begin);
      if (at >= 0) waiting.splice(at, 1);
    }
    if (message.type !== 'request') return;
    if (left > 0) {
      left -= 1;
      talk.sayMessages({ ...message, type: 'piece', block: Buffer.alloc(message.length, left) });
      return;
    }
    waiting.push(message);
    if (!ticking) {
      ticking = true;
      world.swarm.timeline.addTask(() => tick(talk), gap);
    }
  };
}

/** Answers the first request with a byte each `gap`, and no other. */
function drip(world: HostileWorld, gap: number): (talk: FakeTalk, message: PeerMessage) => void {
  let begun = false;
  return (talk, message) => {
    if (message.type !== 'request' || begun) return;
    begun = true;
    talk.drip(encodeMessage({ ...message, type: 'piece', block: world.bytesFor(message) }), gap);
  };
}

/** When a download beside `count` peers that do `what` is done. */
function timeBeside(count: number, what: (world: HostileWorld) => ReturnType<typeof trickle>): [number, HostileWorld] {
  const world = longWorld();
  for (let peer = 0; peer < count; peer += 1) world.falseSeed(what(world));
  world.untilDone(600_000);
  return [world.swarm.timeline.now(), world];
}

describe('beside an honest seed, a download', () => {
  const [alone] = timeBeside(0, () => () => undefined);

  it('is not a twentieth slower for peers that take every request and never answer', () => {
    for (const count of [1, 20]) {
      const [time, world] = timeBeside(count, () => () => undefined);
      assert.ok(time < 1.05 * alone, `${time} ms with ${count}, ${alone} alone`);
      assert.deepEqual(world.refusals, []);
    }
  });

  it('is not a twentieth slower for peers that answer once a minute', () => {
    for (const count of [1, 20]) {
      const [time, world] = timeBeside(count, (each) => trickle(each, 55_000, 0));
      assert.ok(time < 1.05 * alone, `${time} ms with ${count}, ${alone} alone`);
      assert.deepEqual(world.refusals, []);
    }
  });

  it('is not a twentieth slower for peers that drip a block, a byte each nine seconds', () => {
    const [time, world] = timeBeside(20, (each) => drip(each, 9_000));
    assert.ok(time < 1.05 * alone, `${time} ms, ${alone} alone`);
    assert.deepEqual(world.refusals, []);
  });

  it('is not held up by peers that spoil a piece and then have it alone, a block now and then', () => {
    for (const [count, gap] of [
      [1, 55_000],
      [5, 55_000],
      [20, 55_000],
      [20, 3_000],
    ] as const) {
      const [time, world] = timeBeside(count, (each) => trickle(each, gap, 1));
      assert.ok(time < 1.5 * alone, `${time} ms with ${count}, ${alone} alone`);
      assert.deepEqual(world.refusals, [`banned ${count}`]);
    }
  });
});

describe('the last piece of a download', () => {
  it('is not held for long by who has sent all the others, spoils it and drips it, once an honest seed comes', () => {
    const world = longWorld();
    world.swarm.network.silence(world.seed.address.host);
    const last = LONG.layout.pieceCount - 1;
    // All pieces but the last at once. Of the last, all but one block: somebody else has sent that one, a wrong one.
    const slow = trickle(world, 55_000, 0);
    let given = 0;
    let spoilt = false;
    const spoiler = world.guest({
      gotMessage: (talk, message) => {
        if (message.type !== 'request' || spoilt) return;
        spoilt = true;
        talk.sayMessages({ ...message, type: 'piece', block: Buffer.alloc(BLOCK, 1) }, { type: 'choke' });
      },
    });
    spoiler.sayMessages({ type: 'have', piece: last }, { type: 'unchoke' });
    world.run(500);
    const holder = world.falseSeed((talk, message) => {
      const isLast = message.type === 'request' && message.piece === last;
      if (isLast) given += 1;
      if (message.type !== 'request' || (isLast && given >= LONG.layout.blockCount(LONG.piece(last))))
        slow(talk, message);
      else talk.sayMessages({ ...message, type: 'piece', block: world.bytesFor(message) });
    });
    world.run(20_000);
    assert.deepEqual([world.has(last - 1), world.has(last), holder.lost], [true, false, false]);
    const seedCame = world.swarm.timeline.now();
    world.swarm.network.restore(world.seed.address.host);
    world.untilDone(3_600_000);
    const wait = world.swarm.timeline.now() - seedCame;
    assert.ok(wait < 150_000, `done ${wait} ms after the seed came`);
  });
});
