import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_BACKLOG_OPTIONS } from '../../src/swarm/backlog.js';
import { Swarm } from '../support/swarm.js';
import type { SwarmMemberOptions } from '../support/swarm-member.js';
import { zeroTorrent } from '../support/zero-torrent.js';

const MIB = 1024 * 1024;

/** The share of the line that a leech uses, between `from` and `to` of its simulated time. */
function utilisation(line: number, from: number, to: number, options: Partial<SwarmMemberOptions>): number {
  const swarm = new Swarm(zeroTorrent(120, MIB));
  // 10 ms of the network, and 20 ms more on each side: a round trip of 100 ms.
  const host = { latency: 20, upload: line, download: line, window: 64 * MIB, chunking: 'whole' } as const;
  const seed = swarm.seed('10.0.0.1', options, host);
  const leech = swarm.member('10.0.0.2', options, host);
  swarm.timeline.run(10);
  leech.dial(seed.host);
  swarm.timeline.run(from);
  const before = leech.downloader.total;
  swarm.timeline.run(to - from);
  return (leech.downloader.total - before) / ((line * (to - from)) / 1000);
}

describe('a way of 100 ms', () => {
  it('is filled to nine tenths at 100 MB a second, when the peer queues as many requests as it holds', () => {
    const options = {
      download: { backlog: { ...DEFAULT_BACKLOG_OPTIONS, limit: 1_000 } },
      upload: { maxQueued: 1_000 },
    };
    const share = utilisation(100e6, 1_000, 1_900, options);
    assert.ok(share >= 0.9, `${share}`);
  });

  it('is filled to nine tenths at 30 MB a second with the queue that every peer has', () => {
    const share = utilisation(30e6, 1_000, 3_000, {});
    assert.ok(share >= 0.9, `${share}`);
  });

  it('is filled to nine tenths at 100 MB a second from a peer that queues 2,000 and does not say so', () => {
    const share = utilisation(100e6, 1_000, 1_900, { announced: ['fast'] });
    assert.ok(share >= 0.9, `${share}`);
  });

  it('is filled to seven tenths at 100 MB a second from a peer that rejects what is more than 500', () => {
    const share = utilisation(100e6, 1_000, 1_900, { announced: ['fast'], upload: { maxQueued: 500 } });
    assert.ok(share >= 0.7, `${share}`);
  });

  it('is filled within a second of the first request', () => {
    const share = utilisation(30e6, 0, 2_000, {});
    assert.ok(share >= 0.6, `${share}`);
  });
});
