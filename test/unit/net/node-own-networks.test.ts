import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BindAddresses } from '../../../src/net/fence.js';
import { findOwnNetworks } from '../../../src/net/node-interfaces.js';

const INTERFACES = {
  lo: [{ cidr: '127.0.0.1/8' }, { cidr: '::1/128' }],
  eth0: [{ cidr: '192.168.1.5/24' }, { cidr: 'fe80::5/64' }, { cidr: '2a00::5/64' }, { cidr: '9.1.2.3/22' }],
  tun0: [{ cidr: '10.8.0.2/0' }, { cidr: null }],
};

function found(bind: BindAddresses | null): { attached: string[]; named: string[] } {
  const { attached, named } = findOwnNetworks(bind, INTERFACES);
  const text = ({ address, bits }: (typeof named)[number]) => `${address.text}/${bits}`;
  return { attached: attached.map(text), named: named.map(text) };
}

describe('the networks of this host', () => {
  it('are those of its interfaces; where one claims half of all addresses, only our own address', () => {
    assert.deepEqual(found(null), {
      attached: ['127.0.0.1/8', '::1/128', '192.168.1.5/24', 'fe80::5/64', '2a00::5/64', '9.1.2.3/22', '10.8.0.2/32'],
      named: [],
    });
  });

  it('are named by a fence at loopback or in a private network, and not by one at a public address', () => {
    assert.deepEqual(found({ ipv4: '127.0.0.2' }).named, ['127.0.0.0/8']);
    assert.deepEqual(found({ ipv6: '::1' }).named, ['::1/128']);
    assert.deepEqual(found({ ipv4: '192.168.1.5' }).named, ['192.168.1.5/24']);
    assert.deepEqual(found({ ipv4: '9.1.2.3', ipv6: '2a00::5' }).named, []);
  });

  it('are read from the system', () => {
    assert.ok(findOwnNetworks(null).attached.length > 0);
  });
});
