import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostKey } from '../../../src/net/host-key.js';

const ONE_HOST: readonly (readonly [string, string])[] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
  ['fe80::1', 'fe80:0::1'],
  ['tracker.example', 'tracker.example'],
];

const TWO_HOSTS: readonly (readonly [string, string])[] = [
  ['192.0.2.1', '192.0.2.2'],
  ['2001:db8:1:2::1', '2001:db8:1:3::1'],
  ['fe80::1', 'fe80::2'],
  ['fe80::1%eth0', 'fe80::1%eth1'],
  ['::1', '::2'],
];

test('one host has one key: an address of IPv4, a /64 of IPv6', () => {
  for (const [a, b] of ONE_HOST) assert.equal(hostKey(a), hostKey(b), `${a} and ${b}`);
});

test('two hosts have two keys, even on one link', () => {
  for (const [a, b] of TWO_HOSTS) assert.notEqual(hostKey(a), hostKey(b), `${a} and ${b}`);
});
