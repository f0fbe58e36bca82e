/**
 * One torrent from its first look at the disk to its last word to the trackers.
 *
 * It is in turn checking (what lies on the disk is hashed), running (it exchanges pieces with peers) and stopped. All that
 * it does runs in a context of its own: a bug in it ends this torrent, and the others go on.
 */
import type { BtgetError } from '../base/failure.js';
import type { PeerSource } from '../discovery/peer-source.js';
import { FileLost } from '../disk/storage.js';
import { RateMeasure } from '../measure/rate-measure.js';
import type { Metainfo, TorrentFile } from '../metainfo/metainfo.js';
import { type PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import type { RawServerContext } from '../net/raw-server.js';
import type { Resume } from '../resume/resume.js';
import type { Encoder } from '../swarm/encoder.js';
import type { RefusalCode } from '../wire/refusal.js';
import { Completion } from './completion.js';
import { ContentProgress } from './content-progress.js';
import { countPeers } from './count-peers.js';
import { createPeerSources } from './create-peer-sources.js';
import { DiskCare } from './disk-care.js';
import { ExistingData, type ExistingDataFound } from './existing-data.js';
import { filePath } from './file-path.js';
import { GuardedStorage } from './guarded-storage.js';
import { joinResume } from './join-resume.js';
import { type JoinedSwarm, joinSwarm } from './join-swarm.js';
import { Pace } from './pace.js';
import type { TorrentEvents, TorrentState, TorrentStatus } from './status.js';
import type { TorrentOptions } from './torrent-options.js';
import type { TorrentParts } from './torrent-parts.js';

const MAX_WARNINGS = 20;

export class Torrent {
  readonly metainfo: Metainfo;
  readonly #parts: TorrentParts;
  readonly #options: TorrentOptions;
  readonly #events: TorrentEvents;
  readonly #context: RawServerContext;
  readonly #layout: PieceLayout;
  readonly #progress: ContentProgress;
  readonly #swarm: JoinedSwarm;
  readonly #resume: Resume;
  readonly #existing: ExistingData;
  readonly #completion: Completion;
  readonly #disk: DiskCare;
  readonly #sources: PeerSource;
  #stage: 'new' | 'checking' | 'running' | 'stopping' | 'ended' = 'new';
  /** Who waits for the end. */
  readonly #whenEnded: (() => void)[] = [];
  /** The trackers have been told, or need not be. */
  #goodByeSaid = false;
  #diskClosed = false;
  #checking = { checked: 0, length: 0 };
  readonly #warnings = new Set<string>();
  #timeLeft: RateMeasure | null = null;
  #pace: Pace;

  constructor(parts: TorrentParts, metainfo: Metainfo, options: TorrentOptions, events: TorrentEvents) {
    this.metainfo = metainfo;
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    const layout = new PieceLayout(metainfo);
    this.#layout = layout;
    this.#context = parts.rawServer.createContext((error) => this.#crashed(error));
    const files = parts.openStorage({
      metainfo,
      layout,
      dir: options.dir,
      output: options.outputName,
      partNames: options.partNames,
      overwrite: options.overwrite,
    });
    const { resume, storage } = joinResume({
      context: this.#context,
      random: parts.random,
      metainfo,
      layout,
      storage: new GuardedStorage(files, this.#context),
      openTarget: parts.openTarget,
      options,
      warned: (code, message) => this.#warnOnce(code, message),
    });
    this.#resume = resume;
    this.#progress = new ContentProgress(metainfo, layout);
    this.#pace = new Pace(this.#context.now());
    this.#swarm = joinSwarm({
      context: this.#context,
      random: parts.random,
      storage,
      metainfo,
      layout,
      slots: parts.slots,
      halfOpen: parts.halfOpen,
      uploadLimiter: parts.uploadLimiter,
      downloadLimiter: parts.downloadLimiter,
      sendMemory: parts.sendMemory,
      identity: parts.identity,
      client: parts.client,
      port: parts.port,
      options,
      pieceVerified: (piece) => this.#pieceVerified(piece),
      diskFailed: (failure) => this.#disk.refused(failure),
      readFailed: (failure) => {
        if (failure instanceof FileLost) this.#disk.refused(failure);
        else this.#warnOnce(failure.code, failure.message);
      },
    });
    const shared = {
      metainfo,
      layout,
      storage,
      resume,
      pathOf: (file: TorrentFile) => filePath(file, options),
      mayWrite: options.mode === 'download',
      overwrite: options.overwrite,
    };
    const warned = (code: string, message: string): void => this.#warnOnce(code, message);
    const checking = (checked: number, length: number): void => {
      this.#checking = { checked, length };
    };
    this.#existing = new ExistingData({ ...shared, probes: true, warned, checking }, (outcome) => {
      if (outcome.ok) this.#run(outcome);
      else this.#fail(outcome.failure);
    });
    this.#completion = new Completion({
      timers: this.#context,
      metainfo,
      layout,
      storage,
      options,
      events: {
        fileDone: (file, path) => events.fileDone(file, path),
        done: () => events.done(),
        goalReached: () => {
          resume.complete();
          events.goalReached();
        },
      },
      amountLeft: () => this.#swarm.store.amountLeft,
      ratio: () => this.#swarm.uploader.total / Math.max(1, this.#progress.length),
      diskFailed: (failure) => this.#disk.refused(failure),
      diskWorked: () => this.#disk.worked(),
    });
    this.#disk = new DiskCare({
      ...shared,
      timers: this.#context,
      swarm: this.#swarm,
      completion: this.#completion,
      progress: this.#progress,
      warned: (code, message) => events.warned(code, message),
      failed: (failure) => this.#fail(failure),
    });
    this.#sources = createPeerSources({
      metainfo,
      options,
      identity: parts.identity,
      port: parts.port,
      timers: this.#context,
      random: parts.random,
      trackerClient: parts.trackerClient,
      swarm: this.#swarm,
      others: parts.peerSources,
      left: () => this.#progress.length - this.#progress.have,
      trackerAnswered: (report) => events.trackerAnswered(report),
    });
  }

  /** The table that peers from outside are handed to, or undefined while nobody can be served. */
  get encoder(): Encoder | undefined {
    return this.#stage === 'running' ? this.#swarm.encoder : undefined;
  }

  /** How many peers were refused so far, by reason: those that were let in and those that were not. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#swarm.encoder.refusals;
  }

  start(): void {
    this.#stage = 'checking';
    this.#context.addTask(() => this.#existing.begin(), 0);
  }

  /**
   * Says good-bye to trackers and peers, and lets the disk end what is under way. Whoever calls it is answered when that
   * is over, however often it is called, and also when the torrent had ended itself.
   */
  stop(answered: () => void): void {
    if (this.#stage === 'ended') {
      this.#parts.rawServer.addTask(answered, 0);
      return;
    }
    this.#whenEnded.push(answered);
    if (this.#stage === 'stopping') return;
    if (this.#stage === 'running') this.#sources.stop(() => this.#saidGoodBye());
    else this.#goodByeSaid = true;
    this.#close();
  }

  status(): TorrentStatus {
    const { store, downloader, uploader, connecter } = this.#swarm;
    const { have, length } = this.#progress;
    const now = this.#context.now();
    const left = this.#timeLeft?.timeLeft(now);
    const totals = { downloaded: downloader.total, uploaded: uploader.total };
    const rates = this.#pace.rates(totals, now);
    const counts = countPeers(connecter.peers);
    return {
      state: this.#state(store.amountLeft, counts.peers),
      length,
      wanted: length,
      have,
      checked: this.#checking.checked,
      checkLength: this.#checking.length,
      ...totals,
      wasted: downloader.wasted,
      ...rates,
      ...counts,
      eta: left === undefined || this.#disk.failure !== null ? null : Math.ceil(left / 1000),
      diskFailure: this.#disk.failure,
    };
  }

  #state(amountLeft: number, peers: number): TorrentState {
    if (this.#stage === 'new' || this.#stage === 'checking') return 'checking';
    if (this.#stage === 'stopping' || this.#stage === 'ended') return 'stopped';
    if (this.#disk.failure !== null) return 'paused';
    if (amountLeft === 0) return 'seeding';
    return this.#pace.isStalled(peers, this.#context.now()) ? 'stalled' : 'downloading';
  }

  /** The check is over: what is right is ours, and peers may come. */
  #run({ verified, whole }: ExistingDataFound): void {
    this.#stage = 'running';
    const { store, picker, encoder } = this.#swarm;
    for (const piece of verified) {
      store.markVerified(piece);
      picker.completePiece(piece);
      this.#progress.pieceVerified(piece);
    }
    if (this.#options.mode === 'seed' && store.amountLeft > 0) this.#wantNothingMore();
    this.#timeLeft = new RateMeasure(store.amountLeft);
    this.#pace = new Pace(this.#context.now());
    this.#events.started();
    this.#completion.begin(verified, whole);
    // Whoever was complete before it began, and has nothing to give, has nothing to say to trackers and peers.
    if (store.amountLeft === 0 && this.#options.seedGoal === null) return;
    this.#resume.started();
    for (const address of this.#options.peers) encoder.startConnection(address, null);
    this.#sources.begin();
  }

  #wantNothingMore(): void {
    const { store, picker } = this.#swarm;
    for (const piece of this.#layout.pieceIndices()) {
      if (store.have.has(piece)) continue;
      store.setWanted(piece, false);
      picker.setWanted(piece, false);
    }
  }

  #pieceVerified(piece: PieceIndex): void {
    this.#timeLeft?.dataCameIn(this.#layout.lengthOf(piece), this.#context.now());
    this.#progress.pieceVerified(piece);
    this.#disk.worked();
    this.#completion.pieceVerified(piece);
    if (this.#swarm.store.amountLeft === 0) this.#sources.completed();
  }

  /** The world's fault: the torrent cannot go on. What is on the disk stays as it is. */
  #fail(failure: BtgetError): void {
    if (this.#stage === 'stopping') return;
    this.stop(() => undefined);
    this.#events.failed(failure);
  }

  /** Our fault. Nothing of this torrent can be trusted to run, so it is ended from outside its context. */
  #crashed(error: unknown): void {
    if (this.#stage === 'ended') return;
    this.#context.end();
    this.#resume.abandon();
    if (this.#stage !== 'stopping') this.#close();
    this.#saidGoodBye();
    this.#events.failed(error instanceof Error ? error : new Error(String(error)));
  }

  /** Peers may ask a hundred times for what the disk does not give. */
  #warnOnce(code: string, message: string): void {
    if (this.#warnings.has(message) || this.#warnings.size >= MAX_WARNINGS) return;
    this.#warnings.add(message);
    this.#events.warned(code, message);
  }

  #close(): void {
    this.#stage = 'stopping';
    this.#existing.stop();
    this.#completion.stop();
    this.#disk.stop();
    this.#swarm.encoder.close();
    this.#swarm.connecter.stop();
    this.#swarm.store.close(() => {
      this.#diskClosed = true;
      this.#endIfReady();
    });
  }

  #saidGoodBye(): void {
    this.#goodByeSaid = true;
    this.#endIfReady();
  }

  #endIfReady(): void {
    if (!this.#goodByeSaid || !this.#diskClosed || this.#stage === 'ended') return;
    this.#stage = 'ended';
    this.#context.end();
    for (const answered of this.#whenEnded.splice(0)) answered();
  }
}
