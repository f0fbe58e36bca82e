import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { verifyEd25519 } from '../../../src/base/system-ed25519.js';

const pair = generateKeyPairSync('ed25519');
const publicKey = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);

test('a signature is right only for its own message and its own key', () => {
  const message = Buffer.from('3:seqi1e1:v12:Hello World!');
  const signature = sign(null, message, pair.privateKey);
  assert.ok(verifyEd25519(publicKey, signature, message));
  assert.equal(verifyEd25519(publicKey, signature, Buffer.from('3:seqi2e1:v12:Hello World!')), false);
  assert.equal(verifyEd25519(Buffer.alloc(32, 1), signature, message), false);
  for (let index = 0; index < 64; index += 7) {
    const forged = Buffer.from(signature);
    forged.writeUInt8(forged.readUInt8(index) ^ 1, index);
    assert.equal(verifyEd25519(publicKey, forged, message), false);
  }
});

test('bytes that are no key or no signature are refused without an exception', () => {
  const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
  fc.assert(fc.property(bytes, bytes, bytes, (key, signature, message) => !verifyEd25519(key, signature, message)));
});
