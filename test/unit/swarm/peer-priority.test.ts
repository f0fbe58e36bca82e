import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipOfBytes, parseIp } from '../../../src/net/ip-address.js';
import { type Endpoint, peerPriority } from '../../../src/swarm/peer-priority.js';
import { hasCorpus, readCorpus } from '../../support/corpus.js';

/** `HOST` or, for IPv4, `HOST:PORT`. */
function endpoint(text: string): Endpoint {
  const whole = parseIp(text);
  if (whole !== undefined) return { ip: whole, port: 6881 };
  const [host = '', port = ''] = text.split(':');
  const ip = parseIp(host);
  assert.ok(ip !== undefined, text);
  return { ip, port: Number(port) };
}

function priority(a: string, b: string): string {
  return peerPriority(endpoint(a), endpoint(b)).toString(16).padStart(8, '0');
}

describe('the priority of two peers for each other', () => {
  it('matches the examples in BEP 40', () => {
    assert.equal(priority('123.213.32.10', '98.76.54.32'), 'ec2d7224');
    assert.equal(priority('123.213.32.10', '123.213.32.234'), '99568189');
  });

  it('ignores address bits that the owner of a distant network can choose', () => {
    assert.equal(priority('9.9.0.0', '98.76.0.0'), priority('9.9.0.0', '98.76.2.8'));
    assert.equal(priority('2001:db8::1', '2001:db9::'), priority('2001:db8::1', '2001:db9::8a'));
    assert.notEqual(priority('2001:db8::1', '2001:db8::2'), priority('2001:db8::1', '2001:db8::8'));
  });

  it('is the same from both sides, for any two addresses and ports', () => {
    const ip = fc
      .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
      .map((bytes) => ipOfBytes(Buffer.from(bytes)));
    const any = fc.record({ ip, port: fc.integer({ min: 1, max: 65535 }) }, { noNullPrototype: true });
    fc.assert(
      fc.property(any, any, (a, b) => {
        assert.equal(peerPriority(a, b), peerPriority(b, a));
        assert.ok(peerPriority(a, a) >= 0);
      }),
    );
  });

  if (hasCorpus('the vectors of peer priorities')) {
    it('matches the test vectors of other clients', () => {
      const { vectors } = JSON.parse(readCorpus('vectors/protocol-vectors.json').toString()).bep40_peer_priority as {
        vectors: { a: string; b: string; priority: string }[];
      };
      assert.ok(vectors.length >= 7);
      for (const vector of vectors) assert.equal(priority(vector.a, vector.b), vector.priority, JSON.stringify(vector));
    });
  }
});
