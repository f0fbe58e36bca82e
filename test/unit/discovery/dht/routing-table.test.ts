import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Contact,
  compareDistance,
  contactAt,
  sharedPrefix,
  withSharedPrefix,
} from '../../../../src/discovery/dht/contact.js';
import { RoutingTable } from '../../../../src/discovery/dht/routing-table.js';
import { isSecureId, secureId } from '../../../../src/discovery/dht/secure-id.js';
import { type IpAddress, ipOfBytes, parseIp } from '../../../../src/net/ip-address.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

const MINUTE = 60_000;
const OWN = Buffer.alloc(20);

function world() {
  const random = seededRandom(1);
  const probed: Contact[] = [];
  const clock = { now: 0 };
  const table = new RoutingTable(OWN, { random, now: () => clock.now, probe: (contact) => probed.push(contact) });
  /** A node whose id shares `shared` bits with ours. Its address is a local one, which allows any id. */
  const node = (number: number, shared: number): Contact => {
    const id = withSharedPrefix(OWN, shared, random.bytes(20));
    return contactAt(id, { host: `10.0.${number >> 8}.${number & 255}`, port: 6881 });
  };
  return { table, probed, clock, random, node };
}

const hosts = (contacts: readonly Contact[]) => contacts.map(({ host }) => host).sort();

test('a bucket far from our id takes eight nodes, and the bucket of our own id splits', () => {
  const { table, node } = world();
  for (let number = 0; number < 20; number += 1) table.answered(node(number, 0));
  assert.equal(table.size, 8);
  for (let number = 20; number < 40; number += 1) table.answered(node(number, 1));
  assert.equal(table.size, 16);
  for (let number = 40; number < 48; number += 1) table.answered(node(number, 30));
  assert.equal(table.size, 24);
});

test('for any target, `closest` gives the nodes of the table with the smallest distance', () => {
  const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(
      id,
      fc.array(fc.nat(12), { maxLength: 120 }),
      fc.integer({ min: 1, max: 12 }),
      (target, shared, count) => {
        const { table, node } = world();
        for (const [number, bits] of shared.entries()) table.answered(node(number, bits));
        const sorted = table.contacts().sort((a, b) => compareDistance(target, a.id, b.id));
        assert.deepEqual(table.closest(target, count, 'good'), sorted.slice(0, count));
      },
    ),
  );
});

test('a node is good for 15 minutes after its last message, and then questionable', () => {
  const { table, node, clock } = world();
  const one = node(1, 3);
  table.answered(one);
  clock.now = 15 * MINUTE;
  assert.deepEqual([table.count('good'), table.count('questionable')], [1, 0]);
  clock.now += 1;
  assert.deepEqual([table.count('good'), table.count('questionable')], [0, 1]);
  assert.deepEqual(table.closest(OWN, 8, 'good'), []);
  assert.deepEqual(table.closest(OWN, 8, 'not-bad'), [one]);
  table.queried(one);
  assert.equal(table.count('good'), 1);
});

test('a node that has only asked us is probed, and enters the table when it answers', () => {
  const { table, node, probed } = world();
  const one = node(1, 3);
  table.queried(one);
  table.queried(one);
  assert.deepEqual([table.size, probed], [0, [one]]);
  table.answered(one);
  assert.equal(table.size, 1);
});

test('at most sixteen strangers are probed at the same time', () => {
  const { table, node, probed } = world();
  for (let number = 0; number < 50; number += 1) table.heardOf(node(number, 3));
  assert.equal(probed.length, 16);
  table.failed(probed[0] as Contact);
  table.heardOf(node(99, 3));
  assert.equal(probed.length, 17);
});

test('a bad node keeps its place until another node needs it', () => {
  const { table, node } = world();
  const nodes = Array.from({ length: 8 }, (_, number) => node(number, 0));
  for (const one of nodes) table.answered(one);
  const [dead] = nodes as [Contact];
  for (let times = 0; times < 3; times += 1) table.failed(dead);
  assert.deepEqual([table.size, table.count('bad')], [8, 1]);
  assert.equal(table.closest(OWN, 8, 'not-bad').length, 7);
  const fresh = node(100, 0);
  table.answered(fresh);
  assert.deepEqual(hosts(table.contacts()), hosts([...nodes.slice(1), fresh]));
});

test('before a newcomer gets a place, questionable nodes are probed, those first that have been silent longest', () => {
  const { table, node, clock, probed } = world();
  const nodes = Array.from({ length: 8 }, (_, number) => node(number, 0));
  table.answered(node(50, 5));
  for (const one of nodes) {
    table.answered(one);
    clock.now += 1;
  }
  clock.now += 15 * MINUTE;
  const newcomer = node(100, 0);
  table.answered(newcomer);
  assert.deepEqual(probed, [nodes[0]]);
  table.answered(nodes[0] as Contact);
  assert.deepEqual(probed, [nodes[0], nodes[1]]);
  for (let times = 0; times < 3; times += 1) table.failed(nodes[1] as Contact);
  assert.deepEqual(probed, [nodes[0], nodes[1], nodes[1], nodes[1]]);
  assert.deepEqual(hosts(table.contacts()), hosts([...nodes.filter((one) => one !== nodes[1]), newcomer, node(50, 5)]));
});

test('a host has one place, whatever ids and ports it uses', () => {
  const { table, random, probed } = world();
  const at = (port: number) => contactAt(secureId(parseIp('8.8.8.8') as IpAddress, random), { host: '8.8.8.8', port });
  const first = at(1);
  table.answered(first);
  table.answered(at(2));
  assert.deepEqual(table.contacts(), [first]);
  const changed = at(1);
  table.queried(changed);
  table.queried(at(2));
  assert.deepEqual(probed, [changed]);
  table.answered(changed);
  assert.deepEqual(table.contacts(), [changed]);
  table.gone(first);
  assert.equal(table.size, 1);
  table.gone(changed);
  assert.equal(table.size, 0);
});

test('a bucket takes one node of each /24 and /64, however many of them answer', () => {
  const { table, random } = world();
  for (let number = 1; number < 100; number += 1) {
    const host = `8.8.8.${number}`;
    table.answered(contactAt(withSharedPrefix(OWN, 0, random.bytes(20)), { host, port: 1 }));
    table.answered(contactAt(withSharedPrefix(OWN, 0, random.bytes(20)), { host: `2001:db8::${number}`, port: 1 }));
  }
  assert.equal(table.size, 2);
});

test('a node whose address allows its id takes the place of a node whose address does not', () => {
  const { table, random } = world();
  const address = (number: number) => ipOfBytes(Buffer.from([8, number, 0, 1]));
  const claimed = (number: number): Contact =>
    contactAt(withSharedPrefix(OWN, 0, random.bytes(20)), { host: address(number).text, port: 1 });
  table.answered(contactAt(withSharedPrefix(OWN, 9, random.bytes(20)), { host: '9.9.9.9', port: 1 }));
  for (let number = 0; number < 8; number += 1) table.answered(claimed(number));
  let secure = secureId(address(50), random);
  while (sharedPrefix(OWN, secure) !== 0) secure = secureId(address(50), random);
  table.answered(claimed(60));
  assert.ok(!table.contacts().some(({ host }) => host === '8.60.0.1'));
  table.answered(contactAt(secure, { host: address(50).text, port: 1 }));
  assert.equal(table.size, 9);
  const kept = table.contacts().filter(({ id, host }) => isSecureId(id, parseIp(host) as IpAddress));
  assert.deepEqual(hosts(kept), ['8.50.0.1']);
});

test('nodes of an earlier run are asked, but not named to others before they have answered', () => {
  const { table, node } = world();
  const one = node(1, 3);
  table.restore(one);
  assert.deepEqual(table.closest(OWN, 8, 'good'), []);
  assert.deepEqual(table.closest(OWN, 8, 'not-bad'), [one]);
  table.answered(one);
  assert.deepEqual(table.closest(OWN, 8, 'good'), [one]);
});

test('a node that claims our own id does not enter the table', () => {
  const { table, probed } = world();
  const self = contactAt(OWN, { host: '10.0.0.1', port: 1 });
  table.answered(self);
  table.restore(self);
  table.heardOf(self);
  assert.deepEqual([table.size, probed.length], [0, 0]);
});

test('a bucket that has not changed for 15 minutes is refreshed once, with a target inside it', () => {
  const { table, node, clock } = world();
  for (let number = 0; number < 24; number += 1) table.answered(node(number, number % 3));
  clock.now = 15 * MINUTE - 1;
  table.answered(table.contacts().find(({ id }) => sharedPrefix(OWN, id) === 1) as Contact);
  assert.deepEqual(table.takeStale(9), []);
  clock.now += 1;
  const shared = () => table.takeStale(1).map((id) => sharedPrefix(OWN, id));
  assert.deepEqual([shared(), shared(), shared()], [[0], [160], []]);
});

test('whatever happens to a table, it has each node once, and at most eight nodes in a bucket', () => {
  const action = fc.record({
    kind: fc.constantFrom('answered' as const, 'failed' as const, 'queried' as const, 'restore' as const),
    number: fc.nat(60),
    wait: fc.nat(10 * MINUTE),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const { table, node, clock } = world();
      const nodes = Array.from({ length: 61 }, (_, number) => node(number, number % 4));
      for (const { kind, number, wait } of actions) {
        clock.now += wait;
        table[kind](nodes[number] as Contact);
        const contacts = table.contacts();
        assert.equal(new Set(hosts(contacts)).size, contacts.length);
        for (let bits = 0; bits < 4; bits += 1) {
          assert.ok(contacts.filter(({ id }) => sharedPrefix(OWN, id) === bits).length <= 8);
        }
        assert.equal(table.count('good') + table.count('questionable') + table.count('bad'), contacts.length);
        assert.equal(table.size, contacts.length);
      }
    }),
  );
});
