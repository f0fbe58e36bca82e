import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeHashMessage, type HashMessage, keyOfRange, uncleCount } from '../../../src/wire/hash-message.js';
import { decodeMessage, encodeMessage } from '../../../src/wire/message.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const root = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const PLAIN = { noNullPrototype: true };
const anyRange = fc.record({ root, base: uint32, index: uint32, length: uint32, proof: uint32 }, PLAIN);
const few = fc.integer({ min: 1, max: 40 });
const smallRange = fc.record({ root, base: uint32, index: uint32, length: few, proof: few }, PLAIN);

const message: fc.Arbitrary<HashMessage> = fc.oneof(
  anyRange.map((range) => ({ type: 'hashRequest' as const, range })),
  anyRange.map((range) => ({ type: 'hashReject' as const, range })),
  smallRange.map((range) => ({
    type: 'hashes' as const,
    range,
    hashes: Buffer.alloc(32 * (range.length + uncleCount(range)), range.index),
  })),
);

describe('messages about hashes', () => {
  it('are read as they were written, and begin with their true length', () => {
    fc.assert(
      fc.property(message, (said) => {
        const encoded = encodeMessage(said);
        assert.deepEqual(encoded, encodeHashMessage(said));
        assert.equal(encoded.readUInt32BE(0), encoded.length - 4);
        assert.deepEqual(decodeMessage(encoded.subarray(4)), { ok: true, message: said });
      }),
    );
  });

  it('are malformed with a byte more or less', () => {
    fc.assert(
      fc.property(message, fc.integer({ min: 1, max: 40 }), (said, bytes) => {
        const frame = encodeMessage(said).subarray(4);
        for (const wrong of [
          frame.subarray(0, Math.max(1, frame.length - bytes)),
          Buffer.concat([frame, Buffer.alloc(bytes)]),
        ]) {
          const outcome = decodeMessage(wrong);
          assert.ok(!outcome.ok);
          assert.deepEqual(outcome.refusal, { code: 'malformed-message', id: frame[0], length: wrong.length });
        }
      }),
    );
  });

  it('have as many hashes as their own numbers say, and at least one', () => {
    const range = { root: Buffer.alloc(32, 1), base: 0, index: 0, proof: 0 };
    for (const [length, hashes] of [
      [0, 0],
      [0, 1],
      [4, 5],
      [4, 3],
      [0xffffffff, 4],
      [0x80000000, 0],
    ] as const) {
      const frame = encodeHashMessage({
        type: 'hashes',
        range: { ...range, length },
        hashes: Buffer.alloc(32 * hashes),
      });
      assert.equal(decodeMessage(frame.subarray(4)).ok, false, `${hashes} of ${length}`);
    }
  });

  it('need an uncle for each level that the hashes themselves do not give', () => {
    for (const [length, proof, uncles] of [
      [8, 2, 0],
      [4, 2, 1],
      [4, 0, 0],
      [2, 2, 2],
      [1, 2, 2],
      [512, 10, 2],
      [128, 9, 3],
      [7, 2, 0],
    ] as const) {
      assert.equal(uncleCount({ length, proof }), uncles, `${length} and ${proof}`);
    }
  });

  it('are known by every number of their range', () => {
    const range = { root: Buffer.alloc(32, 1), base: 1, index: 2, length: 3, proof: 4 };
    const others = [
      { ...range, root: Buffer.alloc(32, 2) },
      ...(['base', 'index', 'length', 'proof'] as const).map((field) => ({ ...range, [field]: 9 })),
    ];
    assert.equal(new Set([range, ...others].map(keyOfRange)).size, 6);
  });
});

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly message: null | {
    readonly id: number;
    readonly root: string;
    readonly base: number;
    readonly index: number;
    readonly length: number;
    readonly proofLayers: number;
    readonly hashes?: number;
  };
}

if (hasCorpus('vectors of messages about hashes')) {
  const { messages } = JSON.parse(readCorpus('reach/hash-message-vectors.json').toString()) as {
    readonly messages: readonly Vector[];
  };
  const types = { 21: 'hashRequest', 22: 'hashes', 23: 'hashReject' } as Readonly<Record<number, string>>;
  describe('vectors', () => {
    for (const { name, hex, message: wanted } of messages) {
      it(`of messages about hashes hold: ${name}`, () => {
        const bytes = Buffer.from(hex, 'hex');
        const outcome = decodeMessage(bytes.subarray(4));
        if (wanted === null) {
          assert.equal(outcome.ok, false);
          return;
        }
        assert.ok(outcome.ok && 'range' in outcome.message);
        const { type, range } = outcome.message;
        assert.equal(type, types[wanted.id]);
        const { base, index, length, proofLayers: proof } = wanted;
        assert.deepEqual(range, { root: Buffer.from(wanted.root, 'hex'), base, index, length, proof });
        if (outcome.message.type === 'hashes') assert.equal(outcome.message.hashes.length, 32 * (wanted.hashes ?? 0));
        assert.deepEqual(encodeMessage(outcome.message), bytes);
      });
    }
  });
}
