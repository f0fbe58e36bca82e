import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeMessage, KEEP_ALIVE, type PeerMessage } from '../../src/wire/message.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import type { FakeScript, FakeTalk } from '../support/fakes/fake-talk.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { splits } from '../support/splits.js';
import { Swarm } from '../support/worlds/swarm.js';
import { PORT, type SwarmMember } from '../support/worlds/swarm-member.js';

const KIB = 1024;
const HOST = '10.0.6.6';

/** A peer at a host of its own that does what the script says. */
function hostile(swarm: Swarm, script: FakeScript): FakePeer {
  const identity = { infoHash: swarm.torrent.metainfo.infoHash, peerId: Buffer.from('hostile'.padEnd(20, '-')) };
  const peer = new FakePeer(swarm.network.host(HOST), identity, {
    connected: (talk) => talk.say(talk.handshake(encodeReserved(['fast']))),
    ...script,
  });
  peer.listen(PORT);
  return peer;
}

/** It says that it has everything, and unchokes. */
function invite(swarm: Swarm, talk: FakeTalk): void {
  const { pieceCount } = swarm.torrent.layout;
  const bits = Buffer.alloc(Math.ceil(pieceCount / 8), 0xff);
  if (pieceCount % 8 > 0) bits[bits.length - 1] = (0xff << (8 - (pieceCount % 8))) & 0xff;
  talk.sayMessages({ type: 'bitfield', bits }, { type: 'unchoke' });
}

interface Outcome {
  readonly time: number;
  readonly leech: SwarmMember;
  /** Null when there is no script. */
  readonly peer: FakePeer | null;
}

/** How long a leech takes that knows an honest seed of 1 MB a second and, if there is a script, a hostile peer. */
function timeBeside(script: ((swarm: Swarm) => FakeScript) | null): Outcome {
  const swarm = new Swarm();
  const seed = swarm.seed('10.0.0.1', {}, { upload: 1000 * KIB });
  const leech = swarm.member('10.0.0.2');
  const peer = script === null ? null : hostile(swarm, script(swarm));
  swarm.timeline.run(10);
  leech.dial(seed.host);
  if (script !== null) leech.dial(HOST);
  swarm.timeline.runUntil(() => leech.isDone, 60_000);
  assert.ok(leech.storage.contents().equals(swarm.torrent.content));
  leech.check();
  return { time: swarm.timeline.now(), leech, peer };
}

describe('a leech beside a hostile peer', () => {
  const alone = timeBeside(null).time;
  const answer = (swarm: Swarm, talk: FakeTalk, message: PeerMessage): void => {
    if (message.type !== 'request') return;
    const begin = message.piece * swarm.torrent.layout.pieceLength + message.begin;
    const block = swarm.torrent.content.subarray(begin, begin + message.length);
    talk.sayMessages({ type: 'piece', piece: message.piece, begin: message.begin, block });
  };

  it('is hardly slower when the peer takes requests and never answers', () => {
    const { time } = timeBeside((swarm) => ({ gotHandshake: (talk) => invite(swarm, talk) }));
    assert.ok(time < 1.05 * alone, `${time} ms instead of ${alone}`);
  });

  it('is hardly slower when the peer answers one request and then no more', () => {
    const { time } = timeBeside((swarm) => {
      let answered = false;
      return {
        gotHandshake: (talk) => invite(swarm, talk),
        gotMessage: (talk, message) => {
          if (!answered) answer(swarm, talk, message);
          answered ||= message.type === 'request';
        },
      };
    });
    assert.ok(time < 1.05 * alone, `${time} ms instead of ${alone}`);
  });

  it('is hardly slower when the peer rejects every request', () => {
    let asked = 0;
    const { time } = timeBeside((swarm) => ({
      gotHandshake: (talk) => invite(swarm, talk),
      gotMessage: (talk, message) => {
        if (message.type !== 'request') return;
        asked += 1;
        talk.sayMessages({ ...message, type: 'reject' });
      },
    }));
    assert.ok(time < 1.05 * alone, `${time} ms instead of ${alone}`);
    assert.ok(asked > 0 && asked < 100, `asked ${asked} times`);
  });

  it('is hardly slower when the peer takes requests, chokes, and never rejects them', () => {
    const { time } = timeBeside((swarm) => ({
      gotHandshake: (talk) => invite(swarm, talk),
      gotMessage: (talk, message) => {
        if (message.type === 'request') talk.sayMessages({ type: 'choke' });
      },
    }));
    assert.ok(time < 1.05 * alone, `${time} ms instead of ${alone}`);
  });

  it('is hardly slower when the peer allows everything in spite of its choke, and gives nothing', () => {
    const { time } = timeBeside((swarm) => ({
      gotHandshake: (talk) => {
        invite(swarm, talk);
        talk.sayMessages({ type: 'choke' });
        for (let piece = 0; piece < swarm.torrent.layout.pieceCount; piece += 1) {
          talk.sayMessages({ type: 'allowedFast', piece }, { type: 'suggest', piece });
        }
      },
    }));
    assert.ok(time < 1.05 * alone, `${time} ms instead of ${alone}`);
  });

  it('sends a peer off that chokes and unchokes a thousand times a second', () => {
    const { time, leech, peer } = timeBeside((swarm) => ({
      gotHandshake: (talk) => {
        invite(swarm, talk);
        const flap = (): void => {
          if (talk.lost) return;
          talk.sayMessages({ type: 'choke' }, { type: 'unchoke' });
          swarm.timeline.addTask(flap, 2);
        };
        flap();
      },
    }));
    assert.ok(peer?.talk.lost && leech.refusals.includes('too-many-flaps 1'));
    assert.ok(time < 1.05 * alone, `${time} ms instead of ${alone}`);
  });

  it('sends a peer off that pours out blocks which nobody asked for', () => {
    const { leech, peer } = timeBeside((swarm) => ({
      gotHandshake: (talk) => {
        const block = Buffer.alloc(1);
        for (let count = 0; count < 2_100; count += 1)
          talk.sayMessages({ type: 'piece', piece: 0, begin: count, block });
        swarm.timeline.addTask(() => invite(swarm, talk), 1);
      },
    }));
    assert.ok(peer?.talk.lost && leech.refusals.includes('too-much-junk 1'));
  });

  it('understands a peer however its bytes are cut', () => {
    const swarm = new Swarm();
    const { pieceCount } = swarm.torrent.layout;
    const bits = Buffer.alloc(Math.ceil(pieceCount / 8));
    bits[0] = 0x80;
    const stream = Buffer.concat([
      encodeMessage({ type: 'bitfield', bits }),
      KEEP_ALIVE,
      encodeMessage({ type: 'interested' }),
      encodeMessage({ type: 'unchoke' }),
      encodeMessage({ type: 'have', piece: 3 }),
    ]);
    for (const parts of splits(stream, seededRandom(1))) {
      const one = new Swarm();
      const leech = one.member('10.0.0.2');
      hostile(one, {
        gotHandshake: (talk) => {
          for (const [index, part] of parts.entries()) one.timeline.addTask(() => talk.say(part), index);
        },
      });
      one.timeline.run(10);
      leech.dial(HOST);
      one.timeline.run(2_000);
      const [peer] = leech.connecter.peers;
      assert.deepEqual(
        [peer?.download.has.count, peer?.download.choked, peer?.upload.interested, peer?.upload.choked],
        [2, false, true, false],
      );
    }
  });
});

describe('a seed beside a hostile peer', () => {
  it('serves others while one asks and cancels without end, and keeps no more than its queue', () => {
    const swarm = new Swarm();
    const seed = swarm.seed('10.0.0.1', {}, { upload: 1000 * KIB });
    const leech = swarm.member('10.0.0.2');
    let most = 0;
    hostile(swarm, {
      gotHandshake: (talk) => {
        talk.sayMessages({ type: 'interested' });
        const storm = (): void => {
          if (talk.lost) return;
          for (let begin = 0; begin < 100; begin += 1) {
            const span = { piece: begin % 16, begin: begin * 1024, length: 16 * KIB };
            talk.sayMessages({ type: 'request', ...span }, { type: 'cancel', ...span });
          }
          for (const peer of seed.connecter.peers) most = Math.max(most, peer.upload.queuedCount);
          swarm.timeline.addTask(storm, 10);
        };
        storm();
      },
    });
    swarm.timeline.run(10);
    seed.dial(HOST);
    leech.dial(seed.host);
    swarm.timeline.runUntil(() => leech.isDone, 20_000);
    assert.ok(leech.storage.contents().equals(swarm.torrent.content));
    assert.ok(most <= 564, `${most} requests kept`);
  });

  it('keeps a bounded number of requests of a peer that asks for more than its share, and serves it', () => {
    const swarm = new Swarm();
    const seed = swarm.seed('10.0.0.1', {}, { upload: 10 * KIB });
    hostile(swarm, {
      gotMessage: (talk, message) => {
        if (message.type === 'haveAll') talk.sayMessages({ type: 'interested' });
        if (message.type !== 'unchoke') return;
        for (let begin = 0; begin < 3_000; begin += 1) {
          talk.sayMessages({ type: 'request', piece: begin % 16, begin, length: 16 * KIB });
        }
      },
    });
    swarm.timeline.run(10);
    seed.dial(HOST);
    let most = 0;
    for (let second = 0; second < 20; second += 1) {
      swarm.timeline.run(1_000);
      for (const { upload } of seed.connecter.peers) most = Math.max(most, upload.queuedCount);
    }
    assert.ok(most > 1_900 && most <= 2_064, `${most} requests kept`);
    assert.deepEqual([seed.log, seed.refusals], [[], []]);
    assert.ok(seed.uploader.total > 0);
  });
});
