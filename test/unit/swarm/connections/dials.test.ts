import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Connection, Ending } from '../../../../src/swarm/connections/connection.js';
import { Dials } from '../../../../src/swarm/connections/dials.js';
import { Tellers } from '../../../../src/swarm/connections/tellers.js';

it('counts dials that come to nothing against the teller, but not those that our own way out ended', () => {
  const endings: readonly (readonly [Ending, isFailure: boolean])[] = [
    [{ by: 'peer', failure: { code: 'unreachable' } }, true],
    [{ by: 'peer', failure: { code: 'unreachable', isOurs: true } }, false],
    [{ by: 'us', reason: { code: 'connect-timeout' } }, true],
    [{ by: 'us', reason: { code: 'shutting-down' } }, false],
  ];
  for (const [ending, isFailure] of endings) {
    const tellers = new Tellers(4);
    const teller = tellers.of({ kind: 'tracker', teller: '9.0.0.1' });
    const dials = new Dials(tellers, { patience: 0, provingTime: 0 }, () => 'proven');
    for (let count = 0; count < 40; count += 1) {
      // Dials look at no more than this of a connection that ends early.
      const connection = { completeSince: null } as Connection;
      dials.begun(connection, teller);
      dials.ended(connection, ending);
    }
    assert.deepEqual([teller.weight < 1, teller.unproven], [isFailure, 0], JSON.stringify(ending));
  }
});
