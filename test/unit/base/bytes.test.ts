import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { copyBytes, toHex } from '../../../src/base/bytes.js';
import { sha1, sha256 } from '../../../src/base/digest.js';
import { BtgetError, unreachable } from '../../../src/base/failure.js';

describe('copyBytes', () => {
  it('copies the source to its place and changes no other byte, in shared memory and in ordinary memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(20), fc.boolean(), (source, begin, shared) => {
        const target = shared ? Buffer.from(new SharedArrayBuffer(60)) : Buffer.alloc(60);
        target.fill(7);
        copyBytes(source, target, begin);
        const expected = Buffer.alloc(60, 7);
        for (const [index, byte] of source.entries()) expected[begin + index] = byte;
        assert.deepEqual(target, expected);
      }),
    );
  });

  it('refuses a source that does not fit', () => {
    assert.throws(() => copyBytes(Buffer.alloc(5), Buffer.alloc(8), 4), RangeError);
  });
});

describe('hexadecimal', () => {
  it('reads back as the bytes that were written, also for a part of a buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(3), (bytes, begin) => {
        const view = bytes.subarray(Math.min(begin, bytes.length));
        assert.deepEqual(Buffer.from(toHex(view), 'hex'), Buffer.from(view));
      }),
    );
  });
});

describe('digests', () => {
  it('are those of the standard', () => {
    const abc = Buffer.from('abc');
    assert.equal(toHex(sha1(abc)), 'a9993e364706816aba3e25717850c26c9cd0d89d');
    assert.equal(toHex(sha256(abc)), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('BtgetError', () => {
  it('has a code for scripts, a sentence for people, and its cause', () => {
    const cause = new Error('below');
    const error = new BtgetError('usage', 'no such option: --frob', { cause });
    assert.deepEqual(
      [error.code, error.message, error.cause, error.name],
      ['usage', 'no such option: --frob', cause, 'BtgetError'],
    );
    assert.ok(error instanceof Error);
  });
});

describe('unreachable', () => {
  it('throws, and names the value that came', () => {
    assert.throws(() => unreachable({ kind: 'odd' } as never), /unreachable: \{"kind":"odd"\}/);
  });
});
