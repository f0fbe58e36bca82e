import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Candidate, Candidates, type Teller } from '../../../../src/discovery/dht/candidates.js';
import { type Contact, contactAt } from '../../../../src/discovery/dht/contact.js';
import { secureId } from '../../../../src/discovery/dht/secure-id.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

const TARGET = Buffer.alloc(20);

/** A node at a local address, which allows any id. The smaller `distance`, the closer it is to the target. */
function node(distance: number): Contact {
  const id = Buffer.alloc(20);
  id.writeUInt32BE(distance, 16);
  return contactAt(id, { host: `10.0.${distance >> 8}.${distance & 255}`, port: 1 });
}

function world() {
  const misled: string[] = [];
  const candidates = new Candidates(TARGET, ({ host }) => misled.push(host));
  const teller = (number: number): Teller => ({ contact: node(number), failures: 0, successes: 0 });
  /** Asks until no node is left to ask. `answers` decides which nodes answer. The result is the hosts in order. */
  const walk = (answers: (contact: Contact) => boolean): string[] => {
    const asked: string[] = [];
    for (let step = candidates.next(); step.kind === 'ask'; step = candidates.next()) {
      const { candidate } = step;
      candidates.asked(candidate);
      asked.push(candidate.contact.host);
      if (answers(candidate.contact)) candidates.answered(candidate, Buffer.from('token'));
      else candidates.failed(candidate);
    }
    return asked;
  };
  return { candidates, misled, teller, walk };
}

const host = (distance: number) => node(distance).host;

test('the closest nodes are asked first, until sixteen have answered', () => {
  const { candidates, teller, walk } = world();
  for (let distance = 40; distance > 0; distance -= 1) candidates.add(node(distance), teller(99));
  const asked = walk(() => true);
  assert.deepEqual(
    asked,
    Array.from({ length: 16 }, (_, index) => host(index + 1)),
  );
  assert.equal(candidates.next().kind, 'done');
  assert.deepEqual(
    candidates.writable().map(({ contact }) => contact.host),
    asked.slice(0, 8),
  );
});

test('the nodes of our own table are asked before all others, even if they are far from the target', () => {
  const { candidates, teller, walk } = world();
  candidates.addOwn(node(1000));
  candidates.addOwn(node(1001));
  for (let distance = 1; distance < 20; distance += 1) candidates.add(node(distance), teller(99));
  assert.deepEqual(walk(() => true).slice(0, 3), [host(1000), host(1001), host(1)]);
});

test('a lookup with sixteen answers waits for a closer node that was asked, but not for a slow one', () => {
  const { candidates, teller } = world();
  const added = Array.from({ length: 17 }, (_, index) => candidates.add(node(index + 1), teller(99)) as Candidate);
  for (const candidate of added) candidates.asked(candidate);
  for (const candidate of added.slice(1)) candidates.answered(candidate, null);
  assert.equal(candidates.next().kind, 'wait');
  (added[0] as Candidate).state = 'slow';
  assert.equal(candidates.next().kind, 'done');
});

test('a lookup with fewer than sixteen answers waits for slow nodes too', () => {
  const { candidates, teller } = world();
  const candidate = candidates.add(node(1), teller(99)) as Candidate;
  candidates.asked(candidate);
  candidate.state = 'slow';
  assert.equal(candidates.next().kind, 'wait');
  candidates.failed(candidate);
  assert.equal(candidates.next().kind, 'done');
});

test('a node that has named three nodes in vain is trusted no more, and is reported', () => {
  const { candidates, misled, teller, walk } = world();
  const liar = teller(500);
  const honest = teller(501);
  for (let distance = 1; distance <= 10; distance += 1) candidates.add(node(distance), liar);
  for (let distance = 11; distance <= 14; distance += 1) candidates.add(node(distance), honest);
  candidates.add(node(5), honest);
  const asked = walk(({ id }) => id.readUInt32BE(16) > 10);
  assert.deepEqual(asked, [host(1), host(2), host(3), host(5), host(11), host(12), host(13), host(14)]);
  assert.deepEqual(misled, [host(500)]);
});

test('a node that names a node which has already failed is blamed for it too', () => {
  const { candidates, misled, teller, walk } = world();
  for (let distance = 1; distance <= 3; distance += 1) candidates.add(node(distance), teller(500));
  walk(() => false);
  const second = teller(501);
  for (let distance = 1; distance <= 3; distance += 1) candidates.add(node(distance), second);
  assert.deepEqual(misled.length, 1);
  assert.equal(second.failures, 3);
});

test('a host is tried under at most two ids, and not again once it has answered', () => {
  const { candidates, teller, walk } = world();
  for (let distance = 1; distance <= 5; distance += 1) {
    candidates.add({ ...node(9), id: node(distance).id }, teller(distance));
  }
  assert.equal(walk(() => false).length, 2);
  const other = world();
  for (let distance = 1; distance <= 5; distance += 1) {
    other.candidates.add({ ...node(9), id: node(distance).id }, other.teller(distance));
  }
  assert.equal(other.walk(() => true).length, 1);
});

test('nodes whose address does not allow their id end no lookup, and eight other nodes are written to too', () => {
  const { candidates, teller, walk } = world();
  const random = seededRandom(1);
  for (let number = 1; number <= 60; number += 1) {
    const claimed = contactAt(node(number).id, { host: `8.${number}.0.1`, port: 1 });
    candidates.add(claimed, teller(number));
    const honest = contactAt(TARGET, { host: `9.${number}.0.1`, port: 1 });
    candidates.add({ ...honest, id: secureId(honest.ip, random) }, teller(100 + number));
  }
  const asked = walk(() => true);
  assert.equal(asked.filter((address) => address.startsWith('8.')).length, 40);
  assert.equal(asked.filter((address) => address.startsWith('9.')).length, 16);
  const writable = candidates.writable();
  assert.deepEqual([writable.length, writable.filter(({ isSecure }) => isSecure).length], [16, 8]);
});

test('once a node of a network has answered, no other node of that network is asked', () => {
  const { candidates, teller, walk } = world();
  const random = seededRandom(1);
  for (let number = 1; number <= 50; number += 1) {
    const contact = contactAt(TARGET, { host: `8.8.8.${number}`, port: 1 });
    candidates.add({ ...contact, id: secureId(contact.ip, random) }, teller(number));
  }
  assert.equal(walk(() => true).length, 1);
});
