import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorrentPeers, type TrackedPeer } from '../../../src/tracker/torrent-peers.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

function peer(number: number): TrackedPeer {
  return {
    peerId: Buffer.alloc(20, number),
    family: 4,
    source: `8.0.0.${number}`,
    host: `8.0.0.${number}`,
    port: 1,
    compact: Buffer.alloc(6),
    key: '',
    complete: false,
    lastHit: number,
    reachable: 'unchecked',
    failedChecks: 0,
    failedAt: 0,
  };
}

const action = fc.oneof(
  fc.record({ kind: fc.constant('toggle' as const), number: fc.nat(9) }),
  fc.record({
    kind: fc.constant('update' as const),
    number: fc.nat(9),
    complete: fc.boolean(),
    reachable: fc.constantFrom('unchecked' as const, 'checking' as const, 'yes' as const),
  }),
  fc.record({ kind: fc.constant('deal' as const), number: fc.nat(9), count: fc.nat(12) }),
);

test('whatever comes and goes, the counts are right, and a peer hears of reachable others only, each once', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const random = seededRandom(1);
      const torrent = new TorrentPeers(Buffer.alloc(20), '');
      const known = Array.from({ length: 10 }, (_, number) => peer(number));
      const present = new Set<TrackedPeer>();
      for (const step of actions) {
        const subject = known[step.number] as TrackedPeer;
        if (step.kind === 'toggle') {
          if (present.delete(subject)) torrent.remove(subject);
          else {
            torrent.add(subject);
            present.add(subject);
          }
        } else if (step.kind === 'update') {
          torrent.update(subject, { complete: step.complete, reachable: step.reachable });
        } else {
          const dealt = torrent.deal(subject, step.count, random, null);
          const others = [...present].filter(
            (each) => each !== subject && each.reachable === 'yes' && !(each.complete && subject.complete),
          );
          assert.equal(new Set(dealt).size, dealt.length);
          assert.ok(dealt.every((each) => others.includes(each)));
          assert.ok(dealt.length <= step.count);
          // The asker may have been counted into its share: one peer may be missing, not more.
          assert.ok(dealt.length >= Math.min(step.count, others.length) - 1);
        }
        assert.equal(torrent.size, present.size);
        assert.equal(torrent.seedCount, [...present].filter(({ complete }) => complete).length);
      }
    }),
  );
});
