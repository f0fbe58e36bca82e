import type { Random } from '../base/random.js';

/** BEP 20: a dash, two letters of the client, four characters of its version, a dash, then chance. */
const PREFIX = '-GB0100-';
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** A new name for us in the swarms, 20 printable bytes. */
export function createPeerId(random: Random): Buffer {
  let id = PREFIX;
  while (id.length < 20) id += ALPHABET[random.below(ALPHABET.length)];
  return Buffer.from(id, 'latin1');
}
