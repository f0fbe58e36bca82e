import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeMessage } from '../../../../src/wire/message.js';
import type { FakeTalk } from '../../../support/fakes/fake-talk.js';
import { at, EncoderWorld, TRACKER } from '../../../support/worlds/encoder-world.js';

const A = '10.0.0.1';
const B = '10.0.0.2';

function keepAlives(talk: FakeTalk): number[] {
  return talk.heard.filter(({ what }) => what === 'keepAlive').map(({ at: when }) => when);
}

describe('deadlines', () => {
  it('end a dial that has not got through after 10 seconds', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a', { options: { maxFailures: 1 } });
    world.silence(B);
    client.encoder.startConnection(at(B), TRACKER, null);
    world.run(400_000);
    assert.deepEqual(client.refused, [{ at: 10_000, why: 'connect-timeout' }]);
  });

  it('end a handshake that is not answered after 30 seconds', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a', { options: { maxFailures: 1 } });
    world.fake(B, 'b');
    client.encoder.startConnection(at(B), TRACKER, null);
    world.run(400_000);
    assert.deepEqual(client.refused, [{ at: 30_000, why: 'handshake-timeout' }]);
  });

  it('end an external peer that says nothing, stops within its handshake, or sends it byte by byte', () => {
    for (const length of [0, 1, 19, 20, 28, 47, 48, 49, 67]) {
      const world = new EncoderWorld(0);
      const client = world.client(A, 'a');
      const talk = world.fake(B, 'b').dial(at(A));
      talk.say(talk.handshake().subarray(0, length));
      world.run(400_000);
      assert.deepEqual(client.refused, [{ at: 30_000, why: 'handshake-timeout' }], `after ${length} bytes`);
    }
    for (const gap of [500, 9_000]) {
      const world = new EncoderWorld(0);
      const client = world.client(A, 'a');
      const talk = world.fake(B, 'b').dial(at(A));
      talk.drip(talk.handshake(), gap);
      world.run(400_000);
      assert.deepEqual(client.refused, [{ at: 30_000, why: 'handshake-timeout' }], `a byte each ${gap} ms`);
    }
  });

  it('do not end a handshake that is finished in time, and leave no task behind', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.drip(talk.handshake(), 400);
    world.run(60_000);
    assert.deepEqual([client.peers, client.refused], ['b', []]);
    assert.equal(world.timeline.pending, 3, 'the next keep-alive, and a scan of the sockets on each host');
    talk.hangUp();
    world.run(1);
    assert.equal(world.timeline.pending, 0);
  });

  it('end a peer after five minutes when it sends bytes but finishes no message', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.sayHandshake();
    talk.drip(encodeMessage({ type: 'bitfield', bits: Buffer.alloc(10_000) }), 9_000);
    world.run(1_000_000);
    assert.deepEqual(client.refused, [{ at: 300_000, why: 'idle' }]);
  });

  it('do not end a peer that sends a keep-alive every two minutes, or one that we have stopped reading', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.sayHandshake();
    for (let minute = 0; minute < 20; minute += 2) {
      world.run(120_000);
      talk.sayKeepAlive();
    }
    world.run(1);
    client.connections[0]?.pauseReading();
    world.run(1_000_000);
    client.connections[0]?.resumeReading();
    world.run(200_000);
    assert.deepEqual(client.refused, []);
  });
});

describe('keep-alives', () => {
  it('are not needed from a peer that sends other messages', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    talk.sayHandshake();
    for (let minute = 0; minute < 20; minute += 2) {
      world.run(120_000);
      talk.sayMessages({ type: 'have', piece: minute });
    }
    assert.deepEqual(client.refused, []);
  });

  it('still go to the other peers when one connection ends', () => {
    const world = new EncoderWorld(0);
    world.client(A, 'a');
    const talks = ['b', 'c'].map((letter, index) => world.fake(`10.0.1.${index}`, letter).dial(at(A)));
    for (const talk of talks) talk.sayHandshake();
    world.run(1_000);
    talks[0]?.hangUp();
    world.run(200_000);
    assert.deepEqual(talks.map(keepAlives), [[], [120_000]]);
  });

  it('go to a complete connection every two minutes', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a', { options: { maxSilence: 1e9 } });
    const talk = world.fake(B, 'b').dial(at(A));
    talk.sayHandshake();
    world.run(400_000);
    assert.deepEqual(keepAlives(talk), [120_000, 240_000, 360_000]);
    assert.deepEqual(client.log, ['made b']);
  });

  it('go out two minutes after our last message, for each connection by itself', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a', { options: { maxSilence: 1e9 } });
    const talks = ['b', 'c'].map((letter, index) => world.fake(`10.0.1.${index}`, letter).dial(at(A)));
    talks[0]?.sayHandshake();
    world.run(20_000);
    talks[1]?.sayHandshake();
    world.run(80_000);
    client.connections[0]?.send([encodeMessage({ type: 'interested' })]);
    world.run(300_000);
    assert.deepEqual(talks.map(keepAlives), [
      [220_000, 340_000],
      [140_000, 260_000, 380_000],
    ]);
  });

  it('do not go to a connection whose handshake is not finished', () => {
    const world = new EncoderWorld(0);
    world.client(A, 'a', { options: { handshakeLimit: 500_000, maxSilence: 1e9 } });
    const unfinished = world.fake(B, 'b').dial(at(A));
    unfinished.say(unfinished.handshake().subarray(0, 50));
    world.fake('10.0.0.3', 'c').dial(at(A)).sayHandshake();
    world.run(400_000);
    assert.deepEqual(keepAlives(unfinished), []);
  });
});
