import type { Millis } from '../../base/clock.js';
import { type Judge, leastUseful, type UsefulPeer } from '../least-useful.js';
import type { Newcomer } from './peer-connection.js';

/** What `placeFor` looks at in a peer. */
export interface PlacedPeer extends UsefulPeer {
  readonly connection: { readonly locallyInitiated: boolean; readonly hostKey: string };
}

/** How `placeFor` judges peers. */
export interface PlaceJudge<P> extends Omit<Judge<P>, 'side'> {
  /** When a host last had an upload slot of ours; −∞ when it never had one. */
  readonly lastTurnOf: (hostKey: string) => Millis;
}

/**
 * Which peer from outside gives its place in a full table to a newcomer. Hosts share the places: a host with more of
 * them gives to a host with fewer, and never the other way round. The first of these that exists gives its place:
 *
 * - a useless peer: neither of us can want anything of the other;
 * - the least useful peer of the host with the most places, if this host then still has as many as the newcomer's;
 * - a peer that has been of no use for long;
 * - while we seed, of the peers that have had a turn and wait for another, the one whose host was served last, because
 *   it waits longest anyway. The newcomer's host must have been served earlier, or not at all.
 *
 * When the newcomer's own host has as many places as one host may have, a peer of that host gives way, if it is of no
 * use.
 */
export function placeFor<P extends PlacedPeer>(
  peers: Iterable<P>,
  newcomer: Newcomer,
  judge: PlaceJudge<P>,
): P | undefined {
  const { hostKey, placesOf, isHostFull } = newcomer;
  const external = [...peers].filter(({ connection }) => !connection.locallyInitiated);
  const hostOf = ({ connection }: P): string => connection.hostKey;
  const isOfHost = (peer: P): boolean => hostOf(peer) === hostKey;
  if (isHostFull) return leastUseful(external.filter(isOfHost), { ...judge, side: 'external' });
  const useless = external.find(judge.isUseless);
  if (useless !== undefined) return useless;
  const giving = ofGivingHosts(external, hostOf, newcomer);
  if (giving.length > 0) return leastUseful(giving, { ...judge, side: 'external', isSeed: false, patience: 0 });
  const own = placesOf(hostKey);
  const others = external.filter((peer) => placesOf(hostOf(peer)) > own || isOfHost(peer));
  return (
    leastUseful(others, { ...judge, side: 'external' }) ??
    (judge.isSeed ? servedLast(others, hostKey, judge) : undefined)
  );
}

/**
 * The peers of the hosts with the most places, if such a host can give one place and still have as many as the
 * newcomer's host then has. Otherwise none.
 */
export function ofGivingHosts<P>(
  external: readonly P[],
  hostOf: (peer: P) => string,
  { hostKey, placesOf }: Newcomer,
): readonly P[] {
  const most = Math.max(0, ...external.map((peer) => placesOf(hostOf(peer))));
  return most >= placesOf(hostKey) + 2 ? external.filter((peer) => placesOf(hostOf(peer)) === most) : [];
}

function servedLast<P extends PlacedPeer>(peers: readonly P[], hostKey: string, judge: PlaceJudge<P>): P | undefined {
  let last: P | undefined;
  let latest = judge.lastTurnOf(hostKey);
  for (const peer of peers) {
    const lastTurn = judge.lastTurnOf(peer.connection.hostKey);
    if (lastTurn <= latest || peer.upload.turnBeganAt !== Number.NEGATIVE_INFINITY) continue;
    last = peer;
    latest = lastTurn;
  }
  return last;
}
