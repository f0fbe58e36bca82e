/** Values of BEP 44, fetched from and stored with others. What comes back is checked before it is handed on. */
import type { NodeId } from './contact.js';
import type { FamilyNode } from './family-node.js';
import { isSignedBy, targetOf, type VerifySignature } from './item.js';
import type { Writable } from './lookup.js';
import type { Item } from './message.js';

/** Finds the item at `target`, of which `salt` is part (empty for none). `done` gets the newest version, or null. */
export function fetchItem(
  node: FamilyNode,
  target: NodeId,
  salt: Buffer,
  verify: VerifySignature,
  done: (item: Item | null) => void,
): { cancel(): void } {
  let newest: Item | null = null;
  return lookUp(node, target, {
    gotItem: (item) => {
      if (!targetOf(item, salt).equals(target)) return;
      if (item.signed !== null && newest !== null && item.signed.sequence <= (newest.signed?.sequence ?? -1n)) return;
      if (item.signed === null || isSignedBy(item.value, item.signed, salt, verify)) newest = item;
    },
    done: () => done(newest),
  });
}

/** Stores `item` with the closest nodes. `done` gets how many have taken it. */
export function storeItem(
  node: FamilyNode,
  item: Item,
  salt: Buffer,
  done: (stored: number) => void,
): { cancel(): void } {
  return lookUp(node, targetOf(item, salt), {
    gotItem: () => undefined,
    done: (writable) => {
      let left = writable.length;
      let stored = 0;
      if (left === 0) done(0);
      for (const { contact, token } of writable) {
        node.ask(contact, { method: 'put', token, item, salt, expected: null }, (outcome) => {
          left -= 1;
          if (outcome.ok) stored += 1;
          if (left === 0) done(stored);
        });
      }
    },
  });
}

function lookUp(
  node: FamilyNode,
  target: NodeId,
  events: {
    gotItem(item: Item): void;
    done(writable: readonly Writable[]): void;
  },
): { cancel(): void } {
  const query = { method: 'get', target, want: { nodes: false, nodes6: false }, newerThan: null } as const;
  return node.lookUp(target, query, {
    gotAnswer: ({ item }) => {
      if (item !== null) events.gotItem(item);
    },
    done: ({ writable }) => events.done(writable),
  });
}
