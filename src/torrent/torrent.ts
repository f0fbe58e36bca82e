/**
 * One torrent, from its first look at the disk to its last message to the trackers.
 *
 * First it checks what lies on the disk, then it runs and exchanges pieces with peers, and at the end it stops. All its
 * code runs in a context of its own, so that a bug in it ends this torrent and no other.
 */
import type { Millis } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { PeerSource } from '../discovery/peer-source.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import { FileLost } from '../disk/storage.js';
import { RateMeasure } from '../measure/rate-measure.js';
import type { Metainfo, TorrentFile } from '../metainfo/metainfo.js';
import type { ByteRun } from '../metainfo/padding.js';
import { type PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import type { RawServerContext } from '../net/raw-server.js';
import type { UnfinishedPieces } from '../resume/journal-format.js';
import type { KeptMetadata } from '../resume/kept-metadata.js';
import type { Resume } from '../resume/resume.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import type { Peer } from '../swarm/peer.js';
import type { RefusalCode } from '../wire/refusal.js';
import { Completion } from './content/completion.js';
import { missingFiles } from './content/missing-files.js';
import { ContentProgress, WantedContent } from './content/wanted-content.js';
import { lookForContentAbove, topFolder } from './content-above.js';
import { createContentSources, dialNamed } from './create-peer-sources.js';
import { type BeginReuse, ExistingData, type ExistingDataFound, type LookAbove } from './existing/existing-data.js';
import { Reuse } from './existing/reuse.js';
import { type DiskParts, type JoinedDisk, joinDisk } from './join-disk.js';
import { type JoinedSwarm, joinSwarm } from './join-swarm.js';
import { Pace } from './pace.js';
import type { ContentReader } from './reading/content-reader.js';
import { ContentReaders, type ReadersOptions } from './reading/content-readers.js';
import type { TorrentEvents, TorrentState, TorrentStatus } from './status.js';
import { inDir, type TorrentOptions } from './torrent-options.js';
import type { HandoverTarget, MetadataHandover, TorrentParts } from './torrent-parts.js';
import { DiskCare } from './trouble/disk-care.js';
import { WarnOnce } from './trouble/warn-once.js';

/** What the parts of a torrent need that look after its content on the disk. */
interface OnDisk extends JoinedDisk, Pick<DiskParts, 'metainfo' | 'layout' | 'content' | 'options' | 'warned'> {}

export class Torrent implements HandoverTarget {
  readonly metainfo: Metainfo;
  readonly #parts: TorrentParts;
  readonly #options: TorrentOptions;
  readonly #events: TorrentEvents;
  readonly #context: RawServerContext;
  readonly #layout: PieceLayout;
  readonly #content: WantedContent;
  readonly #progress: ContentProgress;
  readonly #swarm: JoinedSwarm;
  readonly #resume: Resume;
  readonly #existing: ExistingData;
  readonly #completion: Completion;
  /** Null for a torrent that is not read on demand. */
  readonly #readers: ContentReaders | null;
  readonly #disk: DiskCare;
  readonly #sources: PeerSource;
  readonly #handover: MetadataHandover | null;
  /** Null for a torrent that only seeds, because it changes nothing on the disk. */
  readonly #kept: KeptMetadata | null;
  /** Files that were not on the disk when a seed was checked. */
  #absent: ReadonlySet<number> = new Set();
  /** It has begun to look for peers. */
  #isExchanging = false;
  #stage: 'new' | 'checking' | 'running' | 'stopping' | 'ended' = 'new';
  #hasCrashed = false;
  /** The answers to `stop` that wait for the end. */
  readonly #whenEnded: (() => void)[] = [];
  /** The trackers know that the torrent stops, or need not know. */
  #goodByeSaid = false;
  #diskClosed = false;
  #checking = { checked: 0, length: 0 };
  #timeLeft: RateMeasure | null = null;
  #pace: Pace;

  /**
   * `kept` keeps the metadata of a torrent that began with a link, in this run or in an earlier one. `handover` comes
   * from the first life of a torrent that begins with a link. Throws 'usage' when the selection matches no file of the
   * torrent; then it takes nothing over.
   */
  constructor(
    parts: TorrentParts,
    metainfo: Metainfo,
    options: TorrentOptions,
    events: TorrentEvents,
    kept: KeptMetadata,
    handover: MetadataHandover | null = null,
  ) {
    this.metainfo = metainfo;
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    const layout = new PieceLayout(metainfo);
    this.#layout = layout;
    const content = new WantedContent(metainfo, layout, options.selection);
    this.#content = content;
    this.#handover = handover;
    this.#kept = options.mode === 'download' ? kept : null;
    this.#context = handover?.context ?? parts.rawServer.createContext((error) => this.crashed(error));
    const warnings = new WarnOnce((code, message) => events.warned(code, message));
    const warned = (code: string, message: string): void => warnings.warn(code, message);
    const { storage, resume, claim } = joinDisk({
      parts,
      context: this.#context,
      metainfo,
      layout,
      content,
      options,
      warned,
    });
    this.#resume = resume;
    this.#progress = new ContentProgress(metainfo, layout, content);
    this.#pace = new Pace(this.#context.now());
    this.#swarm = joinSwarm({
      ...parts,
      context: this.#context,
      storage,
      metainfo,
      layout,
      options,
      encoder: handover?.encoder ?? null,
      hashFetch: handover?.hashFetch ?? null,
      pieceVerified: (piece) => this.#pieceVerified(piece),
      diskFailed: (failure) => this.#disk.refused(failure),
      webSeedFailed: (message) => warned('web-seed', message),
      readFailed: (failure) => {
        if (failure instanceof FileLost) this.#disk.refused(failure);
        else warned(failure.code, failure.message);
      },
    });
    const onDisk: OnDisk = { metainfo, layout, storage, resume, claim, content, options, warned };
    this.#existing = this.#createExisting(onDisk);
    this.#completion = this.#createCompletion(onDisk);
    this.#readers = options.onDemand === null ? null : this.#createReaders(options.onDemand);
    this.#disk = new DiskCare({
      ...onDisk,
      isAnothers: (file) => claim.isAnothers(file),
      timers: this.#context,
      swarm: this.#swarm,
      completion: this.#completion,
      progress: this.#progress,
      piecesLost: () => this.#exchange(),
      warned: (code, message) => events.warned(code, message),
      failed: (failure) => this.#fail(failure),
    });
    const { encoder } = this.#swarm;
    this.#sources = handover?.sources ?? createContentSources(parts, metainfo, options, this.#context, encoder, this);
    handover?.takeEvents(this);
  }

  /** The table for peers that dial us; undefined before the start and after the end. */
  get encoder(): Encoder | undefined {
    // A peer that we turn away during the check may come back only after minutes.
    return this.#stage === 'running' || this.#stage === 'checking' ? this.#swarm.encoder : undefined;
  }

  /** How many peers were refused so far, by refusal code: during the handshake and after it. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#swarm.encoder.refusals;
  }

  start(): void {
    this.#stage = 'checking';
    this.#swarm.connecter.beginCheck();
    this.#context.addTask(() => {
      if (this.#stage !== 'checking') return;
      this.#handover?.takePeers(this.#swarm.connecter);
      this.#existing.begin();
    }, 0);
  }

  /**
   * Says good-bye to trackers and peers, and lets the disk end what is under way. Each call is answered when that is
   * over, also when the torrent has ended itself before.
   */
  stop(answered: () => void): void {
    if (this.#stage === 'ended') {
      this.#parts.answer(answered);
      return;
    }
    this.#whenEnded.push(answered);
    if (this.#stage === 'stopping') return;
    if (this.#stage === 'running' || this.#handover?.isSeeking === true) this.#sources.stop(() => this.#saidGoodBye());
    else this.#goodByeSaid = true;
    this.#close();
  }

  /** The machine may be in another network. */
  networkChanged(): void {
    this.#context.addTask(() => {
      if (this.#stage === 'stopping' || this.#stage === 'ended') return;
      this.#sources.networkChanged();
      this.#swarm.encoder.networkChanged();
      this.#swarm.webSeeds.networkChanged();
    }, 0);
  }

  status(): TorrentStatus {
    const { store, downloader, uploader, connecter, webSeeds } = this.#swarm;
    const { have, wanted, length } = this.#progress;
    const now = this.#context.now();
    const totals = { downloaded: downloader.total, uploaded: uploader.total };
    const rates = this.#pace.rates(totals, now);
    const counts = countPeers(connecter.peers);
    const limited = webSeeds.isLimited || [...connecter.peers].some(({ download }) => download.isLimited);
    // What the limit holds back comes slowly, peers or not.
    const isLonely = counts.peers === 0 && !limited;
    return {
      state: this.#state(store.amountLeft, isLonely),
      length,
      wanted,
      have,
      checked: this.#checking.checked,
      checkLength: this.#checking.length,
      ...totals,
      wasted: downloader.wasted,
      webSeeds: webSeeds.status,
      limited,
      ...rates,
      superSeeding: connecter.isSuperSeeding,
      ...counts,
      falseMetadata: 0,
      reach: this.#swarm.encoder.reach,
      eta: this.#secondsLeft(now),
      seedGoal: this.#stage === 'running' ? this.#completion.seedGoal : null,
      diskFailure: this.#disk.failure,
      waitsFor: this.#resume.waitsFor,
    };
  }

  /**
   * The wanted files that lack a byte, in the order of the torrent, as well as verified pieces can tell. When the
   * torrent only seeds, also the empty files and the links that are not on the disk.
   */
  missingFiles(): TorrentFile[] {
    const { files } = this.metainfo;
    const missing = missingFiles(files, this.#layout, this.#swarm.store.have, this.#absent);
    return missing.flatMap((index) => (this.#content.files.has(index) ? (files[index] ?? []) : []));
  }

  totals(): { readonly uploaded: number; readonly downloaded: number; readonly left: number } {
    const { uploader, downloader } = this.#swarm;
    return { uploaded: uploader.total, downloaded: downloader.total, left: this.#progress.left };
  }

  /**
   * Reads the bytes from `begin` to `end` − 1 of a file, by its index, in order and as they are verified. Only after
   * `started`, and only with `onDemand`. `early`: the first and last bytes of the file are fetched early too.
   */
  openReader(index: number, { begin, end }: ByteRun, early: boolean): ContentReader {
    const file = this.metainfo.files[index];
    if (this.#readers === null || this.#stage === 'new' || this.#stage === 'checking')
      throw new Error('a torrent is read that is not ready for it');
    if (file === undefined || begin < 0 || end < begin || end > file.length)
      throw new Error(`bytes ${begin} to ${end} of file ${index} are read`);
    const whole = { begin: file.begin, end: file.begin + file.length };
    return this.#readers.open({ begin: file.begin + begin, end: file.begin + end }, early ? whole : null);
  }

  /** Whether a reader waits for bytes that are not here. */
  get isAwaited(): boolean {
    return this.#readers?.isAwaited ?? false;
  }

  isComplete(): boolean {
    return this.#swarm.store.amountLeft === 0;
  }

  trackerAnswered(report: TrackerAnswer): void {
    this.#events.trackerAnswered(report);
  }

  #state(amountLeft: number, isLonely: boolean): TorrentState {
    if (this.#stage === 'new' || this.#stage === 'checking')
      return this.#resume.waitsFor === null ? 'checking' : 'paused';
    if (this.#stage === 'stopping' || this.#stage === 'ended') return 'stopped';
    if (this.#disk.failure !== null) return 'paused';
    if (amountLeft === 0) return 'seeding';
    return this.#pace.isStalled(isLonely, this.#context.now()) ? 'stalled' : 'downloading';
  }

  /** After `Pace.rates` of the same moment. */
  #secondsLeft(now: Millis): number | null {
    const left = this.#timeLeft?.timeLeft(now);
    if (left === undefined || this.#disk.failure !== null) return null;
    return left > 0 && this.#pace.isSilent(now) ? null : Math.ceil(left / 1000);
  }

  /**
   * A look for the torrent's files one folder too high. Null when the user has named the torrent's folder, so that the
   * place is certain, and for a torrent without a folder.
   */
  #lookAbove({ dir, outputName }: TorrentOptions): LookAbove | null {
    const { metainfo } = this;
    const { openStorage } = this.#parts;
    const folderName = this.#parts.folderName(dir);
    if (outputName !== null || folderName === null || topFolder(metainfo) === null) return null;
    const parts = { metainfo, layout: this.#layout, openStorage, folderName };
    return (answered) => lookForContentAbove(parts, dir, (place) => this.#context.addTask(() => answered(place), 0));
  }

  /** The check is over. We have the pieces that are right, and may ask peers for the others. */
  #run({ verified, unfinished, whole, absent }: ExistingDataFound): void {
    this.#stage = 'running';
    if (this.#options.mode === 'seed') this.#absent = absent;
    const { store, connecter } = this.#swarm;
    for (const piece of verified) if (!store.have.has(piece)) this.#pieceFound(piece);
    beginPieces(this.#swarm, this.#layout, this.#content, unfinished, this.#options.mode);
    for (const piece of verified) this.#progress.pieceVerified(piece);
    this.#timeLeft = new RateMeasure(store.amountLeft);
    this.#pace = new Pace(this.#context.now());
    if (store.have.count !== verified.length) throw new Error('a piece was told of that is not verified');
    connecter.endCheck();
    this.#keepMetadata();
    this.#events.started();
    // Pieces that will be forgotten make no file whole.
    if (!store.forgets) this.#completion.begin(verified, whole);
    // A torrent that was complete before the start and does not seed needs no trackers and no peers.
    if (store.amountLeft > 0 || this.#options.seedGoal !== null) this.#exchange();
  }

  /** Looks for peers, unless it has begun to. */
  #exchange(): void {
    if (this.#isExchanging) return;
    this.#isExchanging = true;
    const { encoder } = this.#swarm;
    this.#resume.started();
    const isFirst = this.#handover?.isSeeking !== true;
    const options = this.metainfo.private ? { ...this.#options, linkPeers: [] } : this.#options;
    dialNamed(encoder, options, this.#parts.ownNetworks.blocklist, (code, message) => {
      if (isFirst) this.#events.warned(code, message);
    });
    if (isFirst) this.#sources.begin();
    this.#swarm.webSeeds.begin();
  }

  /** The metadata of a link is kept from now on, since the target is ours, until the download is done. */
  #keepMetadata(): void {
    if (this.#handover === null || this.#progress.have === this.#progress.wanted) return;
    const failed = (message: string): void =>
      this.#tell(() => this.#events.warned('no-metadata-kept', `no metadata is kept: ${message}`));
    this.#kept?.write(this.metainfo, failed);
  }

  #pieceFound(piece: PieceIndex): void {
    this.#swarm.downloader.found(piece);
    this.#swarm.connecter.pieceFound(piece);
  }

  #pieceVerified(piece: PieceIndex): void {
    this.#timeLeft?.dataCameIn(this.#layout.lengthOf(piece), this.#context.now());
    this.#progress.pieceVerified(piece);
    this.#disk.worked();
    this.#readers?.pieceVerified(piece);
    if (this.#swarm.store.forgets) return;
    this.#completion.pieceVerified(piece);
    // When only a part of the torrent is wanted, bytes are left at the end, and trackers do not hear 'completed'.
    if (this.#swarm.store.amountLeft === 0 && this.#progress.left === 0) this.#sources.completed();
  }

  #createExisting(onDisk: OnDisk): ExistingData {
    const { metainfo, storage, claim, options } = onDisk;
    const checking = (checked: number, length: number): void => {
      this.#checking = { checked, length };
    };
    const fileReused = (index: number, from: string): void => {
      const file = metainfo.files[index] as TorrentFile;
      this.#events.fileReused?.(file, inDir(storage.finalName(index), options.dir), from);
    };
    const reuse: BeginReuse = (found, answered) => {
      const reusing = new Reuse({ ...onDisk, timers: this.#context, checking, fileReused }, found, answered);
      reusing.begin();
      return reusing;
    };
    return new ExistingData(
      {
        ...onDisk,
        isAnothers: (file) => claim.isAnothers(file),
        lookAbove: this.#lookAbove(options),
        reuse,
        prepares: true,
        checking,
        pieceFound: (piece) => this.#pieceFound(piece),
      },
      (outcome) => {
        if (outcome.ok) this.#run(outcome);
        else this.#fail(outcome.failure);
      },
    );
  }

  #createCompletion(onDisk: OnDisk): Completion {
    const { content, resume, claim } = onDisk;
    return new Completion({
      ...onDisk,
      timers: this.#context,
      events: {
        fileDone: (file, path) => this.#events.fileDone(file, path),
        // The listener may end the process in one of these two calls, so the kept metadata is removed before them.
        done: () => {
          claim.done();
          const tell = (): void => this.#tell(() => this.#events.done());
          if (this.#kept === null) tell();
          else if (resume.leavesBegun) this.#kept.whenIdle(tell);
          else this.#kept.remove(tell);
        },
        goalReached: () => {
          resume.complete();
          const tell = (): void => this.#tell(() => this.#events.goalReached());
          if (this.#kept === null) tell();
          else this.#kept.whenIdle(tell);
        },
      },
      amountLeft: () => this.#swarm.store.amountLeft,
      isLost: () => this.#disk.isLost,
      ratio: () => this.#swarm.uploader.total / Math.max(1, content.length),
      diskFailed: (failure) => this.#disk.refused(failure),
      diskWorked: () => this.#disk.worked(),
    });
  }

  #createReaders(options: ReadersOptions): ContentReaders {
    const { store, downloader } = this.#swarm;
    return new ContentReaders(
      {
        timers: this.#context,
        answer: this.#parts.answer,
        layout: this.#layout,
        store,
        setDeadlines: (due, late, isUndue) => downloader.setDeadlines(due, late, isUndue),
        rate: () => downloader.rate,
        discard: (piece) => downloader.discard(piece),
        forget: (piece) => {
          downloader.forget(piece);
          this.#progress.pieceLost(piece);
        },
        readFailed: (failure) => this.#disk.refused(failure),
      },
      options,
    );
  }

  /**
   * The kept metadata answers outside our context. What the listener throws there ends this torrent all the same, and
   * then it is told nothing more.
   */
  #tell(call: () => void): void {
    if (this.#hasCrashed) return;
    try {
      call();
    } catch (error) {
      if (this.#stage === 'ended') throw error;
      this.crashed(error);
    }
  }

  /** A fault of the world: the torrent cannot go on. The files on the disk stay as they are. */
  #fail(failure: BtgetError): void {
    if (this.#stage === 'stopping') return;
    this.stop(() => undefined);
    this.#events.failed(failure);
  }

  /** A bug of ours. No code of this torrent can be trusted to run any more, so it is ended from outside its context. */
  crashed(error: unknown): void {
    if (this.#stage === 'ended') return;
    this.#hasCrashed = true;
    this.#context.end();
    this.#resume.abandon();
    this.#swarm.store.abandon();
    if (this.#stage !== 'stopping') this.#close();
    this.#saidGoodBye();
    this.#events.failed(error instanceof Error ? error : new Error(String(error)));
  }

  #close(): void {
    this.#stage = 'stopping';
    this.#readers?.stop(new BtgetError('interrupted', 'the torrent was stopped while it was read'));
    this.#existing.stop();
    this.#completion.stop();
    this.#disk.stop();
    this.#swarm.webSeeds.stop();
    this.#swarm.encoder.close();
    this.#swarm.connecter.stop();
    this.#resume.closing();
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
    for (const answered of this.#whenEnded.splice(0)) this.#parts.answer(answered);
  }
}

/** Counts the connected peers for a status. */
function countPeers(
  peers: Iterable<Peer>,
): Pick<TorrentStatus, 'peers' | 'encrypted' | 'seeds' | 'useful' | 'unchokedBy'> {
  let count = 0;
  let encrypted = 0;
  let seeds = 0;
  let useful = 0;
  let unchokedBy = 0;
  for (const { connection, download } of peers) {
    count += 1;
    if (connection.isEncrypted) encrypted += 1;
    if (download.has.isComplete) seeds += 1;
    if (download.interested) useful += 1;
    if (!download.choked) unchokedBy += 1;
  }
  return { peers: count, encrypted, seeds, useful, unchokedBy };
}

/**
 * Tells the downloader which pieces are wanted, and which have blocks already. A torrent that only seeds wants no more.
 */
function beginPieces(
  { store, downloader }: Pick<JoinedSwarm, 'store' | 'downloader'>,
  layout: PieceLayout,
  content: WantedContent,
  unfinished: UnfinishedPieces,
  mode: TorrentOptions['mode'],
): void {
  for (const piece of layout.pieceIndices()) {
    if (!content.hasPiece(piece) || (mode !== 'download' && !store.have.has(piece))) downloader.setWanted(piece, false);
    else if (!store.have.has(piece) && layout.isPadding(piece)) downloader.beginPadding(piece);
  }
  for (const [piece, sums] of unfinished) if (content.hasPiece(piece)) downloader.resumePiece(piece, [...sums.keys()]);
}
