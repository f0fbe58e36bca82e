/** One run of `download` or `seed`, from its first torrent to its summary. */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { BtgetError, interrupted } from '../../base/failure.js';
import type { PortMapping } from '../../discovery/port-mapping/port-mapper.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { endWithin } from '../../session/end-within.js';
import type { SessionOptions } from '../../session/session-options.js';
import { listensFor } from '../../session/session-options.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';
import { failureCode, failureMessage, firstExitCode } from '../exit-code.js';
import { machineFailure } from '../machine-failure.js';
import { abridged } from '../output/escape.js';
import type { Output, RunEvent, SourceResult } from '../output/events.js';
import { formatDuration } from '../output/format.js';
import { type DhtNews, dhtNews, gaveUp, type UserLimits } from '../output/stall-reasons.js';
import { joinTwins } from '../source/join-twins.js';
import type { LoadedSource, UnusableSource } from '../source/load-source.js';
import type { BlocklistNews } from './blocklist-news.js';
import type { Deadline } from './deadline.js';
import { type CommandSession, type CreateSession, STOP_LIMIT } from './session-face.js';
import { beginJob, type JobOwner, TorrentJob } from './torrent-job.js';

export interface RunOptions {
  readonly session: SessionOptions;
  readonly torrent: TorrentOptions;
  /** When the run gives up. */
  readonly deadline: Pick<Deadline, 'limit' | 'left'>;
  /** The run gives up a torrent that gets no new data for this time; null for never. */
  readonly stopTimeout: Millis | null;
  /** Called when a torrent is done; it answers with a sentence about its failure, or null. Null: nothing is called. */
  readonly onDone: ((job: TorrentJob, answered: (failure: string | null) => void) => void) | null;
  /** Tells what the blocklist does; null when there is none. */
  readonly blocklistNews: Pick<BlocklistNews, 'look' | 'lookAtLast'> | null;
}

export interface RunEnd {
  readonly exitCode: number;
  /** False when something did not end in time, so that the caller must end the process. */
  readonly clean: boolean;
}

const GO_ON = 'the same command again goes on';
const TICK: Millis = 1000;

type Entry = TorrentJob | UnusableSource;

/**
 * Decides when a run ends and with which exit code. It ends when no torrent has anything left to do and no program of
 * `--on-complete` runs, or early: by Ctrl-C, by `--timeout`, or by a failure of the whole run.
 */
export class Run implements JobOwner {
  readonly mode: 'download' | 'seed';
  readonly #options: RunOptions;
  readonly #timers: Timers;
  readonly #output: Output;
  readonly #ended: (end: RunEnd) => void;
  readonly #tasks = new Set<Task>();
  readonly #createSession: CreateSession;
  readonly #portMappings: PortMappingNews;
  #session: CommandSession | undefined;
  /** In the order of the sources. */
  readonly #entries: Entry[] = [];
  /** The failure of the run itself: of the network, or a bug. */
  #failure: unknown = null;
  /** How many torrents are stopping. */
  #busy = 0;
  /** How many programs of `--on-complete` run. */
  #programs = 0;
  /** Ends the stop that waits for these programs. */
  #lastProgramEnded: () => void = () => undefined;
  #stopping = false;
  #finished = false;

  /** `ended` is called once, in `start` or later. */
  constructor(
    createSession: CreateSession,
    options: RunOptions,
    timers: Timers,
    output: Output,
    ended: (end: RunEnd) => void,
  ) {
    this.mode = options.torrent.mode;
    this.#options = options;
    this.#timers = timers;
    this.#output = output;
    this.#ended = ended;
    this.#createSession = createSession;
    this.#portMappings = new PortMappingNews(output);
  }

  /** Throws what `createSession` throws. */
  start(sources: readonly LoadedSource[]): void {
    if (!sources.some((source) => source.ok)) {
      for (const source of sources) if (!source.ok) this.#refuse(source);
      this.#finish(true);
      return;
    }
    const session = this.#createSession(
      this.#options.session,
      (error) => this.fail(error),
      (message) => this.tell({ type: 'detail', message }),
      (code, message) => this.tell({ type: 'warning', about: null, input: null, code, message }),
    );
    this.#session = session;
    if (!listensFor(this.#options.session)) {
      this.#begin(sources, session);
      return;
    }
    session.listen((outcome) => {
      if (this.#stopping) return;
      if (!outcome.ok) {
        for (const source of sources) {
          if (source.ok) this.#entries.push({ input: source.input, ok: false, failure: outcome.failure });
          else this.#refuse(source);
        }
        this.fail(outcome.failure);
        return;
      }
      const { bind } = this.#options.session;
      this.tell({ type: 'listening', host: bind, port: outcome.port, onlySeeds: this.mode === 'seed' });
      this.#begin(sources, session);
    });
  }

  #begin(sources: readonly LoadedSource[], session: CommandSession): void {
    for (const { source, twins, peers } of joinTwins(sources)) {
      this.#add(source, peers, session);
      for (const twin of twins) this.#tellTwin(source.input, twin);
    }
    this.#tick();
    const { left } = this.#options.deadline;
    if (left !== null) this.#after(left, () => this.#timedOut());
    this.#endWhenOver();
  }

  /** Ends the run at the user's first Ctrl-C. */
  interrupt(): void {
    if (this.#stopping) return;
    this.tell({ type: 'note', message: 'stopping; Ctrl-C again ends at once' });
    const failure = interrupted();
    this.#endAll((job) => (this.mode === 'seed' && job.hasStarted ? null : failure));
  }

  /** The exit code for a process that ends now. */
  exitCodeNow(): number {
    const undone = interrupted();
    return firstExitCode([
      this.#failure,
      ...this.#entries.map((entry) =>
        entry instanceof TorrentJob && !entry.isOver && !entry.isDone && (this.mode === 'download' || !entry.hasStarted)
          ? (entry.pausedBy ?? undone)
          : entry.failure,
      ),
    ]);
  }

  get limits(): UserLimits {
    const { session, torrent } = this.#options;
    const { maxDownload, encryption } = session;
    return { maxDownload, encryption, maxPeers: torrent.maxPeers, proxies: session };
  }

  dht(): DhtNews {
    return dhtNews(this.#session?.dhtStatus() ?? null);
  }

  proxyTrouble(): string | null {
    return this.#session?.proxyTrouble() ?? null;
  }

  now(): Millis {
    return this.#timers.now();
  }

  tell(event: RunEvent): void {
    // What the machine lacks has been told. What torrents lack because of that says nothing new.
    if (event.type === 'warning' && machineFailure(this.#failure) !== null) return;
    this.#output.tell(event);
  }

  jobDone(job: TorrentJob): void {
    // A torrent that seeds only a part has told so when its check ended.
    if (this.#options.torrent.seedGoal !== null && job.isWhole) job.tellSeeding();
    const onDone = this.#options.onDone;
    if (onDone === null || this.mode === 'seed') return;
    this.#programs += 1;
    onDone(job, (failure) => {
      if (this.#finished) return;
      this.#programs -= 1;
      if (failure !== null) job.hookFailed(failure);
      if (this.#programs === 0) this.#lastProgramEnded();
      this.#endWhenOver();
    });
  }

  jobOver(job: TorrentJob): void {
    if (this.#stopping) return;
    this.#busy += 1;
    job.stop(() => {
      this.#busy -= 1;
      this.#endWhenOver();
    });
  }

  #refuse(source: UnusableSource): void {
    this.#entries.push(source);
    const code = failureCode(source.failure);
    this.tell({ type: 'error', about: null, input: source.input, code, message: failureMessage(source.failure) });
  }

  #add(source: LoadedSource, linkPeers: readonly PeerAddress[], session: CommandSession): void {
    if (!source.ok) {
      this.#refuse(source);
      return;
    }
    try {
      this.#entries.push(beginJob(source, session, { ...this.#options.torrent, linkPeers }, this));
    } catch (failure) {
      // The user's selection does not fit the torrent.
      if (!(failure instanceof BtgetError)) throw failure;
      this.#refuse({ input: source.input, ok: false, failure });
    }
  }

  /** Warns the user that two sources are one torrent, which is fetched once. */
  #tellTwin(input: string, twin: string): void {
    const [name, other] = [abridged(twin, 200), abridged(input, 200)];
    const message = twin === input ? `${name} is given twice` : `${name} is the same torrent as ${other}`;
    this.tell({ type: 'warning', about: null, input: twin, code: 'given-twice', message });
  }

  #tick(): void {
    this.#portMappings.tell(this.#session?.portMapping() ?? []);
    this.#options.blocklistNews?.look(this.now());
    for (const job of this.#jobs()) {
      job.tick();
      const limit = this.#options.stopTimeout;
      if (limit === null || job.idleFor < limit) continue;
      job.end(gaveUp(`no new data came for ${formatDuration(limit / 1000)}`, job.stallReasons[0], GO_ON));
    }
    if (!this.#stopping) this.#after(TICK, () => this.#tick());
  }

  #timedOut(): void {
    const limit = formatDuration((this.#options.deadline.limit ?? 0) / 1000);
    this.#endAll((job) => gaveUp(`not done after ${limit}`, job.reasonAtEnd, GO_ON));
  }

  /** Ends the run after a failure with which no torrent can go on. */
  fail(error: unknown): void {
    if (this.#failure === null) {
      this.#failure = error;
      const [code, message] = [failureCode(error), failureMessage(error)];
      this.tell({ type: 'error', about: null, input: null, code, message });
    }
    const failure = new BtgetError('failed', 'the run ended before it was done');
    this.#endAll(() => failure);
  }

  /** `failureOf` gives the failure of a torrent that is not done; null when to be stopped is no failure for it. */
  #endAll(failureOf: (job: TorrentJob) => BtgetError | null): void {
    if (this.#stopping) return;
    this.#stop(() => {
      for (const job of this.#jobs()) job.end(failureOf(job));
    });
  }

  #endWhenOver(): void {
    if (this.#stopping || this.#busy + this.#programs > 0 || !this.#jobs().every((job) => job.isOver)) return;
    this.#stop(() => undefined);
  }

  #stop(before: () => void): void {
    this.#stopping = true;
    for (const task of this.#tasks) task.cancel();
    before();
    const stop = (answered: () => void): void =>
      this.#session?.stop(() => {
        if (this.#programs === 0) answered();
        else this.#lastProgramEnded = answered;
      });
    endWithin(STOP_LIMIT, this.#timers, stop, (clean) => this.#finish(clean));
  }

  #finish(clean: boolean): void {
    if (this.#finished) return;
    this.#finished = true;
    if (this.#programs > 0)
      this.tell({ type: 'note', message: 'the program of --on-complete has not ended; it is left alone' });
    const exitCode = firstExitCode([this.#failure, ...this.#entries.map((entry) => entry.failure)]);
    this.#options.blocklistNews?.lookAtLast();
    this.tell({ type: 'summary', exitCode, torrents: this.#entries.map(resultOf) });
    this.#output.close();
    // A program of `--on-complete` that still runs must not keep the process alive.
    this.#ended({ exitCode, clean: clean && this.#busy + this.#programs === 0 });
  }

  #jobs(): TorrentJob[] {
    return this.#entries.filter((entry) => entry instanceof TorrentJob);
  }

  #after(delay: Millis, task: () => void): void {
    const waiting = this.#timers.addTask(() => {
      this.#tasks.delete(waiting);
      task();
    }, delay);
    this.#tasks.add(waiting);
  }
}

function resultOf(entry: Entry): SourceResult {
  if (entry instanceof TorrentJob) return entry.result();
  const { input, failure } = entry;
  return {
    name: input,
    result: failureCode(failure),
    message: failureMessage(failure),
    have: 0,
    wanted: 0,
    isPart: false,
    missing: 0,
    path: null,
    downloaded: 0,
    uploaded: 0,
    seconds: 0,
  };
}

/** Tells the outputs whether each gateway lets peers in: once, and again when it changes. */
class PortMappingNews {
  readonly #output: Pick<Output, 'tell'>;
  /** What was told last, as JSON, by family. */
  readonly #told = new Map<number, string>();

  constructor(output: Pick<Output, 'tell'>) {
    this.#output = output;
  }

  tell(mappings: readonly PortMapping[]): void {
    for (const mapping of mappings) {
      if (mapping.state === 'asking') continue;
      const text = JSON.stringify(mapping);
      if (this.#told.get(mapping.family) === text) continue;
      this.#told.set(mapping.family, text);
      this.#output.tell({ type: 'port-mapping', mapping });
    }
  }
}
