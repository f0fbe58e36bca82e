import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleTorrent } from '../support/sample-torrent.js';
import { seededRandom } from '../support/seeded-random.js';
import type { SimulatedHostOptions } from '../support/simulated-host-options.js';
import { SimulatedNetwork } from '../support/simulated-network.js';
import { SwarmMember, type SwarmMemberOptions } from '../support/swarm-member.js';
import { Timeline } from '../support/timeline.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const TORRENT = sampleTorrent(
  [
    { path: 'top/a', length: 3 * MIB + 777 },
    { path: 'top/b', length: 1 * MIB },
  ],
  256 * KIB,
);

/** A swarm in simulated time; members are named by the last part of their address. */
class Swarm {
  readonly timeline = new Timeline();
  readonly random = seededRandom(7);
  readonly network = new SimulatedNetwork(this.timeline, this.random);
  readonly torrent: typeof TORRENT;

  constructor(torrent = TORRENT) {
    this.torrent = torrent;
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
}

function assertComplete(swarm: Swarm, ...members: SwarmMember[]): void {
  for (const member of members) {
    assert.ok(member.isDone);
    assert.ok(member.storage.contents().equals(swarm.torrent.content));
    assert.equal(member.slots.taken, 0);
    member.check();
  }
}

describe('a transfer', () => {
  it('goes from a seed to a leech, and then the two part', () => {
    const swarm = new Swarm();
    const seed = swarm.seed('10.0.0.1');
    const leech = swarm.member('10.0.0.2');
    swarm.timeline.run(10);
    leech.dial('10.0.0.1');
    swarm.timeline.runUntil(() => leech.isDone, 5_000);
    assertComplete(swarm, leech);
    assert.equal(leech.downloader.total, swarm.torrent.layout.length);
    assert.equal(seed.uploader.total, swarm.torrent.layout.length);
    assert.equal(leech.downloader.wasted, 0);
    swarm.timeline.run(10_000);
    assert.equal(leech.connecter.peerCount, 0);
    assert.equal(seed.connecter.peerCount, 0);
    assert.ok([...seed.log, ...leech.log].every((line) => line.endsWith('both-complete')));
  });
});
