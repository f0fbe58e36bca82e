import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Blocklist } from '../../../src/net/blocklist.js';
import { parseIp } from '../../../src/net/ip-address.js';
import { mayLead, NO_OWN_NETWORKS } from '../../../src/net/reach-rule.js';
import { blocklistOf, tablesOf } from '../../support/blocklist-of.js';

describe('a blocklist', () => {
  it('knows a host by its text as by its bytes', () => {
    const list = blocklistOf('10.0.0.0/9', '192.0.2.7', '2001:db8::/33');
    const near = fc.tuple(fc.constantFrom('10', '192'), fc.nat(255), fc.nat(3), fc.nat(8)).map((all) => all.join('.'));
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), near, fc.string()), (host) => {
        const ip = parseIp(host);
        assert.equal(list.hasHost(host), ip !== undefined && list.has(ip));
      }),
    );
    for (const host of ['10.1.2.3', '192.0.2.7', '::ffff:10.1.2.3', '2001:db8:7fff::'])
      assert.ok(list.hasHost(host), host);
    for (const host of ['10.128.0.0', '192.0.2.8', '2001:db8:8000::', '010.1.2.3', '10.1.2', '10.1.2.3.4', ''])
      assert.ok(!list.hasHost(host), host);
  });

  it('counts what it refuses, each way', () => {
    const list = blocklistOf('192.0.2.0/24');
    for (const host of ['192.0.2.1', '192.0.2.2', '192.0.3.1']) list.refuses(host, 'in');
    list.refuses('192.0.2.1', 'out');
    assert.equal(list.hasHost('192.0.2.1'), true);
    assert.deepEqual(list.status, { ranges: 1, refusedIn: 2, refusedOut: 1 });
  });

  it('tells of a new list when it counts already, until one wants to hear no more', () => {
    const list = new Blocklist();
    const heard: boolean[] = [];
    const forget = list.onReplaced(() => heard.push(list.hasHost('192.0.2.1')));
    list.replace(tablesOf('192.0.2.1'));
    list.replace(tablesOf('192.0.2.2'));
    forget();
    list.replace(tablesOf('192.0.2.1'));
    assert.deepEqual(heard, [true, false]);
  });

  it('lets no source lead to its addresses, the user neither', () => {
    const teller = '192.0.2.99';
    const own = { ...NO_OWN_NETWORKS, blocklist: blocklistOf('192.0.2.1', '2001:db8::1') };
    for (const source of [
      { kind: 'user' },
      { kind: 'link' },
      { kind: 'incoming', teller },
      { kind: 'tracker', teller },
      { kind: 'pex', teller },
      { kind: 'dht', teller },
      { kind: 'lsd', teller },
    ] as const) {
      const leads = (host: string): boolean => mayLead(source, parseIp(host) ?? assert.fail(), 6881, own);
      assert.deepEqual(['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1'].map(leads), [false, false, false], source.kind);
      assert.deepEqual(['192.0.2.2', '2001:db8::2'].map(leads), [true, true], source.kind);
    }
  });
});
