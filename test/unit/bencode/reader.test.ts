import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BencodeValue, decodeBencode } from '../../../src/bencode/bencode.js';
import { type Encodable, encodeBencode } from '../../../src/bencode/encode.js';
import { TOLERANT } from '../../../src/bencode/guard.js';
import { BencodeReader } from '../../../src/bencode/reader.js';

/** All that comes next, as the decoder gives it. */
function readAll(reader: BencodeReader): BencodeValue | undefined {
  const kind = reader.next();
  if (kind === 'integer') return reader.integer();
  if (kind === 'string') return reader.string();
  const entries: [string, BencodeValue | undefined][] = [];
  reader.open();
  while (reader.next() !== 'end') entries.push([kind === 'list' ? '' : reader.key(), readAll(reader)]);
  reader.close();
  return (kind === 'list' ? entries.map(([, value]) => value) : new Map(entries)) as BencodeValue;
}

const bytes = fc.uint8Array({ maxLength: 12 });
const values: fc.Arbitrary<Encodable> = fc.letrec<{ value: Encodable }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.maxSafeInteger(),
    bytes,
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(bytes, tie('value')), { maxLength: 4 })
      .map((entries) => new Map(entries.map(([key, value]) => [Buffer.from(key).toString('latin1'), value]))),
  ),
})).value;

test('the reader reads what the decoder decodes', () => {
  fc.assert(
    fc.property(values, (value) => {
      const bencoded = encodeBencode(value);
      assert.deepEqual(readAll(new BencodeReader(bencoded)), decodeBencode(bencoded, TOLERANT));
    }),
  );
});

test('the reader passes over a value of any kind', () => {
  fc.assert(
    fc.property(values, fc.maxSafeInteger(), (value, behind) => {
      const reader = new BencodeReader(encodeBencode([value, behind]));
      reader.open();
      reader.skip();
      assert.equal(reader.integer(), behind);
      assert.equal(reader.next(), 'end');
    }),
  );
});

test('an integer that a number would not hold exactly is undefined, and reading goes on behind it', () => {
  const reader = new BencodeReader(Buffer.from('li9007199254740991ei9007199254740992ei-9007199254740992ei-7ee'));
  reader.open();
  const read = [reader.integer(), reader.integer(), reader.integer(), reader.integer()];
  assert.deepEqual(read, [9007199254740991, undefined, undefined, -7]);
});
