import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { announces, encodeReserved } from '../../../src/wire/reserved.js';

describe('the reserved bytes', () => {
  it('are zero when no extension is spoken', () => {
    assert.deepEqual(encodeReserved([]), Buffer.alloc(8));
  });

  it('set the bits that the extensions name, two of them in one byte', () => {
    assert.equal(encodeReserved(['extended', 'dht', 'fast', 'v2']).toString('hex'), '0000000000100015');
  });

  it('announce exactly what was set', () => {
    const all = ['extended', 'dht', 'fast', 'v2'] as const;
    for (const only of all) {
      const reserved = encodeReserved([only]);
      assert.deepEqual(
        all.filter((extension) => announces(reserved, extension)),
        [only],
      );
    }
  });
});
