import type { Peer } from '../swarm/peer.js';
import type { TorrentStatus } from './status.js';

/** The peers that we are connected with, for a status. */
export function countPeers(peers: Iterable<Peer>): Pick<TorrentStatus, 'peers' | 'seeds' | 'useful' | 'unchokedBy'> {
  let count = 0;
  let seeds = 0;
  let useful = 0;
  let unchokedBy = 0;
  for (const { download } of peers) {
    count += 1;
    if (download.has.isComplete) seeds += 1;
    if (download.interested) useful += 1;
    if (!download.choked) unchokedBy += 1;
  }
  return { peers: count, seeds, useful, unchokedBy };
}
