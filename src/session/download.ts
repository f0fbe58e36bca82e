/** One torrent from its .torrent or its link to its files, for scripts: the promise around a session. */
import { toHex } from '../base/bytes.js';
import type { Millis, Task } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import { parseV1Link } from '../metainfo/magnet.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { parseMetainfo } from '../metainfo/parse-metainfo.js';
import { selectFiles } from '../metainfo/selection.js';
import { NodeTimers } from '../net/node-timers.js';
import type { TorrentStatus } from '../torrent/status.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../torrent/torrent-options.js';
import { endWithin } from './end-within.js';
import type { MagnetEvents } from './magnet-torrent.js';
import { optionsForLink, resolveLinkPeers } from './node-link-peers.js';
import { createNodeSession } from './node-session.js';
import type { Session } from './session.js';
import { DEFAULT_SESSION_OPTIONS, type SessionOptions } from './session-options.js';

export interface DownloadOptions extends Omit<TorrentOptions, 'mode' | 'seedGoal'>, SessionOptions {
  /** Ends the download when it is aborted. What has come stays, and the next download goes on from there. */
  readonly signal: AbortSignal | null;
  /** Called each second, and once when it is done. */
  readonly onProgress: ((status: TorrentStatus) => void) | null;
  /** What is not worth ending for: a longer file that is cut, a block that could not be read for a peer. */
  readonly onWarning: ((message: string) => void) | null;
  /** What trackers are told that we are. */
  readonly userAgent: string;
}

export const DEFAULT_DOWNLOAD_OPTIONS: DownloadOptions = {
  ...DEFAULT_TORRENT_OPTIONS,
  ...DEFAULT_SESSION_OPTIONS,
  signal: null,
  onProgress: null,
  onWarning: null,
  userAgent: 'btget',
};

export interface DownloadResult {
  readonly name: string;
  /** Hexadecimal. */
  readonly infoHash: string;
  /** The files, each of them whole, verified and flushed. */
  readonly paths: readonly string[];
  /** Bytes of the files that were asked for. */
  readonly length: number;
  /** Bytes that had to be fetched, and bytes that were given meanwhile. */
  readonly downloaded: number;
  readonly uploaded: number;
}

const PROGRESS_EVERY: Millis = 1000;
/** Trackers and peers get no longer than this to hear that we leave. */
const STOP_LIMIT: Millis = 3000;

/**
 * Downloads what `source` (a .torrent's bytes, what `parseMetainfo` made of them, a magnet link, or an info-hash as
 * text) is about, and resolves when every byte is on the disk, verified and flushed. Rejects with a `BtgetError` for
 * whatever the source or the world did wrong: its `code` is 'interrupted' after an abort. Files that are there already
 * are completed, and no stranger's file is touched.
 */
export async function download(
  source: Metainfo | Uint8Array | string,
  options: Partial<DownloadOptions> = {},
): Promise<DownloadResult> {
  const all: DownloadOptions = { ...DEFAULT_DOWNLOAD_OPTIONS, ...options };
  const begin = typeof source === 'string' ? await beginLink(source, all) : beginMetainfo(source, all);
  if (all.signal?.aborted === true) throw interrupted(all.signal);
  return new Promise((resolve, reject) => run(begin, all, resolve, reject));
}

/** Adds the torrent to the session. */
type Begin = (session: Session, events: MagnetEvents) => { status(): TorrentStatus };

function beginMetainfo(source: Metainfo | Uint8Array, options: DownloadOptions): Begin {
  const metainfo = source instanceof Uint8Array ? parseMetainfo(Buffer.from(source)) : source;
  // What cannot be selected is refused before anything is begun.
  selectFiles(metainfo, options.selection);
  return (session, events) => {
    events.gotMetadata(metainfo);
    return session.addTorrent(metainfo, { ...options, mode: 'download', seedGoal: null }, events);
  };
}

async function beginLink(source: string, options: DownloadOptions): Promise<Begin> {
  const link = parseV1Link(source);
  const peers = await resolveLinkPeers(link.peers, options.bind);
  const torrentOptions = optionsForLink(link, peers, { ...options, mode: 'download', seedGoal: null });
  return (session, events) => session.addMagnet(link, torrentOptions, events);
}

function run(
  beginTorrent: Begin,
  options: DownloadOptions,
  resolve: (result: DownloadResult) => void,
  reject: (reason: unknown) => void,
): void {
  const { signal, onProgress, onWarning } = options;
  const timers = new NodeTimers();
  const paths: string[] = [];
  let metainfo: Metainfo | null = null;
  let torrent: { status(): TorrentStatus } | null = null;
  let next: Task | null = null;
  let ended = false;

  const end = (settle: () => void): void => {
    if (ended) return;
    ended = true;
    next?.cancel();
    signal?.removeEventListener('abort', aborted);
    endWithin(STOP_LIMIT, timers, (answered) => session.stop(answered), settle);
  };
  const fail = (failure: unknown): void => end(() => reject(failure));
  const aborted = (): void => {
    if (signal !== null) fail(interrupted(signal));
  };
  // What the caller's own function throws is the caller's, and ends the download with it.
  const tell = <T>(listener: ((news: T) => void) | null, news: T): void => {
    try {
      listener?.(news);
    } catch (error) {
      fail(error);
    }
  };
  const tick = (): void => {
    if (torrent === null || ended) return;
    tell(onProgress, torrent.status());
    if (!ended) next = timers.addTask(tick, PROGRESS_EVERY);
  };

  const session = createNodeSession(options, options.userAgent, fail);
  signal?.addEventListener('abort', aborted);
  const begin = (): void => {
    torrent = beginTorrent(session, {
      gotMetadata: (known) => {
        metainfo = known;
      },
      started: () => undefined,
      fileDone: (_file, path) => paths.push(path),
      trackerAnswered: () => undefined,
      warned: (_code, message) => tell(onWarning, message),
      done: () => undefined,
      goalReached: () => {
        if (torrent === null || metainfo === null || ended) return;
        const status = torrent.status();
        tell(onProgress, status);
        const { wanted: length, downloaded, uploaded } = status;
        const result = {
          name: metainfo.name,
          infoHash: toHex(metainfo.infoHash),
          paths,
          length,
          downloaded,
          uploaded,
        };
        end(() => resolve(result));
      },
      failed: fail,
    });
    tick();
  };
  if (!options.listen) begin();
  else
    session.listen((outcome) => {
      if (ended) return;
      if (outcome.ok) begin();
      else fail(outcome.failure);
    });
}

function interrupted(signal: AbortSignal): BtgetError {
  return new BtgetError('interrupted', 'interrupted before it was done', { cause: signal.reason });
}
