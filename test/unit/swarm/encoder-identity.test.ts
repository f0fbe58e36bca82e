import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { at, EncoderWorld, idOf, USER } from '../../support/encoder-world.js';

const A = '10.0.0.1';
const B = '10.0.0.2';
const C = '10.0.0.3';
const MINUTE = 60_000;

describe('who a peer is', () => {
  it('is seen when we have dialled ourselves: refused on both sides, and the address never dialled again', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    client.encoder.startConnection(at(A), USER, null);
    world.run(1_000);
    for (let minute = 0; minute < 5; minute += 1) {
      world.run(MINUTE);
      client.encoder.startConnection(at(A), USER, null);
    }
    assert.deepEqual(client.log, []);
    assert.deepEqual([...client.encoder.refusals], [['own-peer-id', client.refused.length]]);
    assert.ok(client.refused.length <= 2);
    assert.equal(client.encoder.everIncoming, false);
  });

  it('may be somebody else than the tracker said, even when who was said to be there is connected already', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    world.polite(B, 'b');
    world.polite(C, 'c');
    client.encoder.startConnection(at(B), USER, idOf('x'));
    world.run(1_000);
    client.encoder.startConnection(at(C), USER, idOf('b'));
    world.run(1_000);
    assert.deepEqual(client.log, ['made b', 'made c']);
    assert.deepEqual([...client.encoder.refusals], []);
  });

  it('is known by what the tracker said when that is our own id: nobody is dialled', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const fake = world.fake(B, 'b');
    client.encoder.startConnection(at(B), USER, idOf('a'));
    world.run(5 * MINUTE);
    assert.equal(fake.talks.length, 0);
  });

  it('may be another when it is dialled than when it came from outside', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { listeningPort: () => 6_881 });
    world.polite(B, 'c');
    const talk = world.fake(B, 'b', {}, 7_000).dial(at(A));
    talk.sayHandshake();
    world.run(1_000);
    talk.socket.close();
    world.run(2 * MINUTE);
    assert.deepEqual(client.log, ['made b', 'lost b', 'made c']);
    assert.deepEqual([...client.encoder.refusals], []);
  });

  it('may be in the table once: the later ones in the same direction are refused', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const fake = world.fake(B, 'b');
    const talks = [fake.dial(at(A)), fake.dial(at(A)), fake.dial(at(A))];
    for (const talk of talks) talk.sayHandshake();
    world.run(1_000);
    assert.deepEqual(client.log, ['made b']);
    assert.deepEqual([...client.encoder.refusals], [['duplicate-peer', 2]]);
    assert.deepEqual(
      talks.map((talk) => talk.lost),
      [false, true, true],
    );
  });

  it('cannot be borrowed to push its owner out, once the owner has been connected for a while', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    world.polite(B, 'b');
    client.encoder.startConnection(at(B), USER, null);
    world.run(11_000);
    world.fake(C, 'b').dial(at(A)).sayHandshake();
    world.run(1_000);
    assert.deepEqual(client.log, ['made b']);
    assert.equal(client.connections[0]?.address.host, B);
  });

  it('lets two that wait for each other through: each says 48 bytes and goes on when it has the answer', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const fake = world.fake(B, 'b', {
      connected: (talk) => talk.say(talk.handshake().subarray(0, 48)),
      gotHandshake: (talk) => talk.say(talk.handshake().subarray(48)),
    });
    fake.dial(at(A));
    world.run(1_000);
    client.connections[0]?.refuse({ code: 'both-complete' });
    client.encoder.startConnection(at(B), USER, null);
    world.run(1_000);
    assert.deepEqual(client.log, ['made b', 'lost b', 'made b']);
  });

  it('counts as reachable from outside only once somebody from outside has finished the handshake', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    world.polite(B, 'b');
    client.encoder.startConnection(at(B), USER, null);
    const talk = world.fake(C, 'c').dial(at(A));
    talk.say(talk.handshake().subarray(0, 67));
    world.run(1_000);
    assert.equal(client.encoder.everIncoming, false);
    talk.say(talk.handshake().subarray(67));
    world.run(1_000);
    assert.equal(client.encoder.everIncoming, true);
  });

  it('when two dial each other, leaves one connection: the one that the greater id dialled', () => {
    for (let skew = -60; skew <= 60; skew += 3) {
      const world = new EncoderWorld(10);
      const a = world.client(A, 'a');
      const b = world.client(B, 'b');
      const dialA = (): unknown => a.encoder.startConnection(at(B), USER, null);
      const dialB = (): unknown => b.encoder.startConnection(at(A), USER, null);
      world.timeline.addTask(dialA, Math.max(0, skew));
      world.timeline.addTask(dialB, Math.max(0, -skew));
      world.run(5 * MINUTE);
      const open = (client: typeof a): boolean[] =>
        client.connections.filter(({ closed }) => !closed).map(({ locallyInitiated }) => locallyInitiated);
      assert.deepEqual([a.peers, b.peers], ['b', 'a'], `skew ${skew}`);
      assert.notDeepEqual(open(a), open(b), `skew ${skew}: both hold the same connection`);
      if (Math.abs(skew) < 10) assert.deepEqual([open(a), open(b)], [[false], [true]], `skew ${skew}`);
      assert.equal(a.log.filter((line) => line.startsWith('made')).length <= 2, true);
    }
  });
});

describe('the part of the loop that is ours', () => {
  it('closed while one of two connections makes room for the other, ends both', () => {
    const world = new EncoderWorld(10);
    const a = world.client(A, 'a');
    const b = world.client(B, 'b');
    b.connectionLost = () => b.encoder.close();
    a.encoder.startConnection(at(B), USER, null);
    b.encoder.startConnection(at(A), USER, null);
    world.run(1_000);
    assert.deepEqual([b.log, b.peers], [['made a'], '']);
    assert.equal(b.encoder.howManyConnections(), 0);
  });

  it('is the one that a fault of ours stops, even when it is met in the chunk that named the torrent', () => {
    const world = new EncoderWorld(10);
    const faults: unknown[] = [];
    const fault = new Error('our own bug');
    const client = world.client(A, 'a', {
      gotException: (error) => faults.push(error),
      gotFrame: () => {
        throw fault;
      },
    });
    const talk = world.fake(B, 'b').dial(at(A));
    talk.say(Buffer.concat([talk.handshake(), Buffer.of(0, 0, 0, 1, 0)]));
    world.run(1_000);
    assert.deepEqual(faults, [fault]);
    assert.deepEqual(client.log, ['made b', 'frame b 00']);
  });

  it('reads what came with the info-hash before what comes right behind it', () => {
    const world = new EncoderWorld(10);
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    world.run(100);
    const stream = Buffer.concat([talk.handshake(), Buffer.of(0, 0, 0, 2, 20, 0)]);
    talk.say(stream.subarray(0, 60), stream.subarray(60, 70), stream.subarray(70));
    world.run(1_000);
    assert.deepEqual(client.log, ['made b', 'frame b 1400']);
  });
});

describe('banning', () => {
  it('ends every connection with the host, finished or not, and lets none in later', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const fake = world.fake(B, 'b');
    const second = world.fake(B, 'c', {}, 7_000);
    fake.dial(at(A)).sayHandshake();
    second.dial(at(A)).say(second.talk.handshake().subarray(0, 50));
    world.polite(C, 'd').dial(at(A)).sayHandshake();
    world.run(1_000);
    client.encoder.banHost(B);
    world.run(1_000);
    const third = fake.dial(at(A));
    third.sayHandshake();
    world.run(1_000);
    assert.equal(client.peers, 'd');
    assert.deepEqual([...client.encoder.refusals], [['banned', 3]]);
    assert.deepEqual([fake.talks[0]?.lost, second.talk.lost, third.lost], [true, true, true]);
    assert.deepEqual(third.log, ['lost: ended']);
  });
});
