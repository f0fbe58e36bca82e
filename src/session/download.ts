/** One torrent from its .torrent or its link to its files, for scripts: the promise around a session. */
import { toHex } from '../base/bytes.js';
import type { Millis, Task } from '../base/clock.js';
import { interrupted } from '../base/failure.js';
import { parseLink } from '../metainfo/magnet.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { parseMetainfo } from '../metainfo/parse-metainfo.js';
import { selectFiles } from '../metainfo/selection.js';
import { NodeTimers } from '../net/node-timers.js';
import type { TorrentStatus } from '../torrent/status.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../torrent/torrent-options.js';
import { endWithin } from './end-within.js';
import { isMetainfo } from './given.js';
import type { MagnetEvents } from './magnet-torrent.js';
import { blocklistNames, readBlocklist } from './node-blocklists.js';
import { lookUpHost, lookUpNothing, resolveLinkPeers } from './node-link-peers.js';
import { createNodeSession, type NodeSession } from './node-session.js';
import { readSource } from './node-source.js';
import { SESSION_READERS, TORRENT_READERS, userAgentText } from './option-readers.js';
import { callback, type Given, having, orNull, pickOptions, type Readers, readOptions, wrong } from './read-options.js';
import { DEFAULT_SESSION_OPTIONS, listensFor, type SessionOptions } from './session-options.js';

/** A download has a mode and a goal of its own, and fetches everything. */
type NotChosen = 'mode' | 'onDemand' | 'seedGoal';

/** What `download` takes: the options of a session, those of a torrent that it does not set itself, and its own. */
export interface DownloadOptions extends Omit<TorrentOptions, NotChosen>, Omit<SessionOptions, 'blocklist'> {
  /**
   * Paths and `http(s)` URLs of blocklists: the download has nothing to do with the addresses on them. They are read
   * before anything is dialled, and a list that cannot be used is a 'usage' failure.
   */
  readonly blocklists: readonly string[];
  /** Ends the download when it is aborted. What has come stays, and the next download goes on from there. */
  readonly signal: AbortSignal | null;
  /** Called each second, and once when it is done. What it throws ends the download. */
  readonly onProgress: ((status: TorrentStatus) => void) | null;
  /**
   * Told in a sentence what is not worth ending for: a longer file that is cut, a block that could not be read for a
   * peer. What it throws ends the download.
   */
  readonly onWarning: ((message: string) => void) | null;
  /** What HTTP servers, gateways and peers are told that we are: printable ASCII, usually `NAME/VERSION`. */
  readonly userAgent: string;
}

export const DEFAULT_DOWNLOAD_OPTIONS: DownloadOptions = {
  ...withoutMode(DEFAULT_TORRENT_OPTIONS),
  ...withoutBlocklist(DEFAULT_SESSION_OPTIONS),
  blocklists: [],
  signal: null,
  onProgress: null,
  onWarning: null,
  userAgent: 'btget',
};

const DOWNLOAD_READERS: Readers<DownloadOptions> = {
  ...withoutMode(TORRENT_READERS),
  ...withoutBlocklist(SESSION_READERS),
  blocklists: blocklistNames,
  signal: orNull(having('an AbortSignal', 'addEventListener', 'throwIfAborted')),
  onProgress: orNull(callback()),
  onWarning: orNull(callback()),
  userAgent: userAgentText,
};

function withoutMode<T extends Readonly<Record<NotChosen, unknown>>>({
  mode: _mode,
  onDemand: _onDemand,
  seedGoal: _seedGoal,
  ...others
}: T): Omit<T, NotChosen> {
  return others;
}

/** A download reads its blocklists itself. */
function withoutBlocklist<T extends { readonly blocklist: unknown }>({
  blocklist: _blocklist,
  ...others
}: T): Omit<T, 'blocklist'> {
  return others;
}

/** What `download` resolves to. */
export interface DownloadResult {
  /** The torrent's own name. */
  readonly name: string;
  /** 40 digits, lower case hexadecimal: that of version 1, or the first 40 of version 2 when there is no other. */
  readonly infoHash: string;
  /** 64 digits; null when the torrent is of version 1 alone. */
  readonly infoHashV2: string | null;
  /** The wanted files where they are, below `dir`; each is whole, verified and flushed. */
  readonly paths: readonly string[];
  /** Bytes of the files that were asked for. */
  readonly length: number;
  /** Bytes that came from peers and web seeds in this call. */
  readonly downloaded: number;
  /** Bytes that peers were given meanwhile. */
  readonly uploaded: number;
}

const PROGRESS_EVERY: Millis = 1000;
/** Trackers and peers get no longer than this to hear that we leave. */
const STOP_LIMIT: Millis = 3000;

/**
 * Downloads the torrent that `source` names, and resolves when every byte is on the disk, verified and flushed.
 * `source` is one of
 *
 * - the bytes of a .torrent, or what `parseMetainfo` made of them;
 * - the path of a .torrent;
 * - an `http(s)` URL of a .torrent;
 * - a magnet link, or an info-hash as text (a file of that name comes first).
 *
 * What is left out of `options` is `DEFAULT_DOWNLOAD_OPTIONS`. Files that are there already are completed, and no
 * stranger's file is touched. Rejects with a `BtgetError` when an option is wrong ('usage'), and when the source or the
 * world does something wrong; the `code` is 'interrupted' after an abort.
 */
export async function download(
  source: Metainfo | Uint8Array | string,
  options: Given<DownloadOptions> = {},
): Promise<DownloadResult> {
  const all = readOptions(DOWNLOAD_READERS, DEFAULT_DOWNLOAD_OPTIONS, options);
  const { bind, caCertificates, proxy, httpProxies, userAgent, signal } = all;
  const reading = { bind, caCertificates, proxy, httpProxies, userAgent, signal };
  const blocklist = all.blocklists.length === 0 ? null : await readBlocklist(all.blocklists, reading);
  const begin = await beginSource(source, all);
  if (signal?.aborted === true) throw interrupted(signal.reason);
  return new Promise((resolve, reject) => run(begin, { ...all, blocklist }, resolve, reject));
}

/** Adds the torrent to the session. */
type Begin = (session: NodeSession, events: MagnetEvents) => { status(): TorrentStatus };

async function beginSource(source: unknown, options: DownloadOptions): Promise<Begin> {
  if (source instanceof Uint8Array) return beginMetainfo(parseMetainfo(Buffer.from(source)), options);
  if (isMetainfo(source)) return beginMetainfo(source, options);
  if (typeof source !== 'string' || source === '') throw wrong('source', source, SOURCES);
  const found = await readSource(source, options);
  return typeof found === 'string' ? beginLink(found, options) : beginMetainfo(parseMetainfo(found), options);
}

const SOURCES =
  "a path, an http(s) URL, a magnet link, an info-hash, the bytes of a .torrent, or parseMetainfo's result";

function beginMetainfo(metainfo: Metainfo, options: DownloadOptions): Begin {
  // What cannot be selected is refused before anything is begun.
  selectFiles(metainfo, options.selection);
  return (session, events) => {
    events.gotMetadata(metainfo);
    return session.addTorrent(metainfo, torrentOptions(options), events);
  };
}

async function beginLink(source: string, options: DownloadOptions): Promise<Begin> {
  const link = parseLink(source);
  const { bind, proxy, signal } = options;
  const lookUp = proxy === null ? (host: string) => lookUpHost(host, signal) : lookUpNothing;
  const linkPeers = [...options.linkPeers, ...(await resolveLinkPeers(link.peers, bind, lookUp))];
  return (session, events) => session.addMagnet(link, { ...torrentOptions(options), linkPeers }, events);
}

function torrentOptions(options: DownloadOptions): TorrentOptions {
  return pickOptions(TORRENT_READERS, { ...options, mode: 'download', onDemand: null, seedGoal: null });
}

function run(
  beginTorrent: Begin,
  options: DownloadOptions & Pick<SessionOptions, 'blocklist'>,
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
    if (signal !== null) fail(interrupted(signal.reason));
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

  const sessionOptions = pickOptions(SESSION_READERS, options);
  const session = createNodeSession({
    ...sessionOptions,
    userAgent: options.userAgent,
    gotException: fail,
    warned: (_code, message) => tell(onWarning, message),
  });
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
          infoHashV2: metainfo.infoHashV2 === null ? null : toHex(metainfo.infoHashV2),
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
  if (!listensFor(options)) begin();
  else
    session.listen((outcome) => {
      if (ended) return;
      if (outcome.ok) begin();
      else fail(outcome.failure);
    });
}
