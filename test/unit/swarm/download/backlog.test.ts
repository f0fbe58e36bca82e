import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backlog, DEFAULT_BACKLOG_OPTIONS } from '../../../../src/swarm/download/backlog.js';

const BLOCK = 16 * 1024;

/** Blocks that come at an even pace from `from` on, `perSecond` of them for `seconds`. */
function feed(backlog: Backlog, from: number, perSecond: number, seconds: number, overtaken = false): number {
  for (let count = 1; count <= perSecond * seconds; count += 1) {
    backlog.blockCameIn(from + (count * 1_000) / perSecond, BLOCK, overtaken);
  }
  return from + seconds * 1_000;
}

function createBacklog(queueTime = 4_000): Backlog {
  return new Backlog(DEFAULT_BACKLOG_OPTIONS, () => queueTime);
}

describe('Backlog', () => {
  it('grows by one with each block at first, which doubles it each round trip', () => {
    const backlog = createBacklog();
    backlog.askedWhileIdle(0);
    const sizes: number[] = [];
    for (let trip = 1; trip <= 4; trip += 1) {
      for (let answers = backlog.size; answers > 0; answers -= 1) backlog.blockCameIn(trip * 100, BLOCK, false);
      sizes.push(backlog.size);
    }
    assert.deepEqual(sizes, [16, 32, 64, 128]);
  });

  it('goes on growing when a round trip is longer than a window', () => {
    const backlog = createBacklog(500);
    backlog.askedWhileIdle(0);
    const sizes: number[] = [];
    for (let trip = 1; trip <= 4; trip += 1) {
      feed(backlog, trip * 1_000, backlog.size, 1);
      sizes.push(backlog.size);
    }
    assert.deepEqual(sizes, [16, 32, 64, 128]);
  });

  it('grows beyond the usual limit for a peer that states no queue, as long as its answers keep pace', () => {
    const backlog = createBacklog();
    backlog.askedWhileIdle(0);
    const sizes: number[] = [];
    for (let trip = 1; trip <= 12; trip += 1) {
      feed(backlog, trip * 1_000, backlog.size, 1);
      sizes.push(backlog.size);
    }
    assert.ok(sizes.includes(500), `${sizes}`);
    for (const [trip, size] of sizes.entries()) assert.ok(size <= 2 * (sizes[trip - 1] ?? 8), `${sizes}`);
    assert.equal(sizes.at(-1), DEFAULT_BACKLOG_OPTIONS.most);
  });

  it('does not grow beyond what a slow peer sends', () => {
    const backlog = createBacklog(500);
    backlog.askedWhileIdle(0);
    feed(backlog, 0, 500, 20);
    assert.equal(backlog.size, 2 + 250);
  });

  it('returns to the limit for good after a refused request, and falls further after an unanswered one', () => {
    const sizeAfter = (setBack: (backlog: Backlog) => void) => {
      const backlog = createBacklog();
      backlog.askedWhileIdle(0);
      feed(backlog, 0, 6_000, 2);
      assert.equal(backlog.size, DEFAULT_BACKLOG_OPTIONS.most);
      setBack(backlog);
      assert.ok(backlog.size <= 500, `${backlog.size}`);
      feed(backlog, 2_000, 6_000, 4);
      return backlog.size;
    };
    const setBacks = [(backlog: Backlog) => backlog.refused(), (backlog: Backlog) => backlog.stalled()];
    assert.deepEqual(setBacks.map(sizeAfter), [500, 250]);
  });

  it('excuses as many refused requests as it had asked for above the limit', () => {
    const backlog = createBacklog();
    assert.equal(backlog.refused(), false);
    const tried = createBacklog();
    tried.askedWhileIdle(0);
    feed(tried, 0, 6_000, 2);
    let blamed = 0;
    while (tried.refused()) blamed += 1;
    assert.equal(blamed, DEFAULT_BACKLOG_OPTIONS.most - DEFAULT_BACKLOG_OPTIONS.limit);
  });

  it('never exceeds the queue that the peer states', () => {
    const backlog = createBacklog();
    backlog.setLimit(500);
    backlog.askedWhileIdle(0);
    feed(backlog, 0, 6_000, 2);
    assert.equal(backlog.size, 500);
  });

  it('grows no further while the oldest request is overtaken, and goes on when it is answered', () => {
    const backlog = createBacklog();
    backlog.askedWhileIdle(0);
    feed(backlog, 0, 6_000, 2, true);
    assert.equal(backlog.size, 500);
    feed(backlog, 2_000, 6_000, 2);
    assert.equal(backlog.size, DEFAULT_BACKLOG_OPTIONS.most);
  });

  it('falls, for a peer that drops requests, to what it held, but to half of the limit at the least', () => {
    const sizesAfter = (...held: number[]) => {
      const backlog = createBacklog();
      backlog.askedWhileIdle(0);
      feed(backlog, 0, 6_000, 2);
      return held.map((one, place) => {
        backlog.dropped(one);
        const atOnce = backlog.size;
        feed(backlog, 2_000 * (place + 1), 6_000, 2);
        assert.equal(backlog.size, atOnce);
        return atOnce;
      });
    };
    assert.deepEqual(sizesAfter(1_400, 1_500, 10, 600), [1_400, 1_400, 700, 600]);
    assert.deepEqual(sizesAfter(0), [1_000]);
  });

  it('has a lower limit for a peer that left requests unanswered, unless the peer states its queue', () => {
    const sizeAfterStall = (stated: number | null) => {
      const backlog = createBacklog();
      if (stated !== null) backlog.setLimit(stated);
      backlog.stalled();
      backlog.askedWhileIdle(0);
      feed(backlog, 0, 6_000, 2);
      return backlog.size;
    };
    assert.deepEqual([null, 700].map(sizeAfterStall), [250, 700]);
  });

  it('falls with the rate of a slow peer to two and the blocks of the queue time', () => {
    const backlog = createBacklog();
    backlog.askedWhileIdle(0);
    feed(backlog, 0, 2, 10);
    assert.equal(backlog.size, 2 + 2 * 4);
  });

  it('asks less in advance when all peers together are fast', () => {
    const backlog = createBacklog(500);
    backlog.askedWhileIdle(0);
    feed(backlog, 0, 100, 10);
    assert.equal(backlog.size, 2 + 50);
  });

  it('does not shrink below what is on the way when the round trip is long', () => {
    const backlog = createBacklog(500);
    backlog.askedWhileIdle(0);
    backlog.blockCameIn(1_000, BLOCK, false);
    feed(backlog, 1_000, 100, 10);
    assert.equal(backlog.size, 2 + 200);
  });

  it('leaves one request to a peer that does not answer, and grows again when it does', () => {
    const backlog = createBacklog();
    backlog.askedWhileIdle(0);
    const now = feed(backlog, 0, 100, 2);
    backlog.stalled();
    assert.equal(backlog.size, 1);
    backlog.askedWhileIdle(now + 60_000);
    feed(backlog, now + 60_000, 100, 4);
    assert.ok(backlog.size > 100, `size ${backlog.size}`);
  });

  it('follows the queue that the peer states, longer or shorter, up to a bound', () => {
    const sizeAfter = (stated: number) => {
      const backlog = createBacklog();
      backlog.setLimit(stated);
      backlog.askedWhileIdle(0);
      for (let answers = 0; answers < 5_000; answers += 1) backlog.blockCameIn(100, BLOCK, false);
      return backlog.size;
    };
    assert.deepEqual([3, 1_000, 1_000_000].map(sizeAfter), [3, 1_000, DEFAULT_BACKLOG_OPTIONS.most]);
  });
});
