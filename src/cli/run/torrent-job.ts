/** One torrent's way through a run: hears what happens to it, and keeps what the summary needs. */
import { dirname, join, normalize } from 'node:path';
import { toHex } from '../../base/bytes.js';
import type { Millis } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { MagnetEvents } from '../../session/magnet-torrent.js';
import { optionsForLink } from '../../session/node-link-peers.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';
import { contentLength } from '../content/verify-content.js';
import { failureCode, failureMessage } from '../exit-code.js';
import { abridged } from '../output/escape.js';
import type { RunEvent, SourceResult, StallReason, Subject } from '../output/events.js';
import { nextStep } from '../output/sentences.js';
import type { DhtNews, UserLimits } from '../output/stall-reasons.js';
import type { LoadedMagnet, LoadedTorrent } from '../source/load-source.js';
import type { CommandSession, CommandTorrent } from './session-face.js';
import { StallWatch } from './stall-watch.js';

export interface JobOwner {
  readonly mode: 'download' | 'seed';
  readonly limits: UserLimits;
  /** How the DHT stands, for torrents that may use it. */
  dht(): DhtNews;
  now(): Millis;
  tell(event: RunEvent): void;
  /** Everything is done, and seeding may go on. */
  jobDone(job: TorrentJob): void;
  /** Nothing is left to do for this torrent, whatever `failure` says. Called once. */
  jobOver(job: TorrentJob): void;
}

/** Where a torrent's content goes. */
export type JobPlace = Pick<TorrentOptions, 'dir' | 'outputName'>;

/** What is known once the metainfo is. */
interface JobContent {
  readonly metainfo: Metainfo;
  readonly path: string;
}

export class TorrentJob implements MagnetEvents {
  readonly input: string;
  readonly paths: string[] = [];
  readonly #owner: JobOwner;
  readonly #place: JobPlace;
  readonly #stall: StallWatch;
  readonly #startedAt: Millis;
  #about: Subject;
  /** Null while a magnet link's metadata is being fetched. */
  #content: JobContent | null = null;
  #torrent: CommandTorrent | undefined;
  #status: TorrentStatus | undefined;
  #lastDataAt: Millis;
  #lastAmount = 0;
  #doneAt: Millis | undefined;
  #failure: unknown = null;
  #over = false;

  /** `about`: by what name it goes until its own is known. `hasTrackers`: there is a tracker to ask. */
  constructor(input: string, about: Subject, place: JobPlace, hasTrackers: boolean, owner: JobOwner) {
    this.input = input;
    this.#about = about;
    this.#place = place;
    this.#stall = new StallWatch(hasTrackers, {
      limits: owner.limits,
      dht: () => (this.#content?.metainfo.private === true ? { use: 'private' } : owner.dht()),
    });
    this.#owner = owner;
    this.#startedAt = owner.now();
    this.#lastDataAt = this.#startedAt;
  }

  get about(): Subject {
    return this.#about;
  }

  /** Where the content is. Null while not even its name is known. */
  get path(): string | null {
    return this.#content?.path ?? null;
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** What the disk refused, while the torrent waits for it; whoever ends it then has this for a reason. */
  get pausedBy(): BtgetError | null {
    return this.#status?.diskFailure ?? null;
  }

  /** Bytes that were asked for. */
  get wanted(): number {
    return this.#status?.wanted ?? (this.#content === null ? 0 : contentLength(this.#content.metainfo));
  }

  /** All that was asked for is verified. */
  get isWhole(): boolean {
    return this.#status?.have === this.#status?.wanted;
  }

  get isDone(): boolean {
    return this.#doneAt !== undefined;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** The torrent that this job is told about; it may have told already. */
  joined(torrent: CommandTorrent): void {
    this.#torrent = torrent;
  }

  gotMetadata(metainfo: Metainfo): void {
    const { dir, outputName } = this.#place;
    this.#about = { ...this.#about, name: metainfo.name };
    this.#content = { metainfo, path: join(dir, outputName ?? metainfo.name) };
    this.#lastDataAt = this.#owner.now();
    const status = this.#takeStatus();
    if (status === undefined) return;
    const { length, wanted, have } = status;
    const files = metainfo.files.filter((file) => !file.padding).length;
    const pieces = metainfo.pieceCount;
    this.#owner.tell({ type: 'added', about: this.about, length, wanted, have, files, pieces, dir });
  }

  /** Each second while the run goes on. */
  tick(): void {
    if (this.#over || this.#torrent === undefined) return;
    const status = this.#torrent.status();
    const amount = status.have + status.downloaded;
    // A torrent that waits for another one is not idle: that one has a limit of its own.
    if (amount !== this.#lastAmount || status.state === 'checking' || status.waitsFor?.on === 'torrent')
      this.#lastDataAt = this.#owner.now();
    this.#lastAmount = amount;
    this.#status = status;
    if (status.state === 'checking') this.#tellChecking(status);
    this.#owner.tell({ type: 'progress', about: this.about, status });
    const reasons = this.#stall.news(status, this.#owner.now() - this.#lastDataAt);
    if (reasons !== null) this.#owner.tell({ type: 'stalled', about: this.about, reasons });
  }

  /** How long no new data has come; 0 for a torrent that waits for none. */
  get idleFor(): Millis {
    return this.#over || this.isDone || this.#owner.mode === 'seed' ? 0 : this.#owner.now() - this.#lastDataAt;
  }

  /** Why nothing comes, as far as we know, likeliest first. */
  get stallReasons(): readonly StallReason[] {
    const status = this.#takeStatus();
    return status === undefined ? [] : this.#stall.reasons(status);
  }

  /** Ends it, with `failure` unless it is done. The first end counts. */
  end(failure: BtgetError | null): void {
    if (this.#over) return;
    this.#takeStatus();
    if (failure !== null && !this.isDone) this.#fail(this.pausedBy ?? failure);
    this.#finish();
  }

  stop(answered: () => void): void {
    if (this.#torrent === undefined) answered();
    else this.#torrent.stop(answered);
  }

  result(): SourceResult {
    const status = this.#status;
    return {
      name: this.about.name,
      result: this.#failure === null ? 'ok' : failureCode(this.#failure),
      message: this.#failure === null ? null : this.#sentence(this.#failure),
      have: status?.have ?? 0,
      wanted: status?.wanted ?? 0,
      path: this.path,
      downloaded: status?.downloaded ?? 0,
      uploaded: status?.uploaded ?? 0,
      seconds: this.#seconds(),
    };
  }

  started(): void {
    if (this.#over) return;
    const found = this.#takeStatus();
    if (found !== undefined) this.#tellChecking(found);
    // What was found is known from here on; a display need not wait for the next second.
    this.#tellProgress();
    const status = this.#status;
    if (this.#owner.mode !== 'seed' || status === undefined || status.have === status.wanted) return;
    if (status.have === 0) this.failed(new BtgetError('bytes-missing', `nothing of it is at ${this.path}`));
    else this.#owner.tell({ type: 'seeding', about: this.about, have: status.have, wanted: status.wanted });
  }

  fileDone(file: TorrentFile, path: string): void {
    this.paths.push(path);
    // A file or folder that lay under the very name that the torrent spells has kept it.
    let top = path;
    for (let level = 1; level < file.path.length; level += 1) top = dirname(top);
    if (this.#content !== null) this.#content = { ...this.#content, path: normalize(top) };
    this.#owner.tell({ type: 'file', about: this.about, path, length: file.length });
  }

  trackerAnswered(report: TrackerAnswer): void {
    this.#stall.trackerAnswered(report);
    this.#owner.tell({ type: 'tracker', about: this.about, report });
  }

  warned(code: string, message: string): void {
    this.#owner.tell({ type: 'warning', about: this.about, input: this.input, code, message });
  }

  done(): void {
    if (this.#over || this.isDone) return;
    this.#doneAt = this.#owner.now();
    this.#tellProgress();
    const status = this.#status;
    if (this.#owner.mode === 'download') {
      this.#owner.tell({
        type: 'done',
        about: this.about,
        paths: this.paths,
        length: this.wanted,
        seconds: this.#seconds(),
        downloaded: status?.downloaded ?? 0,
        uploaded: status?.uploaded ?? 0,
        wasted: status?.wasted ?? 0,
      });
    }
    this.#owner.jobDone(this);
  }

  goalReached(): void {
    if (this.#over) return;
    this.#takeStatus();
    this.#finish();
  }

  failed(failure: BtgetError | Error): void {
    if (this.#over) return;
    this.#takeStatus();
    this.#fail(failure);
    this.#finish();
  }

  /** Everything is done, but the program that was to be told of it failed. */
  hookFailed(message: string): void {
    this.#fail(new BtgetError('failed', message));
  }

  #fail(failure: BtgetError | Error): void {
    this.#failure = failure;
    const code = failureCode(failure);
    // Whoever interrupts knows it; the summary says what to do next.
    if (code === 'interrupted') return;
    this.#owner.tell({ type: 'error', about: this.about, input: this.input, code, message: this.#sentence(failure) });
  }

  #sentence(failure: unknown): string {
    const next = nextStep(failure);
    return failureMessage(failure) + (next === null ? '' : ` (${next})`);
  }

  /** Most downloads find nothing that is worth a look; however short a look was, its end is told. */
  #tellChecking({ checked, checkLength }: TorrentStatus): void {
    if (checkLength > 0) this.#owner.tell({ type: 'checking', about: this.about, checked, length: checkLength });
  }

  #tellProgress(): void {
    const status = this.#takeStatus();
    if (status !== undefined) this.#owner.tell({ type: 'progress', about: this.about, status });
  }

  #finish(): void {
    this.#over = true;
    this.#owner.tell({ type: 'over', about: this.about });
    this.#owner.jobOver(this);
  }

  #takeStatus(): TorrentStatus | undefined {
    if (this.#torrent !== undefined) this.#status = this.#torrent.status();
    return this.#status;
  }

  #seconds(): number {
    return Math.round((this.#doneAt ?? this.#owner.now()) - this.#startedAt) / 1000;
  }
}

type UsableSource = LoadedTorrent | LoadedMagnet;

/**
 * From a source to the job that follows its torrent through a run.
 *
 * Throws a 'usage' failure when the torrent has no such file as was asked for.
 */
export function beginJob(
  source: UsableSource,
  session: CommandSession,
  options: TorrentOptions,
  owner: JobOwner,
): TorrentJob {
  const trackers = source.kind === 'torrent' ? source.metainfo.trackers : source.link.trackers;
  const hasTrackers = options.trackers.length > 0 || (options.useTorrentTrackers && trackers.length > 0);
  const job = new TorrentJob(source.input, subjectOf(source), options, hasTrackers, owner);
  if (source.kind === 'torrent') {
    job.joined(session.addTorrent(source.metainfo, options, job));
    job.gotMetadata(source.metainfo);
  } else job.joined(session.addMagnet(source.link, optionsForLink(source.link, source.peers, options), job));
  return job;
}

function subjectOf(source: UsableSource): Subject {
  if (source.kind === 'torrent') return { name: source.metainfo.name, infoHash: toHex(source.metainfo.infoHash) };
  const infoHash = toHex(source.link.infoHash);
  return { name: abridged(source.link.name ?? infoHash, 200), infoHash };
}
