/** One `download` or `seed` from its first torrent to its summary: what ends it, when, and with which exit code. */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import type { PortMapping } from '../../discovery/port-mapping/port-mapper.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { endWithin } from '../../session/end-within.js';
import type { SessionOptions } from '../../session/session-options.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';
import { failureCode, failureMessage, firstExitCode } from '../exit-code.js';
import { abridged } from '../output/escape.js';
import type { Output, RunEvent, SourceResult } from '../output/events.js';
import { formatDuration } from '../output/format.js';
import { dhtNews } from '../output/sentences.js';
import type { DhtNews, UserLimits } from '../output/stall-reasons.js';
import { joinTwins } from '../source/join-twins.js';
import type { LoadedSource, UnusableSource } from '../source/load-source.js';
import { type CommandSession, type CreateSession, STOP_LIMIT } from './session-face.js';
import { beginJob, type JobOwner, TorrentJob } from './torrent-job.js';

export interface RunOptions {
  readonly session: SessionOptions;
  readonly torrent: TorrentOptions;
  /** Give up after so long in all; null for never. */
  readonly timeout: Millis | null;
  /** Give a torrent up when no new data came for so long; null for never. */
  readonly stopTimeout: Millis | null;
  /** Runs when a torrent is done; answers with a failure, or null. Null when there is nothing to run. */
  readonly onDone: ((job: TorrentJob, answered: (failure: string | null) => void) => void) | null;
}

export interface RunEnd {
  readonly exitCode: number;
  /** False: something did not end in time, so the process must be ended. */
  readonly clean: boolean;
}

const TICK: Millis = 1000;

type Entry = TorrentJob | UnusableSource;

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
  /** Of the run itself: the network, or a bug. */
  #failure: unknown = null;
  #busy = 0;
  #stopping = false;
  #finished = false;

  /** `ended` is called once, after `start`. */
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
      (error) => this.#broke(error),
      (message) => this.tell({ type: 'detail', message }),
    );
    this.#session = session;
    session.listen((outcome) => {
      if (this.#stopping) return;
      if (!outcome.ok) {
        for (const { input } of sources) this.#entries.push({ input, ok: false, failure: outcome.failure });
        this.#broke(outcome.failure);
        return;
      }
      if (this.#options.session.listen) {
        const { bind } = this.#options.session;
        this.tell({ type: 'listening', host: bind, port: outcome.port, onlySeeds: this.mode === 'seed' });
      }
      for (const { source, twins, peers } of joinTwins(sources)) {
        this.#add(source, peers, session);
        for (const twin of twins) this.#tellTwin(source.input, twin);
      }
      this.#tick();
      if (this.#options.timeout !== null) this.#after(this.#options.timeout, () => this.#timedOut());
      this.#endWhenOver();
    });
  }

  /** The first Ctrl-C. */
  interrupt(): void {
    if (this.#stopping) return;
    this.tell({ type: 'note', message: 'stopping; Ctrl-C again ends at once' });
    const failure = new BtgetError('interrupted', 'interrupted before it was done');
    this.#endAll((job) => (this.mode === 'seed' && job.path !== null ? null : failure));
  }

  /** What the exit code is if the process ends now. */
  exitCodeNow(): number {
    const undone = new BtgetError('interrupted', 'interrupted before it was done');
    return firstExitCode([
      this.#failure,
      ...this.#entries.map((entry) =>
        entry instanceof TorrentJob &&
        !entry.isOver &&
        !entry.isDone &&
        (this.mode === 'download' || entry.path === null)
          ? (entry.pausedBy ?? undone)
          : entry.failure,
      ),
    ]);
  }

  get limits(): UserLimits {
    return { maxDownload: this.#options.session.maxDownload, maxPeers: this.#options.torrent.maxPeers };
  }

  dht(): DhtNews {
    return dhtNews(this.#session?.dhtStatus() ?? null);
  }

  now(): Millis {
    return this.#timers.now();
  }

  tell(event: RunEvent): void {
    this.#output.tell(event);
  }

  jobDone(job: TorrentJob): void {
    // Who seeds a part has said so when that was found.
    if (this.#options.torrent.seedGoal !== null && job.isWhole) {
      const { wanted } = job;
      this.tell({ type: 'seeding', about: job.about, have: wanted, wanted });
    }
    const onDone = this.#options.onDone;
    if (onDone === null || this.mode === 'seed') return;
    this.#busy += 1;
    onDone(job, (failure) => {
      this.#busy -= 1;
      if (failure !== null) job.hookFailed(failure);
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
    const { code } = source.failure;
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
      // It has no such file as was asked for.
      if (!(failure instanceof BtgetError)) throw failure;
      this.#refuse({ input: source.input, ok: false, failure });
    }
  }

  /** One torrent is fetched once, however often it is given. */
  #tellTwin(input: string, twin: string): void {
    const [name, other] = [abridged(twin, 200), abridged(input, 200)];
    const message = twin === input ? `${name} is given twice` : `${name} is the same torrent as ${other}`;
    this.tell({ type: 'warning', about: null, input: twin, code: 'given-twice', message });
  }

  #tick(): void {
    this.#portMappings.tell(this.#session?.portMapping() ?? []);
    for (const job of this.#jobs()) {
      job.tick();
      const limit = this.#options.stopTimeout;
      if (limit === null || job.idleFor < limit) continue;
      const [likeliest] = job.stallReasons;
      const why = likeliest === undefined ? '' : `: ${likeliest.message}`;
      job.end(new BtgetError('gave-up', `gave up: no new data came for ${formatDuration(limit / 1000)}${why}`));
    }
    if (!this.#stopping) this.#after(TICK, () => this.#tick());
  }

  #timedOut(): void {
    const limit = formatDuration((this.#options.timeout ?? 0) / 1000);
    const failure = new BtgetError('gave-up', `gave up: not done after ${limit}`);
    this.#endAll(() => failure);
  }

  /** The run cannot go on at all. */
  #broke(error: unknown): void {
    if (this.#failure === null) {
      this.#failure = error;
      const [code, message] = [failureCode(error), failureMessage(error)];
      this.tell({ type: 'error', about: null, input: null, code, message });
    }
    const failure = new BtgetError('failed', 'the run ended before it was done');
    this.#endAll(() => failure);
  }

  /** `failureOf` says what a torrent that is not done gets; null when being stopped is no failure. */
  #endAll(failureOf: (job: TorrentJob) => BtgetError | null): void {
    if (this.#stopping) return;
    this.#stop(() => {
      for (const job of this.#jobs()) job.end(failureOf(job));
    });
  }

  #endWhenOver(): void {
    if (this.#stopping || this.#busy > 0 || !this.#jobs().every((job) => job.isOver)) return;
    this.#stop(() => undefined);
  }

  #stop(before: () => void): void {
    this.#stopping = true;
    for (const task of this.#tasks) task.cancel();
    before();
    const stop = (answered: () => void): void => this.#session?.stop(answered);
    endWithin(STOP_LIMIT, this.#timers, stop, (clean) => this.#finish(clean));
  }

  #finish(clean: boolean): void {
    if (this.#finished) return;
    this.#finished = true;
    const exitCode = firstExitCode([this.#failure, ...this.#entries.map((entry) => entry.failure)]);
    this.tell({ type: 'summary', exitCode, torrents: this.#entries.map(resultOf) });
    this.#output.close();
    // What is still busy (a program that was told) must not keep the process.
    this.#ended({ exitCode, clean: clean && this.#busy === 0 });
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
    result: failure.code,
    message: failureMessage(failure),
    have: 0,
    wanted: 0,
    path: null,
    downloaded: 0,
    uploaded: 0,
    seconds: 0,
  };
}

/** Tells what came of asking the gateways, once, and again when it changes. */
class PortMappingNews {
  readonly #output: Pick<Output, 'tell'>;
  /** By family, as JSON. */
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
