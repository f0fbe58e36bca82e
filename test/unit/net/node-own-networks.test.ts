import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BindAddresses } from '../../../src/net/fence.js';
import { parseIp } from '../../../src/net/ip-address.js';
import { CurrentOwnNetworks, findOwnNetworks } from '../../../src/net/node-interfaces.js';
import { mayLead } from '../../../src/net/reach-rule.js';

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

  it('are those that the machine has by now: no stranger leads into one that it joins after the start', () => {
    let now = 0;
    let looks = 0;
    let interfaces: Parameters<typeof findOwnNetworks>[1] = {};
    const find = () => {
      looks += 1;
      return findOwnNetworks({ ipv4: '192.168.1.5' }, interfaces);
    };
    const own = new CurrentOwnNetworks({ now: () => now }, find, null);
    const ip = parseIp('2a00::77') ?? assert.fail();
    const isLedThere = () => mayLead({ kind: 'pex', teller: '203.0.113.1' }, ip, 8080, own);
    assert.equal(isLedThere(), true);
    interfaces = INTERFACES;
    now = 10_000;
    assert.equal(isLedThere(), false);
    assert.deepEqual([own.attached.length, own.named.length], [7, 1]);
    interfaces = {};
    now = 20_000;
    assert.deepEqual([isLedThere(), own.attached.length, own.named.length], [true, 0, 0]);
    assert.equal(looks, 3);
  });

  it('are read from the system', () => {
    assert.ok(findOwnNetworks(null).attached.length > 0);
  });
});
