import type { Timers } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { type CreatePeerSource, type PeerSource, PeerSources } from '../discovery/peer-source.js';
import type { TrackerAnswer } from '../discovery/rerequester.js';
import { Rerequester } from '../discovery/rerequester.js';
import { DEFAULT_REREQUESTER_OPTIONS } from '../discovery/rerequester-options.js';
import type { TrackerClient } from '../discovery/tracker-client.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { Identity } from '../swarm/connection.js';
import { GuardedTrackerClient } from './guarded-tracker-client.js';
import type { JoinedSwarm } from './join-swarm.js';
import type { TorrentOptions } from './torrent-options.js';

export interface PeerSourcesParts {
  readonly metainfo: Metainfo;
  readonly options: TorrentOptions;
  readonly identity: Identity;
  readonly port: number;
  readonly timers: Timers;
  readonly random: Random;
  readonly trackerClient: TrackerClient;
  readonly swarm: JoinedSwarm;
  /** Sources besides the trackers. */
  readonly others: readonly CreatePeerSource[];
  /** Bytes that are not verified, wanted or not. */
  readonly left: () => number;
  readonly trackerAnswered: (report: TrackerAnswer) => void;
}

/** Joins everything that finds peers with the swarm that it feeds. */
export function createPeerSources(parts: PeerSourcesParts): PeerSource {
  const { metainfo, timers, random, port, swarm } = parts;
  const rerequester = createRerequester(parts);
  // BEP 27: "When private=1, the client MUST only announce itself to the private tracker, and MUST only initiate
  // connections to peers returned from the private tracker."
  const others = metainfo.private ? [] : parts.others;
  const seeking = {
    infoHash: parts.identity.infoHash,
    port,
    timers,
    random,
    isComplete: () => swarm.store.amountLeft === 0,
    hasPeers: () => swarm.encoder.howManyConnections() > 0,
    startConnection: (address: PeerAddress) => swarm.encoder.startConnection(address, null),
  };
  return new PeerSources([rerequester, ...others.map((create) => create(seeking))]);
}

function createRerequester(parts: PeerSourcesParts): Rerequester {
  const { metainfo, options, identity, swarm, timers } = parts;
  const { encoder, downloader, uploader } = swarm;
  const tiers = [...options.trackers.map((url) => [url]), ...(options.useTorrentTrackers ? metainfo.trackers : [])];
  return new Rerequester(
    { infoHash: identity.infoHash, peerId: identity.myId, port: parts.port, tiers },
    {
      timers,
      random: parts.random,
      client: new GuardedTrackerClient(parts.trackerClient, timers),
      howManyConnections: () => {
        const count = encoder.howManyConnections();
        // While there are places for dials, we want to know whom to dial, however many have come to us.
        return encoder.isFull ? count : Math.min(count, DEFAULT_REREQUESTER_OPTIONS.enoughPeers - 1);
      },
      everIncoming: () => encoder.everIncoming,
      totals: () => ({ uploaded: uploader.total, downloaded: downloader.total, left: parts.left() }),
      startConnection: (address, peerId) => encoder.startConnection(address, peerId),
      trackerAnswered: parts.trackerAnswered,
    },
    DEFAULT_REREQUESTER_OPTIONS,
  );
}
