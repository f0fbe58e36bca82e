import type { BtgetError } from '../../../src/base/failure.js';
import type { Random } from '../../../src/base/random.js';
import { wireHashes } from '../../../src/metainfo/info-hash.js';
import type { RawServerContext } from '../../../src/net/raw-server.js';
import { NO_OWN_NETWORKS } from '../../../src/net/reach-rule.js';
import { DEFAULT_PIECE_MEMORY_OPTIONS } from '../../../src/pieces/piece-memory.js';
import { DEFAULT_PIECE_PICKER_OPTIONS, PiecePicker } from '../../../src/pieces/piece-picker.js';
import { RequestBook } from '../../../src/pieces/request-book.js';
import { StorageWrapper } from '../../../src/pieces/storage-wrapper.js';
import { DEFAULT_PORT_LISTENER_OPTIONS, PortListener } from '../../../src/session/port-listener.js';
import { Choker, DEFAULT_CHOKER_OPTIONS, uploadSlotsForRate } from '../../../src/swarm/choker.js';
import { Connecter, type ConnecterOptions, DEFAULT_CONNECTER_OPTIONS } from '../../../src/swarm/connecter.js';
import { Encoder } from '../../../src/swarm/connections/encoder.js';
import { DEFAULT_ENCODER_OPTIONS } from '../../../src/swarm/connections/encoder-options.js';
import { HalfOpen, MAX_HALF_OPEN } from '../../../src/swarm/connections/half-open.js';
import { isOurs } from '../../../src/swarm/connections/identity.js';
import type { PeerConnection } from '../../../src/swarm/connections/peer-connection.js';
import { MAX_UNANSWERED, UnansweredDials } from '../../../src/swarm/connections/unanswered-dials.js';
import { Blame, DEFAULT_BLAME_OPTIONS } from '../../../src/swarm/download/blame.js';
import type { BlockAsker, BlockSender } from '../../../src/swarm/download/block-asker.js';
import {
  BlockJudge,
  DEFAULT_BLOCK_JUDGE_OPTIONS,
  type LeafSource,
  NO_LEAVES,
} from '../../../src/swarm/download/block-judge.js';
import { DEFAULT_REQUEST_OPTIONS, type RequestOptions } from '../../../src/swarm/download/download.js';
import { Downloader } from '../../../src/swarm/download/downloader.js';
import { DontHave } from '../../../src/swarm/extensions/dont-have.js';
import { Extensions } from '../../../src/swarm/extensions/extensions.js';
import { DEFAULT_FAST_EXTENSION_OPTIONS, FastExtension } from '../../../src/swarm/extensions/fast-extension.js';
import type { Peer } from '../../../src/swarm/peer.js';
import { DEFAULT_RATE_LIMITER_OPTIONS, RateLimiter } from '../../../src/swarm/rate-limiter.js';
import { DEFAULT_SEND_MEMORY_OPTIONS, SendMemory } from '../../../src/swarm/upload/send-memory.js';
import { DEFAULT_UPLOAD_OPTIONS, type UploadOptions } from '../../../src/swarm/upload/upload.js';
import { Uploader } from '../../../src/swarm/upload/uploader.js';
import { DEFAULT_WORK_OPTIONS, WorkBudget } from '../../../src/swarm/work-budget.js';
import { SILENT_HANDSHAKE } from '../../../src/wire/extended.js';
import type { Evidence } from '../../../src/wire/refusal.js';
import { type AnnouncedExtension, encodeReserved } from '../../../src/wire/reserved.js';
import { MemorySlotPool } from '../fakes/memory-slot-pool.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../fakes/memory-storage.js';
import type { SampleTorrent } from '../sample-torrent.js';
import type { SimulatedHost } from '../simulation/simulated-host.js';
import { NO_ENCRYPTION } from './mse-pair.js';

export interface SwarmMemberOptions {
  /** What the disk holds at the start; every piece in `have` is taken to be right without a check. */
  readonly content: Buffer | null;
  readonly have: 'nothing' | 'everything';
  readonly uploadRate: number | null;
  readonly downloadRate: number | null;
  readonly uploadSlots: number | null;
  /** Memory for pieces, bytes. */
  readonly memory: number;
  readonly upload: Partial<UploadOptions>;
  readonly download: Partial<RequestOptions>;
  readonly connecter: Partial<ConnecterOptions>;
  /** Who gives it the right leaves of suspect pieces. */
  readonly leaves: LeafSource;
  /** What its handshake announces. */
  readonly announced: readonly AnnouncedExtension[];
}

export const DEFAULT_SWARM_MEMBER_OPTIONS: SwarmMemberOptions = {
  content: null,
  have: 'nothing',
  uploadRate: null,
  downloadRate: null,
  uploadSlots: null,
  memory: 48 * 1024 * 1024,
  upload: {},
  download: {},
  connecter: {},
  leaves: NO_LEAVES,
  announced: [],
};

export const PORT = 6881;

/** One client in a simulated swarm: everything from the sockets to the disk for one torrent. */
export class SwarmMember {
  readonly context: RawServerContext;
  readonly storage: MemoryStorage;
  readonly wrapper: StorageWrapper;
  readonly picker: PiecePicker;
  readonly requests: RequestBook<BlockAsker>;
  readonly uploader: Uploader;
  readonly downloader: Downloader;
  readonly choker: Choker<Peer>;
  readonly connecter: Connecter;
  readonly encoder: Encoder;
  readonly slots: MemorySlotPool;
  /** Its first address. */
  readonly host: string;
  /** What happened that a torrent would be told, in words. */
  readonly log: string[] = [];
  readonly banned: PeerConnection[] = [];
  /** What proved each of their lies. */
  readonly evidence: Evidence[] = [];
  readonly #listener: PortListener;

  constructor(
    host: SimulatedHost,
    torrent: SampleTorrent,
    name: string,
    random: Random,
    options: Partial<SwarmMemberOptions> = {},
  ) {
    const all = { ...DEFAULT_SWARM_MEMBER_OPTIONS, ...options };
    this.host = host.addresses[0] ?? '';
    const { layout, metainfo } = torrent;
    this.context = host.createContext((error) => {
      throw error;
    });
    const timers = this.context;
    this.storage = new MemoryStorage(metainfo, timers, { ...DEFAULT_MEMORY_STORAGE_OPTIONS, content: all.content });
    this.slots = new MemorySlotPool(all.memory);
    this.wrapper = new StorageWrapper(this.storage, layout, this.slots, timers, DEFAULT_PIECE_MEMORY_OPTIONS, {
      pieceVerified: (piece, data) => {
        this.downloader.pieceVerified(piece, data);
        this.connecter.pieceVerified(piece);
      },
      pieceFailed: (piece, data) => {
        this.log.push(`piece ${piece} failed`);
        this.downloader.pieceFailed(piece, data);
      },
      pieceSuspect: (piece, leaves) => {
        this.log.push(`piece ${piece} is suspect`);
        this.downloader.pieceSuspect(piece, leaves);
      },
      blocksStale: (piece, blocks) => this.downloader.blocksStale(piece, blocks),
      pieceDropped: (piece) => this.downloader.pieceDropped(piece),
      roomForPieces: () => this.downloader.roomForPieces(),
      diskFailed: (failure) => this.#gotFailure(failure),
    });
    this.picker = new PiecePicker(layout.pieceCount, DEFAULT_PIECE_PICKER_OPTIONS, random);
    this.requests = new RequestBook(layout, this.picker, this.wrapper);
    const uploadLimiter = new RateLimiter(host, all.uploadRate, DEFAULT_RATE_LIMITER_OPTIONS);
    const downloadLimiter = new RateLimiter(host, all.downloadRate, DEFAULT_RATE_LIMITER_OPTIONS);
    this.uploader = new Uploader(
      {
        timers,
        layout,
        source: this.wrapper,
        limiter: uploadLimiter,
        memory: new SendMemory(host, DEFAULT_SEND_MEMORY_OPTIONS),
        gotReadFailure: (failure) => this.#gotFailure(failure),
      },
      { ...DEFAULT_UPLOAD_OPTIONS, ...all.upload },
    );
    this.downloader = new Downloader(
      {
        timers,
        layout,
        picker: this.picker,
        requests: this.requests,
        store: this.wrapper,
        blame: new Blame<BlockSender>(layout, DEFAULT_BLAME_OPTIONS),
        judge: new BlockJudge(
          { timers, layout, source: all.leaves, judged: (piece, wrong) => this.downloader.pieceJudged(piece, wrong) },
          DEFAULT_BLOCK_JUDGE_OPTIONS,
        ),
        limiter: downloadLimiter,
        ban: (connection, evidence) => {
          this.banned.push(connection);
          this.evidence.push(evidence);
          this.encoder.ban(connection, evidence);
        },
      },
      { ...DEFAULT_REQUEST_OPTIONS, ...all.download },
    );
    this.choker = new Choker<Peer>(
      timers,
      random,
      DEFAULT_CHOKER_OPTIONS,
      () => all.uploadSlots ?? uploadSlotsForRate(uploadLimiter.rate),
      () => this.isDone,
    );
    this.connecter = new Connecter(
      {
        timers,
        layout,
        store: this.wrapper,
        uploader: this.uploader,
        downloader: this.downloader,
        choker: this.choker,
        extensions: new Extensions(
          [new DontHave(layout, (connection, piece) => this.connecter.gotDontHave(connection, piece))],
          () => ({ ...SILENT_HANDSHAKE, uploadOnly: this.isDone }),
          () => undefined,
        ),
        nodePorts: null,
        fast: new FastExtension(
          layout,
          metainfo.infoHash,
          this.wrapper.have,
          () => timers.now(),
          DEFAULT_FAST_EXTENSION_OPTIONS,
        ),
        rank: () => 0,
        tellsPieces: true,
      },
      { ...DEFAULT_CONNECTER_OPTIONS, ...all.connecter },
    );
    this.encoder = new Encoder(
      {
        rawServer: this.context,
        identity: {
          ...wireHashes(metainfo),
          myId: Buffer.from(name.padEnd(20, '-')),
          reserved: encodeReserved(all.announced),
        },
        options: DEFAULT_ENCODER_OPTIONS,
        ownNetworks: NO_OWN_NETWORKS,
        halfOpen: new HalfOpen(MAX_HALF_OPEN),
        unanswered: new UnansweredDials(MAX_UNANSWERED),
        work: new WorkBudget(host, DEFAULT_WORK_OPTIONS),
        encryption: NO_ENCRYPTION,
        rank: () => 0,
      },
      this.connecter,
    );
    if (all.have === 'everything') this.#markAll(torrent);
    this.#listener = new PortListener({
      rawServer: host,
      encoderFor: (infoHash) => (isOurs(infoHash, this.encoder.identity) ? this.encoder : undefined),
      encryption: null,
      options: DEFAULT_PORT_LISTENER_OPTIONS,
    });
    this.#listener.listen({ first: PORT, last: PORT }, null, (outcome) => {
      if (!outcome.ok) throw new Error(`cannot listen: ${outcome.code}`);
    });
  }

  get isDone(): boolean {
    return this.wrapper.amountLeft === 0;
  }

  /** Each reason for which peers were refused, and how often. */
  get refusals(): readonly string[] {
    return [...this.encoder.refusals, ...this.#listener.refusals].map(([code, count]) => `${code} ${count}`);
  }

  dial(host: string): void {
    this.encoder.startConnection({ host, port: PORT }, { kind: 'user' }, null);
  }

  /** Ends everything, as a torrent that stops does. */
  stop(): void {
    this.#listener.close();
    this.encoder.close();
    this.connecter.stop();
  }

  /** Throws when an invariant is broken. */
  check(): void {
    this.requests.check();
    this.wrapper.check();
  }

  #markAll(torrent: SampleTorrent): void {
    for (let index = 0; index < torrent.layout.pieceCount; index += 1) {
      this.downloader.found(torrent.piece(index));
    }
  }

  #gotFailure(failure: BtgetError): void {
    this.log.push(`disk: ${failure.message}`);
  }
}
