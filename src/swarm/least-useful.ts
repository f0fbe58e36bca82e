import type { Millis } from '../base/clock.js';

/** What is looked at of a peer. */
export interface UsefulPeer {
  readonly madeAt: Millis;
  readonly connection: { readonly locallyInitiated: boolean };
  readonly download: { readonly lastBlockAt: Millis };
  readonly upload: { readonly lastSentAt: Millis; readonly turnBeganAt: Millis; readonly awaitsTurn: boolean };
}

/**
 * Of the peers that came from outside, one that `isUseless`, or the one from which nothing useful came, and to which
 * nothing went, for longest, and for at least `patience`. Whoever has a turn has that time to begin with it. A seed does
 * not count whoever waits for a turn: that is the seed's own doing. While we leech, wishes are no merit: everybody can
 * have them.
 */
export function leastUseful<P extends UsefulPeer>(
  peers: Iterable<P>,
  isSeed: boolean,
  now: Millis,
  patience: Millis,
  isUseless: (peer: P) => boolean,
): P | undefined {
  let least: P | undefined;
  let since = now - patience;
  for (const peer of peers) {
    const { upload, download, connection, madeAt } = peer;
    if (connection.locallyInitiated || (isSeed && upload.awaitsTurn)) continue;
    if (isUseless(peer)) return peer;
    const usefulAt = Math.max(madeAt, download.lastBlockAt, upload.lastSentAt, upload.turnBeganAt);
    if (usefulAt > since) continue;
    least = peer;
    since = usefulAt;
  }
  return least;
}
