/** The Diffie-Hellman exchange of message stream encryption: 768 bits, generator 2. */

/** Bytes of a public key and of the secret. Both are padded with zeros on the left. */
export const PUBLIC_KEY_LENGTH = 96;
/** Bytes of a private key: 160 bits by chance. */
export const PRIVATE_KEY_LENGTH = 20;

/** The prime of the Oakley group 1 (RFC 2409, section 6.1) in all but its last 96 bits. */
export const PRIME: Buffer = Buffer.from(
  'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74' +
    '020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437' +
    '4fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563',
  'hex',
);

/** One side's keys, for one handshake. */
export interface KeyPair {
  /** 96 bytes. */
  readonly publicKey: Buffer;
  /** The secret, 96 bytes, that both sides share. `other` is the other side's public key and passes `isPublicKey`. */
  secretWith(other: Buffer): Buffer;
}

/** Makes the keys that belong to `privateKey`, 20 bytes. */
export type MakeKeyPair = (privateKey: Buffer) => KeyPair;

/**
 * Whether `bytes`, 96 of them, are a public key that hides something: with 0, 1, P − 1, P and what is above, the secret
 * is known to everyone on the way.
 */
export function isPublicKey(bytes: Buffer): boolean {
  return bytes.compare(TWO) >= 0 && bytes.compare(PRIME_LESS_TWO) <= 0;
}

const TWO = Buffer.alloc(PUBLIC_KEY_LENGTH);
TWO[PUBLIC_KEY_LENGTH - 1] = 2;
const PRIME_LESS_TWO = Buffer.from(PRIME);
PRIME_LESS_TWO[PUBLIC_KEY_LENGTH - 1] = 0x61;
