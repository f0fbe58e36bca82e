import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { InfoHash, WireHashes } from '../../../../src/metainfo/info-hash.js';
import { chooseMethod, DialWays, type EncryptionPolicy } from '../../../../src/swarm/connections/dial-ways.js';
import type { FoundIn } from '../../../../src/swarm/connections/identity.js';
import { encodeHandshake } from '../../../../src/wire/handshake.js';
import { req2 } from '../../../../src/wire/mse/mse-keys.js';
import { announces, encodeReserved } from '../../../../src/wire/reserved.js';
import type { FakeTalk } from '../../../support/fakes/fake-talk.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { splits } from '../../../support/splits.js';
import {
  at,
  type Client,
  type ClientOptions,
  EncoderWorld,
  idOf,
  USER,
} from '../../../support/worlds/encoder-world.js';
import { makeKeyPair } from '../../../support/worlds/mse-pair.js';

const A = '10.0.0.1';
const B = '10.0.0.2';
const V1: InfoHash = Buffer.alloc(20, '1');
const V2: InfoHash = Buffer.alloc(20, '2');
const BIT = encodeReserved(['v2']);
const NO_BIT = encodeReserved([]);

type Kind = 'v1' | 'v2' | 'hybrid';
const HASHES: Readonly<Record<Kind, WireHashes>> = {
  v1: { infoHash: V1, infoHashV2: null },
  v2: { infoHash: V2, infoHashV2: V2 },
  hybrid: { infoHash: V1, infoHashV2: V2 },
};
const KINDS: readonly Kind[] = ['v1', 'v2', 'hybrid'];
const FOUND: readonly FoundIn[] = ['v1', 'v2', 'either'];

/** `1`, `1+` with the v2 bit, `2`, `2+`. */
type Said = '1' | '1+' | '2' | '2+';
/** What becomes of a connection, or nothing. */
type Made = 'v1' | 'v2' | '-';

function saidIn(bytes: Buffer): Said {
  const hash = bytes.subarray(28, 48).equals(V1) ? '1' : '2';
  return `${hash}${announces(bytes.subarray(20, 28), 'v2') ? '+' : ''}`;
}

function handshakeOf(said: Said): Buffer {
  return encodeHandshake(said.startsWith('1') ? V1 : V2, idOf('b'), said.endsWith('+') ? BIT : NO_BIT);
}

/** The connections that `client` has. */
function madeBy(client: Client): Made {
  const open = client.connections.filter(({ closed }) => !closed);
  assert.ok(open.length <= 1, 'two connections with one peer');
  return open[0] === undefined ? '-' : open[0].isV2 ? 'v2' : 'v1';
}

/** A peer that answers as the table says, and hangs up on all else. It logs what it was told. */
function answering(world: EncoderWorld, answers: Partial<Record<Said, Said>>): Said[] {
  const heard: Said[] = [];
  world.fake(B, 'b', {
    gotHandshake: (talk: FakeTalk) => {
      const said = saidIn(talk.bytes);
      heard.push(said);
      const answer = answers[said];
      if (answer === undefined) talk.hangUp();
      else talk.say(handshakeOf(answer));
    },
  });
  return heard;
}

/** How programs answer. libtorrent answers a bit with the v2 hash. */
const PEERS = {
  'a peer of v1 alone': { '1': '1', '1+': '1' },
  'a peer of v2 alone': { '2': '2' },
  'a hybrid': { '1': '1+', '1+': '2', '2': '2' },
  'a hybrid that does not change': { '1': '1+', '1+': '1+', '2': '2' },
  'a hybrid that always answers with the v1 hash': { '1': '1', '1+': '1', '2': '1' },
} as const satisfies Readonly<Record<string, Partial<Record<Said, Said>>>>;
type PeerName = keyof typeof PEERS;

/** By the peer, and where it was found: what it hears, in order, and what becomes of it. */
const HYBRID_DIALS: Readonly<Record<PeerName, Readonly<Record<FoundIn, readonly [string, Made]>>>> = {
  'a peer of v1 alone': { v1: ['1+', 'v1'], v2: ['2 1+', 'v1'], either: ['1+', 'v1'] },
  'a peer of v2 alone': { v1: ['1+', '-'], v2: ['2', 'v2'], either: ['1+ 2', 'v2'] },
  'a hybrid': { v1: ['1+', 'v2'], v2: ['2', 'v2'], either: ['1+', 'v2'] },
  'a hybrid that does not change': { v1: ['1+', 'v1'], v2: ['2', 'v2'], either: ['1+', 'v1'] },
  'a hybrid that always answers with the v1 hash': { v1: ['1+', 'v1'], v2: ['2', 'v1'], either: ['1+', 'v1'] },
};
/** Of torrents with one hash, wherever the peer was found. */
const SINGLE_DIALS: Readonly<Record<'v1' | 'v2', Readonly<Record<PeerName, readonly [string, Made]>>>> = {
  v1: {
    'a peer of v1 alone': ['1', 'v1'],
    'a peer of v2 alone': ['1', '-'],
    'a hybrid': ['1', 'v1'],
    'a hybrid that does not change': ['1', 'v1'],
    'a hybrid that always answers with the v1 hash': ['1', 'v1'],
  },
  v2: {
    'a peer of v1 alone': ['2', '-'],
    'a peer of v2 alone': ['2', 'v2'],
    'a hybrid': ['2', 'v2'],
    'a hybrid that does not change': ['2', 'v2'],
    'a hybrid that always answers with the v1 hash': ['2', '-'],
  },
};

describe('a peer that we dial', () => {
  for (const us of KINDS)
    for (const name of Object.keys(PEERS) as PeerName[])
      for (const found of FOUND) {
        const [heard, made] = us === 'hybrid' ? HYBRID_DIALS[name][found] : SINGLE_DIALS[us][name];
        it(`for a torrent of ${us}, ${name}, found in ${found}: ${heard}, then ${made}`, () => {
          const world = new EncoderWorld();
          const log = answering(world, PEERS[name]);
          const client = world.client(A, 'a', { hashes: HASHES[us] });
          client.encoder.startConnection(at(B), USER, null, found);
          world.run(2_000);
          assert.deepEqual([log.join(' '), madeBy(client)], [heard, made]);
        });
      }

  it('may send its answer in parts of any length, and answer with a hash that is not ours in none', () => {
    const wrong = encodeHandshake(Buffer.alloc(20, 'w'), idOf('b'), BIT);
    for (const [answer, made, refused] of [
      [handshakeOf('1'), 'v1', 0],
      [handshakeOf('2'), 'v2', 0],
      [handshakeOf('2+'), 'v2', 0],
      [wrong, '-', 1],
    ] as const)
      for (const parts of splits(answer, seededRandom(1))) {
        const world = new EncoderWorld();
        const peer = world.fake(B, 'b');
        const client = world.client(A, 'a', { hashes: HASHES.hybrid });
        client.encoder.startConnection(at(B), USER, null, 'v1');
        world.run(100);
        for (const part of parts) {
          if (!peer.talk.lost) peer.talk.say(part);
          world.run(1);
        }
        world.run(100);
        assert.deepEqual([madeBy(client), client.encoder.refusals.get('unknown-info-hash') ?? 0], [made, refused]);
      }
  });

  it('is dialled the next time as it has answered', () => {
    const world = new EncoderWorld();
    const log = answering(world, PEERS['a peer of v2 alone']);
    const client = world.client(A, 'a', { hashes: HASHES.hybrid, options: { retryInterval: 1_000 } });
    client.encoder.startConnection(at(B), USER, null);
    world.run(500);
    client.connections[0]?.refuse({ code: 'idle' });
    world.run(10_000);
    assert.deepEqual([log, madeBy(client)], [['1+', '2', '2'], 'v2']);
  });

  it('is reached at the second dial when it takes version 2 and encryption alone, and nothing was known of it', () => {
    const world = new EncoderWorld();
    const options = { retryInterval: 1_000 };
    const client = world.client(A, 'a', { ...speaking('hybrid', 'allow'), options });
    const peer = world.client(B, 'b', speaking('v2', 'require'));
    client.encoder.startConnection(at(B), USER, null);
    world.run(900);
    assert.equal(madeBy(client), '-');
    world.run(5_000);
    assert.deepEqual([madeBy(client), madeBy(peer)], ['v2', 'v2']);
  });

  it('is one spare and one connection, though it is found in both swarms, and either hash may be right', () => {
    const world = new EncoderWorld();
    const log = answering(world, PEERS['a peer of v2 alone']);
    const places = { maxConnections: 1, maxInitiate: 1 };
    const client = world.client(A, 'a', { hashes: HASHES.hybrid, options: places });
    world.silence('10.0.0.9');
    client.encoder.startConnection(at('10.0.0.9'), USER, null);
    for (const found of ['v1', 'v2', 'v1'] as const) client.encoder.startConnection(at(B), USER, null, found);
    world.run(0);
    assert.equal(client.encoder.reach.waiting, 1);
    world.run(20_000);
    for (const found of ['v1', 'v2'] as const) client.encoder.startConnection(at(B), USER, null, found);
    world.run(1_000);
    assert.deepEqual([log, madeBy(client)], [['1+', '2'], 'v2']);
  });
});

/** What we answer to each greeting of a peer from outside, and what becomes of it. */
const ANSWERS: Readonly<Record<Kind, Readonly<Record<Said, readonly [Said | '', Made]>>>> = {
  v1: { '1': ['1', 'v1'], '1+': ['1', 'v1'], '2': ['', '-'], '2+': ['', '-'] },
  v2: { '1': ['', '-'], '1+': ['', '-'], '2': ['2', 'v2'], '2+': ['2', 'v2'] },
  hybrid: { '1': ['1+', 'v1'], '1+': ['2', 'v2'], '2': ['2', 'v2'], '2+': ['2', 'v2'] },
};

describe('a peer from outside', () => {
  for (const us of KINDS)
    for (const said of ['1', '1+', '2', '2+'] as const) {
      const [answer, made] = ANSWERS[us][said];
      it(`that says ${said} to a torrent of ${us} hears ${answer || 'nothing'}: ${made}`, () => {
        for (const parts of splits(handshakeOf(said), seededRandom(2))) {
          const world = new EncoderWorld();
          const client = world.client(A, 'a', { hashes: HASHES[us] });
          const talk = world.fake(B, 'b').dial(at(A));
          for (const part of parts) {
            talk.say(part);
            world.run(1);
          }
          world.run(100);
          assert.deepEqual([talk.bytes.length === 0 ? '' : saidIn(talk.bytes), madeBy(client)], [answer, made]);
        }
      });
    }
});

/** What two of our own make of each other, for each pair and where the one that dials has found the other. */
const OWN: Readonly<Record<Kind, Readonly<Record<Kind, Readonly<Record<FoundIn, Made>>>>>> = {
  v1: {
    v1: { v1: 'v1', v2: 'v1', either: 'v1' },
    v2: { v1: '-', v2: '-', either: '-' },
    hybrid: { v1: 'v1', v2: 'v1', either: 'v1' },
  },
  v2: {
    v1: { v1: '-', v2: '-', either: '-' },
    v2: { v1: 'v2', v2: 'v2', either: 'v2' },
    hybrid: { v1: 'v2', v2: 'v2', either: 'v2' },
  },
  hybrid: {
    v1: { v1: 'v1', v2: 'v1', either: 'v1' },
    v2: { v1: '-', v2: 'v2', either: 'v2' },
    hybrid: { v1: 'v2', v2: 'v2', either: 'v2' },
  },
};

/** The options of a client that speaks by this policy. */
function speaking(kind: Kind, policy: EncryptionPolicy): Partial<ClientOptions> {
  const random = seededRandom(7);
  if (policy === 'off') return { hashes: HASHES[kind] };
  const names = kind === 'hybrid' ? [V1, V2] : [HASHES[kind].infoHash];
  return {
    hashes: HASHES[kind],
    encryption: { ways: new DialWays(policy), makeKeyPair, random },
    acceptEncryption: {
      random,
      pair: () => makeKeyPair(random.bytes(20)),
      torrentOf: (hash) => names.find((name) => hash.equals(req2(name))),
      select: (provide) => chooseMethod(policy, provide),
      isRequired: policy === 'require',
    },
  };
}

describe('two of our own', () => {
  for (const policy of ['off', 'allow', 'require'] as const)
    for (const us of KINDS)
      for (const them of KINDS)
        for (const found of FOUND) {
          const made = OWN[us][them][found];
          it(`${us} dials ${them}, found in ${found}, encryption ${policy}: ${made} on both sides`, () => {
            const world = new EncoderWorld();
            const dialler = world.client(A, 'a', speaking(us, policy));
            const acceptor = world.client(B, 'b', speaking(them, policy));
            dialler.encoder.startConnection(at(B), USER, null, found);
            world.run(5_000);
            assert.deepEqual([madeBy(dialler), madeBy(acceptor)], [made, made]);
            const [connection] = dialler.connections;
            if (connection !== undefined) assert.equal(connection.isEncrypted, policy === 'require');
          });
        }
});

describe('a torrent whose hashes change', () => {
  it('dials again the peers that could go on as version 2, and keeps all others', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { hashes: HASHES.v1 });
    const log = answering(world, PEERS['a hybrid']);
    const plain = world.polite('10.0.0.3', 'c', undefined, V1);
    client.encoder.startConnection(at(B), USER, null);
    client.encoder.startConnection(at('10.0.0.3'), USER, null);
    const guest = world.fake('10.0.0.4', 'd', {}, undefined, V1).dial(at(A));
    guest.say(guest.handshake(BIT));
    world.run(1_000);
    assert.deepEqual([client.peers, client.connections.map(({ isV2 }) => isV2)], ['dbc', [false, false, false]]);
    client.encoder.setIdentity({ ...client.encoder.identity, ...HASHES.hybrid });
    world.run(1_000);
    assert.deepEqual([log, client.peers], [['1', '1+'], 'dcb']);
    assert.deepEqual([guest.lost, plain.talk.lost, client.connections.at(-1)?.isV2], [false, false, true]);
    assert.deepEqual([...client.encoder.refusals], [['info-hash-changed', 1]]);
    const late = world.fake('10.0.0.5', 'e', {}, undefined, V2).dial(at(A));
    late.say(late.handshake());
    world.run(1_000);
    assert.equal(client.connections.at(-1)?.isV2, true);
  });

  it('parts from the peers of a hash that it gives up, and dials them again by the other', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { hashes: HASHES.hybrid });
    const log = answering(world, PEERS['a hybrid']);
    client.encoder.startConnection(at(B), USER, null);
    const plain = world.fake('10.0.0.3', 'c', {}, undefined, V1).dial(at(A));
    plain.say(plain.handshake());
    world.run(1_000);
    assert.deepEqual(
      client.connections.map(({ isV2 }) => isV2),
      [false, true],
    );
    client.encoder.setIdentity({ ...client.encoder.identity, ...HASHES.v1 });
    world.run(1_000);
    assert.deepEqual([log, client.peers, plain.lost], [['1+', '1'], 'cb', false]);
    assert.ok(client.connections.every(({ isV2, closed }) => closed || !isV2));
  });

  it('keeps its connections when its only hash turns out to be that of v2', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { hashes: { infoHash: V2, infoHashV2: null } });
    answering(world, PEERS['a peer of v2 alone']);
    client.encoder.startConnection(at(B), USER, null);
    world.run(1_000);
    assert.equal(madeBy(client), 'v1');
    client.encoder.setIdentity({ ...client.encoder.identity, ...HASHES.v2 });
    world.run(1_000);
    assert.deepEqual([madeBy(client), client.connections.length], ['v2', 1]);
  });
});
