/** Hostile nodes of the DHT. */
import type { Random } from '../../../src/base/random.js';
import {
  type Contact,
  compareDistance,
  encodeContacts,
  type NodeId,
  placeAt,
} from '../../../src/discovery/dht/contact.js';
import { decodeMessage } from '../../../src/discovery/dht/decode-message.js';
import { encodeAnswer, encodeQuery } from '../../../src/discovery/dht/encode-message.js';
import { encodeCompact } from '../../../src/net/ip-address.js';
import type { PeerAddress } from '../../../src/net/raw-server.js';
import type { DatagramWorld } from '../simulation/datagram-world.js';

/**
 * - 'clique': names only other liars
 * - 'rubbish': answers with random bytes, or with half an answer
 * - 'wrong-peers': names thirty peers that do not exist
 * - 'near': always claims an id close to the target of the lookup, and names others with such ids
 * - 'invented': names nodes that do not exist, with ids that fit their addresses
 * - 'silent': answers pings only
 */
export const LIES = ['clique', 'rubbish', 'wrong-peers', 'near', 'invented', 'silent'] as const;

/** What all liars know. */
export interface Conspiracy {
  readonly world: DatagramWorld;
  readonly random: Random;
  readonly liars: readonly Contact[];
  readonly invented: readonly Contact[];
}

/** Starts a node at `own` that lies. `meet` makes it ping `node`, which then knows of it. */
export function hostileNode(
  lie: (typeof LIES)[number],
  own: Contact,
  conspiracy: Conspiracy,
): { meet(node: PeerAddress): void } {
  const { world, random, liars, invented } = conspiracy;
  const socket = world.attach(own, (packet, sender) => {
    const from = placeAt(sender);
    const message = decodeMessage(packet);
    if (message.kind !== 'query') return;
    const { transaction, query } = message;
    if (query.method === 'ping') {
      if (lie !== 'rubbish') socket.send(encodeAnswer(transaction, own.id, {}, from), from);
      return;
    }
    const target = 'target' in query ? query.target : own.id;
    const token = Buffer.from('token');
    switch (lie) {
      case 'silent':
        return;
      case 'rubbish': {
        const answer = encodeAnswer(transaction, own.id, { nodes: random.bytes(208), token }, from);
        socket.send(random.below(2) === 0 ? random.bytes(300) : answer.subarray(0, random.below(answer.length)), from);
        return;
      }
      case 'clique':
        socket.send(
          encodeAnswer(transaction, own.id, { nodes: encodeContacts(closest(liars, target)), token }, from),
          from,
        );
        return;
      case 'wrong-peers': {
        const values = Array.from({ length: 30 }, () => random.bytes(6));
        socket.send(encodeAnswer(transaction, own.id, { token, values }, from), from);
        return;
      }
      case 'near': {
        const named = Array.from({ length: 16 }, () => near(target, liars[random.below(liars.length)] as Contact));
        socket.send(
          encodeAnswer(transaction, near(target, own).id, { nodes: encodeContacts(named), token }, from),
          from,
        );
        return;
      }
      case 'invented':
        socket.send(
          encodeAnswer(transaction, own.id, { nodes: encodeContacts(closest(invented, target)), token }, from),
          from,
        );
    }
  });
  return {
    meet: (node) => socket.send(encodeQuery(random.bytes(4), own.id, { method: 'ping' }, false), node),
  };
}

/** The same node at the same address, under an id that shares all but the last three bytes with the target. */
function near(target: NodeId, contact: Contact): Contact {
  const id = Buffer.from(target);
  encodeCompact(contact)?.copy(id, 17, 1, 4);
  return { ...contact, id };
}

function closest(contacts: readonly Contact[], target: NodeId): Contact[] {
  const found: Contact[] = [];
  for (const contact of contacts) {
    const last = found.at(-1);
    if (found.length === 8 && last !== undefined && compareDistance(target, last.id, contact.id) < 0) continue;
    let index = found.length;
    while (index > 0 && compareDistance(target, (found[index - 1] as Contact).id, contact.id) > 0) index -= 1;
    found.splice(index, 0, contact);
    found.length = Math.min(found.length, 8);
  }
  return found;
}
