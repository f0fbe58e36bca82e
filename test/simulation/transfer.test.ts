import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Swarm } from '../support/worlds/swarm.js';
import type { SwarmMember } from '../support/worlds/swarm-member.js';

const KIB = 1024;

function assertComplete(swarm: Swarm, ...members: SwarmMember[]): void {
  for (const member of members) {
    assert.ok(member.isDone, `${member.host} is not done`);
    assert.ok(member.storage.contents().equals(swarm.torrent.content), `${member.host} has other bytes`);
    assert.equal(member.slots.taken, 0);
    member.check();
  }
}

/** The torrent's bytes with one wrong byte in the last block of each of these pieces. */
function wrongIn(swarm: Swarm, pieces: Iterable<number>): Buffer {
  const content = Buffer.from(swarm.torrent.content);
  const { pieceLength, length } = swarm.torrent.layout;
  for (const piece of pieces) {
    const at = Math.min(length, (piece + 1) * pieceLength) - 1;
    content[at] = 255 - (content[at] as number);
  }
  return content;
}

function allPieces(swarm: Swarm): number[] {
  return Array.from({ length: swarm.torrent.layout.pieceCount }, (_, piece) => piece);
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
    assert.deepEqual([...seed.log, ...leech.log], []);
    assert.ok([...seed.refusals, ...leech.refusals].every((line) => line.startsWith('both-complete ')));
  });

  it('starts at once, whoever dialled', () => {
    const swarm = new Swarm();
    const seed = swarm.seed('10.0.0.1');
    const leech = swarm.member('10.0.0.2');
    swarm.timeline.run(10);
    seed.dial('10.0.0.2');
    swarm.timeline.runUntil(() => leech.downloader.total > 0, 200);
  });

  it('goes on among leeches, who give each other what the seed gave them', () => {
    const swarm = new Swarm();
    const seed = swarm.seed('10.0.0.1', { uploadRate: 1000 * KIB });
    const leeches = ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map((host) => swarm.member(host));
    swarm.timeline.run(10);
    swarm.join(seed, ...leeches);
    swarm.timeline.runUntil(() => leeches.every((leech) => leech.isDone), 30_000);
    assertComplete(swarm, ...leeches);
    // A copy takes the seed about four seconds; whatever it sends twice, the leeches do not send each other.
    assert.ok(seed.uploader.total < 1.8 * swarm.torrent.layout.length, `the seed sent ${seed.uploader.total}`);
  });

  it('bans who alone sent a wrong piece, keeps the honest one and completes', () => {
    const swarm = new Swarm();
    const liar = swarm.seed('10.0.0.66', { content: wrongIn(swarm, allPieces(swarm)) });
    const honest = swarm.seed('10.0.0.1', {}, { upload: 400 * KIB });
    const leech = swarm.member('10.0.0.2');
    swarm.timeline.run(10);
    leech.dial(liar.host);
    leech.dial(honest.host);
    swarm.timeline.runUntil(() => leech.isDone, 60_000);
    assertComplete(swarm, leech);
    assert.deepEqual(
      leech.banned.map((connection) => connection.address.host),
      [liar.host],
    );
    assert.ok(leech.banned.every(({ closed }) => closed) && leech.refusals.includes('banned 1'));
  });

  it('finds who sent the wrong block of a piece that several had sent', () => {
    const swarm = new Swarm();
    // One block in flight to each: the pieces are mixed from all three.
    const download = {
      backlog: { initial: 1, limit: 1, cautiousLimit: 1, most: 1, window: 500, maxQueueTime: 4_000 },
    };
    const leech = swarm.member('10.0.0.2', { download });
    const liar = swarm.seed('10.0.0.66', { content: wrongIn(swarm, allPieces(swarm)) });
    const honest = [swarm.seed('10.0.0.1'), swarm.seed('10.0.0.3')];
    swarm.timeline.run(10);
    for (const seed of [liar, ...honest]) leech.dial(seed.host);
    swarm.timeline.runUntil(() => leech.isDone, 120_000);
    assertComplete(swarm, leech);
    assert.ok(leech.log.some((line) => line.endsWith('failed')));
    assert.deepEqual(
      leech.banned.map((connection) => connection.address.host),
      [liar.host],
    );
  });

  it('completes beside five who all send the same wrong blocks', () => {
    const swarm = new Swarm();
    const content = wrongIn(swarm, allPieces(swarm));
    const liars = [1, 2, 3, 4, 5].map((last) => swarm.seed(`10.0.1.${last}`, { content }));
    const honest = swarm.seed('10.0.0.1');
    const leech = swarm.member('10.0.0.2');
    swarm.timeline.run(10);
    for (const seed of [...liars, honest]) leech.dial(seed.host);
    swarm.timeline.runUntil(() => leech.isDone, 120_000);
    assertComplete(swarm, leech);
    assert.ok(!leech.banned.some((connection) => connection.address.host === honest.host));
  });

  it('completes from others when one delivers garbage only for the last piece', () => {
    const swarm = new Swarm();
    const last = swarm.torrent.layout.pieceCount - 1;
    const liar = swarm.seed('10.0.0.66', { content: wrongIn(swarm, [last]) });
    const honest = swarm.seed('10.0.0.1', {}, { upload: 800 * KIB });
    const leech = swarm.member('10.0.0.2');
    swarm.timeline.run(10);
    leech.dial(liar.host);
    leech.dial(honest.host);
    swarm.timeline.runUntil(() => leech.isDone, 60_000);
    assertComplete(swarm, leech);
    assert.ok(!leech.banned.some((connection) => connection.address.host === honest.host));
  });

  it('does not wait for the slow one at the end', () => {
    const swarm = new Swarm();
    const slow = swarm.seed('10.0.0.66', {}, { upload: 2 * KIB });
    const fast = swarm.seed('10.0.0.1', {}, { upload: 1000 * KIB });
    const leech = swarm.member('10.0.0.2');
    swarm.timeline.run(10);
    leech.dial(slow.host);
    leech.dial(fast.host);
    swarm.timeline.runUntil(() => leech.isDone, 5_500);
    assertComplete(swarm, leech);
  });

  it('needs no more memory than there is, and completes with little of it', () => {
    const swarm = new Swarm();
    const seeds = ['10.0.0.1', '10.0.0.3', '10.0.0.4'].map((host) => swarm.seed(host));
    const leech = swarm.member('10.0.0.2', { memory: 256 * KIB });
    swarm.timeline.run(10);
    for (const seed of seeds) leech.dial(seed.host);
    swarm.timeline.runUntil(() => leech.isDone, 60_000);
    assertComplete(swarm, leech);
  });

  it('holds the limits of both directions', () => {
    const swarm = new Swarm();
    const seed = swarm.seed('10.0.0.1', { uploadRate: 400 * KIB });
    const slow = swarm.member('10.0.0.2', { downloadRate: 100 * KIB });
    const free = swarm.member('10.0.0.3');
    swarm.timeline.run(10);
    slow.dial(seed.host);
    free.dial(seed.host);
    swarm.timeline.run(9_990);
    const limit = (rate: number): number => rate * KIB * 10.2 + 64 * KIB;
    assert.ok(slow.downloader.total <= limit(100), `${slow.downloader.total} to the limited one`);
    assert.ok(slow.downloader.total >= 0.9 * 100 * KIB * 10, `${slow.downloader.total} to the limited one`);
    assert.ok(seed.uploader.total <= limit(400), `${seed.uploader.total} sent`);
    assert.ok(seed.uploader.total >= 0.9 * 400 * KIB * 10, `${seed.uploader.total} sent`);
  });

  it('leaves nothing behind when it is stopped in the middle', () => {
    const swarm = new Swarm();
    const seed = swarm.seed('10.0.0.1', { uploadRate: 100 * KIB });
    const leech = swarm.member('10.0.0.2');
    swarm.timeline.run(10);
    leech.dial(seed.host);
    swarm.timeline.run(2_000);
    seed.stop();
    leech.stop();
    swarm.timeline.run(2_000);
    assert.equal(leech.connecter.peerCount, 0);
    assert.equal(seed.connecter.peerCount, 0);
    const before = swarm.timeline.pending;
    swarm.timeline.run(600_000);
    assert.ok(swarm.timeline.pending <= before && swarm.timeline.pending <= 4, `${swarm.timeline.pending} tasks`);
  });
});
