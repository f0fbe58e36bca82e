import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import { checkPeers, type PeerSearch } from '../../../../src/cli/doctor/peer-check.js';
import type { TrackerAnswer } from '../../../../src/discovery/trackers/rerequester.js';
import type { MetadataEvents } from '../../../../src/torrent/metadata-torrent.js';
import type { TorrentStatus } from '../../../../src/torrent/status.js';
import { TRACKER_ANSWER, TRACKER_REFUSAL } from '../../../support/fakes/fake-tracker.js';
import { makeStatus } from '../support/fake-session.js';

const NO_REACH = { waiting: 0, dialled: 0, answered: 0, refused: 0, silent: 0, turnedAway: 0 };
const DHT = { use: 'on', nodes: 8, routersAsked: 4, routersReached: 4, routersUnknown: 0 } as const;
const LIMITS = {
  maxDownload: null,
  maxPeers: 80,
  encryption: 'allow',
  proxies: { proxy: null, httpProxies: null },
} as const;

type Changes = Partial<TorrentStatus>;

/**
 * Looks for peers, on a clock that waits for nothing. `happens`: what the torrent says and how it stands, at each
 * moment after the beginning, in milliseconds.
 */
async function check(
  happens: (now: number, events: MetadataEvents) => Changes,
  more: Partial<PeerSearch> = {},
): Promise<{ said: string; took: number; stops: number }> {
  let now = 0;
  let stops = 0;
  const timers = {
    now: () => now,
    addTask: (task: () => void, delay: number) => {
      now += delay;
      setImmediate(task);
      return { cancel: () => undefined };
    },
  };
  const search: PeerSearch = {
    begin: (events) => ({
      status: () => makeStatus({ state: 'metadata', ...happens(now, events) }),
      stop: () => {
        stops += 1;
      },
    }),
    trackers: 1,
    swarms: [null],
    dht: () => ({ use: 'off' }),
    limits: LIMITS,
    proxyTrouble: () => null,
    ...more,
  };
  const found = await checkPeers(search, timers, new AbortController().signal);
  if (found === null) assert.fail('nothing was found');
  const { check: word, state, message, hint, failure } = found;
  assert.equal(word, 'peers');
  assert.equal(failure, state === 'failed' ? 'network' : null);
  assert.equal(stops, 1, 'the search is told to stop, once');
  return { said: `${state}: ${message}${hint === null ? '' : ` (${hint})`}`, took: now, stops };
}

/** Hears `reports` at the first look. */
function heard(events: MetadataEvents, ...reports: readonly TrackerAnswer[]): void {
  for (const report of reports) events.trackerAnswered(report);
}

describe('the check of the peers', () => {
  it('ends a second after the first peer, and counts those that came until then', async () => {
    const { said, took } = await check((now) => (now < 3000 ? {} : { peers: now < 3500 ? 1 : 4, encrypted: 2 }));
    assert.deepEqual([said, took], ['ok: 4 peers of this torrent answered, 2 of them encrypted', 4000]);
    const plain = await check(() => ({ peers: 1 }));
    assert.equal(plain.said, 'ok: 1 peer of this torrent answered');
  });

  it('counts a peer that came and left between two looks', async () => {
    const { said, took } = await check(() => ({ reach: { ...NO_REACH, dialled: 1, answered: 1 } }));
    assert.deepEqual([said, took], ['ok: 1 peer of this torrent answered', 1200]);
  });

  it('ends when a peer has given the metadata', async () => {
    const torrent = (now: number, events: MetadataEvents): Changes => {
      if (now === 400) setImmediate(() => events.gotMetadata(undefined as never));
      return { peers: now === 400 ? 1 : 0 };
    };
    const { said, took } = await check(torrent);
    assert.deepEqual([said, took], ['ok: 1 peer of this torrent answered', 600]);
  });

  it('fails with what became of the dials when all that were named have been tried', async () => {
    const reach = { waiting: 2, dialled: 3, answered: 0, refused: 1, silent: 2, turnedAway: 0 };
    const { said, took } = await check((now, events) => {
      if (now === 400) events.trackerAnswered(TRACKER_ANSWER);
      return now < 1000 ? { reach: { ...reach, silent: 0 } } : { reach };
    });
    assert.equal(
      said,
      'failed: no peer of this torrent can be reached: 3 dials to peers: 2 silent, 1 refused, 2 to be tried again; ' +
        'the DHT is switched off (they may be gone, or a firewall may hold TCP back)',
    );
    assert.equal(took, 1000);
  });

  it('fails as soon as everyone has hung up', async () => {
    const { said, took } = await check((now, events) => {
      events.trackerAnswered(TRACKER_ANSWER);
      return { reach: { ...NO_REACH, dialled: 2, turnedAway: now < 800 ? 1 : 2 } };
    });
    assert.match(said, /^failed: .*2 dials to peers: 2 hung up/);
    assert.equal(took, 800);
  });

  it('gives dials without an end twelve seconds, and trackers and the DHT too', async () => {
    const reach = { ...NO_REACH, dialled: 1 };
    const answered = (events: MetadataEvents) => events.trackerAnswered(TRACKER_ANSWER);
    const waits = [
      check((_, events) => {
        answered(events);
        return { reach };
      }),
      check(() => ({})),
      check(
        (_, events) => {
          answered(events);
          return {};
        },
        { dht: () => DHT },
      ),
    ];
    assert.deepEqual(
      (await Promise.all(waits)).map(({ took }) => took),
      [12_000, 12_000, 12_000],
    );
  });

  it('warns when trackers name nobody, and is skipped when nothing could', async () => {
    const { said, took } = await check((_, events) => {
      events.trackerAnswered({ ...TRACKER_ANSWER, swarm: null });
      return {};
    });
    assert.match(
      said,
      /^warning: no peer of this torrent can be reached: the trackers name no peer that can be dialled/,
    );
    assert.equal(took, 200);
    const failing = await check((_, events) => {
      events.trackerAnswered(TRACKER_REFUSAL);
      return {};
    });
    assert.match(failing.said, /^warning: .*: 1 tracker failing/);
    const alone = await check(() => ({}), { trackers: 0 });
    assert.deepEqual([alone.said, alone.took], ['skipped: nothing names a peer of this torrent', 200]);
    const byHand = await check(() => ({ reach: { ...NO_REACH, dialled: 1, refused: 1 } }), { trackers: 0 });
    assert.match(byHand.said, /^failed: .*1 dial to peers: 1 refused/);
  });

  it('says that peers may demand encryption, or not know it, when the user allows one way alone', async () => {
    const reach = { ...NO_REACH, dialled: 5, turnedAway: 5 };
    const withPolicy = (encryption: 'allow' | 'off' | 'require', peers: number) =>
      check(
        (_, events) => {
          events.trackerAnswered(TRACKER_ANSWER);
          return { reach, peers };
        },
        { limits: { ...LIMITS, encryption } },
      );
    const off = await withPolicy('off', 0);
    assert.match(off.said, /^failed: .*reached: 5 dials ended .*: peers may demand encryption, and --encryption off/);
    assert.match(off.said, /\(--encryption allow dials in both ways\)$/);
    const some = await withPolicy('off', 2);
    assert.match(some.said, /^warning: 2 peers of this torrent answered; 5 dials ended .*may demand encryption/);
    const require = await withPolicy('require', 0);
    assert.match(require.said, /^failed: .*peers may not know the encryption that --encryption requires/);
    const both = await withPolicy('allow', 2);
    assert.equal(both.said, 'ok: 2 peers of this torrent answered');
  });

  it('warns of peers whose metadata does not fit the link', async () => {
    const reach = { ...NO_REACH, dialled: 2, answered: 2 };
    const { said } = await check(() => ({ length: 0, falseMetadata: 2, reach }));
    assert.match(
      said,
      /^warning: 2 peers of this torrent answered; 2 peers gave metadata that does not fit the link \(/,
    );
  });

  it('counts peers that have left again', async () => {
    const { said, took } = await check((now) =>
      now < 400
        ? { peers: 1, reach: { ...NO_REACH, dialled: 1 } }
        : { reach: { ...NO_REACH, dialled: 1, answered: 1 } },
    );
    assert.deepEqual([said, took], ['ok: 1 peer of this torrent answered', 1200]);
  });

  it('waits for one tracker that answers in each swarm, or until all have failed', async () => {
    const took = async (reports: readonly TrackerAnswer[], more: Partial<PeerSearch>): Promise<number> => {
      let isFirst = true;
      const found = await check((_, events) => {
        if (isFirst) heard(events, ...reports);
        isFirst = false;
        return {};
      }, more);
      return found.took;
    };
    const [good, bad] = [TRACKER_ANSWER, TRACKER_REFUSAL];
    assert.equal(await took([good], { trackers: 3 }), 200);
    assert.equal(await took([bad, bad], { trackers: 3 }), 12_000);
    assert.equal(await took([bad, bad, bad], { trackers: 3 }), 200);
    const swarms = ['v1', 'v2'] as const;
    assert.equal(await took([{ ...good, swarm: 'v1' }], { swarms }), 12_000);
    assert.equal(
      await took(
        [
          { ...good, swarm: 'v1' },
          { ...bad, swarm: 'v2' },
        ],
        { swarms },
      ),
      200,
    );
  });

  it('tells what the torrent warns of', async () => {
    const alone = await check(
      (_, events) => {
        events.warned('blocklist', 'on the blocklist, and not dialled: 10.0.0.1');
        return {};
      },
      { trackers: 0 },
    );
    assert.equal(alone.said, 'warning: on the blocklist, and not dialled: 10.0.0.1');
    let isFirst = true;
    const beside = await check((_, events) => {
      if (isFirst) events.warned('x', 'one is listed');
      isFirst = false;
      return { peers: 1 };
    });
    assert.equal(beside.said, 'warning: 1 peer of this torrent answered; one is listed');
  });

  it('stops looking at once when it is aborted, and finds nothing', async () => {
    const over = new AbortController();
    const stops: string[] = [];
    const search: PeerSearch = {
      begin: () => ({ status: () => makeStatus({ state: 'metadata' }), stop: () => stops.push('stop') }),
      ...{ trackers: 1, swarms: [null], dht: () => DHT, limits: LIMITS, proxyTrouble: () => null },
    };
    const tasks: (() => void)[] = [];
    const timers = {
      now: () => 0,
      addTask: (task: () => void) => {
        tasks.push(task);
        return { cancel: () => tasks.splice(tasks.indexOf(task), 1) };
      },
    };
    const looking = checkPeers(search, timers, over.signal);
    assert.equal(tasks.length, 1);
    over.abort();
    assert.deepEqual([await looking, stops, tasks], [null, ['stop'], []]);
  });

  it('fails with the failure of the torrent, and a bug is thrown', async () => {
    const failing = await check((_, events) => {
      events.failed(new BtgetError('network', 'the metadata is bad'));
      return {};
    });
    assert.equal(failing.said, 'failed: the metadata is bad');
    const bug = new TypeError('x is not a function');
    await assert.rejects(
      check((_, events) => {
        events.failed(bug);
        return {};
      }),
      (error) => error === bug,
    );
  });
});
