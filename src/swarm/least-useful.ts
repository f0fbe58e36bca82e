import type { Millis } from '../base/clock.js';
import type { Side } from './connections/peer-connection.js';

/** What is looked at of a peer. */
export interface UsefulPeer {
  readonly madeAt: Millis;
  readonly connection: { readonly locallyInitiated: boolean };
  readonly download: { readonly lastBlockAt: Millis };
  readonly upload: { readonly lastSentAt: Millis; readonly turnBeganAt: Millis; readonly awaitsTurn: boolean };
}

/** How peers are judged. */
export interface Judge<P> {
  /** We are a seed. */
  readonly isSeed: boolean;
  readonly now: Millis;
  readonly side: Side;
  /** Nobody is given up who was of use within this time. */
  readonly patience: Millis;
  /** Neither of us can want anything of the other. */
  readonly isUseless: (peer: P) => boolean;
  /** How well the peer suits us (BEP 40), the higher the better. */
  readonly rank: (peer: P) => number;
}

/**
 * Of the peers of one side, one that `isUseless`, or else one from which nothing useful came, and to which nothing
 * went, for at least `patience`: the lowest in rank, and of equals the one that it is true of for longest. Whoever has
 * a turn has that time to begin with it. A seed does not count whoever waits for a turn: that is the seed's own doing.
 * While we leech, wishes are no merit: everybody can have them.
 */
export function leastUseful<P extends UsefulPeer>(peers: Iterable<P>, judge: Judge<P>): P | undefined {
  let least: { readonly peer: P; readonly rank: number; readonly since: Millis } | undefined;
  for (const peer of peers) {
    const { upload, download, connection, madeAt } = peer;
    if (connection.locallyInitiated !== (judge.side === 'dialled') || (judge.isSeed && upload.awaitsTurn)) continue;
    if (judge.isUseless(peer)) return peer;
    const since = Math.max(madeAt, download.lastBlockAt, upload.lastSentAt, upload.turnBeganAt);
    if (since > judge.now - judge.patience) continue;
    const rank = judge.rank(peer);
    if (least !== undefined && (rank > least.rank || (rank === least.rank && since > least.since))) continue;
    least = { peer, rank, since };
  }
  return least?.peer;
}
