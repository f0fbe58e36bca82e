import type { Timers } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { TrackerAnswer } from '../discovery/rerequester.js';
import { Rerequester } from '../discovery/rerequester.js';
import { DEFAULT_REREQUESTER_OPTIONS } from '../discovery/rerequester-options.js';
import type { TrackerClient } from '../discovery/tracker-client.js';
import type { Identity } from '../swarm/connection.js';
import type { JoinedSwarm } from './join-swarm.js';

export interface RerequesterParts {
  readonly identity: Identity;
  readonly port: number;
  readonly tiers: readonly (readonly string[])[];
  readonly timers: Timers;
  readonly random: Random;
  readonly trackerClient: TrackerClient;
  readonly swarm: JoinedSwarm;
  /** Bytes that are not verified, wanted or not. */
  readonly left: () => number;
  readonly trackerAnswered: (report: TrackerAnswer) => void;
}

/** Joins a Rerequester with the swarm that it announces and feeds. */
export function createRerequester(parts: RerequesterParts): Rerequester {
  const { encoder, downloader, uploader } = parts.swarm;
  return new Rerequester(
    { infoHash: parts.identity.infoHash, peerId: parts.identity.myId, port: parts.port, tiers: parts.tiers },
    {
      timers: parts.timers,
      random: parts.random,
      client: parts.trackerClient,
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
