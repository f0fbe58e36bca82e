import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDestinations } from '../../../src/discovery/http-destination.js';
import { type Reach, reachOf } from '../../../src/net/reach.js';

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

test('an address reaches as far as it does, however it is spelled and wrapped', () => {
  for (const [reach, hosts] of Object.entries(REACHES)) {
    for (const host of hosts) assert.equal(reachOf(host), reach, host);
  }
});

test('a redirect leads no nearer to this machine than the address that it came from', () => {
  const allowed: Record<string, string> = {};
  const floors: Reach[] = ['loopback', 'link-local', 'private', 'public'];
  for (const floor of floors) {
    for (const host of [
      'localhost',
      '[::1]',
      '169.254.169.254',
      '192.168.1.1',
      '8.8.8.8',
      '[::ffff:7f00:1]',
      '0.0.0.0',
    ]) {
      findDestinations(host, null, floor, (outcome) => {
        if (outcome.ok)
          allowed[floor] = `${allowed[floor] ?? ''} ${outcome.destinations.map(({ host: to }) => to)}`.trim();
        else assert.equal(outcome.code, 'forbidden');
      });
    }
  }
  assert.deepEqual(allowed, {
    loopback: '127.0.0.1,::1 ::1 169.254.169.254 192.168.1.1 8.8.8.8 127.0.0.1',
    'link-local': '169.254.169.254 192.168.1.1 8.8.8.8',
    private: '192.168.1.1 8.8.8.8',
    public: '8.8.8.8',
  });
});
