import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublicKey, PRIME, PUBLIC_KEY_LENGTH } from '../../../../src/wire/mse/key-exchange.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { makeKeyPair } from '../../../support/worlds/mse-pair.js';

const key = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(2 * PUBLIC_KEY_LENGTH, '0'), 'hex');
const P = BigInt(`0x${PRIME.toString('hex')}`);

test('a public key from 2 to P − 2 is taken, and no other', () => {
  const verdicts = [0n, 1n, 2n, 3n, P - 3n, P - 2n, P - 1n, P, P + 1n, (1n << 768n) - 1n].map((value) =>
    isPublicKey(key(value)),
  );
  assert.deepEqual(verdicts, [false, false, true, true, true, true, false, false, false, false]);
});

test('both sides have one secret, and all keys have 96 bytes, also those that begin with zeros', () => {
  const random = seededRandom(3);
  let withZero = 0;
  for (let round = 0; withZero === 0; round += 1) {
    assert.ok(round < 5_000);
    const [one, other] = [makeKeyPair(random.bytes(20)), makeKeyPair(random.bytes(20))];
    const secret = one.secretWith(other.publicKey);
    assert.deepEqual(other.secretWith(one.publicKey), secret);
    assert.deepEqual([one.publicKey.length, secret.length], [PUBLIC_KEY_LENGTH, PUBLIC_KEY_LENGTH]);
    if (one.publicKey[0] === 0 || secret[0] === 0) withZero += 1;
  }
});

test('every public key that is taken has a secret: what a stranger says throws nothing', () => {
  const random = seededRandom(4);
  const toNumber = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (let [square, left] = [base % P, exponent]; left > 0n; left >>= 1n) {
      if ((left & 1n) === 1n) result = (result * square) % P;
      square = (square * square) % P;
    }
    return result;
  };
  const chosen = [2n, 3n, 4n, P >> 1n, (P >> 1n) + 1n, P - 3n, P - 2n, 1n << 700n, 1n << 767n].map(key);
  const byChance = Array.from({ length: 50 }, () => random.bytes(PUBLIC_KEY_LENGTH)).filter(isPublicKey);
  for (const privateKey of [Buffer.alloc(20, 0xff), Buffer.alloc(20, 1), random.bytes(20)]) {
    const pair = makeKeyPair(privateKey);
    assert.deepEqual(pair.publicKey, key(power(2n, toNumber(privateKey))));
    for (const other of [...chosen, ...byChance])
      assert.deepEqual(pair.secretWith(other), key(power(toNumber(other), toNumber(privateKey))));
  }
});
