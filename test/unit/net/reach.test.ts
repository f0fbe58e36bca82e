import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp } from '../../../src/net/ip-address.js';
import { isWrapped, type Reach, reachOf } from '../../../src/net/reach.js';

const REACHES: Readonly<Record<Reach, readonly string[]>> = {
  nowhere: [
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    'ff02::1',
    '::ffff:0.0.0.0',
    'host',
  ],
  loopback: [
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '::ffff:7f00:1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ],
  'link-local': ['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '::169.254.169.254'],
  private: [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '::10.0.0.1',
  ],
  public: [
    '8.8.8.8',
    '172.32.0.1',
    '126.255.255.255',
    '2606:4700::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2002:808:808::',
  ],
};

test('an address has one reach, however it is spelled or wrapped', () => {
  for (const [reach, hosts] of Object.entries(REACHES)) {
    for (const host of hosts) assert.equal(reachOf(host), reach, host);
  }
});

test('an address that a gateway turns into another one counts as wrapped', () => {
  const wrapped = ['64:ff9b::808:808', '64:ff9b:1::1', '::ffff:0:7f00:1', '2002:7f00:1::', '2001::1', '::808:808'];
  const plain = ['::1', '2606:4700::1', '::ffff:8.8.8.8', 'fe80::1'];
  const isWrappedHost = (host: string): boolean => isWrapped(parseIp(host) ?? assert.fail(host));
  for (const host of wrapped) assert.equal(isWrappedHost(host), true, host);
  for (const host of plain) assert.equal(isWrappedHost(host), false, host);
});
