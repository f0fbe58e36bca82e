import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HostCrowds } from '../../../src/net/host-crowds.js';
import { hostKey } from '../../../src/net/host-key.js';
import { Timeline } from '../../support/simulation/timeline.js';

const MINUTE = 60_000;
/** The `number`th network of a /48. */
const host = (number: number, site = 'db8:1'): string => `2001:${site}:${number.toString(16)}::1`;

describe('the hosts of one site of IPv6', () => {
  test('count one by one up to a number, and those that come next are together one host', () => {
    const crowds = new HostCrowds(new Timeline(), 3);
    for (const number of [0, 1, 2]) assert.equal(crowds.keyOf(host(number)), hostKey(host(number)));
    const keys = new Set(Array.from({ length: 1_000 }, (_, at) => crowds.keyOf(host(3 + at))));
    assert.deepEqual([...keys], ['20010db80001/48']);
    for (const number of [0, 1, 2]) assert.equal(crowds.keyOf(host(number)), hostKey(host(number)));
    assert.equal(crowds.keyOf(host(7, 'db8:2')), hostKey(host(7, 'db8:2')));
  });

  test('are any address of a /64 for each, so that no host counts twice', () => {
    const crowds = new HostCrowds(new Timeline(), 2);
    for (let at = 1; at < 100; at += 1) assert.equal(crowds.keyOf(`2001:db8:1:5::${at}`), hostKey(host(5)));
    assert.equal(crowds.keyOf(host(6)), hostKey(host(6)));
  });

  test('are forgotten when they have not come for an hour, and not before half an hour has gone', () => {
    const timeline = new Timeline();
    const crowds = new HostCrowds(timeline, 2);
    const isOneByOne = (number: number): boolean => crowds.keyOf(host(number)) === hostKey(host(number));
    assert.ok(isOneByOne(0) && isOneByOne(1) && !isOneByOne(2));
    timeline.run(35 * MINUTE);
    assert.ok(isOneByOne(1) && !isOneByOne(2), 'the first is remembered, and the second came again');
    timeline.run(30 * MINUTE);
    assert.ok(isOneByOne(2) && isOneByOne(1) && !isOneByOne(0));
    timeline.run(120 * MINUTE);
    assert.ok(isOneByOne(7) && isOneByOne(8) && !isOneByOne(9));
  });

  test('are not those of IPv4, of this host, of the local network, or of no address', () => {
    const crowds = new HostCrowds(new Timeline(), 1);
    for (let at = 1; at < 50; at += 1)
      for (const one of [`10.0.0.${at}`, `::ffff:10.0.0.${at}`, '::1', `fe80::${at}`, `name${at}`])
        assert.equal(crowds.keyOf(one), hostKey(one));
  });

  test('are remembered up to a number', () => {
    const crowds = new HostCrowds(new Timeline(), 1);
    const address = (site: number, network: number): string =>
      `2001:${(site >> 8).toString(16)}:${(site & 255).toString(16)}:${network}::1`;
    for (let site = 0; site < 110_000; site += 1) crowds.keyOf(address(site, 1));
    assert.equal(crowds.keyOf(address(0, 2)), '200100000000/48');
    assert.equal(crowds.keyOf(address(105_000, 2)), hostKey(address(105_000, 2)));
  });
});
