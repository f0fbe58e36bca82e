import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecureId, secureId } from '../../../../src/discovery/dht/secure-id.js';
import { type IpAddress, parseIp } from '../../../../src/net/ip-address.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

const ip = (text: string) => parseIp(text) as IpAddress;

test('the example ids of the specification are allowed at their addresses, and at no other', () => {
  const examples: [string, string][] = [
    ['124.31.75.21', '5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401'],
    ['21.75.31.124', '5a3ce9c14e7a08645677bbd1cfe7d8f956d53256'],
    ['65.23.51.170', 'a5d43220bc8f112a3d426c84764f8c2a1150e616'],
    ['84.124.73.14', '1b0321dd1bb1fe518101ceef99462b947a01ff41'],
    ['43.213.53.83', 'e56f6cbf5b7c4be0237986d5243b87aa6d51305a'],
  ];
  for (const [address, id] of examples) {
    for (const [other] of examples) {
      assert.equal(isSecureId(Buffer.from(id, 'hex'), ip(other)), other === address, `${id} at ${other}`);
    }
  }
});

test('an address decides only over the first 21 and the last 3 bits of an id', () => {
  const id = Buffer.from('5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401', 'hex');
  const bound = Array.from({ length: 160 }, (_, bit) => bit).filter((bit) => {
    const flipped = Buffer.from(id);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (0x80 >> (bit & 7)), bit >> 3);
    return !isSecureId(flipped, ip('124.31.75.21'));
  });
  // Only the low three bits of the last byte go into the hash.
  assert.deepEqual(bound, [...Array.from({ length: 21 }, (_, bit) => bit), 157, 158, 159]);
});

test('an id that is made for an address is allowed there, and each such id is different', () => {
  const random = seededRandom(1);
  for (const text of ['203.0.113.7', '2001:db8:1:2:3:4:5:6', '255.255.255.255']) {
    const ids = Array.from({ length: 50 }, () => secureId(ip(text), random));
    for (const id of ids) assert.ok(isSecureId(id, ip(text)), `${id.toString('hex')} at ${text}`);
    assert.equal(new Set(ids.map((id) => id.toString('hex'))).size, 50);
  }
  const id = secureId(ip('2001:db8:1:2:3:4:5:6'), random);
  assert.ok(isSecureId(id, ip('2001:db8:1:2::1')), 'the low half of an IPv6 address does not count');
  assert.equal(isSecureId(id, ip('2001:db8:1:3::1')), false);
});

test('local addresses may have any id', () => {
  const id = Buffer.alloc(20);
  for (const text of [
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.3.4',
    '127.0.0.1',
    '::1',
    'fe80::1',
    'fd00::1',
  ]) {
    assert.ok(isSecureId(id, ip(text)), text);
  }
  for (const text of ['172.32.0.1', '8.8.8.8', '2001:db8::1']) assert.equal(isSecureId(id, ip(text)), false, text);
});
