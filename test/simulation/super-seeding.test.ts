import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PeerMessage } from '../../src/wire/message.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import type { FakeScript, FakeTalk } from '../support/fakes/fake-talk.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { SuperSwarm, type SuperSwarmOptions } from '../support/worlds/super-swarm.js';

const HOUR = 3_600_000;
const BLOCK = 16 * 1024;

function world(options: Partial<SuperSwarmOptions> = {}): SuperSwarm {
  return new SuperSwarm({
    seed: 1,
    leeches: 8,
    superSeed: true,
    pieceCount: 100,
    version: '1',
    speaksFast: true,
    ...options,
  });
}

/** A peer that dials the seed and does what the script says. */
function stranger(swarm: SuperSwarm, host: string, script: FakeScript, speaksFast = true): FakeTalk {
  const { infoHash } = swarm.sample.metainfo;
  const identity = { infoHash, peerId: Buffer.from(host.padEnd(20, '-')) };
  const peer = new FakePeer(swarm.swarm.network.host(host), identity, {
    connected: (talk) => talk.say(talk.handshake(encodeReserved(speaksFast ? ['fast'] : []))),
    ...script,
  });
  const { address } = swarm.seed;
  return peer.dial(address);
}

/** Asks for each piece that it hears of, and tells nobody that it has it. */
function swallower(): FakeScript {
  const known: number[] = [];
  let choked = true;
  const ask = (talk: FakeTalk): void => {
    if (choked) return;
    for (const piece of known.splice(0)) {
      talk.sayMessages(
        { type: 'request', piece, begin: 0, length: BLOCK },
        { type: 'request', piece, begin: BLOCK, length: BLOCK },
      );
    }
  };
  return {
    gotHandshake: (talk) => talk.sayMessages({ type: 'haveNone' }, { type: 'interested' }),
    gotMessage: (talk, message: PeerMessage) => {
      if (message.type === 'have') known.push(message.piece);
      else if (message.type === 'unchoke') choked = false;
      else if (message.type === 'choke') choked = true;
      ask(talk);
    },
  };
}

/** Asks again and again for all but the last block of each piece that it hears of. */
function nibbler({ swarm }: SuperSwarm): FakeScript {
  const known: number[] = [];
  return {
    gotHandshake: (talk) => {
      talk.sayMessages({ type: 'haveNone' }, { type: 'interested' });
      const ask = (): void => {
        if (talk.lost) return;
        for (const piece of known) talk.sayMessages({ type: 'request', piece, begin: 0, length: BLOCK });
        swarm.timeline.addTask(ask, 1_000);
      };
      ask();
    },
    gotMessage: (_talk, message: PeerMessage) => {
      if (message.type === 'have') known.push(message.piece);
    },
  };
}

const haves = (talk: FakeTalk): number => talk.log.filter((what) => what.startsWith('have ')).length;

describe('a super seed', () => {
  for (const [leeches, pieceCount] of [
    [8, 100],
    [50, 50],
  ] as const) {
    it('says in its status that it super-seeds, until every piece is with some peer', () => {
      const hiding = world();
      const says = (): boolean => hiding.seed.torrent.status().superSeeding;
      assert.equal(says(), true);
      hiding.untilDone(HOUR);
      assert.equal(says(), false);
      assert.equal(world({ superSeed: false }).seed.torrent.status().superSeeding, false);
    });

    it(`gives hardly more than one copy until ${leeches} unequal leeches have one between them`, () => {
      const swarm = world({ leeches, pieceCount });
      const copies = swarm.untilOneCopy(HOUR);
      assert.ok(copies <= 1.05, `${copies} copies`);
    });
  }

  for (const [name, options] of [
    ['of version 2', { version: '2' }],
    ['of a hybrid', { version: 'hybrid' }],
    ['of a hybrid, of which some know one version alone', { version: 'mixed' }],
    ['without the fast extension', { speaksFast: false }],
  ] as const) {
    it(`gives hardly more than one copy until 8 leeches ${name} have one between them`, () => {
      const swarm = world({ ...options, pieceCount: 60 });
      const copies = swarm.untilOneCopy(HOUR);
      assert.ok(copies <= 1.05, `${copies} copies`);
      swarm.untilDone(HOUR);
    });
  }

  it('gives half as much as a seed that hides nothing, and its leeches are done no later', () => {
    const [hiding, open] = [world(), world({ superSeed: false })];
    assert.ok(hiding.untilOneCopy(HOUR) < open.untilOneCopy(HOUR) / 1.5);
    assert.ok(hiding.untilDone(HOUR) <= 1.1 * open.untilDone(HOUR));
  });

  it('does the same each time for the same seed of chance', () => {
    const account = (seed: number): unknown => {
      const swarm = world({ seed, pieceCount: 40 });
      return [swarm.untilOneCopy(HOUR), swarm.untilDone(HOUR), swarm.swarm.log];
    };
    const [first, again, other] = [7, 7, 8].map(account);
    assert.deepEqual(first, again);
    assert.notDeepEqual(first, other);
  });

  it('serves a lone leech as soon as a seed that hides nothing', () => {
    const [hiding, open] = [true, false].map((superSeed) =>
      world({ leeches: 1, superSeed, pieceCount: 40 }).untilDone(HOUR),
    );
    assert.ok(hiding! <= 1.1 * open!, `${hiding} ms, ${open} ms`);
  });

  it('is not held up by peers that swallow pieces, nor by peers that ask for nothing', () => {
    const swarm = world({ pieceCount: 40 });
    for (let liar = 1; liar <= 3; liar += 1) stranger(swarm, `10.1.0.${liar}`, swallower());
    for (let sleeper = 1; sleeper <= 8; sleeper += 1) {
      const script = {
        gotHandshake: (talk: FakeTalk) => talk.sayMessages({ type: 'haveNone' }, { type: 'interested' }),
      };
      stranger(swarm, `10.2.0.${sleeper}`, script);
    }
    swarm.untilDone(10 * swarm.ideal + 60_000);
  });

  it('is not held up by peers that never ask for the last block of a piece', () => {
    const swarm = world({ pieceCount: 40 });
    for (let liar = 1; liar <= 3; liar += 1) stranger(swarm, `10.1.0.${liar}`, nibbler(swarm));
    swarm.untilDone(10 * swarm.ideal + 60_000);
  });

  it('is not held up by a peer that says it has all but one piece, nor by one that says it has everything', () => {
    for (const first of [0, 1]) {
      const swarm = world({ pieceCount: 40 });
      const bits = Buffer.alloc(5, 0xff);
      bits[0] = 0xff >> first;
      stranger(swarm, '10.1.0.1', { gotHandshake: (talk) => talk.sayMessages({ type: 'bitfield', bits }) });
      swarm.untilDone(10 * swarm.ideal + 60_000);
    }
  });

  it('is over when another seed appears, and then tells each peer of all pieces', () => {
    const swarm = world({ leeches: 2, pieceCount: 40 });
    const onlooker = stranger(swarm, '10.1.0.1', { gotHandshake: (talk) => talk.sayMessages({ type: 'haveNone' }) });
    swarm.swarm.timeline.run(2_000);
    assert.ok(haves(onlooker) < 10);
    swarm.swarm.start({ seed: true, session: { encryption: 'off' } });
    swarm.swarm.timeline.run(HOUR / 60);
    stranger(swarm, '10.1.0.2', { gotHandshake: (talk) => talk.sayMessages({ type: 'haveAll' }) });
    swarm.swarm.timeline.run(2_000);
    assert.equal(new Set(onlooker.log.filter((what) => what.startsWith('have '))).size, 40);
    swarm.untilDone(HOUR);
  });

  it('tells a peer without the fast extension of one piece at first, and ignores its requests for others', () => {
    const swarm = world({ leeches: 2, pieceCount: 40 });
    const script = { gotHandshake: (talk: FakeTalk) => talk.sayMessages({ type: 'interested' }) };
    const talk = stranger(swarm, '10.1.0.1', script, false);
    swarm.swarm.timeline.run(1_000);
    assert.equal(talk.log.filter((what) => /^(bitfield|haveAll)/.test(what)).length, 0);
    assert.equal(haves(talk), 1);
    const shown = Number(talk.log.find((what) => what.startsWith('have '))?.split(' ')[1]);
    for (let piece = 0; piece < 40; piece += 1) {
      if (piece !== shown) talk.sayMessages({ type: 'request', piece, begin: 0, length: BLOCK });
    }
    swarm.swarm.timeline.run(3_000);
    assert.equal(talk.log.filter((what) => what.startsWith('piece')).length, 0);
    assert.equal(talk.lost, false);
  });

  it('gives hardly more than one copy of the files that it has selected', () => {
    const [pieceLength, pieceCount] = [2 * BLOCK, 40];
    const length = pieceCount * pieceLength;
    const files = ['t/a', 't/b'].map((path) => ({ path, length }));
    const sample = sampleTorrent(files, pieceLength);
    const selection = { select: ['a'], exclude: [], ranges: null };
    const download = new SimulatedSwarm(sample, 1);
    download.start({ seed: true });
    const done = download.start({ torrent: { selection } });
    download.untilAllDone(HOUR);
    const swarm = new SimulatedSwarm(sample, 1);
    const partial = swarm.start({
      image: done.storage.image(null),
      session: { maxUpload: 100 * 1024 },
      torrent: { selection, superSeed: true },
    });
    const leeches = Array.from({ length: 6 }, (_, at) => {
      swarm.timeline.run(200);
      return swarm.start({ torrent: { selection }, host: { upload: (1 + at) * 20 * 1024 } });
    });
    const holds = (bytes: Buffer, piece: number): boolean => {
      const right = sample.bytesOf(piece);
      return bytes.subarray(piece * pieceLength, piece * pieceLength + right.length).equals(right);
    };
    const areAllOut = (): boolean => {
      const contents = leeches.map(({ storage }) => storage.contents());
      return Array.from({ length: pieceCount }, (_, piece) => piece).every((piece) =>
        contents.some((bytes) => holds(bytes, piece)),
      );
    };
    while (!areAllOut()) {
      assert.ok(swarm.timeline.now() < HOUR, 'it is held up');
      swarm.timeline.run(500);
    }
    const copies = partial.torrent.status().uploaded / length;
    assert.ok(copies <= 1.05, `${copies} copies`);
    swarm.untilAllDone(HOUR);
  });
});
