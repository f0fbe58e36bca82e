import { createDiffieHellman, type DiffieHellman } from 'node:crypto';

/**
 * Makes key pairs of one Diffie-Hellman group with the generator 2. `prime` belongs to it, big-endian. Public keys and
 * secrets are as long as the prime, padded with zeros on the left.
 *
 * Node checks that the prime is one, for some 25 ms, so the group is made with the first pair and lives on.
 */
export function diffieHellmanGroup(prime: Buffer) {
  let group: DiffieHellman | null = null;
  const padded = (bytes: Buffer): Buffer => Buffer.concat([Buffer.alloc(prime.length - bytes.length), bytes]);
  return (privateKey: Buffer): { readonly publicKey: Buffer; secretWith(other: Buffer): Buffer } => {
    group ??= createDiffieHellman(prime, 2);
    const shared = group;
    shared.setPrivateKey(privateKey);
    return {
      publicKey: padded(shared.generateKeys()),
      secretWith: (other) => {
        // Another pair may have been made in between.
        shared.setPrivateKey(privateKey);
        return padded(shared.computeSecret(other));
      },
    };
  };
}
