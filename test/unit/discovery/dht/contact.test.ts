import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareDistance,
  contactAt,
  decodeContacts,
  encodeContacts,
  sharedPrefix,
  withSharedPrefix,
} from '../../../../src/discovery/dht/contact.js';

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((array) => Buffer.from(array));
const number = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);

test('distances compare as the exclusive or of the ids does, read as a number', () => {
  fc.assert(
    fc.property(id, id, id, (target, a, b) => {
      const difference = (number(target) ^ number(a)) - (number(target) ^ number(b));
      assert.equal(Math.sign(compareDistance(target, a, b)), difference < 0n ? -1 : difference > 0n ? 1 : 0);
    }),
  );
});

test('an id made with a shared prefix shares exactly that many bits', () => {
  fc.assert(
    fc.property(id, id, fc.nat(160), (own, random, shared) => {
      const made = withSharedPrefix(own, shared, random);
      assert.equal(sharedPrefix(own, made), shared);
      if (shared < 159)
        assert.equal(made.subarray(20 - ((159 - shared) >> 3)).compare(random.subarray(20 - ((159 - shared) >> 3))), 0);
    }),
  );
});

test('encoded nodes decode to the same nodes', () => {
  const ids = [Buffer.alloc(20, 1), Buffer.alloc(20, 2)] as const;
  const v4 = [
    contactAt(ids[0], { host: '192.0.2.1', port: 1 }),
    contactAt(ids[1], { host: '192.0.2.2', port: 65_535 }),
  ];
  const v6 = [contactAt(ids[0], { host: '2001:db8::1', port: 6881 })];
  assert.equal(encodeContacts(v4).length, 52);
  assert.equal(encodeContacts(v6).length, 38);
  assert.deepEqual(decodeContacts(encodeContacts(v4), 4, 8), v4);
  assert.deepEqual(decodeContacts(encodeContacts(v6), 6, 8), v6);
  assert.deepEqual(decodeContacts(encodeContacts(v4), 4, 1), v4.slice(0, 1));
});

test('compact nodes of an impossible length are dropped as a whole, and a node at port 0 is dropped alone', () => {
  assert.deepEqual(decodeContacts(Buffer.from('def456...'), 4, 8), []);
  assert.deepEqual(decodeContacts(Buffer.alloc(53, 1), 4, 8), []);
  assert.deepEqual(decodeContacts(Buffer.alloc(52, 1), 6, 8), []);
  const portless = Buffer.concat([Buffer.alloc(24, 1), Buffer.alloc(2), Buffer.alloc(26, 2)]);
  assert.deepEqual(
    decodeContacts(portless, 4, 8).map(({ port }) => port),
    [0x0202],
  );
});
