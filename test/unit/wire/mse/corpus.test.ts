/** Handshakes of other programs, and known answers: both sides are replayed from the private keys that stand there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '../../../../src/base/random.js';
import { isPublicKey, PRIME } from '../../../../src/wire/mse/key-exchange.js';
import { acceptedCipher, CRYPTO, dialledCipher, type MseAgreement, req2 } from '../../../../src/wire/mse/mse-keys.js';
import { Rc4 } from '../../../../src/wire/mse/rc4.js';
import { hasCorpus, isInCorpus, readCorpus } from '../../../support/corpus.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { splits } from '../../../support/splits.js';
import { accepting, dialling, type MseSide, makeKeyPair } from '../../../support/worlds/mse-pair.js';

type Wire = Readonly<Record<'A1' | 'A2' | 'A3' | 'B1' | 'B2' | 'B3', string>>;

interface Vectors {
  readonly prime: string;
  readonly handshakes: readonly {
    readonly name: string;
    readonly infoHash: string;
    readonly privateA: string;
    readonly privateB: string;
    readonly publicA: string;
    readonly publicB: string;
    readonly secret: string;
    readonly padLengths: Readonly<Record<'A' | 'B' | 'C' | 'D', number>>;
    readonly provide: number;
    readonly select: number;
    readonly initialPayload: string;
    readonly wire: Wire;
    readonly plain: { readonly A: string; readonly B: string };
  }[];
  readonly publicKeys: readonly { readonly name: string; readonly publicKey: string; readonly verdict: string }[];
  readonly rc4: readonly { readonly key: string; readonly discard: number; readonly keystream64: string }[];
}

/** A connection between a client and a probe whose private key is known. */
interface Capture {
  readonly name: string;
  readonly infoHash: string;
  readonly privateKey: string;
  readonly events: readonly { readonly by: 'probe' | 'client'; readonly hex: string }[];
  readonly result: {
    readonly kind?: string;
    readonly select?: number;
    readonly protocol?: boolean;
    readonly reserved?: string;
    readonly infohash?: string;
    readonly peer?: string;
    readonly handshake?: string;
    readonly padA?: number;
    readonly provide?: number;
    readonly ia?: number;
    readonly next?: string;
  };
}

const REACH = 'reach/';
const CLIENTS_DIALLED = [
  'aria2-1.36',
  'libtorrent-2.0.8',
  'rtorrent-0.9.8-allow_incoming_try_outgoing_enable_retry',
  'transmission-3.00-encryption1',
];
const CLIENTS_DIALLING = ['lt-enabled', 'rtorrent-0.9.8-allow_incoming_enable_retry'];
const PROTOCOL = Buffer.from('\x13BitTorrent protocol', 'latin1');
/** Ways to cut a stream, of which each is tried. */
const WAYS = 4;

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function inWays(replay: (cut: (bytes: Buffer) => readonly Buffer[], label: string) => void): void {
  for (let way = 0; way < WAYS; way += 1) {
    const random = seededRandom(way);
    replay((bytes) => splits(bytes, random, WAYS - 2)[way] as Buffer[], `way ${way}`);
  }
}

/** Chance that makes these paddings, one after the other. */
function paddings(...pads: readonly Buffer[]): Random {
  const left = [...pads];
  let next: Buffer | null = null;
  return {
    below: () => {
      next = left.shift() ?? Buffer.alloc(0);
      return next.length;
    },
    bytes: (length) => next ?? Buffer.alloc(length, 1),
  };
}

/** What the side has read behind the handshake, decrypted where that was agreed. */
function streamOf(side: MseSide, { method, receiving } = side.agreement as MseAgreement): Buffer {
  return method === CRYPTO.rc4 ? receiving.copy(side.rest) : side.rest;
}

function readVectors(): Vectors | null {
  const path = `${REACH}mse-vectors.json`;
  return hasCorpus('known answers of message stream encryption') && isInCorpus(path)
    ? (JSON.parse(readCorpus(path).toString()) as Vectors)
    : null;
}

function readCaptures(path: string): readonly Capture[] {
  return isInCorpus(path) ? (JSON.parse(readCorpus(path).toString()) as Capture[]) : [];
}

test('known answers: both sides say these bytes and no others, however the stream is cut', () => {
  for (const vector of readVectors()?.handshakes ?? []) {
    const { wire, padLengths } = vector;
    const [infoHash, secret, first] = [vector.infoHash, vector.secret, vector.initialPayload].map(hex) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    const [pairA, pairB] = [makeKeyPair(hex(vector.privateA)), makeKeyPair(hex(vector.privateB))];
    assert.deepEqual([pairA.publicKey, pairB.publicKey], [hex(vector.publicA), hex(vector.publicB)], vector.name);
    assert.deepEqual([pairA.secretWith(pairB.publicKey), pairB.secretWith(pairA.publicKey)], [secret, secret]);
    const padC = dialledCipher(secret, infoHash)
      .copy(hex(wire.A2).subarray(40))
      .subarray(14, 14 + padLengths.C);
    inWays((cut, way) => {
      const label = `${vector.name}, ${way}`;
      const dialler = dialling(paddings(hex(wire.A1).subarray(96), padC), {
        pair: pairA,
        skey: infoHash,
        provide: vector.provide,
        first,
      });
      const feed = (side: MseSide, ...parts: readonly string[]): void => {
        for (const part of cut(hex(parts.join('')))) side.dataCameIn(part);
      };
      assert.equal(dialler.take().toString('hex'), wire.A1, label);
      feed(dialler, wire.B1);
      assert.equal(dialler.take().toString('hex'), wire.A2, label);
      feed(dialler, wire.B2, wire.B3);
      assert.equal(dialler.agreement?.method, vector.select, label);
      assert.equal(streamOf(dialler).toString('hex'), vector.plain.B, label);
      const saidA = hex(vector.plain.A).subarray(first.length);
      const sentA = vector.select === CRYPTO.rc4 ? dialler.agreement?.sending.copy(saidA) : saidA;
      assert.equal(sentA?.toString('hex'), wire.A3, label);

      const padD = padLengths.D === 0 ? Buffer.alloc(0) : padOfB2(vector.secret, infoHash, hex(wire.B2));
      const acceptor = accepting(paddings(hex(wire.B1).subarray(96), padD), {
        pair: () => pairB,
        torrentOf: (hash) => (hash.equals(req2(infoHash)) ? infoHash : undefined),
        select: () => (vector.select === CRYPTO.rc4 ? CRYPTO.rc4 : CRYPTO.plaintext),
      });
      feed(acceptor, wire.A1, wire.A2, wire.A3);
      assert.equal(acceptor.take().toString('hex'), wire.B1 + wire.B2, label);
      assert.equal(acceptor.agreement?.method, vector.select, label);
      assert.deepEqual(acceptor.first, first, label);
      assert.equal(Buffer.concat([first, streamOf(acceptor)]).toString('hex'), vector.plain.A, label);
    });
  }
});

/** The padding in the acceptor's second message, decrypted. */
function padOfB2(secret: string, infoHash: Buffer, sent: Buffer): Buffer {
  return acceptedCipher(hex(secret), infoHash).copy(sent).subarray(14);
}

test('known answers: the prime, public keys that are refused, and the key stream', () => {
  const vectors = readVectors();
  if (vectors === null) return;
  assert.equal(PRIME.toString('hex'), vectors.prime);
  for (const { name, publicKey, verdict } of vectors.publicKeys)
    assert.equal(isPublicKey(hex(publicKey)) ? 'accept' : 'refuse', verdict, name);
  for (const { key, discard, keystream64 } of vectors.rc4)
    assert.equal(new Rc4(hex(key), discard).copy(Buffer.alloc(64)).toString('hex'), keystream64, `${key} ${discard}`);
});

/** What the probe offered, from its second message; null when it does not fit the torrent and the client's key. */
function offered({ events, privateKey, infoHash }: Capture): number | null {
  const [said = Buffer.alloc(0), offer = Buffer.alloc(0)] = ['client', 'probe'].map((by, nth) =>
    hex(events.filter((event) => event.by === by)[nth]?.hex ?? ''),
  );
  if (offer.length < 54 || said.length < 96) return null;
  const secret = makeKeyPair(hex(privateKey)).secretWith(said.subarray(0, 96));
  const plain = dialledCipher(secret, hex(infoHash)).copy(offer.subarray(40, 54));
  return plain.readBigUInt64BE(0) === 0n ? plain.readUInt32BE(8) : null;
}

for (const client of CLIENTS_DIALLED) {
  test(`we dial ${client}: its raw bytes lead to what it said then`, () => {
    let agreed = 0;
    for (const capture of readCaptures(`${REACH}mse-init-${client}.json`)) {
      const { name, events, privateKey, infoHash, result } = capture;
      const provide = offered(capture);
      if (provide === null) continue;
      inWays((cut, way) => {
        const dialler = dialling(seededRandom(1), { pair: makeKeyPair(hex(privateKey)), skey: hex(infoHash), provide });
        assert.equal(dialler.take().toString('hex', 0, 96), events[0]?.hex.slice(0, 192));
        const heard = Buffer.concat(events.flatMap((event) => (event.by === 'client' ? [hex(event.hex)] : [])));
        for (const part of cut(heard)) dialler.dataCameIn(part);
        assert.deepEqual(dialler.refused, null, `${name}, ${way}`);
        assert.equal(dialler.agreement?.method, result.select, `${name}, ${way}`);
        if (dialler.agreement === null || result.protocol !== true) return;
        agreed += 1;
        const stream = streamOf(dialler);
        assert.deepEqual(stream.subarray(0, 20), PROTOCOL, `${name}, ${way}`);
        assert.equal(stream.toString('hex', 20, 28), result.reserved);
        assert.equal(stream.toString('hex', 28, 48), result.infohash);
        assert.equal(stream.toString('latin1', 48, 68).slice(0, 8), result.peer?.slice(0, 8));
      });
    }
    if (isInCorpus(`${REACH}mse-init-${client}.json`)) assert.ok(agreed >= 5 * WAYS, `${agreed}`);
  });
}

for (const client of CLIENTS_DIALLING) {
  test(`${client} dials us: its raw bytes are a handshake, and what follows is its first message`, () => {
    let agreed = 0;
    for (const { name, events, privateKey, infoHash, result } of readCaptures(`${REACH}mse-resp-${client}.json`)) {
      if (result.kind !== 'mse') continue;
      const probe = events.filter(({ by }) => by === 'probe');
      for (const method of [CRYPTO.rc4, CRYPTO.plaintext]) {
        inWays((cut, way) => {
          let provided = 0;
          const acceptor = accepting(seededRandom(1), {
            pair: () => makeKeyPair(hex(privateKey)),
            torrentOf: (hash) => (hash.equals(req2(hex(infoHash))) ? hex(infoHash) : undefined),
            select: (provide) => {
              provided = provide;
              return method;
            },
          });
          const heard = Buffer.concat(events.flatMap((event) => (event.by === 'client' ? [hex(event.hex)] : [])));
          for (const part of cut(heard)) acceptor.dataCameIn(part);
          const label = `${client}, ${name}, ${way}`;
          assert.equal(acceptor.take().toString('hex', 0, 96), probe[0]?.hex.slice(0, 192), label);
          assert.deepEqual([acceptor.refused, provided], [null, result.provide], label);
          assert.equal(acceptor.first.length, result.ia, label);
          assert.deepEqual(acceptor.first.subarray(0, 20), PROTOCOL, label);
          assert.equal(acceptor.first.toString('hex', 28, 48), infoHash, label);
          // The client speaks by the method that the probe chose, which is one of the two.
          if (
            streamOf(acceptor)
              .toString('hex')
              .startsWith(result.next ?? '?')
          )
            agreed += 1;
        });
      }
    }
    if (isInCorpus(`${REACH}mse-resp-${client}.json`)) assert.ok(agreed >= WAYS && agreed % WAYS === 0, `${agreed}`);
  });
}
