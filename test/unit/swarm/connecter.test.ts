import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeMessage } from '../../../src/wire/message.js';
import { RecordedConnection } from '../../support/fakes/recorded-connection.js';
import { TalkingPeer } from '../../support/fakes/talking-peer.js';
import { sampleTorrent } from '../../support/sample-torrent.js';
import { Swarm } from '../../support/worlds/swarm.js';
import type { SwarmMember, SwarmMemberOptions } from '../../support/worlds/swarm-member.js';

const BLOCK = 16 * 1024;
/** Ten pieces of two blocks, the last of one short block. */
const TORRENT = sampleTorrent([{ path: 'file', length: 18 * BLOCK + 100 }], 2 * BLOCK);

function leeching(options: Partial<SwarmMemberOptions> = {}): { swarm: Swarm; member: SwarmMember } {
  const swarm = new Swarm(TORRENT);
  return { swarm, member: swarm.member('10.0.0.1', options) };
}

function seeding(): { swarm: Swarm; member: SwarmMember } {
  const swarm = new Swarm(TORRENT);
  return { swarm, member: swarm.seed('10.0.0.1') };
}

type Message = Parameters<typeof encodeMessage>[0];
const request = (piece: number, begin: number, length: number): Message => ({ type: 'request', piece, begin, length });

const bitfield = (bytes: number[]): Message => ({ type: 'bitfield', bits: Buffer.from(bytes) });

describe('Connecter', () => {
  it('sends first which pieces we have, and sends nothing when we have none', () => {
    assert.deepEqual(new TalkingPeer(seeding().member, 'peer').heard(), ['bitfield ffc0']);
    assert.deepEqual(new TalkingPeer(leeching().member, 'peer').heard(), []);
  });

  it('accepts a bitfield as the first message, also after messages of unknown types', () => {
    const { member } = leeching();
    const peer = new TalkingPeer(member, 'peer');
    peer.sayFrame(Buffer.from([20, 0, 1, 2]));
    peer.has('*         ');
    assert.equal(peer.refusal, null);
    assert.deepEqual(peer.heard(), ['interested']);
  });

  it('replays the frames of each peer that it takes over in a task of its own, and newer frames after them', () => {
    const { swarm, member } = leeching();
    const { connecter } = member;
    const frame = (message: Message): Buffer => encodeMessage(message).subarray(4);
    const said = [frame(bitfield([0xff, 0xc0])), frame({ type: 'have', piece: 1 })];
    const connections = ['a', 'b', 'c', 'd'].map((name) => new RecordedConnection(name));
    for (const connection of connections) connecter.takeOver(connection, said);
    const counts = (): number[] => [...connecter.peers].map(({ download }) => download.has.count);
    assert.deepEqual(counts(), [0, 0, 0, 0]);
    const [, second, third] = connections;
    const late = frame(bitfield([0x80, 0]));
    if (second !== undefined) connecter.gotFrame(second, late);
    late.fill(0);
    if (third !== undefined) connecter.connectionLost(third);
    const seen = new Set<string>();
    swarm.timeline.runUntil(() => {
      seen.add(counts().join(' '));
      return counts().every((count) => count > 0);
    }, 10);
    assert.deepEqual([...seen], ['0 0 0', '10 0 0', '10 1 0', '10 1 10']);
  });

  it('does not replay frames of peers that it took over once it is stopped', () => {
    const { swarm, member } = leeching();
    const connection = new RecordedConnection('a');
    member.connecter.takeOver(connection, [encodeMessage({ type: 'have', piece: 1 }).subarray(4)]);
    member.connecter.stop();
    swarm.timeline.run(100);
    assert.deepEqual(
      [...member.connecter.peers].map(({ download }) => download.has.count),
      [0],
    );
  });

  it('takes the first word of a peer on all pieces as useful, and each later one as idle work', () => {
    const peer = new TalkingPeer(leeching().member, 'peer');
    const idle = [
      [0xff, 0],
      [0xff, 0x80],
      [0xff, 0xc0],
    ].map((bytes) => {
      const before = peer.connection.idleWork;
      peer.say(bitfield(bytes));
      return peer.connection.idleWork > before;
    });
    assert.deepEqual([idle, peer.refusal], [[false, true, true], null]);
  });

  it('replaces what a peer has when the peer sends another bitfield', () => {
    const { member } = leeching();
    const peer = new TalkingPeer(member, 'peer');
    peer.has('          ');
    assert.deepEqual(peer.heard(), []);
    peer.say({ type: 'have', piece: 3 });
    peer.has('*        *');
    assert.equal(peer.refusal, null);
    assert.deepEqual(
      [...member.connecter.peers].map(({ download }) => download.has.count),
      [2],
    );
    assert.deepEqual(peer.heard(), ['interested']);
  });

  const block: Message = { type: 'piece', piece: 10, begin: 0, block: Buffer.alloc(BLOCK) };
  const rows: readonly [string, string, readonly (Message | Buffer)[]][] = [
    ['bitfields without end', 'too-many-flaps', Array<Message>(201).fill(bitfield([0, 0]))],
    ['a bitfield that is too short', 'malformed-bitfield', [bitfield([0xff])]],
    ['a bitfield that is too long', 'malformed-bitfield', [bitfield([0xff, 0xc0, 0])]],
    ['a bitfield with a spare bit set', 'malformed-bitfield', [bitfield([0xff, 0xe0])]],
    ['a have of a piece that does not exist', 'piece-out-of-range', [{ type: 'have', piece: 10 }]],
    ['a block of a piece that does not exist', 'piece-out-of-range', [block]],
    ['a request beyond the torrent', 'block-out-of-range', [request(9, BLOCK, 16)]],
    ['a request that is too long', 'request-too-long', [request(0, 0, 2 ** 30)]],
    ['a choke with a payload', 'malformed-message', [Buffer.from([0, 0])]],
    ['a have that is cut off', 'malformed-message', [Buffer.from([4, 0, 0, 0])]],
    ['a piece without a block', 'malformed-message', [Buffer.alloc(9, 7)]],
    ['messages of unknown types without end', 'too-much-junk', Array<Buffer>(2_001).fill(Buffer.from([99]))],
    ['haves without end of the same piece', 'too-much-junk', Array<Message>(2_002).fill({ type: 'have', piece: 1 })],
    ['requests without end while it is choked', 'too-much-junk', Array<Message>(2_001).fill(request(0, 0, BLOCK))],
    [
      'blocks without end that we did not ask for',
      'too-much-junk',
      Array<Message>(2_001).fill({ type: 'piece', piece: 1, begin: 0, block: Buffer.alloc(1) }),
    ],
    ['unchokes without end', 'too-many-flaps', Array<Message>(201).fill({ type: 'unchoke' })],
  ];
  for (const [what, code, messages] of rows) {
    it(`refuses ${what}, and not before`, () => {
      const { member } = leeching();
      const peer = new TalkingPeer(member, 'peer');
      for (const [index, message] of messages.entries()) {
        assert.equal(peer.refusal, null, `refused before message ${index}`);
        if (Buffer.isBuffer(message)) peer.sayFrame(message);
        else peer.say(message);
      }
      assert.equal(peer.refusal, code);
      assert.equal(member.connecter.peerCount, 0);
    });
  }

  it('forgives changes of state that come slowly', () => {
    const { swarm, member } = leeching();
    const peer = new TalkingPeer(member, 'peer');
    for (let time = 0; time < 1_000; time += 1) {
      peer.say({ type: time % 2 === 0 ? 'interested' : 'notInterested' });
      swarm.timeline.run(300);
    }
    assert.equal(peer.refusal, null);
  });

  it('drops blocks that match no request, and counts them as junk', () => {
    const { member } = leeching();
    const peer = new TalkingPeer(member, 'peer');
    peer.has('**********');
    peer.say({ type: 'unchoke' });
    const begins = [1, BLOCK - 1, 2 * BLOCK, 2 ** 31, 2 ** 32 - 1];
    for (const begin of begins) peer.say({ type: 'piece', piece: 0, begin, block: Buffer.alloc(BLOCK) });
    for (const length of [1, 7, BLOCK - 1]) {
      peer.say({ type: 'piece', piece: 0, begin: 0, block: Buffer.alloc(length) });
    }
    assert.equal(peer.refusal, null);
    assert.equal(member.downloader.total, 0);
    assert.equal(member.downloader.wasted, 5 * BLOCK + 1 + 7 + (BLOCK - 1));
    member.check();
  });

  it('tells each peer of all verified pieces that it lacks in one write', () => {
    const { swarm, member } = leeching();
    const giver = new TalkingPeer(member, 'giver');
    const taker = new TalkingPeer(member, 'taker');
    giver.has('**********');
    taker.has('*         ');
    giver.say({ type: 'unchoke' });
    // The backlog of a new peer is eight blocks: four pieces.
    assert.equal(giver.answer(TORRENT.content, 2 * BLOCK), 8);
    taker.heard();
    swarm.timeline.run(100);
    const news = [...Array(10).keys()].filter((piece) => member.wrapper.have.has(piece));
    assert.ok(news.length >= 4);
    const told = taker.heard().filter((line) => line.startsWith('have'));
    assert.equal(told.length, 1);
    assert.deepEqual(
      told[0]!.split(', ').sort(),
      news.filter((piece) => piece !== 0).map((piece) => `have ${piece}`),
    );
    assert.ok(!giver.heard().some((line) => line.includes('have')));
  });

  it('counts the pieces of its peers until they leave', () => {
    const { member } = leeching();
    const first = new TalkingPeer(member, 'first');
    const second = new TalkingPeer(member, 'second');
    first.has('**        ');
    second.has(' *        ');
    second.say({ type: 'have', piece: 2 }, { type: 'have', piece: 2 });
    const counts = () => [0, 1, 2, 3].map((piece) => member.picker.availability(TORRENT.piece(piece)));
    assert.deepEqual(counts(), [1, 2, 1, 0]);
    first.hangUp();
    assert.deepEqual(counts(), [0, 1, 1, 0]);
    second.hangUp();
    assert.deepEqual(counts(), [0, 0, 0, 0]);
  });

  it('when we have everything, parts from a seed, but not while bytes wait in its socket', () => {
    const { swarm, member } = seeding();
    const peer = new TalkingPeer(member, 'peer');
    const leech = new TalkingPeer(member, 'leech');
    peer.has('**********');
    leech.has('********* ');
    peer.connection.unsentLength = 1;
    swarm.timeline.run(10_000);
    assert.equal(peer.refusal, null);
    peer.connection.unsentLength = 0;
    swarm.timeline.run(2_000);
    assert.deepEqual([peer.refusal, leech.refusal], ['both-complete', null]);
    leech.say({ type: 'have', piece: 9 });
    swarm.timeline.run(2_000);
    assert.equal(leech.refusal, 'both-complete');
  });

  it('leaves no task behind when it is stopped', () => {
    const { swarm, member } = leeching();
    swarm.timeline.run(10);
    const before = swarm.timeline.pending;
    const peer = new TalkingPeer(member, 'peer');
    peer.has('**********');
    peer.say({ type: 'interested' }, { type: 'unchoke' });
    member.connecter.stop();
    assert.equal(swarm.timeline.pending, before);
  });

  it('never throws, whatever frames come, and keeps its state consistent', () => {
    const span = (type: 'request' | 'cancel' | 'reject'): fc.Arbitrary<Buffer> =>
      fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 1 })).map(([piece, block]) => {
        return encodeMessage({ type, piece, begin: block * BLOCK, length: BLOCK }).subarray(4);
      });
    const message: fc.Arbitrary<Buffer> = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.integer({ min: 0, max: 17 }), fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 3 }))
        .map(([id, numbers]) => {
          const frame = Buffer.alloc(1 + 4 * numbers.length);
          frame[0] = id;
          for (const [index, number] of numbers.entries()) frame.writeUInt32BE(number, 1 + 4 * index);
          return frame;
        }),
      fc.constantFrom(...[0, 1, 2, 3, 14, 15].map((id) => Buffer.from([id]))),
      span('request'),
      span('cancel'),
      span('reject'),
      fc.constant(Buffer.from([5, 0xff, 0xc0])),
      fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 1 })).map(([piece, block]) => {
        const begin = piece * 2 * BLOCK + block * BLOCK;
        const bytes = TORRENT.content.subarray(begin, Math.min(begin + BLOCK, TORRENT.content.length));
        return encodeMessage({ type: 'piece', piece, begin: block * BLOCK, block: bytes }).subarray(4);
      }),
    );
    const script = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), message, fc.integer({ min: 0, max: 3_000 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(script, (steps) => {
        const { swarm, member } = leeching();
        const peers = [0, 1, 2].map(
          (each) => new TalkingPeer(member, `peer ${each}`, ...(each > 0 ? (['fast'] as const) : [])),
        );
        for (const [who, frame, pause] of steps) {
          peers[who]!.sayFrame(frame);
          member.check();
          swarm.timeline.run(pause);
          member.check();
        }
        for (const peer of peers) if (!peer.connection.closed) peer.hangUp();
        assert.equal(member.connecter.peerCount, 0);
        member.check();
      }),
      { numRuns: 150 },
    );
  });
});
