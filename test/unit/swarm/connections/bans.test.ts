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
