import type { Millis } from '../base/clock.js';
import type { Side } from './connections/peer-connection.js';

/** What `leastUseful` must know of a peer. */
export interface UsefulPeer {
  readonly madeAt: Millis;
  readonly connection: { readonly locallyInitiated: boolean };
  readonly download: { readonly lastBlockAt: Millis };
  readonly upload: { readonly lastSentAt: Millis; readonly turnBeganAt: Millis; readonly awaitsTurn: boolean };
}

/** How `leastUseful` judges the peers. */
export interface Judge<P> {
  /** We are a seed. */
  readonly isSeed: boolean;
  readonly now: Millis;
  readonly side: Side;
  /** A peer that was of use within this time keeps its place. */
  readonly patience: Millis;
  /** Neither we nor the peer can want anything of the other. */
  readonly isUseless: (peer: P) => boolean;
  /** How well the peer suits us (BEP 40), the higher the better. */
  readonly rank: (peer: P) => number;
}

/**
 * Returns the peer of one side that we can best do without; undefined when there is none. A peer that `isUseless` comes
 * first. Otherwise it is a peer that sent us nothing useful, and took nothing from us, for at least `patience`: the one
 * with the lowest rank, and of equal ranks the one that has been idle longest.
 *
 * The `patience` of a peer that has a turn begins with its turn. A seed passes over peers that wait for a turn, because
 * it is the seed that makes them wait. While we leech it is no merit that a peer is interested: any peer can say that.
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
