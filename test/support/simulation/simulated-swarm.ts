import type { Millis } from '../../../src/base/clock.js';
import type { BtgetError } from '../../../src/base/failure.js';
import type { CreatePeerSource } from '../../../src/discovery/peer-source.js';
import type { TrackerAnswer } from '../../../src/discovery/trackers/rerequester.js';
import type { TrackerClient } from '../../../src/discovery/trackers/tracker-client.js';
import type { FoundJournal } from '../../../src/disk/target.js';
import type { MagnetLink } from '../../../src/metainfo/magnet.js';
import type { Metainfo } from '../../../src/metainfo/metainfo.js';
import { wireNames } from '../../../src/metainfo/named-hashes.js';
import { parseAtOnce } from '../../../src/metainfo/parsing.js';
import type { Blocklist } from '../../../src/net/blocklist.js';
import { behindGate } from '../../../src/net/listed-gate.js';
import { behindProxy } from '../../../src/net/proxy/proxied-loop.js';
import type { ProxyAccess } from '../../../src/net/proxy/proxy-access.js';
import type { PeerAddress } from '../../../src/net/raw-server.js';
import { NO_OWN_NETWORKS, type OwnNetworks } from '../../../src/net/reach-rule.js';
import { metadataTarget } from '../../../src/resume/kept-metadata.js';
import { MagnetTorrent } from '../../../src/session/magnet-torrent.js';
import { Session, type SessionParts } from '../../../src/session/session.js';
import type { DhtAdapters } from '../../../src/session/session-dht.js';
import { DEFAULT_SESSION_OPTIONS, type SessionOptions } from '../../../src/session/session-options.js';
import type { FetchRange } from '../../../src/swarm/web-seed/fetch-range.js';
import { Torrent } from '../../../src/torrent/torrent.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../../../src/torrent/torrent-options.js';
import { DEFAULT_MEMORY_JOURNAL_OPTIONS, MemoryJournal } from '../fakes/memory-journal.js';
import { LockedTarget, MemoryLock } from '../fakes/memory-lock.js';
import { MemorySlotPool } from '../fakes/memory-slot-pool.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, type DiskImage, MemoryStorage } from '../fakes/memory-storage.js';
import type { SampleTorrent } from '../sample-torrent.js';
import { makeKeyPair } from '../worlds/mse-pair.js';
import { seededRandom } from './seeded-random.js';
import { MemoryFile, simulatedCache } from './simulated-cache.js';
import type { SimulatedHost } from './simulated-host.js';
import type { SimulatedHostOptions } from './simulated-host-options.js';
import { SimulatedNetwork } from './simulated-network.js';
import { SimulatedTracker } from './simulated-tracker.js';
import { Timeline } from './timeline.js';

export interface ClientOptions {
  /** What its .torrent says, when that differs from the sample's: the same content by other hashes. */
  readonly metainfo: Metainfo | null;
  /** The disk has the whole content at the start. */
  readonly seed: boolean;
  readonly session: Partial<SessionOptions>;
  readonly torrent: Partial<TorrentOptions>;
  readonly host: Partial<SimulatedHostOptions>;
  /** How long each operation of its disk takes, in milliseconds. */
  readonly diskLatency: number;
  /** The content of the part file of the first file at the start, or null for no such file. */
  readonly part: Buffer | null;
  /** Instead of a disk it has a file that keeps pieces for readers alone; it forgets them. */
  readonly cache: boolean;
  /** What an earlier client left on the disk. */
  readonly image: DiskImage | null;
  /** Bytes that are free on the disk, or null when the disk cannot tell. */
  readonly free: number | null;
  /** The resume journal that an earlier client left. */
  readonly journal: FoundJournal | null;
  /** The metadata that an earlier client kept. */
  readonly metadata: FoundJournal | null;
  /** The sources that find peers besides the tracker. */
  readonly peerSources: readonly CreatePeerSource[];
  /** Two clients with the same target are two processes that download to one place. */
  readonly target: LockedTarget | null;
  /** Bytes of memory for pieces. */
  readonly memory: number;
  /** A longer piece gets no slot of that memory, in bytes. */
  readonly maxSlotLength: number;
  /** Carries its announces. Null for the tracker of the swarm. */
  readonly trackerClient: TrackerClient | null;
  /** Fetches from web seeds; null for none. */
  readonly fetchRange: FetchRange | null;
  readonly dht: DhtAdapters | null;
  readonly ownNetworks: OwnNetworks;
  /** The addresses that the client has nothing to do with. */
  readonly blocklist: Blocklist | null;
  /** Tells it that it may be in another network. */
  readonly networkWatch: SessionParts['networkWatch'];
  /** What its connections and datagrams go by. Then it does not listen. Announces to the tracker are no packets here. */
  readonly proxy: ProxyAccess | null;
}

const DEFAULT_CLIENT_OPTIONS: ClientOptions = {
  metainfo: null,
  seed: false,
  session: {},
  torrent: {},
  host: {},
  diskLatency: 1,
  part: null,
  cache: false,
  image: null,
  free: null,
  journal: null,
  metadata: null,
  peerSources: [],
  target: null,
  memory: 8 << 20,
  maxSlotLength: 8 << 20,
  trackerClient: null,
  fetchRange: null,
  dht: null,
  ownNetworks: NO_OWN_NETWORKS,
  blocklist: null,
  networkWatch: null,
  proxy: null,
};

/** How the download of a client ended, once it has ended. */
interface ClientEnd {
  done: boolean;
  failure: BtgetError | Error | null;
}

interface AnyClient extends ClientEnd {
  readonly name: string;
  /** The address on which it listens; port 0 when it does not. */
  readonly address: PeerAddress;
  readonly rawServer: SimulatedHost;
  readonly session: Session;
  readonly journal: MemoryJournal;
  /** The file in which it keeps its metadata. */
  readonly metadata: MemoryJournal;
  readonly slots: MemorySlotPool;
}

/** A whole btget in simulated time: everything but the command line and the real disk. */
export interface Client extends AnyClient {
  readonly torrent: Torrent;
  readonly storage: MemoryStorage;
}

/** A client that keeps pieces for readers alone. */
export interface CachedClient extends AnyClient {
  readonly torrent: Torrent;
  readonly file: MemoryFile;
}

/** A client that began with a magnet link. */
export interface MagnetClient extends AnyClient {
  readonly torrent: MagnetTorrent;
  /** Null until the client knows its files. */
  readonly storage: () => MemoryStorage | null;
  /** When it got the metadata, or null. */
  metadataAt: Millis | null;
}

/** A tracker and the clients of one torrent on one simulated network, with one log of all their events. */
export class SimulatedSwarm {
  readonly timeline = new Timeline();
  readonly network: SimulatedNetwork;
  readonly tracker: SimulatedTracker;
  readonly log: string[] = [];
  readonly clients: Client[] = [];
  readonly magnetClients: MagnetClient[] = [];
  readonly #cached: CachedClient[] = [];
  readonly #sample: SampleTorrent;
  readonly #seed: number;

  constructor(sample: SampleTorrent, seed: number) {
    this.#sample = sample;
    this.#seed = seed;
    this.network = new SimulatedNetwork(this.timeline, seededRandom(seed));
    this.tracker = new SimulatedTracker(this.timeline, { interval: 300_000, minInterval: 30_000 });
  }

  /** Starts a client at 10.0.0.N, N counting from 1. */
  start(options: Partial<ClientOptions> = {}): Client {
    const opened = this.#open(options);
    const { session, events, torrentOptions } = opened;
    const torrent = session.addTorrent(options.metainfo ?? this.#sample.metainfo, torrentOptions, events);
    if (!(torrent instanceof Torrent)) throw new Error('a .torrent without its layers');
    const storage = opened.storage();
    if (storage === null) throw new Error('a torrent without a storage');
    const client: Client = { ...opened.client, torrent, storage };
    opened.joined(client);
    this.clients.push(client);
    return client;
  }

  /** Starts a client with a cache. `options` are as for `start`. */
  startCached(options: Partial<ClientOptions> = {}): CachedClient {
    const { client: about, session, events, torrentOptions, file, joined } = this.#open({ ...options, cache: true });
    const torrent = session.addTorrent(this.#sample.metainfo, torrentOptions, events);
    if (!(torrent instanceof Torrent)) throw new Error('a .torrent without its layers');
    const client: CachedClient = { ...about, torrent, file };
    joined(client);
    this.#cached.push(client);
    return client;
  }

  /** Starts a client that has only a magnet link. `options` are as for `start`. */
  startMagnet(link: MagnetLink, options: Partial<ClientOptions> = {}): MagnetClient {
    const { client: about, session, events, torrentOptions, storage, joined } = this.#open(options);
    const gotMetadata = ({ name }: Metainfo): void => {
      client.metadataAt = this.timeline.now();
      this.log.push(`${Math.round(this.timeline.now())} ${about.name}: metadata of ${name}`);
    };
    const torrent = session.addMagnet(link, torrentOptions, { ...events, gotMetadata });
    const client: MagnetClient = { ...about, torrent, storage, metadataAt: null };
    joined(client);
    this.magnetClients.push(client);
    return client;
  }

  /** Starts a client whose .torrent does not tell all piece layers. `options` are as for `start`. */
  startWithout(metainfo: Metainfo, options: Partial<ClientOptions> = {}): MagnetClient {
    const { client: about, session, events, torrentOptions, storage, joined } = this.#open(options);
    const gotMetadata = ({ name }: Metainfo): void => {
      client.metadataAt = this.timeline.now();
      this.log.push(`${Math.round(this.timeline.now())} ${about.name}: layers of ${name}`);
    };
    const torrent = session.addTorrent(metainfo, torrentOptions, { ...events, gotMetadata });
    if (!(torrent instanceof MagnetTorrent)) throw new Error('a .torrent with its layers');
    const client: MagnetClient = { ...about, torrent, storage, metadataAt: null };
    joined(client);
    this.magnetClients.push(client);
    return client;
  }

  /** Runs until every client is done, or throws after `limit`. */
  untilAllDone(limit: number): void {
    this.timeline.runUntil(() => [...this.clients, ...this.magnetClients].every((client) => client.done), limit);
  }

  /** Stops every client and then the tracker, and runs five minutes more, so that no task should be left. */
  stop(): void {
    let stopped = 0;
    const clients = [...this.clients, ...this.magnetClients, ...this.#cached];
    for (const client of clients)
      client.session.stop(() => {
        stopped += 1;
      });
    this.timeline.runUntil(() => stopped === clients.length, 10_000);
    this.tracker.stop();
    this.timeline.run(300_000);
  }

  #open(options: Partial<ClientOptions>) {
    const all = { ...DEFAULT_CLIENT_OPTIONS, ...options };
    const { seed, session, torrent, host, diskLatency } = all;
    const number = this.clients.length + this.magnetClients.length + this.#cached.length + 1;
    const address = `10.0.0.${number}`;
    const name = `${seed ? 'seed' : 'leech'} ${number}`;
    const rawServer = this.network.host(address, host);
    const { content } = this.#sample;
    const metainfo = all.metainfo ?? this.#sample.metainfo;
    const slots = new MemorySlotPool(all.memory, Math.min(all.memory, all.maxSlotLength));
    let storage: MemoryStorage | null = null;
    const file = new MemoryFile(rawServer, diskLatency);
    const fresh = { ...DEFAULT_MEMORY_JOURNAL_OPTIONS, latency: diskLatency };
    const journal = new MemoryJournal(rawServer, { ...fresh, found: all.journal });
    const metadata = new MemoryJournal(rawServer, { ...fresh, found: all.metadata });
    const names = new Set(wireNames(metainfo).map(metadataTarget));
    const { blocklist, proxy } = all;
    const proxied = behindProxy(rawServer, proxy === null ? null : { proxy, listens: false });
    const joined = new Session(
      {
        rawServer: behindGate(proxied, blocklist),
        makeKeyPair,
        random: seededRandom(this.#seed * 1_000 + number),
        slots,
        openStorage: (opening) => {
          const { timers, metainfo: opened, selected } = opening;
          if (all.cache) return simulatedCache(rawServer, file, opening);
          storage = new MemoryStorage(opened, rawServer, {
            ...DEFAULT_MEMORY_STORAGE_OPTIONS,
            answers: timers,
            latency: diskLatency,
            content: seed ? content : null,
            image: all.image,
            selected,
            free: all.free,
          });
          if (all.part !== null) storage.putPart(0, all.part);
          return storage;
        },
        folderName: () => null,
        openTarget: ({ name: target }) => ({
          journal: names.has(target) ? metadata : journal,
          lock: new MemoryLock(rawServer, all.target ?? new LockedTarget()),
        }),
        parse: parseAtOnce,
        fetchRange: all.fetchRange,
        trackerClient: all.trackerClient ?? this.tracker.client(address),
        ownNetworks: { ...all.ownNetworks, ...(blocklist === null ? {} : { blocklist }) },
        peerSources: all.peerSources,
        dht: all.dht,
        portMapper: null,
        networkWatch: all.networkWatch,
        client: 'btget',
        answer: (answered) => rawServer.addTask(answered, 0),
        close: (answered) => {
          rawServer.addTask(answered, 0);
        },
      },
      { ...DEFAULT_SESSION_OPTIONS, ...session },
    );
    const say = (what: string): void => {
      this.log.push(`${Math.round(this.timeline.now())} ${name}: ${what}`);
    };
    const outcome: { client: ClientEnd | null } = { client: null };
    const events = {
      started: () => say('started'),
      fileReused: (_file: unknown, path: string, from: string) => say(`reused ${path} ${from}`),
      fileDone: (_file: unknown, path: string) => say(`file ${path}`),
      trackerAnswered: ({ peers, swarm }: TrackerAnswer) =>
        say(`tracker ${swarm === null ? '' : `of ${swarm} `}names ${peers}`),
      warned: (code: string, message: string) => say(`warning ${code}: ${message}`),
      done: () => {
        if (outcome.client !== null) outcome.client.done = true;
        say('done');
      },
      goalReached: () => say('goal reached'),
      failed: (failure: BtgetError | Error) => {
        if (outcome.client !== null) outcome.client.failure = failure;
        say(`failed: ${failure.message}`);
      },
    };
    let port = 0;
    if (proxy === null)
      joined.listen((answer) => {
        if (!answer.ok) throw answer.failure;
        port = answer.port;
      });
    this.timeline.run(0);
    const torrentOptions: TorrentOptions = {
      ...DEFAULT_TORRENT_OPTIONS,
      mode: seed ? 'seed' : 'download',
      seedGoal: { ratio: null, time: null },
      trackers: [this.tracker.url],
      ...torrent,
    };
    return {
      client: {
        name,
        address: { host: address, port },
        rawServer,
        session: joined,
        journal,
        metadata,
        slots,
        done: false,
        failure: null,
      },
      session: joined,
      events,
      torrentOptions,
      storage: () => storage,
      file,
      joined: (client: ClientEnd): void => {
        outcome.client = client;
      },
    };
  }
}
