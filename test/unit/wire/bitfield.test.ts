import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Bitfield, decodeBitfield, fullBitfield } from '../../../src/wire/bitfield.js';

/** A bitfield from its picture: `*` is set. */
function bitfield(picture: string): Bitfield {
  const bits = new Bitfield(picture.length);
  for (const [index, sign] of [...picture].entries()) if (sign === '*') bits.set(index);
  return bits;
}

function pictureOf(bits: Bitfield): string {
  return Array.from({ length: bits.length }, (_, index) => (bits.has(index) ? '*' : '.')).join('');
}

const picture = fc.array(fc.constantFrom('*', '.'), { maxLength: 140 }).map((signs) => signs.join(''));

describe('Bitfield', () => {
  it('has the high bit of the first byte for piece 0 on the wire', () => {
    assert.equal(bitfield('*.......').toWire().toString('hex'), '80');
    assert.equal(bitfield('.......**').toWire().toString('hex'), '0180');
    assert.equal(
      bitfield(`${'.'.repeat(31)}**`)
        .toWire()
        .toString('hex'),
      '0000000180',
    );
  });

  it('is read from the wire as it was written', () => {
    fc.assert(
      fc.property(picture, (signs) => {
        const bits = bitfield(signs);
        const decoded = decodeBitfield(bits.toWire(), signs.length);
        assert.ok(decoded);
        assert.equal(pictureOf(decoded), signs);
        assert.equal(decoded.count, bits.count);
        assert.equal(decoded.toWire().equals(bits.toWire()), true);
      }),
    );
  });

  it('does what a set of numbers does', () => {
    const action = fc.tuple(fc.boolean(), fc.nat(69));
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const bits = new Bitfield(70);
        const set = new Set<number>();
        for (const [isSet, index] of actions) {
          if (isSet) assert.equal(bits.set(index), !set.has(index));
          else assert.equal(bits.clear(index), set.has(index));
          if (isSet) set.add(index);
          else set.delete(index);
          assert.equal(bits.has(index), isSet);
          assert.equal(bits.count, set.size);
          assert.equal(bits.isEmpty, set.size === 0);
          assert.equal(bits.isComplete, set.size === 70);
        }
        assert.deepEqual(
          Array.from({ length: 70 }, (_, index) => index).filter((index) => bits.has(index)),
          [...set].sort((a, b) => a - b),
        );
      }),
    );
  });

  it('gives its bits a word at a time, and clear bits beyond its end', () => {
    const bits = bitfield(`${'*'.repeat(33)}.*`);
    assert.deepEqual([bits.wordCount, bits.word(0), bits.word(1), bits.word(2)], [2, 0xffffffff, 0xa0000000, 0]);
  });

  it('has no bit beyond its end: `has` and `clear` return false, and `set` throws', () => {
    const bits = fullBitfield(5);
    for (const index of [5, 31, 32, 1000, -1]) {
      assert.equal(bits.has(index), false, `${index}`);
      assert.equal(bits.clear(index), false, `${index}`);
      assert.throws(() => bits.set(index), RangeError);
    }
    assert.equal(bits.count, 5);
  });

  it('of no pieces is empty and complete', () => {
    const bits = new Bitfield(0);
    assert.deepEqual([bits.isEmpty, bits.isComplete, bits.toWire().length], [true, true, 0]);
    assert.ok(decodeBitfield(Buffer.alloc(0), 0));
  });
});

describe('fullBitfield', () => {
  it('has the bit of every piece and no spare bit', () => {
    for (let length = 0; length <= 100; length += 1) {
      const bits = fullBitfield(length);
      assert.equal(bits.count, length);
      assert.equal(bits.isComplete, true);
      assert.equal(pictureOf(bits), '*'.repeat(length));
      assert.equal(decodeBitfield(bits.toWire(), length)?.count, length);
    }
  });
});

describe('decodeBitfield', () => {
  it('refuses every size but the right one', () => {
    for (const [length, size] of [
      [8, 1],
      [9, 2],
      [16, 2],
      [33, 5],
    ] as const) {
      for (let bytes = 0; bytes < 8; bytes += 1) {
        assert.equal(
          decodeBitfield(Buffer.alloc(bytes), length) !== undefined,
          bytes === size,
          `${bytes} for ${length}`,
        );
      }
    }
  });

  it('refuses a spare bit that is set, whichever it is', () => {
    for (let spare = 5; spare < 8; spare += 1) {
      assert.equal(decodeBitfield(Buffer.from([0x80 >>> spare]), 5), undefined, `${spare}`);
    }
    assert.ok(decodeBitfield(Buffer.from([0b11111000]), 5));
    assert.ok(decodeBitfield(Buffer.from([0xff]), 8));
  });

  it('copies the bytes of the frame', () => {
    const frame = Buffer.from([0xff]);
    const bits = decodeBitfield(frame, 8);
    frame.fill(0);
    assert.equal(bits?.count, 8);
  });
});
