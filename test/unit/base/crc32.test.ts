import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from '../../../src/base/crc32.js';

test('CRC-32 of the check string is the one that its catalogue gives', () => {
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
  assert.equal(crc32(Buffer.alloc(0)), 0);
});

test('the CRC-32 of two parts is that of both together', () => {
  assert.equal(crc32(Buffer.from('456789'), crc32(Buffer.from('123'))), 0xcbf43926);
});
