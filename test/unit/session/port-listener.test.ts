import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adoptSocket } from '../../../src/net/cipher-socket.js';
import type { ListenOutcome, RawServer, SingleSocket } from '../../../src/net/raw-server.js';
import type { AcceptEncryption, Taker } from '../../../src/session/incoming-handshake.js';
import {
  DEFAULT_PORT_LISTENER_OPTIONS,
  PortListener,
  type PortListenerOptions,
} from '../../../src/session/port-listener.js';
import type { Incoming } from '../../../src/swarm/connections/connection.js';
import { encodeHandshake, PROTOCOL_START } from '../../../src/wire/handshake.js';
import { isPublicKey } from '../../../src/wire/mse/key-exchange.js';
import {
  acceptedCipher,
  CRYPTO,
  type CryptoMethod,
  dialledCipher,
  req1,
  req2,
  req3,
  VC,
  xor,
} from '../../../src/wire/mse/mse-keys.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import { FakePeer } from '../../support/fakes/fake-peer.js';
import type { FakeTalk } from '../../support/fakes/fake-talk.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { splits } from '../../support/splits.js';
import { at, EncoderWorld, INFO_HASH, idOf, PORT } from '../../support/worlds/encoder-world.js';
import { makeKeyPair } from '../../support/worlds/mse-pair.js';

const A = '10.0.0.1';
const B = '10.0.0.2';
const OTHER_HASH = Buffer.alloc(20, 'o');
/** Of another torrent that is here too. */
const THIRD_HASH = Buffer.alloc(20, 't');
/** The second hash of the torrent with `INFO_HASH`. */
const SECOND_HASH = Buffer.alloc(20, 's');

/** Takes a connection, and notes the bytes that came with it and after it. */
class NotingTaker implements Taker {
  readonly #rawServer: RawServer;
  readonly taken: { host: string; at: number; reserved: string }[] = [];
  /** The hashes that peers have named. */
  readonly hashes: Buffer[] = [];
  received = Buffer.alloc(0);
  /** What it says when it has taken a connection. */
  greeting = Buffer.alloc(0);

  constructor(rawServer: RawServer) {
    this.#rawServer = rawServer;
  }

  externalConnectionMade(socket: SingleSocket, incoming: Incoming): void {
    this.hashes.push(incoming.infoHash);
    this.taken.push({
      host: incoming.address.host,
      at: incoming.acceptedAt,
      reserved: incoming.reserved.toString('hex'),
    });
    this.#note(incoming.rest);
    const context = this.#rawServer.createContext((error) => assert.fail(`${error}`));
    adoptSocket(context, socket, {
      connectionMade: () => undefined,
      dataCameIn: (_socket, data) => this.#note(data),
      connectionFlushed: () => undefined,
      connectionLost: () => undefined,
    });
    if (this.greeting.length > 0) socket.write([this.greeting]);
  }

  #note(data: Buffer): void {
    this.received = Buffer.concat([this.received, data]);
  }
}

class World extends EncoderWorld {
  readonly taker = new NotingTaker(this.host(A));
  /** That of the torrent with `THIRD_HASH`. */
  readonly thirdTaker = new NotingTaker(this.host(A));

  listener(options: Partial<PortListenerOptions> = {}, encryption: AcceptEncryption | null = null): PortListener {
    const rawServer = this.host(A);
    const listener = new PortListener({
      rawServer,
      encoderFor: (infoHash) => {
        if (infoHash.equals(THIRD_HASH)) return this.thirdTaker;
        return infoHash.equals(INFO_HASH) || infoHash.equals(SECOND_HASH) ? this.taker : undefined;
      },
      encryption,
      options: { ...DEFAULT_PORT_LISTENER_OPTIONS, ...options },
    });
    listener.listen({ first: PORT, last: PORT }, null, (outcome) => assert.equal(outcome.ok, true));
    this.run(0);
    return listener;
  }

  dialFrom(host: string): FakeTalk {
    const talk = new FakePeer(this.host(host), { infoHash: INFO_HASH, peerId: idOf('b') }).dial(at(A));
    this.run(100);
    return talk;
  }
}

describe('the listening socket of all torrents', () => {
  it('hands a connection over once its info-hash is known, with every byte that came after it', () => {
    const behind = Buffer.from('peer id, and whatever follows it, up to the last byte');
    const head = encodeHandshake(INFO_HASH, idOf('b'), encodeReserved(['extended'])).subarray(0, 48);
    for (const parts of splits(Buffer.concat([head, behind]), seededRandom(4))) {
      const world = new World();
      const listener = world.listener();
      const talk = world.dialFrom(B);
      for (const part of parts) {
        talk.say(part);
        world.run(1);
      }
      world.run(100);
      assert.deepEqual(world.taker.taken, [{ host: B, at: 10, reserved: '0000000000100000' }]);
      assert.deepEqual(world.taker.hashes, [INFO_HASH]);
      assert.equal(world.taker.received.toString(), behind.toString());
      assert.equal(listener.unfinishedCount, 0);
      assert.deepEqual([...listener.refusals], []);
    }
  });

  it('refuses an unknown info-hash, and a peer that does not speak BitTorrent', () => {
    for (const [stream, why] of [
      [encodeHandshake(OTHER_HASH, idOf('b'), encodeReserved([])), 'unknown-info-hash'],
      [Buffer.from('GET /announce HTTP/1.1\r\nHost: x\r\n\r\n'), 'not-bittorrent'],
      [Buffer.from('\x13BitTorrent Protocol--------', 'latin1'), 'not-bittorrent'],
      [Buffer.alloc(100), 'not-bittorrent'],
    ] as const) {
      for (const parts of splits(stream, seededRandom(5))) {
        const world = new World();
        const listener = world.listener();
        const talk = world.dialFrom(B);
        for (const part of parts) {
          talk.say(part);
          world.run(1);
        }
        world.run(100);
        assert.deepEqual([...listener.refusals], [[why, 1]]);
        assert.deepEqual([talk.lost, talk.bytes.length], [true, 0], 'it hears nothing from us');
        assert.equal(listener.unfinishedCount, 0);
      }
    }
  });

  it('ends a connection that has not named its torrent after 30 seconds, even when bytes trickle in', () => {
    const world = new World(0);
    const listener = world.listener();
    const silent = world.dialFrom(B);
    const slow = world.dialFrom(B);
    slow.drip(slow.handshake(), 9_000);
    const at = (moment: number): readonly unknown[] => {
      world.run(moment - world.timeline.now());
      return [...listener.refusals, silent.lost, slow.lost, listener.unfinishedCount];
    };
    assert.deepEqual(at(29_999), [false, false, 2]);
    assert.deepEqual(at(30_000), [['handshake-timeout', 1], true, false, 1]);
    assert.deepEqual(at(30_099), [['handshake-timeout', 1], true, false, 1]);
    assert.deepEqual(at(30_100), [['handshake-timeout', 2], true, true, 0]);
    assert.deepEqual(at(400_000), [['handshake-timeout', 2], true, true, 0]);
  });

  it('forgets a connection that is lost before it has named its torrent', () => {
    const world = new World();
    const listener = world.listener();
    const talk = world.dialFrom(B);
    talk.say(talk.handshake().subarray(0, 30));
    world.run(100);
    assert.equal(listener.unfinishedCount, 1);
    talk.hangUp();
    world.run(100);
    assert.equal(listener.unfinishedCount, 0);
    assert.deepEqual([...listener.refusals], []);
  });

  it('keeps a bounded number of silent connections, and still lets an honest peer through', () => {
    const world = new World();
    const listener = world.listener({ maxUnfinished: 50, maxUnfinishedPerHost: 4 });
    let most = 0;
    for (let knock = 0; knock < 2_000; knock += 1) {
      new FakePeer(world.host(`10.0.9.${knock % 250}`), { infoHash: INFO_HASH, peerId: idOf('x') }).dial(at(A));
      if (knock % 100 === 0) world.run(50);
      most = Math.max(most, listener.unfinishedCount);
    }
    const honest = new FakePeer(world.host(B), { infoHash: INFO_HASH, peerId: idOf('b') }).dial(at(A));
    honest.sayHandshake();
    world.run(100);
    assert.equal(most, 50);
    assert.deepEqual(
      world.taker.taken.map(({ host }) => host),
      [B],
    );
    world.run(60_000);
    assert.equal(listener.unfinishedCount, 0);
  });

  it('keeps a bounded number of silent connections of one host', () => {
    const world = new World();
    const listener = world.listener({ maxUnfinishedPerHost: 2 });
    const talks = [B, B, B, '10.0.0.3'].map((host) => world.dialFrom(host));
    assert.deepEqual(
      talks.map(({ lost }) => lost),
      [false, false, true, false],
    );
    talks[0]?.sayHandshake();
    world.run(100);
    assert.deepEqual([world.dialFrom(B).lost, world.dialFrom(B).lost], [false, true]);
    assert.deepEqual([...listener.refusals], [['table-full', 2]]);
  });

  it('counts a /64 of IPv6 as one host', () => {
    const world = new EncoderWorld();
    const here = at('2001:db8:9::1');
    const { listener } = world.client(here.host, 'a');
    for (let number = 1; number <= 18; number += 1) {
      world.fake(`2001:db8:${number < 18 ? 1 : 2}::${number}`, 'b').dial(here);
    }
    world.run(1_000);
    assert.deepEqual([listener.unfinishedCount, ...listener.refusals], [17, ['table-full', 1]]);
  });

  it('listens on the first free port of the range, and reports when there is none', () => {
    const world = new EncoderWorld();
    const outcomes: ListenOutcome[] = [];
    for (let count = 0; count < 4; count += 1) {
      const listener = new PortListener({
        rawServer: world.host(A),
        encoderFor: () => undefined,
        encryption: null,
        options: DEFAULT_PORT_LISTENER_OPTIONS,
      });
      listener.listen({ first: 6881, last: 6883 }, null, (outcome) => outcomes.push(outcome));
      world.run(100);
    }
    assert.deepEqual(
      outcomes.map((outcome) =>
        outcome.ok ? 'port' in outcome.listener.address && outcome.listener.address.port : outcome.code,
      ),
      [6881, 6882, 6883, 'in-use'],
    );
  });

  it('ends unfinished handshakes when it is closed, and accepts no connection after that', () => {
    const world = new World();
    const listener = world.listener();
    const talk = world.dialFrom(B);
    listener.close();
    world.run(100);
    const late = world.dialFrom(B);
    world.run(100);
    assert.deepEqual([talk.lost, late.lost, listener.unfinishedCount], [true, true, 0]);
    assert.deepEqual([...listener.refusals], [['shutting-down', 1]]);
  });

  it('when the port opens only after it was closed, closes the port at once', () => {
    const world = new EncoderWorld();
    const listener = new PortListener({
      rawServer: world.host(A),
      encoderFor: () => undefined,
      encryption: null,
      options: DEFAULT_PORT_LISTENER_OPTIONS,
    });
    listener.listen({ first: PORT, last: PORT }, null, () => undefined);
    listener.close();
    world.run(100);
    const talk = new FakePeer(world.host(B), { infoHash: INFO_HASH, peerId: idOf('b') }).dial(at(A));
    world.run(100);
    assert.deepEqual(talk.log, ['lost: refused']);
  });
});

/** A listener that takes encrypted handshakes, whose keys are known to the test. */
class EncryptedWorld extends World {
  readonly acceptor = makeKeyPair(Buffer.alloc(20, 5));
  readonly dialler = makeKeyPair(Buffer.alloc(20, 9));
  readonly port: PortListener;
  /** How often our keys were made. */
  pairs = 0;

  constructor(encryption: Partial<AcceptEncryption> = {}, options: Partial<PortListenerOptions> = {}, latency = 10) {
    super(latency);
    this.port = this.listener(options, {
      pair: () => {
        this.pairs += 1;
        return this.acceptor;
      },
      random: seededRandom(3),
      torrentOf: (hash) => [INFO_HASH, SECOND_HASH, THIRD_HASH].find((infoHash) => hash.equals(req2(infoHash))),
      select: (provide) => (provide === CRYPTO.plaintext || provide === CRYPTO.rc4 ? provide : undefined),
      isRequired: false,
      ...encryption,
    });
  }

  /** Says each part in a chunk of its own, and lets everything arrive. */
  say(talk: FakeTalk, parts: readonly Buffer[]): void {
    for (const part of parts) {
      talk.say(part);
      this.run(1);
    }
    this.run(100);
  }

  /** Everything that a dialler says to the acceptor, from its public key on. It offers one method. */
  dialled(method: CryptoMethod, first: Buffer, stream: Buffer, { skey = INFO_HASH, vc = VC, key = KEY } = {}): Buffer {
    const secret = this.acceptor.secretWith(key(this));
    const cipher = dialledCipher(secret, skey);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(method);
    head.writeUInt16BE(2, 4);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(first.length);
    const offer = cipher.copy(Buffer.concat([vc, head, length, first]));
    return Buffer.concat([
      key(this),
      Buffer.alloc(33, 'p'),
      req1(secret),
      xor(req2(skey), req3(secret)),
      offer,
      method === CRYPTO.rc4 ? cipher.copy(stream) : stream,
    ]);
  }

  /** What the listener and the taker have said behind the handshake, decrypted. */
  heard({ bytes }: FakeTalk, method: CryptoMethod): string {
    const secret = this.dialler.secretWith(this.acceptor.publicKey);
    assert.deepEqual(bytes.subarray(0, 96), this.acceptor.publicKey);
    const cipher = acceptedCipher(secret, INFO_HASH);
    const begin = bytes.indexOf(cipher.copy(VC), 96) + VC.length;
    const selected = cipher.copy(bytes.subarray(begin, begin + 6));
    assert.equal(selected.readUInt32BE(0), method);
    const end = begin + 6 + selected.readUInt16BE(4);
    cipher.copy(bytes.subarray(begin + 6, end));
    return (method === CRYPTO.rc4 ? cipher.copy(bytes.subarray(end)) : bytes.subarray(end)).toString();
  }
}

const KEY = (world: EncryptedWorld): Buffer => world.dialler.publicKey;
const HANDSHAKE = encodeHandshake(INFO_HASH, idOf('b'), encodeReserved(['extended']));
const MESSAGES = Buffer.from('messages of all kinds, one after the other, and the beginning of the next');

describe('a listening socket that takes encrypted handshakes', () => {
  const methods = [
    ['RC4', CRYPTO.rc4],
    ['plaintext', CRYPTO.plaintext],
  ] as const;
  const firsts = [
    ['nothing', 0],
    ['half a handshake', 34],
    ['the handshake', HANDSHAKE.length],
    ['the handshake and messages', HANDSHAKE.length + 40],
  ] as const;
  for (const [methodName, method] of methods)
    for (const [firstName, firstLength] of firsts)
      it(`hands over ${methodName} behind ${firstName} that came along, byte for byte, in both directions`, () => {
        const stream = Buffer.concat([HANDSHAKE, MESSAGES]);
        for (let way = 0; way < 5; way += 1) {
          const world = new EncryptedWorld();
          world.taker.greeting = Buffer.from('welcome');
          const bytes = world.dialled(method, stream.subarray(0, firstLength), stream.subarray(firstLength));
          const talk = world.dialFrom(B);
          world.say(talk, splits(bytes, seededRandom(way), 3)[way] as Buffer[]);
          world.say(talk, []);
          assert.deepEqual(world.taker.taken, [{ host: B, at: 10, reserved: '0000000000100000' }]);
          assert.equal(world.taker.received.toString(), stream.subarray(48).toString());
          assert.equal(world.heard(talk, method), 'welcome');
          assert.deepEqual([world.port.unfinishedCount, [...world.port.refusals], world.pairs], [0, [], 1]);
          world.run(120_000);
          assert.equal(talk.lost, false, 'no deadline is left');
        }
      });

  it('takes a plain handshake on the same port, without a key, byte for byte', () => {
    for (const parts of splits(Buffer.concat([HANDSHAKE, MESSAGES]), seededRandom(4))) {
      const world = new EncryptedWorld();
      world.taker.greeting = Buffer.from('welcome');
      const talk = world.dialFrom(B);
      world.say(talk, parts);
      assert.deepEqual(world.taker.taken, [{ host: B, at: 10, reserved: '0000000000100000' }]);
      assert.equal(world.taker.received.toString(), `${idOf('b')}${MESSAGES}`);
      assert.deepEqual([talk.bytes.toString(), world.pairs], ['welcome', 0]);
      assert.deepEqual([world.port.unfinishedCount, [...world.port.refusals]], [0, []]);
    }
  });

  it('takes a public key that begins as a plain handshake does, whichever byte differs first', () => {
    for (let same = 1; same < PROTOCOL_START.length; same += 1) {
      const publicKey = seededRandom(same).bytes(96);
      PROTOCOL_START.copy(publicKey, 0, 0, same);
      publicKey[same] = (PROTOCOL_START[same] as number) ^ 0xff;
      assert.ok(isPublicKey(publicKey));
      for (const way of [0, 1, 2]) {
        const world = new EncryptedWorld();
        const bytes = world.dialled(CRYPTO.rc4, HANDSHAKE, MESSAGES, { key: () => publicKey });
        world.say(world.dialFrom(B), splits(bytes, seededRandom(way), 1)[way] as Buffer[]);
        assert.equal(world.taker.received.toString(), `${idOf('b')}${MESSAGES}`, `${same} bytes the same`);
      }
    }
  });

  it('waits for a public key when the last of the twenty plain bytes differs, and ends the connection in time', () => {
    const almost = Buffer.from(HANDSHAKE);
    almost[19] = 'L'.charCodeAt(0);
    for (const parts of splits(almost, seededRandom(1))) {
      const world = new EncryptedWorld();
      const talk = world.dialFrom(B);
      world.say(talk, parts);
      assert.deepEqual([talk.lost, talk.bytes.length, world.pairs, world.port.unfinishedCount], [false, 0, 0, 1]);
      world.run(30_000);
      assert.deepEqual([talk.lost, talk.bytes.length, world.port.unfinishedCount], [true, 0, 0]);
      assert.deepEqual([...world.port.refusals], [['handshake-timeout', 1]]);
    }
  });

  it('makes one key for a stranger, when its whole public key is there and not before', () => {
    const world = new EncryptedWorld();
    const talk = world.dialFrom(B);
    world.say(talk, [world.dialler.publicKey.subarray(0, 95)]);
    assert.deepEqual([world.pairs, talk.bytes.length], [0, 0]);
    world.say(talk, [world.dialler.publicKey.subarray(95)]);
    assert.deepEqual([world.pairs, talk.bytes.length >= 96], [1, true]);
    world.say(talk, [Buffer.alloc(500), Buffer.alloc(500), world.dialler.publicKey]);
    assert.deepEqual([world.pairs, talk.lost], [1, true]);
  });

  it('takes each hash of a torrent that has two, in front of the encryption and behind it', () => {
    for (const skey of [INFO_HASH, SECOND_HASH])
      for (const inner of [INFO_HASH, SECOND_HASH])
        for (let way = 0; way < 5; way += 1) {
          const world = new EncryptedWorld();
          const handshake = encodeHandshake(inner, idOf('b'), encodeReserved([]));
          const bytes = world.dialled(CRYPTO.rc4, handshake, MESSAGES, { skey });
          world.say(world.dialFrom(B), splits(bytes, seededRandom(way), 3)[way] as Buffer[]);
          assert.deepEqual([world.taker.hashes, [...world.port.refusals]], [[inner], []]);
        }
  });

  it('refuses what breaks the rules, whole or in parts, and keeps nothing of it', () => {
    const zeros = Buffer.alloc(96);
    const otherInner = encodeHandshake(THIRD_HASH, idOf('b'), encodeReserved([]));
    const noInner = encodeHandshake(OTHER_HASH, idOf('b'), encodeReserved([]));
    const table: readonly (readonly [string, (world: EncryptedWorld) => Buffer, string])[] = [
      ['a public key of zeros', () => zeros, 'malformed-encryption'],
      [
        'no end of the padding',
        ({ dialler }) => Buffer.concat([dialler.publicKey, Buffer.alloc(532)]),
        'malformed-encryption',
      ],
      [
        'a torrent that is not here',
        (world) => world.dialled(CRYPTO.rc4, HANDSHAKE, MESSAGES, { skey: OTHER_HASH }),
        'malformed-encryption',
      ],
      [
        'another constant',
        (world) => world.dialled(CRYPTO.rc4, HANDSHAKE, MESSAGES, { vc: Buffer.alloc(8, 1) }),
        'malformed-encryption',
      ],
      ['no method', (world) => world.dialled(4 as CryptoMethod, HANDSHAKE, MESSAGES), 'malformed-encryption'],
      ['another torrent within', (world) => world.dialled(CRYPTO.rc4, otherInner, MESSAGES), 'unknown-info-hash'],
      [
        'another torrent behind',
        (world) => world.dialled(CRYPTO.rc4, zeros.subarray(0, 0), otherInner),
        'unknown-info-hash',
      ],
      [
        'another torrent in plaintext',
        (world) => world.dialled(CRYPTO.plaintext, otherInner, MESSAGES),
        'unknown-info-hash',
      ],
      ['an unknown torrent within', (world) => world.dialled(CRYPTO.rc4, noInner, MESSAGES), 'unknown-info-hash'],
      ['no handshake within', (world) => world.dialled(CRYPTO.rc4, Buffer.alloc(68), MESSAGES), 'not-bittorrent'],
    ];
    for (const [what, bytes, why] of table)
      for (const way of [0, 1, 2]) {
        const world = new EncryptedWorld();
        const talk = world.dialFrom(B);
        world.say(talk, splits(bytes(world), seededRandom(way), 1)[way] as Buffer[]);
        assert.deepEqual([...world.port.refusals], [[why, 1]], `${what}, way ${way}`);
        assert.deepEqual([talk.lost, world.port.unfinishedCount, world.taker.taken], [true, 0, []], what);
        assert.ok(world.pairs <= 1, what);
      }
  });

  it('refuses a plain handshake when the user wants encryption alone, within and without', () => {
    for (const parts of splits(HANDSHAKE, seededRandom(1))) {
      const world = new EncryptedWorld({ isRequired: true });
      const talk = world.dialFrom(B);
      world.say(talk, parts);
      assert.deepEqual([...world.port.refusals], [['not-encrypted', 1]]);
      assert.deepEqual([talk.lost, talk.bytes.length, world.taker.taken], [true, 0, []]);
    }
    const world = new EncryptedWorld({ isRequired: true });
    world.say(world.dialFrom(B), [world.dialled(CRYPTO.rc4, HANDSHAKE, MESSAGES)]);
    assert.equal(world.taker.taken.length, 1);
  });

  it('ends an encrypted handshake that is not over after 30 seconds, wherever it stands', () => {
    const whole = new EncryptedWorld().dialled(CRYPTO.rc4, Buffer.alloc(0), HANDSHAKE);
    for (const length of [0, 1, 20, 95, 96, 100, 150, 170, 180, whole.length - 68, whole.length - 21]) {
      const world = new EncryptedWorld({}, {}, 0);
      const talk = world.dialFrom(B);
      talk.say(whole.subarray(0, length));
      world.run(29_899);
      assert.deepEqual([talk.lost, world.port.unfinishedCount], [false, 1], `${length} bytes`);
      world.run(1);
      assert.deepEqual([talk.lost, world.port.unfinishedCount], [true, 0], `${length} bytes`);
      assert.deepEqual([...world.port.refusals], [['handshake-timeout', 1]]);
    }
  });

  it('keeps a bounded number of unfinished encrypted handshakes, of one host and of all', () => {
    const world = new EncryptedWorld({}, { maxUnfinished: 50, maxUnfinishedPerHost: 4 });
    const { publicKey } = world.dialler;
    const lengths = [0, 1, 95, 96];
    let most = 0;
    for (let knock = 0; knock < 1_000; knock += 1) {
      const talk = new FakePeer(world.host(`10.0.9.${knock % 25}`), { infoHash: INFO_HASH, peerId: idOf('x') }).dial(
        at(A),
      );
      talk.say(publicKey.subarray(0, lengths[knock % lengths.length]));
      if (knock % 10 === 0) world.run(50);
      most = Math.max(most, world.port.unfinishedCount);
    }
    assert.equal(most, 50);
    assert.ok(world.pairs <= 250, 'one key for each whole public key');
    world.say(world.dialFrom(B), [world.dialled(CRYPTO.rc4, HANDSHAKE, MESSAGES)]);
    assert.deepEqual(
      world.taker.taken.map(({ host }) => host),
      [B],
    );
    const few = new EncryptedWorld({}, { maxUnfinishedPerHost: 2 });
    const talks = [B, B, B].map((host) => few.dialFrom(host));
    for (const talk of talks.slice(0, 2)) few.say(talk, [publicKey]);
    assert.deepEqual(
      talks.map(({ lost }) => lost),
      [false, false, true],
    );
    assert.deepEqual([few.port.unfinishedCount, [...few.port.refusals]], [2, [['table-full', 1]]]);
  });
});
