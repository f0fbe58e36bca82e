/** Peers that make a client work for nothing, and peers that do so while they download. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeBencode } from '../../src/bencode/encode.js';
import { fullBitfield } from '../../src/wire/bitfield.js';
import { encodeMessage, type PeerMessage } from '../../src/wire/message.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { BLOCK, HostileWorld } from '../support/worlds/hostile-world.js';

const MIB = 1 << 20;
const MINUTE = 60_000;
const CANCEL = encodeMessage({ type: 'cancel', piece: 0, begin: 0, length: BLOCK });
/** A tenth of what is forgiven a host. */
const CANCELS = Buffer.concat(Array.from({ length: 2_000 }, () => CANCEL));

type Request = Extract<PeerMessage, { type: 'request' }>;

/**
 * A leech without the fast extension that keeps `inFlight` requests with the victim, until it has every block. What a
 * choke voids it asks for again. With each block it says `besides`.
 */
class Leech {
  readonly talk: FakeTalk;
  #wanted: Request[] = [];
  readonly #asked = new Map<string, Request>();
  readonly #inFlight: number;
  readonly #besides: Buffer;

  constructor(world: HostileWorld, host: string, inFlight: number, besides: Buffer) {
    this.#inFlight = inFlight;
    this.#besides = besides;
    const { pieceCount, pieceLength } = world.sample.layout;
    for (let piece = 0; piece < pieceCount; piece += 1) {
      for (let begin = 0; begin < pieceLength; begin += BLOCK)
        this.#wanted.push({ type: 'request', piece, begin, length: BLOCK });
    }
    this.talk = world.guest({ gotMessage: (talk, message) => this.#gotMessage(talk, message) }, host);
    this.talk.sayMessages({ type: 'interested' });
  }

  get isDone(): boolean {
    return this.#wanted.length + this.#asked.size === 0;
  }

  #gotMessage(talk: FakeTalk, message: PeerMessage): void {
    if (message.type === 'choke') {
      this.#wanted = [...this.#asked.values(), ...this.#wanted];
      this.#asked.clear();
    }
    if (message.type === 'piece') {
      this.#asked.delete(`${message.piece} ${message.begin}`);
      if (this.#besides.length > 0) talk.say(this.#besides);
    }
    if (message.type === 'unchoke' || message.type === 'piece') this.#ask(talk);
  }

  #ask(talk: FakeTalk): void {
    const next = this.#wanted.splice(0, this.#inFlight - this.#asked.size);
    for (const request of next) this.#asked.set(`${request.piece} ${request.begin}`, request);
    if (next.length > 0) talk.sayMessages(...next);
  }
}

/** The victim has everything. */
function seedingWorld(sample: SampleTorrent, upload: number): HostileWorld {
  const world = new HostileWorld({ sample, victim: { seed: true, host: { upload } } });
  world.run(1_000);
  return world;
}

describe('eight peers that pour cancels, behind the address of an honest leech,', () => {
  it('are parted from, and the leech gets everything over one connection', () => {
    const world = seedingWorld(sampleTorrent([{ path: 'shared', length: 4 * MIB }], MIB / 4), 200_000);
    const host = '10.77.0.1';
    let poured = 0;
    const pour = (talk: FakeTalk | null): void => {
      const speaks = talk === null || talk.lost ? world.stranger(host) : talk;
      if (speaks === talk) {
        speaks.say(CANCELS);
        poured += 1;
      }
      world.swarm.timeline.addTask(() => pour(speaks), 100);
    };
    for (let peer = 0; peer < 8; peer += 1) pour(null);
    world.run(5_000);
    assert.ok(world.refusalsFor('too-much-work') > 0);
    // At its end-game it takes back what others have given it.
    const leech = new Leech(world, host, 32, CANCEL);
    world.runUntil(() => leech.isDone || leech.talk.lost, 5 * MINUTE);
    assert.deepEqual([leech.isDone, leech.talk.lost], [true, false]);
    assert.ok(world.refusalsFor('too-much-work') >= poured / 4, `${poured} poured`);
  });
});

describe('a leech that keeps more requests than fit in the queue', () => {
  for (const inFlight of [2_000, 4_000]) {
    it(`is not parted from: ${inFlight} at 100 MB/s`, () => {
      const world = seedingWorld(sampleTorrent([{ path: 'fast', length: 80 * MIB }], 2 * MIB), 100e6);
      const leech = new Leech(world, '10.77.0.1', inFlight, Buffer.alloc(0));
      world.runUntil(() => leech.isDone || leech.talk.lost, 5 * MINUTE);
      assert.deepEqual([leech.isDone, world.refusals], [true, []]);
    });
  }
});

/** A seed of very many pieces, so that it is work to count those of a peer. */
function worldOfManyPieces(): HostileWorld {
  return seedingWorld(sampleTorrent([{ path: 'many', length: 20_000 * 16 }], 16), 100e6);
}

describe('a peer that makes us count all its pieces anew, again and again,', () => {
  it('is parted from, and gains nothing by dialling again: it has everything, and has lost a piece', () => {
    const world = worldOfManyPieces();
    const speaks = encodeBencode(new Map([['m', new Map([['lt_donthave', 7]])]]));
    // Our ids: metadata, peers, lost pieces.
    const lost: PeerMessage = { type: 'extended', id: 3, payload: Buffer.alloc(4) };
    let counted = 0;
    for (let connection = 1; connection <= 5; connection += 1) {
      const talk = world.peer({}, '10.77.0.1').dial(world.victim.address);
      talk.say(talk.handshake(encodeReserved(['extended', 'fast'])));
      talk.sayMessages({ type: 'extended', id: 0, payload: speaks });
      world.run(60);
      for (; !talk.lost && counted < 1_000; counted += 1) {
        talk.sayMessages({ type: 'haveAll' }, lost);
        world.run(10);
      }
      assert.deepEqual(world.refusals, [`too-much-work ${connection}`]);
    }
    assert.ok(counted < 150, `${counted} times`);
  });

  it('is borne when it is an honest one that says each second which pieces it has by now', () => {
    const world = worldOfManyPieces();
    const talk = world.guest();
    const has = fullBitfield(20_000).toWire();
    for (let byte = 300; byte > 0; byte -= 1) {
      talk.sayMessages({ type: 'bitfield', bits: Buffer.concat([Buffer.alloc(byte), has.subarray(byte)]) });
      world.run(1_000);
    }
    assert.deepEqual([talk.lost, world.refusals], [false, []]);
  });
});
