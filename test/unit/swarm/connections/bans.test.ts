import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bans } from '../../../../src/swarm/connections/bans.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';

test('of the hosts with liars the 10,000 whose last lie is latest are remembered', () => {
  const bans = new Bans();
  const lie = (host: string): void =>
    bans.add(new RecordedConnection('liar', [], host), { kind: 'wrong-piece', piece: 0 });
  const hostAt = (number: number): string => `10.0.${number >> 8}.${number & 255}`;
  for (let number = 0; number < 10_000; number += 1) lie(hostAt(number));
  lie(hostAt(0));
  lie('9.0.0.1');
  assert.deepEqual(
    [hostAt(0), hostAt(1), hostAt(2), '9.0.0.1'].map((host) => bans.againstAddress({ host, port: 6881 }) !== undefined),
    [true, false, true, true],
  );
});

test('a peer that lies twice is one liar of its host, and the third liar has the host banned', () => {
  const bans = new Bans();
  const host = '10.0.0.1';
  const lie = (name: string): void => {
    const liar = new RecordedConnection(name, [], host, false);
    bans.add(liar, { kind: 'wrong-block', piece: 0, block: 0 });
    bans.add(liar, { kind: 'wrong-hashes' });
  };
  lie('one');
  lie('two');
  assert.deepEqual([bans.all.length, bans.againstHost(host, false)], [2, undefined]);
  lie('three');
  assert.deepEqual(bans.againstHost(host, false), { kind: 'wrong-block', piece: 0, block: 0 });
});
