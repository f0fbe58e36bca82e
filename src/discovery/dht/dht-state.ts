/** What we keep of the DHT from one run to the next: our ids, and the nodes that we knew. */
import { BtgetError } from '../../base/failure.js';
import { asDictionary, getBytes } from '../../bencode/access.js';
import { decodeBencode } from '../../bencode/bencode.js';
import { encodeBencode } from '../../bencode/encode.js';
import { CANONICAL } from '../../bencode/guard.js';
import { type Contact, decodeContacts, encodeContacts, ID_LENGTH, type NodeId } from './contact.js';

/** How many nodes of one family we keep. */
const MAX_CONTACTS = 300;

/** The state of one family: our own id, and nodes that we knew. */
export interface FamilyState {
  readonly id: NodeId;
  readonly contacts: readonly Contact[];
}

/** Null for a family that has no state. */
export interface DhtState {
  readonly ipv4: FamilyState | null;
  readonly ipv6: FamilyState | null;
}

const NOTHING: DhtState = { ipv4: null, ipv6: null };

/** Bencoded: `id` and `nodes` (compact node info) for IPv4, `id6` and `nodes6` for IPv6. */
export function encodeState({ ipv4, ipv6 }: DhtState): Buffer {
  const fields = new Map<string, Buffer>();
  for (const [state, suffix] of [
    [ipv4, ''],
    [ipv6, '6'],
  ] as const) {
    if (state === null) continue;
    fields.set(`id${suffix}`, state.id);
    fields.set(`nodes${suffix}`, encodeContacts(state.contacts.slice(0, MAX_CONTACTS)));
  }
  return encodeBencode(fields);
}

/**
 * Reads what `encodeState` wrote. It never throws: a family that cannot be read is null, since we can find nodes anew.
 */
export function decodeState(bytes: Buffer): DhtState {
  try {
    const fields = asDictionary(decodeBencode(bytes, { ...CANONICAL, maxTokens: 20 }));
    if (fields === undefined) return NOTHING;
    const familyState = (suffix: '' | '6'): FamilyState | null => {
      const id = getBytes(fields, `id${suffix}`);
      if (id?.length !== ID_LENGTH) return null;
      const nodes = getBytes(fields, `nodes${suffix}`) ?? Buffer.alloc(0);
      return { id: Buffer.from(id), contacts: decodeContacts(nodes, suffix === '' ? 4 : 6, MAX_CONTACTS) };
    };
    return { ipv4: familyState(''), ipv6: familyState('6') };
  } catch (error) {
    if (error instanceof BtgetError) return NOTHING;
    throw error;
  }
}
