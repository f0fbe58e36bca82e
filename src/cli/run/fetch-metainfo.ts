/** Fetches the metadata of a magnet link, and no content, in a session of its own. */

import type { Millis, Task } from '../../base/clock.js';
import { BtgetError, interrupted } from '../../base/failure.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { endWithin } from '../../session/end-within.js';
import { optionsForLink } from '../../session/node-link-peers.js';
import type { SessionOptions } from '../../session/session-options.js';
import { listensFor } from '../../session/session-options.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';
import { exitCodeOf } from '../exit-code.js';
import { type CliIo, onInterrupt } from '../io.js';
import type { StallReason } from '../output/events.js';
import { formatDuration } from '../output/format.js';
import { dhtNews } from '../output/stall-reasons.js';
import type { LoadedMagnet } from '../source/load-source.js';
import type { Deadline } from './deadline.js';
import { type CommandTorrent, type CreateSession, STOP_LIMIT } from './session-face.js';
import { StallWatch } from './stall-watch.js';

export interface FetchMetainfoOptions {
  readonly session: SessionOptions;
  readonly torrent: TorrentOptions;
  /** When the fetch gives up. */
  readonly deadline: Pick<Deadline, 'limit' | 'left'>;
}

const TICK: Millis = 1000;

/** Who hears of a fetch. */
export interface FetchOwner {
  /** A warning, in one sentence. */
  warned(sentence: string): void;
  /** Why the fetch takes long. */
  stalled(reasons: readonly StallReason[]): void;
}

/** Rejects with a `BtgetError`, or with the exception of a bug. */
export function fetchMetainfo(
  source: LoadedMagnet,
  createSession: CreateSession,
  options: FetchMetainfoOptions,
  io: CliIo,
  owner: FetchOwner,
): Promise<Metainfo> {
  const { timers } = io;
  const warned = (sentence: string): void => owner.warned(sentence);
  const torrentOptions = optionsForLink(source.link, source.peers, options.torrent);
  const startedAt = timers.now();
  const tasks = new Set<Task>();
  return new Promise((resolve, reject) => {
    let torrent: CommandTorrent | undefined;
    let ended = false;
    const end = (settle: () => void): void => {
      if (ended) return;
      ended = true;
      for (const task of tasks) task.cancel();
      endWithin(
        STOP_LIMIT,
        timers,
        (answered) => session.stop(answered),
        () => {
          forget();
          settle();
        },
      );
    };
    const fail = (failure: unknown): void => end(() => reject(failure));
    const after = (delay: Millis, task: () => void): void => {
      tasks.add(timers.addTask(task, delay));
    };
    const tick = (): void => {
      if (torrent === undefined || ended) return;
      const reasons = stall.news(torrent.status(), timers.now() - startedAt);
      if (reasons !== null) owner.stalled(reasons);
      after(TICK, tick);
    };
    const forget = onInterrupt(
      io,
      () => fail(interrupted()),
      () => exitCodeOf(interrupted()),
    );
    const session = createSession(options.session, fail, warned, (_code, message) => warned(message));
    const trackers = torrentOptions.useTorrentTrackers ? source.link.trackers : [];
    const stall = new StallWatch(trackers.length + torrentOptions.trackers.length > 0, {
      limits: {
        maxDownload: options.session.maxDownload,
        encryption: options.session.encryption,
        maxPeers: torrentOptions.maxPeers,
        proxies: options.session,
      },
      dht: () => dhtNews(session.dhtStatus()),
      proxyTrouble: () => session.proxyTrouble(),
    });
    const begin = (): void => {
      torrent = session.fetchMetadata(source.link, torrentOptions, {
        gotMetadata: (metainfo) => end(() => resolve(metainfo)),
        trackerAnswered: (report) => stall.trackerAnswered(report),
        warned: (_code, message) => warned(message),
        failed: fail,
      });
      tick();
    };
    if (!listensFor(options.session)) begin();
    else
      session.listen((outcome) => {
        if (ended) return;
        if (outcome.ok) begin();
        else fail(outcome.failure);
      });
    const { limit, left } = options.deadline;
    if (limit === null || left === null) return;
    after(left, () => {
      // The length is known from the metadata.
      const what = (torrent?.status().length ?? 0) > 0 ? 'piece hashes of version 2' : 'metadata';
      fail(new BtgetError('gave-up', `gave up: no ${what} after ${formatDuration(limit / 1000)}`));
    });
  });
}
