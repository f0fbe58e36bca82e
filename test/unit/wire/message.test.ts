import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeMessage,
  encodeMessage,
  encodeRequests,
  KEEP_ALIVE,
  type PeerMessage,
  PIECE_HEADER_LENGTH,
  writePieceHeader,
} from '../../../src/wire/message.js';

type Sent = Exclude<PeerMessage, { type: 'unknown' }>;

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const bytes = (constraints: { minLength: number }) => fc.uint8Array(constraints).map((list) => Buffer.from(list));
const span = fc.tuple(uint32, uint32, uint32);

const sent: fc.Arbitrary<Sent> = fc.oneof(
  fc
    .constantFrom(
      'choke' as const,
      'unchoke' as const,
      'interested' as const,
      'notInterested' as const,
      'haveAll' as const,
      'haveNone' as const,
    )
    .map((type) => ({ type })),
  uint32.map((piece) => ({ type: 'have' as const, piece })),
  uint32.map((piece) => ({ type: 'suggest' as const, piece })),
  uint32.map((piece) => ({ type: 'allowedFast' as const, piece })),
  fc.integer({ min: 0, max: 65535 }).map((port) => ({ type: 'port' as const, port })),
  fc.tuple(fc.integer({ min: 0, max: 255 }), bytes({ minLength: 0 })).map(([id, payload]) => ({
    type: 'extended' as const,
    id,
    payload,
  })),
  bytes({ minLength: 0 }).map((bits) => ({ type: 'bitfield' as const, bits })),
  span.map(([piece, begin, length]) => ({ type: 'request' as const, piece, begin, length })),
  span.map(([piece, begin, length]) => ({ type: 'cancel' as const, piece, begin, length })),
  span.map(([piece, begin, length]) => ({ type: 'reject' as const, piece, begin, length })),
  fc.tuple(uint32, uint32, bytes({ minLength: 1 })).map(([piece, begin, block]) => ({
    type: 'piece' as const,
    piece,
    begin,
    block,
  })),
);

describe('messages', () => {
  it('are read as they were written, and begin with their true length', () => {
    fc.assert(
      fc.property(sent, (message) => {
        const encoded = encodeMessage(message);
        assert.equal(encoded.readUInt32BE(0), encoded.length - 4);
        assert.deepEqual(decodeMessage(encoded.subarray(4)), { ok: true, message });
      }),
    );
  });

  it('are on the wire as BEP 3, 5, 6 and 10 say', () => {
    for (const [message, hex] of [
      [{ type: 'choke' }, '0000000100'],
      [{ type: 'unchoke' }, '0000000101'],
      [{ type: 'interested' }, '0000000102'],
      [{ type: 'notInterested' }, '0000000103'],
      [{ type: 'have', piece: 0xfffffffe }, '0000000504fffffffe'],
      [{ type: 'bitfield', bits: Buffer.from('a5c0', 'hex') }, '0000000305a5c0'],
      [{ type: 'request', piece: 1, begin: 2, length: 16384 }, '0000000d06000000010000000200004000'],
      [{ type: 'piece', piece: 1, begin: 2, block: Buffer.from('xy') }, '0000000b0700000001000000027879'],
      [{ type: 'cancel', piece: 1, begin: 2, length: 3 }, '0000000d08000000010000000200000003'],
      [{ type: 'port', port: 0x1ae1 }, '00000003091ae1'],
      [{ type: 'suggest', piece: 1 }, '000000050d00000001'],
      [{ type: 'haveAll' }, '000000010e'],
      [{ type: 'haveNone' }, '000000010f'],
      [{ type: 'reject', piece: 1, begin: 2, length: 3 }, '0000000d10000000010000000200000003'],
      [{ type: 'allowedFast', piece: 1 }, '000000051100000001'],
      [{ type: 'extended', id: 3, payload: Buffer.from('xy') }, '0000000414037879'],
    ] as const) {
      assert.equal(encodeMessage(message).toString('hex'), hex);
    }
    assert.equal(KEEP_ALIVE.toString('hex'), '00000000');
  });

  it('with a block are the header and the block, without a copy', () => {
    const block = Buffer.from('a block');
    const whole = encodeMessage({ type: 'piece', piece: 7, begin: 16384, block });
    const bytes = Buffer.alloc(3 + PIECE_HEADER_LENGTH);
    writePieceHeader(bytes, 3, 7, 16384, block.length);
    assert.deepEqual(Buffer.concat([bytes.subarray(3), block]), whole);
  });

  it('show bits and blocks as views of the frame', () => {
    const frame = encodeMessage({ type: 'piece', piece: 0, begin: 0, block: Buffer.from('x') }).subarray(4);
    const outcome = decodeMessage(frame);
    assert.ok(outcome.ok && outcome.message.type === 'piece');
    frame[9] = 0x79;
    assert.equal(outcome.message.block.toString(), 'y');
  });

  it('that ask for many blocks in one buffer are one request for each block', () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 5 }), (numbers) => {
        const spans = numbers.map(([piece, begin, length]) => ({ piece, begin, length }));
        const each = spans.map((one) => encodeMessage({ type: 'request', ...one }));
        assert.deepEqual(encodeRequests(spans), Buffer.concat(each));
      }),
    );
  });

  it('with a number that does not fit throw: they are a fault of our own', () => {
    assert.throws(() => encodeMessage({ type: 'have', piece: 2 ** 32 }), RangeError);
    assert.throws(() => encodeMessage({ type: 'request', piece: -1, begin: 0, length: 1 }), RangeError);
  });

  for (const [id, name, lengths] of [
    [0, 'choke', [1]],
    [1, 'unchoke', [1]],
    [2, 'interested', [1]],
    [3, 'notInterested', [1]],
    [4, 'have', [5]],
    [6, 'request', [13]],
    [8, 'cancel', [13]],
    [9, 'port', [3]],
    [13, 'suggest', [5]],
    [14, 'haveAll', [1]],
    [15, 'haveNone', [1]],
    [16, 'reject', [13]],
    [17, 'allowedFast', [5]],
  ] as const) {
    it(`of the kind ${name} have one length, and any other is refused`, () => {
      for (let length = 1; length < 40; length += 1) {
        const frame = Buffer.alloc(length);
        frame[0] = id;
        const outcome = decodeMessage(frame);
        assert.equal(outcome.ok, (lengths as readonly number[]).includes(length), `${length}`);
        if (outcome.ok) assert.equal(outcome.message.type, name);
        else assert.deepEqual(outcome.refusal, { code: 'malformed-message', id, length });
      }
    });
  }

  it('with a block have at least one byte of the block', () => {
    for (let length = 1; length < 20; length += 1) {
      const frame = Buffer.alloc(length);
      frame[0] = 7;
      assert.equal(decodeMessage(frame).ok, length >= 10, `${length}`);
    }
  });

  it('with an id that we do not know are no fault', () => {
    for (const id of [10, 12, 18, 19, 24, 255]) {
      assert.deepEqual(decodeMessage(Buffer.from([id, 1, 2])), {
        ok: true,
        message: { type: 'unknown', id, length: 3 },
      });
    }
  });

  it('are never empty: an empty frame would be a keep-alive, which is no message', () => {
    assert.deepEqual(decodeMessage(Buffer.alloc(0)), {
      ok: false,
      refusal: { code: 'malformed-message', id: -1, length: 0 },
    });
  });

  it('of random bytes are read or refused, never thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(21), (list, id) => {
        const frame = Buffer.from(list);
        if (frame.length > 0) frame[0] = id;
        const outcome = decodeMessage(frame);
        if (outcome.ok && outcome.message.type !== 'unknown') {
          assert.deepEqual(encodeMessage(outcome.message).subarray(4), frame);
        }
      }),
    );
  });
});
