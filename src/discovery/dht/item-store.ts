import type { Millis } from '../../base/clock.js';
import { sha1 } from '../../base/digest.js';
import type { NodeId } from './contact.js';
import { type Item, KRPC_ERROR, type KrpcError, type Query, type Signed } from './message.js';

/** BEP 44: "These items may expire in 2 hours." */
const LIFETIME: Millis = 2 * 60 * 60_000;
const MAX_ITEMS = 500;
/** Bytes. BEP 44 sets both limits. */
const MAX_VALUE_LENGTH = 1000;
const MAX_SALT_LENGTH = 64;

/** Whether `signature` is the ed25519 signature of `message` by the key. It must never throw. */
export type VerifySignature = (publicKey: Buffer, signature: Buffer, message: Buffer) => boolean;

type PutQuery = Query & { readonly method: 'put' };

/** Values that others have stored with us (BEP 44). */
export class ItemStore {
  readonly #verify: VerifySignature;
  /** By target. The item that was stored last stands at the end. */
  readonly #items = new Map<string, { readonly item: Item; readonly storedAt: Millis }>();

  constructor(verify: VerifySignature) {
    this.#verify = verify;
  }

  /** The item at `target`. Undefined when there is none, or when its time is over. */
  get(target: NodeId, now: Millis): Item | undefined {
    const stored = this.#items.get(target.toString('latin1'));
    return stored !== undefined && now - stored.storedAt <= LIFETIME ? stored.item : undefined;
  }

  /** Why this item can never be stored, whatever is stored already. Null when there is no such reason. */
  static objection({ item, salt }: PutQuery): KrpcError | null {
    if (item.value.length > MAX_VALUE_LENGTH) return { code: KRPC_ERROR.valueTooBig, text: 'message (v) too big' };
    if (salt.length > MAX_SALT_LENGTH) return { code: KRPC_ERROR.saltTooBig, text: 'salt too big' };
    return null;
  }

  /** Stores the item, or returns the reason why not. The caller has checked the token and `objection`. */
  put({ item, salt, expected }: PutQuery, now: Millis): KrpcError | null {
    const target = targetOf(item, salt);
    if (item.signed !== null) {
      const error = this.#objectionToVersion(item, item.signed.sequence, salt, expected, this.get(target, now));
      if (error !== null) return error;
    }
    const key = target.toString('latin1');
    this.#items.delete(key);
    this.#items.set(key, { item, storedAt: now });
    if (this.#items.size > MAX_ITEMS) this.#forgetFirst();
    return null;
  }

  /** Forgets every item whose time is over. */
  expire(now: Millis): void {
    for (const [key, { storedAt }] of this.#items) {
      if (now - storedAt <= LIFETIME) return;
      this.#items.delete(key);
    }
  }

  #objectionToVersion(
    { value, signed }: Item,
    sequence: bigint,
    salt: Buffer,
    expected: bigint | null,
    stored: Item | undefined,
  ): KrpcError | null {
    if (signed === null || !isSignedBy(value, signed, salt, this.#verify)) {
      return { code: KRPC_ERROR.badSignature, text: 'invalid signature' };
    }
    const current = stored?.signed?.sequence;
    if (current === undefined || stored === undefined) return null;
    if (expected !== null && expected !== current) {
      return { code: KRPC_ERROR.casMismatch, text: 'the CAS hash mismatched, re-read value and try again' };
    }
    // BEP 44: "If the sequence number is equal, and the value is also the same, the node SHOULD reset its timeout
    // counter."
    if (sequence > current || (sequence === current && stored.value.equals(value))) return null;
    return { code: KRPC_ERROR.sequenceTooLow, text: 'sequence number less than current' };
  }

  #forgetFirst(): void {
    for (const key of this.#items.keys()) {
      this.#items.delete(key);
      return;
    }
  }
}

/**
 * The target under which an item is stored. For a signed item, BEP 44: "The target ID is the SHA-1 hash of this key
 * concatenated with the salt". For an immutable item it is the SHA-1 hash of the value.
 */
export function targetOf({ value, signed }: Item, salt: Buffer): NodeId {
  return sha1(signed === null ? value : Buffer.concat([signed.publicKey, salt]));
}

/** What the owner of the key signs: "3:seqi4e1:v12:Hello world!" (BEP 44), and before it the salt when there is one. */
function signedBuffer(value: Buffer, sequence: bigint, salt: Buffer): Buffer {
  const before = salt.length === 0 ? [] : [Buffer.from(`4:salt${salt.length}:`), salt];
  return Buffer.concat([...before, Buffer.from(`3:seqi${sequence}e1:v`), value]);
}

function isSignedBy(value: Buffer, signed: Signed, salt: Buffer, verify: VerifySignature): boolean {
  return verify(signed.publicKey, signed.signature, signedBuffer(value, signed.sequence, salt));
}
