import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fullBitfield } from '../../src/wire/bitfield.js';
import { encodeMessage, type PeerMessage } from '../../src/wire/message.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import { BLOCK, HostileWorld, SAMPLE } from '../support/worlds/hostile-world.js';

const PIECES = SAMPLE.layout.pieceCount;
const EVERYTHING = fullBitfield(PIECES).toWire();
const LAST_LENGTH = SAMPLE.layout.lengthOf(SAMPLE.piece(PIECES - 1));
/** More than the limit of what is of no use. */
const MANY = 2_500;

type Said = Parameters<typeof encodeMessage>[0];

function raw(...bytes: number[]): Buffer {
  return Buffer.from(bytes);
}

function frame(...bytes: number[]): Buffer {
  return raw(0, 0, 0, bytes.length, ...bytes);
}

function many(message: (number: number) => Said): Buffer {
  return Buffer.concat(Array.from({ length: MANY }, (_, number) => encodeMessage(message(number))));
}

function bitfield(bits: Buffer): PeerMessage & { type: 'bitfield' } {
  return { type: 'bitfield', bits };
}

/** What a guest says after its handshake, and what it is refused for. */
const FAULTS: readonly (readonly [what: string, said: Buffer | readonly Said[], code: string])[] = [
  ['a length of 2^31 − 1, and then nothing', raw(0x7f, 0xff, 0xff, 0xff), 'message-too-long'],
  ['a length of 2^31', raw(0x80, 0, 0, 0), 'message-too-long'],
  ['a length of 1 MiB and a byte', raw(0, 0x10, 0, 1), 'message-too-long'],
  ['a have without a piece', frame(4), 'malformed-message'],
  ['a request that is too short', frame(6, 0, 0, 0, 0), 'malformed-message'],
  ['a block of no bytes', frame(7, 0, 0, 0, 0, 0, 0, 0, 0), 'malformed-message'],
  ['a bitfield of a byte less', [bitfield(EVERYTHING.subarray(1))], 'malformed-bitfield'],
  ['a bitfield of a byte more', [bitfield(Buffer.concat([EVERYTHING, raw(0)]))], 'malformed-bitfield'],
  ['a bitfield with a spare bit set', [bitfield(Buffer.alloc(EVERYTHING.length, 0xff))], 'malformed-bitfield'],
  ['a bitfield of nothing', [bitfield(raw())], 'malformed-bitfield'],
  ['a bitfield a thousand times', many(() => bitfield(EVERYTHING)), 'too-many-flaps'],
  ['a have of piece 2^32 − 1', [{ type: 'have', piece: 0xffffffff }], 'piece-out-of-range'],
  [
    'a block of a piece that is none',
    [{ type: 'piece', piece: PIECES, begin: 0, block: raw(1) }],
    'piece-out-of-range',
  ],
  [
    'a block longer than any that is asked for',
    [{ type: 'piece', piece: 0, begin: 0, block: Buffer.alloc(BLOCK + 1) }],
    'block-out-of-range',
  ],
  ['a request of no bytes', [{ type: 'request', piece: 0, begin: 0, length: 0 }], 'block-out-of-range'],
  [
    'a request of a piece that is none',
    [{ type: 'request', piece: PIECES, begin: 0, length: 1 }],
    'block-out-of-range',
  ],
  [
    'a request beyond the end of the last piece',
    [{ type: 'request', piece: PIECES - 1, begin: 1, length: LAST_LENGTH }],
    'block-out-of-range',
  ],
  ['a request of 128 KiB and a byte', [{ type: 'request', piece: 0, begin: 0, length: 131_073 }], 'request-too-long'],
  [
    'blocks that nobody asked for',
    many((number) => ({ type: 'piece', piece: number % PIECES, begin: 0, block: raw(7) })),
    'too-much-junk',
  ],
  [
    'blocks that begin where none begins',
    many(() => ({ type: 'piece', piece: 0, begin: 0xffffffff, block: raw(7) })),
    'too-much-junk',
  ],
  ['the same have again and again', many(() => ({ type: 'have', piece: 3 })), 'too-much-junk'],
  [
    'requests while it is choked, of pieces that we lack',
    many((number) => ({ type: 'request', piece: number % PIECES, begin: 0, length: 1 })),
    'too-much-junk',
  ],
  [
    'cancels of what cannot be asked for',
    many(() => ({ type: 'cancel', piece: 0xffffffff, begin: 0xffffffff, length: 0xffffffff })),
    'too-much-junk',
  ],
  ['a reject of who has not announced the extension', frame(16, ...Buffer.alloc(12)), 'fast-not-announced'],
  ['a have-none of who has not announced the extension', frame(15), 'fast-not-announced'],
  [
    'chokes and unchokes, a thousand a second',
    Buffer.concat(Array.from({ length: 500 }, () => Buffer.concat([frame(0), frame(1)]))),
    'too-many-flaps',
  ],
];

function say(talk: FakeTalk, said: Buffer | readonly Said[]): void {
  if (Buffer.isBuffer(said)) talk.say(said);
  else talk.sayMessages(...said);
}

describe('one fault of a peer, whole or byte by byte, ends its connection and nothing else:', () => {
  for (const [what, said, code] of FAULTS) {
    it(what, () => {
      const bytes = Buffer.isBuffer(said) ? said : Buffer.concat(said.map((message) => encodeMessage(message)));
      const world = new HostileWorld();
      const whole = world.guest();
      say(whole, bytes);
      const dripped = world.guest();
      // Long streams of small messages are the same again and again: their beginning is enough.
      dripped.drip(bytes.length > 2_000 ? bytes.subarray(0, 200) : bytes, 2);
      world.untilDone(20_000);
      assert.equal(whole.lost, true);
      assert.deepEqual(world.refusals, [`${code} ${bytes.length > 2_000 ? 1 : 2}`]);
    });
  }
});

/** The same of one that speaks the fast extension. */
const FAST_FAULTS: readonly (readonly [what: string, said: readonly Said[], code: string])[] = [
  ['a suggestion of a piece that is none', [{ type: 'suggest', piece: PIECES }], 'piece-out-of-range'],
  ['a piece allowed that is none', [{ type: 'allowedFast', piece: 0xffffffff }], 'piece-out-of-range'],
  [
    'rejects of what was never asked for',
    Array.from({ length: 60 }, () => ({ type: 'reject', piece: 0xffffffff, begin: 1, length: 0 }) as const),
    'too-many-rejects',
  ],
  [
    'all, and nothing, again and again',
    Array.from({ length: 250 }, (_, number) => ({ type: number % 2 === 0 ? 'haveAll' : 'haveNone' }) as const),
    'too-many-flaps',
  ],
  [
    'suggestions without end',
    Array.from({ length: MANY }, (_, number) => ({ type: 'suggest', piece: number % PIECES }) as const),
    'too-much-junk',
  ],
  [
    'requests without end while it is choked',
    Array.from({ length: MANY }, () => ({ type: 'request', piece: 0, begin: 0, length: 1 }) as const),
    'too-much-junk',
  ],
];

describe('a fault of a peer with the fast extension ends its connection and nothing else:', () => {
  for (const [what, said, code] of FAST_FAULTS) {
    it(what, () => {
      const world = new HostileWorld();
      const talk = world.fastGuest();
      talk.sayMessages(...said);
      world.untilDone(20_000);
      assert.equal(talk.lost, true);
      assert.deepEqual(world.refusals, [`${code} 1`]);
    });
  }
});

describe('what is no fault', () => {
  it('of a peer: all at first and nothing later, as some have it', () => {
    const world = new HostileWorld();
    const talk = world.fastGuest();
    talk.sayMessages({ type: 'haveAll' }, { type: 'haveNone' }, { type: 'haveAll' }, { type: 'haveNone' });
    world.untilDone(20_000);
    assert.deepEqual([talk.lost, world.refusals], [false, []]);
  });

  it('of a peer: thousands of cancels of what it never asked for', () => {
    const world = new HostileWorld();
    const talk = world.guest();
    talk.say(many(() => ({ type: 'cancel', piece: 0, begin: 0, length: BLOCK })));
    talk.say(many(() => ({ type: 'cancel', piece: 1, begin: 0, length: BLOCK })));
    world.untilDone(20_000);
    assert.deepEqual([talk.lost, world.refusals], [false, []]);
  });

  it('of a peer: a message that we do not know, now and then', () => {
    const world = new HostileWorld();
    const talk = world.guest();
    talk.say(frame(20, 0, 100, 101), frame(0xff));
    talk.sayMessages({ type: 'bitfield', bits: EVERYTHING });
    world.untilDone(20_000);
    assert.deepEqual([talk.lost, world.refusals], [false, []]);
  });
});

/** A guest's whole conversation: every kind of message, a keep-alive, and a block that nobody asked for. */
const CONVERSATION: readonly Said[] = [
  { type: 'bitfield', bits: EVERYTHING },
  { type: 'unchoke' },
  { type: 'interested' },
  { type: 'request', piece: 0, begin: 0, length: 16 },
  { type: 'cancel', piece: 0, begin: 0, length: 16 },
  { type: 'piece', piece: 1, begin: 5, block: raw(1, 2, 3) },
  { type: 'notInterested' },
  { type: 'choke' },
];

describe('a conversation that breaks off', () => {
  it('at any byte, ended or reset, leaves nothing behind and is nobody’s fault', () => {
    const world = new HostileWorld();
    world.untilDone(20_000);
    world.run(5_000);
    const stream = Buffer.concat([raw(0, 0, 0, 0), ...CONVERSATION.map((message) => encodeMessage(message))]);
    const before = { sockets: world.victim.rawServer.socketCount, peers: world.victim.torrent.status().peers };
    const length = 68 + stream.length;
    for (let cut = 0; cut <= length; cut += 1) {
      for (const ending of ['ended', 'reset'] as const) {
        const host = `10.60.${cut}.${ending === 'ended' ? 1 : 2}`;
        const talk = world.stranger(host, {}, cut);
        talk.say(stream.subarray(0, Math.max(0, cut - 68)));
        world.run(60);
        if (ending === 'ended') talk.hangUp();
        else world.host(host).breakConnections();
        world.run(60);
      }
    }
    const after = { sockets: world.victim.rawServer.socketCount, peers: world.victim.torrent.status().peers };
    assert.deepEqual(after, before);
    assert.deepEqual(world.refusals, []);
    assert.equal(world.victim.failure, null);
  });
});
