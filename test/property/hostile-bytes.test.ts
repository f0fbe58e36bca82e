import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeMessage, KEEP_ALIVE } from '../../src/wire/message.js';
import { at, EncoderWorld, TRACKER } from '../support/worlds/encoder-world.js';

const A = '10.0.0.1';
const B = '10.0.0.2';
const MAX_MESSAGE_LENGTH = 1_000;

const junk = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const honest = fc.constantFrom(
  KEEP_ALIVE,
  encodeMessage({ type: 'choke' }),
  encodeMessage({ type: 'request', piece: 0, begin: 0, length: 16_384 }),
);
const prefix = fc.nat(0xffffffff).map((length) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
});
const stream = fc.array(fc.oneof(junk, honest, prefix), { maxLength: 12 });

describe('bytes from a stranger', () => {
  it('never throw, never make a message longer than allowed, and end in a connection or one refusal', () => {
    fc.assert(
      fc.property(stream, fc.nat(68), fc.boolean(), (parts, handshakeLength, weDial) => {
        const world = new EncoderWorld(1);
        const longest: number[] = [0];
        const client = world.client(A, 'a', {
          options: { maxMessageLength: MAX_MESSAGE_LENGTH, maxFailures: 1 },
          gotFrame: (_connection, frame) => longest.push(frame.length),
        });
        const fake = world.fake(B, 'b');
        if (weDial) client.encoder.startConnection(at(B), TRACKER, null);
        else fake.dial(at(A));
        world.run(10);
        fake.talk.say(fake.talk.handshake().subarray(0, handshakeLength));
        for (const part of parts) {
          fake.talk.say(part);
          world.run(3);
        }
        world.run(400_000);
        assert.ok(Math.min(...longest) === 0 && Math.max(...longest) <= MAX_MESSAGE_LENGTH);
        assert.equal(client.refused.length, 1, 'whoever ends up saying nothing is refused in the end');
        const made = client.log.filter((line) => line.startsWith('made')).length;
        const lost = client.log.filter((line) => line.startsWith('lost')).length;
        assert.equal(made, lost);
        assert.equal(client.listener.unfinishedCount, 0);
      }),
      { numRuns: 200 },
    );
  });
});
