import { type SampleTorrent, sampleTorrent } from '../sample-torrent.js';
import { seededRandom } from '../simulation/seeded-random.js';
import type { SimulatedHost } from '../simulation/simulated-host.js';
import type { SimulatedHostOptions } from '../simulation/simulated-host-options.js';
import { SimulatedNetwork } from '../simulation/simulated-network.js';
import { Timeline } from '../simulation/timeline.js';
import { SwarmMember, type SwarmMemberOptions } from './swarm-member.js';

const KIB = 1024;

/** Two files in 17 pieces, the last of them short. */
export const SAMPLE = sampleTorrent(
  [
    { path: 'top/a', length: 3 * 1024 * KIB + 777 },
    { path: 'top/b', length: 1024 * KIB },
  ],
  256 * KIB,
);

/** A swarm in simulated time; each member has a host of its own. */
export class Swarm {
  readonly timeline = new Timeline();
  readonly random;
  readonly network: SimulatedNetwork;
  readonly torrent: SampleTorrent;

  constructor(torrent: SampleTorrent = SAMPLE, seed = 7) {
    this.torrent = torrent;
    this.random = seededRandom(seed);
    this.network = new SimulatedNetwork(this.timeline, this.random);
  }

  member(
    host: string,
    options: Partial<SwarmMemberOptions> = {},
    hostOptions: Partial<SimulatedHostOptions> = {},
  ): SwarmMember {
    return new SwarmMember(this.network.host(host, hostOptions), this.torrent, host, this.random, options);
  }

  seed(
    host: string,
    options: Partial<SwarmMemberOptions> = {},
    hostOptions: Partial<SimulatedHostOptions> = {},
  ): SwarmMember {
    return this.member(host, { content: this.torrent.content, have: 'everything', ...options }, hostOptions);
  }

  /** A host without a client of ours on it. */
  host(address: string): SimulatedHost {
    return this.network.host(address, { latency: 1 });
  }

  /** Everybody dials everybody. */
  join(...members: readonly SwarmMember[]): void {
    for (const member of members) {
      for (const other of members) if (other !== member) member.dial(other.host);
    }
  }
}
