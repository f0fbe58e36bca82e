import type { Millis } from '../base/clock.js';
import type { PeerConnection } from './peer-connection.js';

/**
 * Two connections that are made within this time of each other may be two peers dialling each other at once. A
 * connection that has stood for longer is never given up for a new one: peer ids are no secret, and whoever borrows one
 * must not be able to push its owner out.
 */
export const SIMULTANEOUS: Millis = 10_000;

/**
 * Which of two connections with one peer stays. When both sides have dialled, it is the connection that the one with
 * the greater peer id dialled, compared byte by byte: both sides know both ids, so both keep the same one. In every
 * other case it is the earlier one.
 */
export function newcomerStays(
  earlier: PeerConnection & { readonly completeSince: Millis | null },
  newcomer: PeerConnection,
  myId: Buffer,
  now: Millis,
): boolean {
  if (earlier.locallyInitiated === newcomer.locallyInitiated) return false;
  if (earlier.completeSince === null || now - earlier.completeSince > SIMULTANEOUS) return false;
  return newcomer.locallyInitiated === Buffer.compare(myId, newcomer.peerId) > 0;
}
