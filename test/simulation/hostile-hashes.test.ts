import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeHashMessage, type HashMessage, type HashRange } from '../../src/wire/hash-message.js';
import type { PeerMessage } from '../../src/wire/message.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import type { FakeTalk } from '../support/fakes/fake-talk.js';
import { HashTrees } from '../support/fakes/hash-trees.js';
import { type V2SampleTorrent, v2Torrent } from '../support/v2-torrent.js';
import { HostileWorld } from '../support/worlds/hostile-world.js';

const KIB = 1024;
const FILES = [
  { path: 'top/a', length: 417 * KIB + 5 },
  { path: 'top/b', length: 20 * KIB },
];
const V2 = v2Torrent(FILES, 32 * KIB, '2');
const HYBRID = v2Torrent(FILES, 32 * KIB, 'hybrid');
const SAMPLES: readonly V2SampleTorrent[] = [V2, HYBRID];
const ROOT = V2.metainfo.files[0]?.piecesRoot as Buffer;
/** The layer of the first file: 14 pieces. */
const LAYER: HashRange = { root: ROOT, base: 1, index: 0, length: 16, proof: 0 };
/** More than the limit of what is of no use. */
const MANY = 2_500;

function request(numbers: Partial<HashRange> = {}): HashMessage {
  return { type: 'hashRequest', range: { ...LAYER, ...numbers } };
}

/** The bytes of a message are views of what came in. */
function copyOf(message: PeerMessage): PeerMessage {
  if (message.type !== 'hashes') return message;
  const { range, hashes } = message;
  return { ...message, range: { ...range, root: Buffer.from(range.root) }, hashes: Buffer.from(hashes) };
}

/** A peer that has shaken hands; it has said the v2 bit, or not. */
function guestOf(world: HostileWorld, isV2: boolean, heard: PeerMessage[] = []): FakeTalk {
  const talk = world.peer({ gotMessage: (_talk, message) => heard.push(copyOf(message)) }).dial(world.victim.address);
  talk.say(talk.handshake(encodeReserved(isV2 ? ['v2'] : [])));
  world.run(60);
  return talk;
}

function many(message: (number: number) => HashMessage): Buffer {
  return Buffer.concat(Array.from({ length: MANY }, (_, number) => encodeHashMessage(message(number))));
}

/** What a guest says after its handshake, and what it is refused for. */
const FAULTS: readonly (readonly [what: string, said: Buffer, code: string])[] = [
  [
    'hashes that nobody asked for',
    encodeHashMessage({ type: 'hashes', range: LAYER, hashes: Buffer.alloc(16 * 32, 7) }),
    'unasked-hashes',
  ],
  ['right hashes that nobody asked for', encodeHashMessage(HashTrees.ofSample(V2).answer(LAYER)), 'unasked-hashes'],
  [
    'fewer hashes than it says',
    encodeHashMessage({ type: 'hashes', range: LAYER, hashes: Buffer.alloc(15 * 32) }),
    'malformed-message',
  ],
  [
    '2^32 - 1 hashes, of which it sends two',
    encodeHashMessage({ type: 'hashes', range: { ...LAYER, length: 0xffffffff }, hashes: Buffer.alloc(64) }),
    'malformed-message',
  ],
  ['a request of 48 bytes', Buffer.concat([Buffer.from('0000003015', 'hex'), Buffer.alloc(47)]), 'malformed-message'],
  ['a request of 2^32 - 1 hashes', encodeHashMessage(request({ length: 0xffffffff })), 'request-too-long'],
  ['misaligned requests without end', many(() => request({ index: 3, length: 4 })), 'too-much-junk'],
  [
    'requests of an unknown root without end',
    many((at) => request({ root: Buffer.alloc(32, at % 251) })),
    'too-much-junk',
  ],
  ['requests of a root of zeros without end', many(() => request({ root: Buffer.alloc(32) })), 'too-much-junk'],
  ['requests past the end without end', many((at) => request({ index: 16 * (at + 1) })), 'too-much-junk'],
  ['proofs beyond the root without end', many((at) => request({ proof: 4 + at })), 'too-much-junk'],
  ['rejects of what nobody asked for', many(() => ({ type: 'hashReject', range: LAYER })), 'too-much-junk'],
];

describe('a fault with hashes ends the connection and nothing else:', () => {
  for (const [what, said, code] of FAULTS) {
    for (const sample of SAMPLES) {
      it(`${what}, in a torrent of version ${sample.metainfo.version}`, () => {
        const world = new HostileWorld({ sample });
        const whole = guestOf(world, true);
        whole.say(said);
        const dripped = guestOf(world, true);
        const isLong = said.length > 2_000;
        dripped.drip(isLong ? said.subarray(0, 200) : said, 2);
        world.untilDone(20_000);
        assert.equal(whole.lost, true);
        assert.deepEqual(world.refusals, [`${code} ${isLong ? 1 : 2}`]);
      });
    }
  }

  it('hashes without end', () => {
    const world = new HostileWorld({ sample: HYBRID });
    const talk = guestOf(world, true);
    for (let round = 0; round < 10; round += 1) talk.say(many((number) => request({ length: 2 << (number % 4) })));
    world.runUntil(() => talk.lost, 60_000);
    world.untilDone(20_000);
    assert.deepEqual(world.refusals, ['too-much-junk 1']);
  });

  it('leaves without end', () => {
    const world = new HostileWorld({ sample: HYBRID });
    const talk = guestOf(world, true);
    world.untilDone(20_000);
    // A peer that waits for each answer: nothing of it is junk.
    let asked = 0;
    const ask = (): void => {
      if (talk.lost) return;
      asked += 1;
      talk.say(encodeHashMessage(request({ base: 0, index: 2 * (asked % 13), length: 2 })));
      world.swarm.timeline.addTask(ask, 1);
    };
    ask();
    world.runUntil(() => talk.lost, 600_000);
    assert.deepEqual(world.refusals, ['too-much-work 1']);
  });

  it('all of them on a torrent of version 1', () => {
    for (const said of [
      request(),
      { type: 'hashReject', range: LAYER } as const,
      { type: 'hashes', range: LAYER, hashes: Buffer.alloc(16 * 32) } as const,
    ]) {
      const world = new HostileWorld();
      const talk = guestOf(world, true);
      talk.say(encodeHashMessage(said));
      world.untilDone(20_000);
      assert.equal(talk.lost, true);
      assert.deepEqual(world.refusals, ['hashes-not-announced 1']);
    }
  });

  it('all of them on a connection of version 1 to a hybrid', () => {
    const world = new HostileWorld({ sample: HYBRID });
    const talk = guestOf(world, false);
    talk.say(encodeHashMessage(request()));
    world.untilDone(20_000);
    assert.equal(talk.lost, true);
    assert.deepEqual(world.refusals, ['hashes-not-announced 1']);
  });
});

describe('an honest peer', () => {
  for (const sample of SAMPLES) {
    it(`gets the layers and the leaves it asks for, while it is choked, of version ${sample.metainfo.version}`, () => {
      const world = new HostileWorld({ sample });
      world.untilDone(20_000);
      const heard: PeerMessage[] = [];
      const talk = guestOf(world, true, heard);
      const ranges = [
        LAYER,
        { ...LAYER, index: 4, length: 4, proof: 3 },
        { ...LAYER, base: 0, index: 6, length: 2 },
        { ...LAYER, base: 0, index: 26, length: 2, proof: 4 },
        {
          ...LAYER,
          root: sample.metainfo.files.find(({ length }) => length === 20 * KIB)?.piecesRoot as Buffer,
          base: 0,
          length: 2,
        },
      ];
      for (const range of ranges) talk.say(encodeHashMessage({ type: 'hashRequest', range }));
      world.run(1_000);
      const trees = HashTrees.ofSample(sample);
      const answers = heard.filter(({ type }) => type === 'hashes' || type === 'hashReject');
      assert.deepEqual(
        answers,
        ranges.map((range) => trees.answer(range)),
      );
      assert.ok(!heard.some(({ type }) => type === 'unchoke'));
      assert.equal(talk.lost, false);
    });
  }

  it('is not answered faster than the upload limit allows', () => {
    const world = new HostileWorld({ sample: HYBRID, victim: { session: { maxUpload: 1_000 } } });
    world.untilDone(20_000);
    const heard: PeerMessage[] = [];
    const talk = guestOf(world, true, heard);
    const sizes = [16, 8, 4, 2, 16];
    for (const [at, length] of sizes.entries())
      talk.say(encodeHashMessage(request({ length, proof: at === 4 ? 2 : 0 })));
    world.run(60);
    const early = heard.filter(({ type }) => type === 'hashes').length;
    world.run(5_000);
    assert.deepEqual([early, heard.filter(({ type }) => type === 'hashes').length], [1, 5]);
  });
});
