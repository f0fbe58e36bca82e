import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameBytes, nameText, systemPath } from '../../../src/base/raw-name.js';

test('a name keeps every byte, UTF-8 or not', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
    fc
      .array(fc.constantFrom('é', '\ufffd', 'a', '\xff', '\xc3', '\xed\xa0\x80', '\xf0\x9f'), { maxLength: 12 })
      .map((parts) =>
        Buffer.concat(parts.map((part) => Buffer.from(part, /^[\xed\xf0\xc3\xff]/.test(part) ? 'latin1' : 'utf8'))),
      ),
  );
  fc.assert(
    fc.property(bytes, (some) => {
      const wanted = Buffer.from(some);
      assert.deepEqual(nameBytes(nameText(wanted)), wanted);
    }),
  );
});

test('a name in UTF-8 is its own text, and only other names go to the system as bytes', () => {
  assert.equal(nameText(Buffer.from('héllo \u{1f468}\ufffd')), 'héllo \u{1f468}\ufffd');
  assert.equal(systemPath('/tmp/héllo'), '/tmp/héllo');
  const odd = nameText(Buffer.from('b\xe9b\xff', 'latin1'));
  assert.equal(odd, 'b\udce9b\udcff');
  assert.deepEqual(
    systemPath(`/tmp/${odd}/é`),
    Buffer.concat([Buffer.from('/tmp/b\xe9b\xff/', 'latin1'), Buffer.from('é')]),
  );
});
