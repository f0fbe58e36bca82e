import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HostShares } from '../../../src/tracker/host-shares.js';

interface Item {
  readonly host: string;
}

const action = fc.record({
  kind: fc.constantFrom('add' as const, 'delete' as const, 'touch' as const, 'evict' as const),
  host: fc.constantFrom('a', 'b', 'c', 'd'),
  number: fc.nat(20),
});

test('whatever comes and goes, the oldest item of a host with the most items gives way', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const shares = new HostShares<Item>();
      const model = new Map<string, Item[]>();
      const of = (host: string) => model.get(host) ?? [];
      const remove = (item: Item) =>
        model.set(
          item.host,
          of(item.host).filter((each) => each !== item),
        );
      for (const { kind, host, number } of actions) {
        const item = of(host)[number % Math.max(1, of(host).length)];
        if (kind === 'add') {
          const added = { host };
          shares.add(host, added);
          model.set(host, [...of(host), added]);
        } else if (kind === 'evict') {
          const victim = shares.oldestOfGreediest();
          const most = Math.max(0, ...[...model.values()].map((items) => items.length));
          if (victim === undefined) {
            assert.equal(most, 0);
            continue;
          }
          assert.equal(of(victim.host).length, most);
          assert.equal(of(victim.host)[0], victim);
          shares.delete(victim.host, victim);
          remove(victim);
        } else if (item !== undefined) {
          remove(item);
          if (kind === 'touch') {
            shares.touch(host, item);
            model.set(host, [...of(host), item]);
          } else {
            shares.delete(host, item);
            shares.delete(host, item);
          }
        }
        for (const each of ['a', 'b', 'c', 'd']) {
          assert.equal(shares.countOf(each), of(each).length);
          assert.equal(shares.oldestOf(each), of(each)[0]);
        }
        assert.equal(shares.size, [...model.values()].flat().length);
      }
    }),
  );
});
