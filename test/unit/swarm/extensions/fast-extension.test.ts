import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { encodeMessage } from '../../../../src/wire/message.js';
import { TalkingPeer } from '../../../support/fakes/talking-peer.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { Swarm } from '../../../support/worlds/swarm.js';
import type { SwarmMember, SwarmMemberOptions } from '../../../support/worlds/swarm-member.js';

const BLOCK = 16 * 1024;
/** Forty pieces of two blocks. */
const TORRENT = sampleTorrent([{ path: 'file', length: 80 * BLOCK }], 2 * BLOCK);

type Message = Parameters<typeof encodeMessage>[0];

class Scene {
  readonly swarm = new Swarm(TORRENT);
  readonly member: SwarmMember;

  constructor(kind: 'seed' | 'leech', options: Partial<SwarmMemberOptions> = {}) {
    this.member = kind === 'seed' ? this.swarm.seed('10.0.0.1', options) : this.swarm.member('10.0.0.1', options);
  }

  peer(name: string, ...said: readonly Message[]): TalkingPeer {
    const peer = new TalkingPeer(this.member, name, 'fast');
    peer.say(...said);
    return peer;
  }

  run(span: number): void {
    this.swarm.timeline.run(span);
    this.member.check();
  }
}

const HAVE_ALL: Message = { type: 'haveAll' };
const HAVE_NONE: Message = { type: 'haveNone' };
const INTERESTED: Message = { type: 'interested' };

function request(piece: number, block: number): Message & { type: 'request' } {
  return { type: 'request', piece, begin: block * BLOCK, length: BLOCK };
}

function words(lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(', '));
}

/** What the peer was asked for since the last time. */
function asked(peer: TalkingPeer): string[] {
  return words(peer.heard()).flatMap((word) => (word.startsWith('request ') ? [word.slice('request '.length)] : []));
}

function reject(peer: TalkingPeer, spans: readonly string[]): void {
  for (const span of spans) {
    const [piece = 0, begin = 0, length = 0] = span.split(/[:+]/).map(Number);
    peer.say({ type: 'reject', piece, begin, length });
  }
}

describe('to a peer with the fast extension', () => {
  it('we say haveAll, haveNone, or which pieces we have', () => {
    assert.deepEqual(new Scene('seed').peer('peer').heard(), ['haveAll']);
    assert.deepEqual(new Scene('leech').peer('peer').heard(), ['haveNone']);
    const scene = new Scene('leech');
    const giver = scene.peer('giver', HAVE_ALL, { type: 'unchoke' });
    giver.answer(TORRENT.content, 2 * BLOCK);
    scene.run(100);
    const [first = ''] = scene.peer('peer').heard();
    assert.match(first, /^bitfield /);
  });

  it('we reject after a choke what the peer had asked for, whether that waits or is being read', () => {
    const scene = new Scene('seed');
    const peer = scene.peer('peer', HAVE_ALL, INTERESTED);
    scene.run(0);
    peer.heard();
    peer.connection.unsentLength = 65 * 1024;
    peer.say(request(0, 0), request(0, 1));
    for (const { upload } of scene.member.connecter.peers) upload.choke();
    assert.deepEqual(peer.heard(), ['choke', 'reject 0:0+16384, reject 0:16384+16384']);
    peer.connection.unsentLength = 0;
    peer.say(request(1, 0));
    assert.deepEqual(peer.heard(), ['reject 1:0+16384']);
    scene.run(1_000);
    assert.equal(words(peer.heard()).filter((word) => word.startsWith('piece')).length, 0);
  });

  it('we reject what the peer cancels, what we lack, and what it does not want any more', () => {
    const scene = new Scene('seed');
    const peer = scene.peer('peer', HAVE_NONE, INTERESTED);
    scene.run(0);
    peer.heard();
    scene.member.wrapper.losePiece(TORRENT.piece(7));
    peer.say(request(7, 0));
    assert.deepEqual(peer.heard(), ['reject 7:0+16384']);
    peer.connection.unsentLength = 65 * 1024;
    peer.say(request(0, 0), request(0, 1), { ...request(0, 0), type: 'cancel' });
    assert.deepEqual(peer.heard(), ['reject 0:0+16384']);
    peer.say({ ...request(0, 0), type: 'cancel' });
    assert.deepEqual(peer.heard(), []);
    peer.say({ type: 'notInterested' });
    assert.deepEqual(peer.heard(), ['reject 0:16384+16384']);
  });

  it('we reject what does not fit in the queue, and the peer need not ask for everything anew', () => {
    const scene = new Scene('seed', { upload: { maxQueued: 2 } });
    const peer = scene.peer('peer', HAVE_NONE, INTERESTED);
    scene.run(0);
    peer.heard();
    peer.connection.unsentLength = 65 * 1024;
    peer.say(request(0, 0), request(0, 1), request(1, 0));
    assert.deepEqual(peer.heard(), ['reject 1:0+16384']);
    peer.connection.unsentLength = 0;
    scene.member.connecter.connectionFlushed(peer.connection);
    scene.run(1_000);
    assert.deepEqual(peer.heard(), ['piece 0:0+16384, piece 0:16384+16384']);
  });

  it('we allow a beginner four of forty pieces, and send it each of them once in spite of a choke', () => {
    const scene = new Scene('seed', { uploadSlots: 1 });
    const other = scene.peer('other', HAVE_NONE, INTERESTED);
    scene.run(0);
    assert.ok(words(other.heard()).includes('unchoke'));
    const peer = scene.peer('peer', HAVE_NONE, INTERESTED);
    scene.run(0);
    const allowed = words(peer.heard()).flatMap((word) => /^allowedFast (\d+)$/.exec(word)?.[1] ?? []);
    assert.equal(allowed.length, 4);
    const piece = Number(allowed[0]);
    peer.say(request(piece, 0), request(piece, 1));
    scene.run(100);
    assert.deepEqual(peer.heard(), [`piece ${piece}:0+16384, piece ${piece}:16384+16384`]);
    for (let time = 0; time < 4; time += 1) peer.say(request(piece, 0), request(piece, 1));
    scene.run(100);
    const more = words(peer.heard());
    assert.equal(more.filter((word) => word.startsWith('reject')).length, 2, 'more than the length of all of them');
  });

  it('we allow nothing when it has ten pieces, and nothing twice', () => {
    const allowed = (peer: TalkingPeer) => words(peer.heard()).filter((word) => word.startsWith('allowedFast')).length;
    const scene = new Scene('seed');
    const rich = scene.peer('rich');
    rich.has(`${'*'.repeat(10)}${' '.repeat(30)}`);
    assert.equal(allowed(rich), 0);
    const poor = scene.peer('poor', HAVE_NONE, HAVE_NONE);
    assert.equal(allowed(poor), 4);
  });

  it('we allow four beginners of one host something, however often they dial, and one more in ten minutes', () => {
    const scene = new Scene('seed');
    const allowed = (): number => {
      let count = 0;
      for (let visit = 0; visit < 20; visit += 1) {
        const peer = scene.peer('peer', HAVE_NONE, HAVE_NONE);
        if (words(peer.heard()).some((word) => word.startsWith('allowedFast'))) count += 1;
        scene.member.connecter.connectionLost(peer.connection);
      }
      return count;
    };
    assert.deepEqual([allowed(), allowed()], [4, 0]);
    scene.run(10 * 60_000);
    assert.equal(allowed(), 1);
  });

  it('we refuse it when it asks without end and takes no answer', () => {
    const scene = new Scene('seed');
    const peer = scene.peer('peer', HAVE_NONE);
    peer.connection.unsentLength = 3 * 1024 * 1024;
    peer.say(request(0, 0));
    scene.run(0);
    assert.equal(peer.refusal, 'takes-nothing');
  });
});

describe('of a peer with the fast extension', () => {
  it('we take haveAll or haveNone instead of a bitfield', () => {
    const scene = new Scene('leech');
    scene.peer('one', HAVE_ALL);
    scene.peer('two', HAVE_NONE);
    assert.equal(scene.member.picker.availability(TORRENT.piece(3)), 1);
    scene.peer('three', HAVE_ALL, HAVE_NONE, HAVE_ALL);
    assert.equal(scene.member.picker.availability(TORRENT.piece(3)), 2);
  });

  it('we wait after a choke for what we had asked, until the peer rejects it', () => {
    const scene = new Scene('leech', { download: { endgameBacklog: 0 } });
    const [first, second] = [scene.peer('first'), scene.peer('second')];
    for (const peer of [first, second]) peer.has(`*${' '.repeat(39)}`);
    first.say({ type: 'unchoke' });
    assert.deepEqual(asked(first), ['0:0+16384', '0:16384+16384']);
    first.say({ type: 'choke' });
    second.say({ type: 'unchoke' });
    scene.run(100);
    assert.deepEqual(asked(second), []);
    first.deliver(TORRENT.content, 2 * BLOCK, 0, 0);
    assert.equal(scene.member.downloader.total, BLOCK);
    reject(first, ['0:16384+16384']);
    scene.run(0);
    assert.deepEqual(asked(second), ['0:16384+16384']);
    assert.deepEqual(asked(first), []);
  });

  it('we do not ask again for a piece that it rejects, until it has choked and unchoked us or time has passed', () => {
    const scene = new Scene('leech');
    const peer = scene.peer('peer');
    peer.has(`*${' '.repeat(39)}`);
    peer.say({ type: 'unchoke' });
    const both = asked(peer);
    assert.equal(both.length, 2);
    reject(peer, both);
    scene.run(20_000);
    assert.deepEqual(asked(peer), []);
    peer.say({ type: 'choke' }, { type: 'unchoke' });
    assert.deepEqual(asked(peer), both);
    reject(peer, both);
    scene.run(40_000);
    assert.deepEqual(asked(peer), both);
  });

  it('we ask for less when it rejects everything, and part from it at last', () => {
    const scene = new Scene('leech');
    const peer = scene.peer('peer', HAVE_ALL, { type: 'unchoke' });
    let refused = 0;
    const refuseAll = (): void => {
      for (let spans = asked(peer); spans.length > 0; spans = asked(peer)) {
        reject(peer, spans);
        refused += spans.length;
      }
    };
    refuseAll();
    assert.ok(refused > 16 && refused < 32, String(refused));
    for (let time = 0; time < 60 && peer.refusal === null; time += 1) {
      const before = refused;
      scene.run(35_000);
      refuseAll();
      assert.ok(refused - before < 3);
    }
    assert.equal(peer.refusal, 'too-many-rejects');
    assert.ok(refused <= 60, String(refused));
  });

  it('we ask for as much as before when it serves us again', () => {
    const scene = new Scene('leech');
    const peer = scene.peer('peer', HAVE_ALL, { type: 'unchoke' });
    for (let spans = asked(peer); spans.length > 0; spans = asked(peer)) reject(peer, spans);
    for (let round = 0; round < 100 && !scene.member.isDone; round += 1) {
      scene.run(10_000);
      peer.answer(TORRENT.content, 2 * BLOCK);
    }
    assert.ok(scene.member.isDone);
  });

  it('we allow it to reject what we cancelled', () => {
    const scene = new Scene('leech');
    const [first, second] = [scene.peer('first'), scene.peer('second')];
    for (const peer of [first, second]) peer.has(`*${' '.repeat(39)}`);
    first.say({ type: 'unchoke' });
    second.say({ type: 'unchoke' });
    scene.run(0);
    assert.equal(asked(second).length, 2);
    first.deliver(TORRENT.content, 2 * BLOCK, 0, 0);
    assert.deepEqual(second.heard(), ['cancel 0:0+16384']);
    reject(second, ['0:0+16384']);
    for (let time = 0; time < 49; time += 1) reject(second, ['5:0+16384']);
    assert.equal(second.refusal, null);
  });

  it('we request an allowed piece in spite of the choke, if the peer has it, but not again after a reject', () => {
    const scene = new Scene('leech');
    const peer = scene.peer('peer');
    peer.has(`** *${' '.repeat(36)}`);
    peer.say({ type: 'allowedFast', piece: 2 });
    assert.deepEqual(asked(peer), []);
    peer.say({ type: 'allowedFast', piece: 3 });
    assert.deepEqual(asked(peer), ['3:0+16384', '3:16384+16384']);
    reject(peer, ['3:0+16384', '3:16384+16384']);
    scene.run(60_000);
    assert.deepEqual(asked(peer), []);
    peer.say({ type: 'have', piece: 2 });
    assert.deepEqual(asked(peer), ['2:0+16384', '2:16384+16384']);
  });

  it('we do not ask again for what it allows, rejects, and allows again, however often', () => {
    const scene = new Scene('leech');
    const peer = scene.peer('peer', HAVE_ALL);
    let requests = 0;
    for (let time = 0; time < 2_000; time += 1) {
      peer.say({ type: 'allowedFast', piece: time % 4 });
      const spans = asked(peer);
      requests += spans.length;
      reject(peer, spans);
    }
    assert.ok(requests > 0 && requests <= 8, String(requests));
    assert.equal(peer.refusal, null);
    peer.say(...Array.from({ length: 100 }, () => ({ type: 'allowedFast', piece: 0 }) as const));
    assert.equal(peer.refusal, 'too-much-junk');
  });

  it('we begin with a piece that it suggests, if it has the piece and we do not', () => {
    const scene = new Scene('leech');
    const peer = scene.peer('peer');
    peer.has(`${' '.repeat(10)}${'*'.repeat(30)}`);
    for (const piece of [3, 33]) peer.say({ type: 'suggest', piece });
    peer.say({ type: 'unchoke' });
    assert.deepEqual(asked(peer).slice(0, 2), ['33:0+16384', '33:16384+16384']);
  });

  for (const type of ['suggest', 'allowedFast'] as const) {
    it(`we take many ${type} messages, and refuse one for a piece that does not exist`, () => {
      const scene = new Scene('leech');
      const peer = scene.peer('peer', HAVE_ALL);
      for (let time = 0; time < 1_000; time += 1) peer.say({ type, piece: time % 40 });
      assert.equal(peer.refusal, null);
      peer.say({ type, piece: 40 });
      assert.equal(peer.refusal, 'piece-out-of-range');
    });
  }

  it('we get the whole torrent, although it rejects requests now and then', () => {
    const scene = new Scene('leech');
    const peer = scene.peer('peer', HAVE_ALL, { type: 'unchoke' });
    for (let round = 0; round < 200 && !scene.member.isDone; round += 1) {
      const spans = asked(peer);
      for (const [index, span] of spans.entries()) {
        const [piece = 0, begin = 0] = span.split(/[:+]/).map(Number);
        if ((round + index) % 5 === 0) reject(peer, [span]);
        else peer.deliver(TORRENT.content, 2 * BLOCK, piece, begin / BLOCK);
      }
      scene.run(10_000);
    }
    assert.ok(scene.member.isDone);
    assert.ok(peer.refusal === null || peer.refusal === 'both-complete');
  });
});
