import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '../../../src/base/crc32.js';

test('CRC-32C is that of the examples in RFC 3720', () => {
  const bytesUp = Uint8Array.from({ length: 32 }, (_, index) => index);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(bytesUp), 0x46dd794e);
});
