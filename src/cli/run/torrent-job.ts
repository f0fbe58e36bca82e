/** One torrent's way through a run. */
import { dirname, join, normalize } from 'node:path';
import { toHex } from '../../base/bytes.js';
import type { Millis } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import { nameOfLink } from '../../metainfo/magnet.js';
import { contentLength, type Metainfo, type TorrentFile } from '../../metainfo/metainfo.js';
import { selectFiles } from '../../metainfo/selection.js';
import type { MagnetEvents } from '../../session/magnet-torrent.js';
import { optionsForLink } from '../../session/node-link-peers.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';
import { failureCode, failureMessage } from '../exit-code.js';
import { abridged } from '../output/escape.js';
import type { RunEvent, SourceResult, StallReason, Subject } from '../output/events.js';
import { nextStep } from '../output/sentences.js';
import type { DhtNews, UserLimits } from '../output/stall-reasons.js';
import type { LoadedMagnet, LoadedTorrent } from '../source/load-source.js';
import type { CommandSession, ContentTorrent } from './session-face.js';
import { StallWatch } from './stall-watch.js';

/** The run that a job belongs to. */
export interface JobOwner {
  readonly mode: 'download' | 'seed';
  readonly limits: UserLimits;
  /** How the DHT stands for torrents that are not private. */
  dht(): DhtNews;
  /** Why nothing passes the proxy, or null. */
  proxyTrouble(): string | null;
  now(): Millis;
  tell(event: RunEvent): void;
  /** The torrent has all wanted bytes. It may go on seeding. */
  jobDone(job: TorrentJob): void;
  /** Nothing is left to do for this torrent, with or without a failure. Called once. */
  jobOver(job: TorrentJob): void;
}

/** Where a torrent's content goes, and what of it is wanted. */
export type JobOptions = Pick<TorrentOptions, 'dir' | 'outputName' | 'selection'>;

/** What the job knows once it has the metainfo. */
interface JobContent {
  readonly metainfo: Metainfo;
  /** The torrent's file or top folder on the disk. */
  readonly path: string;
}

/** How many missing files of a seed are named. */
const SHOWN_FILES = 3;

/**
 * Follows one torrent: it hears what happens to the torrent, tells the outputs, and keeps what the summary needs. When
 * it is over, it stays over.
 */
export class TorrentJob implements MagnetEvents {
  readonly input: string;
  readonly paths: string[] = [];
  readonly #owner: JobOwner;
  readonly #options: JobOptions;
  readonly #stall: StallWatch;
  readonly #startedAt: Millis;
  #about: Subject;
  /** Null while we fetch the metadata of a magnet link, or piece layers. */
  #content: JobContent | null = null;
  #torrent: ContentTorrent | undefined;
  #status: TorrentStatus | undefined;
  #lastDataAt: Millis;
  #lastAmount = 0;
  #doneAt: Millis | undefined;
  #failure: unknown = null;
  /** How many files a seed lacks. */
  #missing = 0;
  #hasStarted = false;
  #over = false;

  /** `about`: holds the name to use until the metadata tells the real one. `hasTrackers`: there is a tracker to ask. */
  constructor(input: string, about: Subject, options: JobOptions, hasTrackers: boolean, owner: JobOwner) {
    this.input = input;
    this.#about = about;
    this.#options = options;
    this.#stall = new StallWatch(hasTrackers, {
      limits: owner.limits,
      dht: () => (this.#content?.metainfo.private === true ? { use: 'private' } : owner.dht()),
      proxyTrouble: () => owner.proxyTrouble(),
    });
    this.#owner = owner;
    this.#startedAt = owner.now();
    this.#lastDataAt = this.#startedAt;
  }

  get about(): Subject {
    return this.#about;
  }

  /** 64 digits. Null when the torrent is of version 1 alone, and while we do not know. */
  get infoHashV2(): string | null {
    const hash = this.#content?.metainfo.infoHashV2 ?? null;
    return hash === null ? null : toHex(hash);
  }

  /** Where the content is. Null while we do not know its name. */
  get path(): string | null {
    return this.#content?.path ?? null;
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** The failure of the disk for which the torrent is paused, or null. A torrent that is ended then fails with it. */
  get pausedBy(): BtgetError | null {
    return this.#status?.diskFailure ?? null;
  }

  /** Bytes that the user wants. */
  get wanted(): number {
    return this.#status?.wanted ?? (this.#content === null ? 0 : contentLength(this.#content.metainfo));
  }

  /** All wanted bytes are verified, and no file is missing. */
  get isWhole(): boolean {
    return this.#status?.have === this.#status?.wanted && this.#missing === 0;
  }

  /** What is on the disk is known, and peers are served. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  get isDone(): boolean {
    return this.#doneAt !== undefined;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Hands in the torrent that this job follows. The torrent may have told of events before. */
  joined(torrent: ContentTorrent): void {
    this.#torrent = torrent;
  }

  gotMetadata(metainfo: Metainfo): void {
    const { dir, outputName } = this.#options;
    const infoHash = toHex(metainfo.infoHash);
    // Displays know a torrent by its hash. A link may have named a hybrid by another one than the main hash.
    if (infoHash !== this.#about.infoHash) this.#owner.tell({ type: 'over', about: this.about });
    this.#about = { name: metainfo.name, infoHash };
    this.#content = { metainfo, path: join(dir, outputName ?? metainfo.name) };
    this.#lastDataAt = this.#owner.now();
    const status = this.#takeStatus();
    if (status === undefined) return;
    const { length, wanted, have } = status;
    const files = metainfo.files.filter((file) => !file.padding).length;
    const pieces = metainfo.pieceCount;
    const { infoHashV2 } = this;
    this.#owner.tell({ type: 'added', about: this.about, infoHashV2, length, wanted, have, files, pieces, dir });
  }

  /** The owner calls it each second while the run goes on. */
  tick(): void {
    if (this.#over || this.#torrent === undefined) return;
    const status = this.#torrent.status();
    const amount = status.have + status.downloaded;
    // A torrent that waits for another one is not idle: the other one has a limit of its own. Nor is one that would get
    // data, but for the user's limit.
    const isHeld = status.limited || status.waitsFor?.on === 'torrent';
    if (amount !== this.#lastAmount || status.state === 'checking' || isHeld) this.#lastDataAt = this.#owner.now();
    this.#lastAmount = amount;
    this.#status = status;
    if (status.state === 'checking') this.#tellChecking(status);
    this.#owner.tell({ type: 'progress', about: this.about, status });
    const reasons = this.#stall.news(status, this.#owner.now() - this.#lastDataAt);
    if (reasons !== null) this.#owner.tell({ type: 'stalled', about: this.about, reasons });
  }

  /** How long no new data has come, although it might; 0 for a torrent that needs no more data. */
  get idleFor(): Millis {
    return this.#over || this.isDone || this.#owner.mode === 'seed' ? 0 : this.#owner.now() - this.#lastDataAt;
  }

  /** Why no data comes, as far as we know. The likeliest reason comes first. */
  get stallReasons(): readonly StallReason[] {
    const status = this.#takeStatus();
    return status === undefined ? [] : this.#stall.reasons(status);
  }

  /**
   * Why the torrent is not done when its time is over. Undefined while data comes, and for a seed that has its
   * metadata.
   */
  get reasonAtEnd(): Pick<StallReason, 'message' | 'hint'> | undefined {
    const status = this.#takeStatus();
    if (status === undefined || this.isDone) return undefined;
    if (this.#owner.mode === 'seed' && status.state !== 'metadata') return undefined;
    return this.#stall.reasonAtEnd(status, this.idleFor);
  }

  /** Ends the job, with `failure` unless the torrent is done. Only the first end counts. */
  end(failure: BtgetError | null): void {
    if (this.#over) return;
    this.#takeStatus();
    if (failure !== null && !this.isDone) this.#fail(this.pausedBy ?? failure);
    this.#finish();
  }

  /** Tells people that the torrent serves what it has. */
  tellSeeding(): void {
    const status = this.#takeStatus();
    if (status === undefined) return;
    const { have, wanted, superSeeding } = status;
    const files = this.isWhole ? [] : (this.#torrent?.missingFiles() ?? []);
    const first = files.slice(0, SHOWN_FILES).map(({ path }) => (path.length > 1 ? path.slice(1) : path).join('/'));
    const missing = { count: files.length, first };
    this.#owner.tell({ type: 'seeding', about: this.about, have, wanted, superSeeding, missing });
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
      isPart: this.#failure === null && this.#owner.mode === 'seed' && !this.isWhole,
      missing: this.#missing,
      path: this.path,
      downloaded: status?.downloaded ?? 0,
      uploaded: status?.uploaded ?? 0,
      seconds: this.#seconds(),
    };
  }

  started(): void {
    if (this.#over) return;
    this.#hasStarted = true;
    const found = this.#takeStatus();
    if (found !== undefined) this.#tellChecking(found);
    // The check has ended. A display must not wait for the next tick to show its result.
    this.#tellProgress();
    const status = this.#status;
    if (this.#owner.mode !== 'seed' || status === undefined) return;
    this.#missing = this.#torrent?.missingFiles().length ?? 0;
    if (this.isWhole) return;
    if (this.#isNothingThere(status)) this.failed(new BtgetError('bytes-missing', `nothing of it is at ${this.path}`));
    else this.tellSeeding();
  }

  #isNothingThere({ have, wanted }: TorrentStatus): boolean {
    if (have > 0 || wanted > 0) return have === 0;
    // What the user wants of it has no bytes.
    return (
      this.#content !== null && this.#missing === selectFiles(this.#content.metainfo, this.#options.selection).size
    );
  }

  fileDone(file: TorrentFile, path: string): void {
    this.paths.push(path);
    // The name on the disk may differ from the one that `gotMetadata` expected, so it is taken from the file's path.
    let top = path;
    for (let level = 1; level < file.path.length; level += 1) top = dirname(top);
    if (this.#content !== null) this.#content = { ...this.#content, path: normalize(top) };
    this.#owner.tell({ type: 'file', about: this.about, path, length: file.length });
  }

  fileReused(file: TorrentFile, path: string, from: string): void {
    if (!this.#over) this.#owner.tell({ type: 'reused', about: this.about, path, from, length: file.length });
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

  /** The torrent is done, but the program of `--on-complete` failed. */
  hookFailed(message: string): void {
    this.#fail(new BtgetError('failed', message));
  }

  #fail(failure: BtgetError | Error): void {
    this.#failure = failure;
    const code = failureCode(failure);
    // The user who interrupts needs no error line. The summary says what to do next.
    if (code === 'interrupted') return;
    this.#owner.tell({ type: 'error', about: this.about, input: this.input, code, message: this.#sentence(failure) });
  }

  #sentence(failure: unknown): string {
    const next = nextStep(failure);
    return failureMessage(failure) + (next === null ? '' : ` (${next})`);
  }

  /** Most downloads find nothing to check. The end of a check is told even when the check was shorter than a tick. */
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
 * Adds the torrent of `source` to the session and returns the job that follows it. Throws a 'usage' failure when the
 * user's selection does not fit the torrent: a pattern matches no file, or no file is left.
 */
export function beginJob(
  source: UsableSource,
  session: CommandSession,
  options: TorrentOptions,
  owner: JobOwner,
): TorrentJob {
  const trackers = source.kind === 'torrent' ? source.metainfo.trackers : source.link.trackers;
  const hasTrackers = options.trackers.length > 0 || (options.useTorrentTrackers && trackers.length > 0);
  const all = source.kind === 'torrent' ? options : optionsForLink(source.link, source.peers, options);
  const job = new TorrentJob(source.input, subjectOf(source), all, hasTrackers, owner);
  if (source.kind === 'torrent') {
    job.joined(session.addTorrent(source.metainfo, all, job));
    // The layers that are needed come first, and then the torrent tells of its metadata itself.
    if (source.metainfo.missingLayers.length === 0) job.gotMetadata(source.metainfo);
  } else job.joined(session.addMagnet(source.link, all, job));
  return job;
}

function subjectOf(source: UsableSource): Subject {
  if (source.kind === 'torrent') return { name: source.metainfo.name, infoHash: toHex(source.metainfo.infoHash) };
  return { name: abridged(nameOfLink(source.link), 200), infoHash: toHex(source.link.infoHash) };
}
