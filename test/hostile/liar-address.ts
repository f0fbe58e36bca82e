import type { PeerAddress } from '../../src/net/raw-server.js';

/** Where the liar of this number listens: at one of thirty addresses of the namespace. */
export function liarAddress(number: number): PeerAddress {
  return { host: `10.9.0.${8 + (number % 30)}`, port: 7001 + Math.floor(number / 30) };
}
