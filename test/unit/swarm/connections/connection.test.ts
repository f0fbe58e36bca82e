import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Connection } from '../../../../src/swarm/connections/connection.js';
import { DEFAULT_ENCODER_OPTIONS } from '../../../../src/swarm/connections/encoder-options.js';
import { DEFAULT_WORK_OPTIONS, WorkBudget } from '../../../../src/swarm/work-budget.js';
import { encodeHandshake } from '../../../../src/wire/handshake.js';
import { encodeMessage, KEEP_ALIVE } from '../../../../src/wire/message.js';
import { encodeReserved } from '../../../../src/wire/reserved.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { splits } from '../../../support/splits.js';
import { at, type ClientOptions, EncoderWorld, INFO_HASH, idOf, USER } from '../../../support/worlds/encoder-world.js';

const A = '10.0.0.1';
const B = '10.0.0.2';

const HANDSHAKE = encodeHandshake(INFO_HASH, idOf('b'), encodeReserved([]));
const MESSAGES = [
  encodeMessage({ type: 'unchoke' }),
  KEEP_ALIVE,
  encodeMessage({ type: 'have', piece: 258 }),
  KEEP_ALIVE,
  KEEP_ALIVE,
  encodeMessage({ type: 'choke' }),
];

function lengthPrefix(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/** What client `a` notes when peer `b` dials it and says `stream`, cut in each of the ways. */
function logsOfExternal(stream: Buffer, overrides: Partial<ClientOptions> = {}): string[][] {
  return splits(stream, seededRandom(2)).map((parts) => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', overrides);
    const talk = world.fake(B, 'b').dial(at(A));
    for (const part of parts) {
      talk.say(part);
      world.run(1);
    }
    world.run(1_000);
    return [...client.log, ...client.refused.map(({ why }) => why)];
  });
}

/** The same when `a` dials `b`. */
function logsOfDialled(stream: Buffer, overrides: Partial<ClientOptions> = {}): string[][] {
  return splits(stream, seededRandom(3)).map((parts) => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', overrides);
    const fake = world.fake(B, 'b');
    client.encoder.startConnection(at(B), USER, null);
    world.run(100);
    for (const part of parts) {
      fake.talk.say(part);
      world.run(1);
    }
    world.run(1_000);
    return [...client.log, ...client.refused.map(({ why }) => why)];
  });
}

/** Holds for both directions and every way of cutting the stream. */
function assertAlways(stream: Buffer, expected: string[], overrides: () => Partial<ClientOptions> = () => ({})): void {
  for (const log of [...logsOfExternal(stream, overrides()), ...logsOfDialled(stream, overrides())]) {
    assert.deepEqual(log, expected);
  }
}

describe('a connection', () => {
  it('passes on every message and no keep-alive, however the stream is cut', () => {
    assertAlways(Buffer.concat([HANDSHAKE, ...MESSAGES]), ['made b', 'frame b 01', 'frame b 0400000102', 'frame b 00']);
  });

  it('drops a keep-alive that is the last thing in its chunk', () => {
    assertAlways(Buffer.concat([HANDSHAKE, KEEP_ALIVE]), ['made b']);
  });

  it('is refused at the length prefix of a message that is too long, however large the number', () => {
    for (const length of [1024 * 1024 + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const stream = Buffer.concat([HANDSHAKE, lengthPrefix(length)]);
      assertAlways(stream, ['made b', 'lost b', 'message-too-long']);
    }
  });

  it('takes a message of exactly the greatest length', () => {
    const log = logsOfExternal(Buffer.concat([HANDSHAKE, lengthPrefix(3), Buffer.from('abc'), lengthPrefix(4)]), {
      options: { maxMessageLength: 3 },
    });
    for (const lines of log) assert.deepEqual(lines, ['made b', 'frame b 616263', 'lost b', 'message-too-long']);
  });

  it('delivers nothing after a message that makes us refuse it, and is lost once', () => {
    assertAlways(Buffer.concat([HANDSHAKE, ...MESSAGES]), ['made b', 'frame b 01', 'lost b', 'banned'], () => ({
      gotFrame: (connection) => {
        connection.refuse({ code: 'banned', evidence: { kind: 'wrong-metadata' } });
        connection.refuse({ code: 'banned', evidence: { kind: 'wrong-metadata' } });
      },
    }));
  });

  it('delivers nothing when it is refused as soon as it is made', () => {
    assertAlways(Buffer.concat([HANDSHAKE, ...MESSAGES]), ['made b', 'lost b', 'banned'], () => ({
      connectionMade: (connection) => connection.refuse({ code: 'banned', evidence: { kind: 'wrong-metadata' } }),
    }));
  });

  it('is refused when very much waits for its peer, who takes a little now and then', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.say(HANDSHAKE);
    world.run(1_000);
    talk.socket.pauseReading();
    const [connection] = client.connections;
    let most = 0;
    for (let second = 0; second < 250 && client.refused.length === 0; second += 1) {
      if (second % 100 === 99) {
        talk.socket.resumeReading();
        world.run(1);
        talk.socket.pauseReading();
      }
      for (let answer = 0; answer < 10; answer += 1) connection?.send([Buffer.alloc(16 * 1024)]);
      world.run(1_000);
      most = Math.max(most, connection?.unsentLength ?? 0);
    }
    assert.deepEqual(
      client.refused.map(({ why }) => why),
      ['takes-nothing'],
    );
    assert.ok(most > 2 * 1024 * 1024 && most < 5 * 1024 * 1024, `${most} bytes waited`);
  });

  it('is refused for a protocol, an info-hash and an id that are wrong, at the first part that shows it', () => {
    const wrongName = Buffer.from('\x13bittorrent protocol', 'latin1');
    const wrongHash = encodeHandshake(idOf('x'), idOf('b'), encodeReserved([])).subarray(0, 48);
    assertAlways(Buffer.from('GET / HTTP/1.1\r\n'), ['not-bittorrent']);
    assertAlways(Buffer.from('\x16\x03\x01', 'latin1'), ['not-bittorrent']);
    assertAlways(wrongName, ['not-bittorrent']);
    assertAlways(wrongHash, ['unknown-info-hash']);
    assertAlways(encodeHandshake(INFO_HASH, idOf('a'), encodeReserved([])), ['own-peer-id']);
  });

  it('says its whole handshake at once when it dials', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const fake = world.fake(B, 'b');
    client.encoder.startConnection(at(B), USER, null);
    world.run(100);
    assert.deepEqual(fake.talk.bytes, encodeHandshake(INFO_HASH, idOf('a'), encodeReserved([])));
  });

  it('answers a dialling peer as soon as it has the info-hash, and says nothing before', () => {
    const world = new EncoderWorld();
    world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.say(HANDSHAKE.subarray(0, 47));
    world.run(100);
    assert.deepEqual(talk.log, []);
    talk.say(HANDSHAKE.subarray(47, 48));
    world.run(100);
    assert.deepEqual(talk.log, [`handshake ${'a'.repeat(20)}`]);
  });

  it('keeps the peer id, the address and the reserved bytes when buffers are used again', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.say(talk.handshake(encodeReserved(['fast'])));
    world.run(1_000);
    const [connection] = client.connections;
    assert.deepEqual(
      [connection?.peerId, connection?.reserved, connection?.address.host, connection?.locallyInitiated],
      [idOf('b'), encodeReserved(['fast']), B, false],
    );
  });

  it('sends what it is given in order, and nothing once it has ended', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.sayHandshake();
    world.run(100);
    const [connection] = client.connections;
    connection?.send([encodeMessage({ type: 'interested' }), encodeMessage({ type: 'have', piece: 1 })]);
    world.run(100);
    connection?.refuse({ code: 'both-complete' });
    connection?.send([encodeMessage({ type: 'have', piece: 2 })]);
    world.run(100);
    assert.deepEqual(talk.log, [`handshake ${'a'.repeat(20)}`, 'interested', 'have 1', 'lost: ended']);
    assert.equal(connection?.closed, true);
  });

  it('reads what came with the info-hash before anything that comes later, even in the same instant', () => {
    const world = new EncoderWorld();
    const log: string[] = [];
    const behind = Buffer.concat([idOf('b'), Buffer.of(0, 0, 0, 3, 20)]);
    const connection = new Connection(
      {
        identity: { infoHash: INFO_HASH, infoHashV2: null, myId: idOf('a'), reserved: Buffer.alloc(8) },
        dialDone: () => log.push('dialled'),
        judgePeerId: () => undefined,
        completed: ({ peerId }) => log.push(`made ${peerId.toString('latin1', 0, 1)}`),
        gotFrame: (_connection, frame) => log.push(`frame ${frame.toString('hex')}`),
        connectionFlushed: () => undefined,
        severed: () => log.push('severed'),
      },
      world.timeline,
      new WorkBudget(world.timeline, DEFAULT_WORK_OPTIONS),
      DEFAULT_ENCODER_OPTIONS,
      {
        kind: 'external',
        hostKey: B,
        address: at(B),
        infoHash: INFO_HASH,
        reserved: encodeReserved([]),
        rest: behind,
        acceptedAt: 0,
      },
      (handler) => world.host(A).startConnection(at(B), handler),
    );
    behind.fill(0);
    assert.deepEqual(log, []);
    connection.dataCameIn(world.host(A).startConnection(at(B), connection), Buffer.of(1, 2));
    world.run(0);
    assert.deepEqual(log, ['made b', 'frame 140102']);
  });

  it('hears nothing while reading is paused, and everything afterwards', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.sayHandshake();
    world.run(100);
    client.connections[0]?.pauseReading();
    talk.sayMessages({ type: 'unchoke' }, { type: 'have', piece: 1 });
    world.run(1_000);
    assert.deepEqual(client.log, ['made b']);
    client.connections[0]?.resumeReading();
    world.run(100);
    assert.deepEqual(client.log, ['made b', 'frame b 01', 'frame b 0400000001']);
  });
});
