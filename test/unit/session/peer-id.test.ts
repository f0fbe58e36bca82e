import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPeerId } from '../../../src/session/session.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

describe('our peer id', () => {
  it('begins with a client code that no other client has, and the version', () => {
    assert.match(createPeerId(seededRandom(1)).toString('latin1'), /^-GB\d{4}-[0-9A-Za-z]{12}$/);
  });

  it('is different each time', () => {
    const random = seededRandom(1);
    const ids = Array.from({ length: 100 }, () => createPeerId(random).toString('latin1'));
    assert.equal(new Set(ids).size, 100);
  });
});
