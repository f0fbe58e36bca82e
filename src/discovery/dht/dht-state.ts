/** What is kept of the DHT between runs: who we were, and whom we knew. */
import { BtgetError } from '../../base/failure.js';
import { asDictionary, getBytes } from '../../bencode/access.js';
import { decodeBencode } from '../../bencode/bencode.js';
import { encodeBencode } from '../../bencode/encode.js';
import { CANONICAL } from '../../bencode/guard.js';
import { type Contact, decodeContacts, encodeContacts, ID_LENGTH, type NodeId } from './contact.js';

/** Nodes of one family that are worth keeping. */
const MAX_CONTACTS = 300;

export interface FamilyState {
  readonly id: NodeId;
  readonly contacts: readonly Contact[];
}

export interface DhtState {
  readonly ipv4: FamilyState | null;
  readonly ipv6: FamilyState | null;
}

const NOTHING: DhtState = { ipv4: null, ipv6: null };

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

/** Whatever is wrong with `bytes`: what can be read of them. A node that is lost is found again. */
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
