/** One run of `cat` or `serve`: a torrent of which only that is fetched which someone is about to read. */
import { toHex } from '../../base/bytes.js';
import type { Millis, Task, Timers } from '../../base/clock.js';
import { BtgetError, interrupted } from '../../base/failure.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import type { MagnetLink } from '../../metainfo/magnet.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { ByteRun } from '../../metainfo/padding.js';
import { endWithin } from '../../session/end-within.js';
import type { MagnetEvents } from '../../session/magnet-torrent.js';
import { optionsForLink } from '../../session/node-link-peers.js';
import type { AddedEvents } from '../../session/session.js';
import { listensFor, type SessionOptions } from '../../session/session-options.js';
import type { ContentReader } from '../../torrent/reading/content-reader.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';
import { exitCodeOf, failureCode, failureMessage } from '../exit-code.js';
import { abridged } from '../output/escape.js';
import type { Output, RunEvent, Subject } from '../output/events.js';
import { formatDuration } from '../output/format.js';
import { dhtNews, gaveUp } from '../output/stall-reasons.js';
import type { LoadedMagnet, LoadedTorrent } from '../source/load-source.js';
import type { Deadline } from './deadline.js';
import type { RunEnd } from './run.js';
import { type CommandSession, type CommandTorrent, STOP_LIMIT } from './session-face.js';
import { StallWatch } from './stall-watch.js';

export interface ReadableTorrent extends CommandTorrent {
  /** As `Torrent.openReader`. */
  openReader(file: number, run: ByteRun, early: boolean): Pick<ContentReader, 'read' | 'close'>;
  /** Whether a reader waits for bytes that are not here. */
  readonly isAwaited: boolean;
}

export interface ReadingSession extends Pick<CommandSession, 'listen' | 'dhtStatus' | 'proxyTrouble' | 'stop'> {
  addTorrent(metainfo: Metainfo, options: TorrentOptions, events: AddedEvents): ReadableTorrent;
  addMagnet(link: MagnetLink, options: TorrentOptions, events: MagnetEvents): ReadableTorrent;
}

/** As `CreateSession`, for a session that leaves nothing on the disk when `cacheDir` is not null. */
export type CreateReadingSession = (
  options: SessionOptions,
  cacheDir: string | null,
  gotException: (error: unknown) => void,
  noted: (message: string) => void,
  warned: (code: string, message: string) => void,
) => ReadingSession;

export interface ReadingRunOptions {
  readonly session: SessionOptions;
  readonly cacheDir: string | null;
  readonly torrent: TorrentOptions;
  /** When the run gives up. */
  readonly deadline: Pick<Deadline, 'limit' | 'left'>;
  /** The run gives up when someone waits and no piece comes for this time; null for never. */
  readonly stopTimeout: Millis | null;
}

/** What the command does with the torrent. */
export interface RunReader {
  /** The files are known. Throws a 'usage' failure when the command cannot do with them what the user asks for. */
  check(metainfo: Metainfo): void;
  /** From now on the torrent can be read. */
  begin(torrent: ReadableTorrent): void;
  /** Nothing can be read any more. Called once, when the run ends in whatever way. */
  end(): void;
}

const TICK: Millis = 1000;

export class ReadingRun implements MagnetEvents {
  readonly #createSession: CreateReadingSession;
  readonly #options: ReadingRunOptions;
  readonly #reader: RunReader;
  readonly #timers: Timers;
  readonly #output: Output;
  readonly #ended: (end: RunEnd) => void;
  readonly #tasks = new Set<Task>();
  #input = '';
  #about: Subject = { name: '', infoHash: '' };
  #stall: StallWatch | null = null;
  #isPrivate = false;
  #session: ReadingSession | null = null;
  #torrent: ReadableTorrent | null = null;
  #failure: unknown = null;
  #begun = false;
  #stopping = false;
  #have = 0;
  /** When the last piece came, someone began to wait for one, or the user's limit held one back. */
  #progressAt: Millis;

  /** `ended` is called once, in `start` or later. */
  constructor(
    createSession: CreateReadingSession,
    options: ReadingRunOptions,
    reader: RunReader,
    timers: Timers,
    output: Output,
    ended: (end: RunEnd) => void,
  ) {
    this.#createSession = createSession;
    this.#options = options;
    this.#reader = reader;
    this.#timers = timers;
    this.#output = output;
    this.#ended = ended;
    this.#progressAt = timers.now();
  }

  /** Throws what `createSession` throws, and what `check` of the reader throws. */
  start(source: LoadedTorrent | LoadedMagnet): void {
    this.#input = source.input;
    this.#about = subjectOf(source);
    if (source.kind === 'torrent') this.#reader.check(source.metainfo);
    const session = this.#createSession(
      this.#options.session,
      this.#options.cacheDir,
      (error) => this.end(error),
      (message) => this.#output.tell({ type: 'detail', message }),
      (code, message) => this.#tell({ type: 'warning', about: null, input: null, code, message }),
    );
    this.#session = session;
    this.#stall = this.#watchStalls(source, session);
    const { left } = this.#options.deadline;
    if (left !== null) this.#after(left, () => this.#timedOut());
    if (!listensFor(this.#options.session)) {
      this.#begin(source, session);
      return;
    }
    session.listen((outcome) => {
      if (this.#stopping) return;
      if (!outcome.ok) {
        this.end(outcome.failure);
        return;
      }
      const { bind } = this.#options.session;
      this.#output.tell({ type: 'listening', host: bind, port: outcome.port, onlySeeds: false });
      this.#begin(source, session);
    });
  }

  /** Ends the run, with a failure or, when it is null, as done. Only the first end counts. */
  end(failure: unknown): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#failure = failure;
    if (failure !== null && failureCode(failure) !== 'interrupted') {
      const [code, message] = [failureCode(failure), failureMessage(failure)];
      // Other hints are about the options of a download.
      const hint = code === 'gave-up' && failure instanceof BtgetError ? failure.hint : null;
      const sentence = hint === null ? message : `${message} (${hint})`;
      this.#output.tell({ type: 'error', about: this.#about, input: this.#input, code, message: sentence });
    }
    for (const task of this.#tasks) task.cancel();
    this.#reader.end();
    const stop = (answered: () => void): void => {
      if (this.#session === null) answered();
      else this.#session.stop(answered);
    };
    endWithin(STOP_LIMIT, this.#timers, stop, (clean) => {
      this.#output.close();
      this.#ended({ exitCode: this.exitCode, clean });
    });
  }

  /** The exit code of a run that ends now. */
  get exitCode(): number {
    if (!this.#stopping) return exitCodeOf(interrupted());
    return this.#failure === null ? 0 : exitCodeOf(this.#failure);
  }

  gotMetadata(metainfo: Metainfo): void {
    this.#about = { name: metainfo.name, infoHash: toHex(metainfo.infoHash) };
    this.#isPrivate = metainfo.private;
    this.#progressAt = this.#timers.now();
    try {
      this.#reader.check(metainfo);
    } catch (failure) {
      if (!(failure instanceof BtgetError)) throw failure;
      this.end(failure);
    }
  }

  started(): void {
    const torrent = this.#torrent;
    if (this.#stopping || this.#begun || torrent === null) return;
    this.#begun = true;
    this.#progressAt = this.#timers.now();
    this.#reader.begin(torrent);
  }

  fileDone(file: { readonly length: number }, path: string): void {
    this.#tell({ type: 'file', about: this.#about, path, length: file.length });
  }

  trackerAnswered(report: TrackerAnswer): void {
    this.#stall?.trackerAnswered(report);
    this.#tell({ type: 'tracker', about: this.#about, report });
  }

  warned(code: string, message: string): void {
    this.#tell({ type: 'warning', about: this.#about, input: this.#input, code, message });
  }

  done(): void {
    // That all files are whole is not the end: someone may still read.
  }

  goalReached(): void {
    // As `done`.
  }

  failed(failure: BtgetError | Error): void {
    this.end(failure);
  }

  #tell(event: RunEvent): void {
    if (!this.#stopping) this.#output.tell(event);
  }

  #begin(source: LoadedTorrent | LoadedMagnet, session: ReadingSession): void {
    try {
      const { torrent } = this.#options;
      if (source.kind === 'torrent') this.#torrent = session.addTorrent(source.metainfo, torrent, this);
      else this.#torrent = session.addMagnet(source.link, optionsForLink(source.link, source.peers, torrent), this);
    } catch (failure) {
      if (!(failure instanceof BtgetError)) throw failure;
      this.end(failure);
    }
    this.#tick();
  }

  #watchStalls(source: LoadedTorrent | LoadedMagnet, session: ReadingSession): StallWatch {
    const { torrent, session: options } = this.#options;
    const trackers = source.kind === 'torrent' ? source.metainfo.trackers : source.link.trackers;
    this.#isPrivate = source.kind === 'torrent' && source.metainfo.private;
    const { maxDownload, encryption } = options;
    const hasTrackers = torrent.trackers.length > 0 || (torrent.useTorrentTrackers && trackers.length > 0);
    return new StallWatch(hasTrackers, {
      limits: { maxDownload, encryption, maxPeers: torrent.maxPeers, proxies: options },
      proxyTrouble: () => session.proxyTrouble(),
      dht: () => (this.#isPrivate ? { use: 'private' } : dhtNews(session.dhtStatus())),
    });
  }

  #tick(): void {
    if (this.#stopping || this.#torrent === null) return;
    const now = this.#timers.now();
    const status = this.#torrent.status();
    const isChecking = status.state === 'checking' || status.waitsFor?.on === 'torrent';
    // Before the torrent has begun, the metadata is waited for.
    const isAwaited = this.#begun ? this.#torrent.isAwaited : !isChecking;
    if (!isAwaited || status.limited || status.have !== this.#have) this.#progressAt = now;
    this.#have = status.have;
    const idle = now - this.#progressAt;
    const reasons = isAwaited ? this.#stall?.news(status, idle) : null;
    if (reasons !== null && reasons !== undefined) this.#tell({ type: 'stalled', about: this.#about, reasons });
    const limit = this.#options.stopTimeout;
    if (limit !== null && idle >= limit) {
      this.end(gaveUp(`no piece came for ${formatDuration(limit / 1000)}`, this.#stall?.reasons(status)[0], null));
      return;
    }
    this.#after(TICK, () => this.#tick());
  }

  #timedOut(): void {
    const limit = formatDuration((this.#options.deadline.limit ?? 0) / 1000);
    this.end(gaveUp(`not done after ${limit}`, this.#reasonAtEnd(), null));
  }

  #reasonAtEnd(): ReturnType<StallWatch['reasonAtEnd']> {
    const torrent = this.#torrent;
    // A reader that takes nothing is not helped by what we know of peers.
    if (torrent === null || (this.#begun && !torrent.isAwaited)) return undefined;
    return this.#stall?.reasonAtEnd(torrent.status(), this.#timers.now() - this.#progressAt);
  }

  #after(delay: Millis, task: () => void): void {
    const waiting = this.#timers.addTask(() => {
      this.#tasks.delete(waiting);
      task();
    }, delay);
    this.#tasks.add(waiting);
  }
}

function subjectOf(source: LoadedTorrent | LoadedMagnet): Subject {
  if (source.kind === 'torrent') return { name: source.metainfo.name, infoHash: toHex(source.metainfo.infoHash) };
  const infoHash = toHex(source.link.infoHash);
  return { name: abridged(source.link.name ?? infoHash, 200), infoHash };
}
