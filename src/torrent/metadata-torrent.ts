/**
 * A torrent's first life, which begins with a magnet link, or with a .torrent that does not tell all piece layers of
 * version 2. It finds peers and fetches from them the metadata and then the layers, and has neither pieces nor files.
 * When it has the whole `Metainfo`, it hands its connections and trackers over to a `Torrent`.
 */

import type { Millis } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import { type PeerSource, PeerSources } from '../discovery/peer-source.js';
import type { SwarmSources } from '../discovery/swarm-sources.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import { type Swarm, swarmsOf, type WireHashes, wireHashes } from '../metainfo/info-hash.js';
import { withLayers, withoutV2 } from '../metainfo/layers.js';
import type { MagnetLink } from '../metainfo/magnet.js';
import { contentLength, type Metainfo } from '../metainfo/metainfo.js';
import { parseMetadata } from '../metainfo/parse-metadata.js';
import type { ParseOutcome, Parsing } from '../metainfo/parsing.js';
import { ipOfBytes } from '../net/ip-address.js';
import type { PeerAddress, RawServerContext } from '../net/raw-server.js';
import type { AddressSource } from '../net/reach-rule.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import type { PeerConnection } from '../swarm/connections/peer-connection.js';
import { addressKey } from '../swarm/connections/spares.js';
import { type Extension, Extensions } from '../swarm/extensions/extensions.js';
import { DEFAULT_PEER_EXCHANGE_OPTIONS, PeerExchange, type PexPeer } from '../swarm/extensions/peer-exchange.js';
import { DEFAULT_HASH_FETCH_OPTIONS, HashFetch } from '../swarm/hashes/hash-fetch.js';
import { HashMessages, KNOWS_NO_HASHES } from '../swarm/hashes/hash-messages.js';
import { DEFAULT_LAYER_FETCH_OPTIONS, LayerFetch, type LayerFetchOptions } from '../swarm/hashes/layer-fetch.js';
import { DEFAULT_METADATA_FETCH_OPTIONS, MetadataFetch } from '../swarm/metadata/metadata-fetch.js';
import { DEFAULT_METADATA_PEERS_OPTIONS, MetadataPeers } from '../swarm/metadata/metadata-peers.js';
import { DEFAULT_UPLOAD_OPTIONS } from '../swarm/upload/upload.js';
import { NO_WEB_SEEDS } from '../swarm/web-seed/web-seeds.js';
import type { RefusalCode } from '../wire/refusal.js';
import { createPeerSources, dialNamed } from './create-peer-sources.js';
import { createEncoder } from './join-swarm.js';
import type { TorrentStatus } from './status.js';
import type { TorrentOptions } from './torrent-options.js';
import type { HandoverTarget, MetadataHandover, TorrentParts } from './torrent-parts.js';

/** What happens to a torrent in its first life. */
export interface MetadataEvents {
  /**
   * The metadata is here, and its hash is right, and no layer is missing that is needed. `pieceRoots` is null for a
   * hybrid whose layers nobody gives. The listener must then call `handOver` or `stop`, now or later. Before that it
   * may call `ask` for more layers.
   */
  gotMetadata(metainfo: Metainfo): void;
  trackerAnswered(report: TrackerAnswer): void;
  /** Something that the user should know. It does not end the torrent. */
  warned(code: string, message: string): void;
  /**
   * The torrent has ended itself, because its metadata is not valid or because of a bug. `stop` may still be called.
   */
  failed(failure: BtgetError | Error): void;
}

// Trackers want a number, and take a client that announces 0 for a seed. Other clients announce 16 KiB too while they
// do not know the length.
const LEFT_UNKNOWN = 16 * 1024;
const NOTHING_YET = { uploaded: 0, downloaded: 0, left: LEFT_UNKNOWN };
/** How often, in milliseconds, peers that were dialled in vain give their places to addresses that wait. */
const MAKE_WAY_INTERVAL = 250;
/** A peer that has rejected so many questions about hashes in a row, or not answered them, is of no more use. */
const MAX_STRIKES = 2;
/** How many peers that trackers named are remembered: a private torrent dials them again. */
const MAX_NAMED = 200;

export class MetadataTorrent {
  readonly link: MagnetLink;
  readonly #parts: TorrentParts;
  readonly #options: TorrentOptions;
  readonly #neededLayers: (metainfo: Metainfo) => readonly number[];
  readonly #layerOptions: LayerFetchOptions;
  readonly #events: MetadataEvents;
  readonly #context: RawServerContext;
  readonly #fetch: MetadataFetch;
  readonly #hashes: HashFetch;
  readonly #hashMessages: HashMessages;
  readonly #peers: MetadataPeers;
  readonly #encoder: Encoder;
  readonly #trackers: SwarmSources;
  readonly #others: readonly SwarmSources[];
  /** The first peers that trackers named, by address. */
  readonly #named = new Map<string, readonly [PeerAddress, AddressSource, Buffer | null, Swarm]>();
  #stage: 'new' | 'running' | 'handed-over' | 'stopping' | 'ended' = 'new';
  /** The second life, once it has taken over. */
  #target: HandoverTarget | null = null;
  #parsing: Parsing | null = null;
  /** The metadata, some of whose layers are missing; null while it is not known. */
  #metainfo: Metainfo | null = null;
  #layers: LayerFetch | null = null;
  /** How many peers gave metadata that is not that of the link. */
  #falseMetadata = 0;
  /** The torrent is private, and we know it. */
  #isPrivate: boolean;
  readonly #whenEnded: (() => void)[] = [];

  /**
   * `known`: what we know of the torrent already, but for some layers; null for nothing but the link. `neededLayers`
   * tells which files of `missingLayers` need their layers, by index.
   */
  constructor(
    parts: TorrentParts,
    link: MagnetLink,
    known: Metainfo | null,
    options: TorrentOptions,
    events: MetadataEvents,
    neededLayers: (metainfo: Metainfo) => readonly number[] = ({ missingLayers }) => missingLayers,
    layerOptions: LayerFetchOptions = DEFAULT_LAYER_FETCH_OPTIONS,
  ) {
    this.link = link;
    this.#isPrivate = known?.private ?? false;
    this.#neededLayers = neededLayers;
    this.#layerOptions = layerOptions;
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    const context = parts.rawServer.createContext((error) => this.#crashed(error));
    this.#context = context;
    this.#fetch = new MetadataFetch(
      {
        timers: context,
        random: parts.random,
        hashes: link,
        gotInfo: (info) => this.#gotInfo(info),
        ban: (connection) => {
          this.#falseMetadata += 1;
          this.#encoder.ban(connection, { kind: 'wrong-metadata' });
        },
      },
      DEFAULT_METADATA_FETCH_OPTIONS,
    );
    this.#hashes = new HashFetch(
      { timers: context, ban: (connection) => this.#encoder.ban(connection, { kind: 'wrong-hashes' }) },
      DEFAULT_HASH_FETCH_OPTIONS,
    );
    this.#hashMessages = new HashMessages(this.#hashes, KNOWS_NO_HASHES);
    this.#peers = new MetadataPeers(
      {
        timers: context,
        extensions: this.#createExtensions(),
        nodePorts: parts.nodePorts,
        hashes: this.#hashMessages,
        outlook: (connection) => this.#outlook(connection),
      },
      DEFAULT_METADATA_PEERS_OPTIONS,
    );
    this.#encoder = createEncoder({ ...parts, context, options }, this.#peers);
    const { trackers, others } = createPeerSources({
      ...parts,
      trackers: known?.trackers ?? link.trackers.map((url) => [url]),
      options,
      timers: context,
      encoder: this.#encoder,
      trackerNamed: (address, source, peerId, found) => this.#trackerNamed(address, source, peerId, found),
      // While only the link is here, we do not know whether the torrent is private.
      others: this.#isPrivate ? [] : parts.peerSources,
      announceSource: {
        totals: () => this.#target?.totals() ?? NOTHING_YET,
        isComplete: () => this.#target?.isComplete() ?? false,
        trackerAnswered: (report) => (this.#target ?? events).trackerAnswered(report),
      },
    });
    this.#trackers = trackers;
    this.#others = others;
  }

  /** The table for peers that dial us; undefined once the torrent takes no more peers. */
  get encoder(): Encoder | undefined {
    return this.#isAlive ? this.#encoder : undefined;
  }

  /** How many peers were refused so far, by refusal code. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#encoder.refusals;
  }

  /** `known`: what we know of the torrent by now, but for some layers; null for nothing but the link. */
  start(known: Metainfo | null = null): void {
    this.#stage = 'running';
    this.#context.addTask(() => {
      if (this.#stage !== 'running') return;
      // A peer that dialled us may have told the metadata before.
      if (known !== null && this.#layers === null) this.#know(known);
      if (this.#stage !== 'running') return;
      this.#dialNamed((code, message) => this.#events.warned(code, message));
      this.#sources().begin();
      this.#makeWayLater();
    }, 0);
  }

  /**
   * Asks peers for layers after all, once `gotMetadata` was told. `known`: what we know of the torrent by now. To be
   * called after `start`.
   */
  ask(known: Metainfo): void {
    this.#context.addTask(() => {
      if (this.#stage === 'running' && this.#layers === null) this.#know(known);
    }, 0);
  }

  /**
   * Says good-bye to trackers and peers, and answers when that is over. The caller must not call this once `takeEvents`
   * of the handover was called.
   */
  stop(answered: () => void): void {
    if (this.#stage === 'ended') {
      this.#parts.answer(answered);
      return;
    }
    this.#whenEnded.push(answered);
    if (this.#stage === 'stopping') return;
    const begun = this.#stage === 'running';
    this.#stage = 'stopping';
    this.#stopFetching();
    this.#encoder.close();
    if (begun) this.#sources().stop(() => this.#end());
    else this.#context.addTask(() => this.#end(), 0);
  }

  /** As `Torrent.networkChanged`. */
  networkChanged(): void {
    this.#context.addTask(() => {
      if (this.#stage !== 'running') return;
      this.#sources().networkChanged();
      this.#encoder.networkChanged();
    }, 0);
  }

  /**
   * The torrent has these info-hashes from now on: the metadata has shown a second one, or the torrent goes on as
   * version 1 alone. Peers may come under each of them, and the sources of peers are at work under each of them. Peers
   * that could go on as version 2 are dialled again. To be called before `handOver`. Throws 'target-busy', and nothing
   * changes, when another torrent of the session has one of the hashes.
   */
  setHashes(hashes: WireHashes): void {
    const swarms = swarmsOf(hashes);
    const { infoHash, infoHashV2 } = this.#encoder.identity;
    const isSameV2 = hashes.infoHashV2 === null ? infoHashV2 === null : infoHashV2?.equals(hashes.infoHashV2) === true;
    if (isSameV2 && infoHash.equals(hashes.infoHash)) return;
    this.#encoder.setIdentity(this.#parts.renameTo(hashes));
    for (const source of [this.#trackers, ...this.#others]) source.setSwarms(swarms);
  }

  /**
   * Hands everything over to the second life. The caller calls this once, when it has the metadata, before or after
   * `start`.
   */
  handOver(metainfo: Metainfo): MetadataHandover {
    const isSeeking = this.#stage === 'running';
    return {
      context: this.#context,
      encoder: this.#encoder,
      hashFetch: this.#hashes,
      isSeeking,
      sources: metainfo.private ? this.#trackers : this.#sources(),
      takeEvents: (target) => {
        this.#stopAsking();
        this.#stage = 'handed-over';
        this.#target = target;
        if (metainfo.private) this.#becomePrivate(isSeeking);
      },
      takePeers: (successor) => {
        this.#encoder.handTo(successor);
        this.#peers.handPeersTo(successor);
      },
    };
  }

  status(): TorrentStatus {
    return {
      state: this.#stage === 'stopping' || this.#stage === 'ended' ? 'stopped' : 'metadata',
      length: this.#metainfo === null ? 0 : contentLength(this.#metainfo),
      wanted: 0,
      have: 0,
      checked: 0,
      checkLength: 0,
      downloaded: 0,
      uploaded: 0,
      wasted: 0,
      webSeeds: NO_WEB_SEEDS,
      limited: false,
      downRate: 0,
      upRate: 0,
      superSeeding: false,
      peers: this.#peers.count,
      encrypted: this.#peers.encryptedCount,
      seeds: 0,
      useful: 0,
      unchokedBy: 0,
      falseMetadata: this.#falseMetadata,
      reach: this.#encoder.reach,
      eta: null,
      seedGoal: null,
      diskFailure: null,
      waitsFor: null,
    };
  }

  /** Peers that have no metadata, or do not send it, must not take all places from an honest peer that comes last. */
  #makeWayLater(): void {
    this.#context.addTask(() => {
      if (this.#stage !== 'running') return;
      while (this.#encoder.makeWay());
      this.#makeWayLater();
    }, MAKE_WAY_INTERVAL);
  }

  #createExtensions(): Extensions {
    const spoken: Extension[] = [this.#fetch];
    if (this.#options.usePex && !this.#isPrivate) {
      const startConnection = ({ address, prefersEncryption }: PexPeer, source: AddressSource): void => {
        if (prefersEncryption) this.#parts.encryption.ways.said(addressKey(address));
        if (this.#stage === 'running' && !this.#isPrivate) this.#encoder.startConnection(address, source, null);
      };
      // We tell no peer of others before we know that the torrent is not private.
      const parts = { timers: this.#context, peers: () => [], startConnection };
      spoken.push(new PeerExchange(parts, DEFAULT_PEER_EXCHANGE_OPTIONS));
    }
    const { client, port, ownAddresses } = this.#parts;
    const own = {
      version: client,
      port,
      requestQueue: DEFAULT_UPLOAD_OPTIONS.maxQueued,
      metadataSize: null,
      uploadOnly: false,
    };
    return new Extensions(
      spoken,
      () => own,
      ({ connection, handshake: { yourIp } }) => {
        if (yourIp !== null) ownAddresses.vote(connection.address.host, ipOfBytes(yourIp).text);
      },
    );
  }

  /** Peers that come before the start are let in, because a peer that we turn away may come back only after minutes. */
  get #isAlive(): boolean {
    return this.#stage === 'new' || this.#stage === 'running';
  }

  #gotInfo(info: Buffer): void {
    if (!this.#isAlive) return;
    this.#parsing = parseMetadata(this.#parts.parse, info, this.link, (outcome) => {
      this.#context.addTask(() => this.#parsed(outcome), 0);
    });
  }

  #parsed(outcome: ParseOutcome): void {
    if (!this.#isAlive) return;
    if (outcome.ok) this.#know(outcome.metainfo);
    else if (outcome.failure instanceof BtgetError) this.#fail(outcome.failure);
    else throw outcome.failure;
  }

  /** The metadata is known. What is needed now are layers, if anything. */
  #know(metainfo: Metainfo): void {
    this.#fetch.stop();
    this.#metainfo = metainfo;
    if (metainfo.missingLayers.length === 0) {
      this.#events.gotMetadata(metainfo);
      return;
    }
    if (metainfo.private) this.#becomePrivate(this.#stage === 'running');
    if (!this.#tryToSetHashes(metainfo)) return;
    const missingLayers = this.#neededLayers(metainfo);
    if (missingLayers.length === 0) {
      this.#events.gotMetadata(metainfo);
      return;
    }
    // A connection may have turned out to be one of version 2.
    for (const connection of this.#peers.connections) this.#hashMessages.connectionMade(connection);
    this.#layers = new LayerFetch(
      {
        timers: this.#context,
        fetch: this.#hashes,
        metainfo: { ...metainfo, missingLayers },
        gotLayers: (layers) => this.#gotLayers(metainfo, layers),
        nobodyGives: () => this.#nobodyGivesLayers(metainfo),
      },
      this.#layerOptions,
    );
    this.#layers.begin();
  }

  #gotLayers(metainfo: Metainfo, layers: ReadonlyMap<number, Buffer>): void {
    const whole = withLayers(metainfo, layers);
    if (whole === undefined || this.#neededLayers(whole).length > 0)
      throw new Error('the layers are not those of the files');
    this.#events.gotMetadata(whole);
  }

  /** A torrent of version 2 alone waits, as a link does whose metadata nobody gives. */
  #nobodyGivesLayers(metainfo: Metainfo): void {
    if (metainfo.version !== 'hybrid') return;
    const alone = withoutV2(metainfo);
    if (!this.#tryToSetHashes(alone)) return;
    const message = 'no peer gives the hashes of version 2; the torrent goes on as version 1 alone';
    this.#events.warned('no-layers', message);
    this.#events.gotMetadata(alone);
  }

  /** False when the torrent has failed, because the session has it already under another hash. */
  #tryToSetHashes(metainfo: Metainfo): boolean {
    try {
      this.setHashes(wireHashes(metainfo));
      return true;
    } catch (failure) {
      if (!(failure instanceof BtgetError)) throw failure;
      this.#fail(failure);
      return false;
    }
  }

  #fail(failure: BtgetError): void {
    this.stop(() => undefined);
    this.#events.failed(failure);
  }

  #stopAsking(): void {
    this.#fetch.stop();
    this.#parsing?.cancel();
    this.#layers?.stop();
  }

  #stopFetching(): void {
    this.#stopAsking();
    this.#hashes.stop();
  }

  #sources(): PeerSource {
    return this.#isPrivate ? this.#trackers : new PeerSources([this.#trackers, ...this.#others]);
  }

  /** How much too long the peer would take, as in `MetadataFetch.outlook`: for the metadata, or for the layers. */
  #outlook(connection: PeerConnection): Millis | null {
    if (this.#layers === null) return this.#fetch.outlook(connection);
    const isOfUse = connection.isV2 && this.#hashes.strikesOf(connection) <= MAX_STRIKES;
    return isOfUse ? null : Number.POSITIVE_INFINITY;
  }

  #trackerNamed(address: PeerAddress, source: AddressSource, peerId: Buffer | null, found: Swarm): void {
    if (this.#named.size < MAX_NAMED) this.#named.set(addressKey(address), [address, source, peerId, found]);
    this.#encoder.startConnection(address, source, peerId, found);
  }

  #dialNamed(noted: Parameters<typeof dialNamed>[3]): void {
    const options = this.#isPrivate ? { ...this.#options, linkPeers: [] } : this.#options;
    dialNamed(this.#encoder, options, this.#parts.ownNetworks.blocklist, noted);
  }

  /**
   * Closes all connections, dials the peers again that the user and trackers named, and stops all other sources of
   * peers (BEP 27).
   */
  #becomePrivate(isSeeking: boolean): void {
    if (this.#isPrivate) return;
    this.#isPrivate = true;
    this.#peers.becomePrivate();
    if (isSeeking) for (const source of this.#others) source.stop(() => undefined);
    this.#encoder.partFromAll();
    for (const named of this.#named.values()) this.#encoder.startConnection(...named);
    // What there is to say of them was said at the start.
    if (isSeeking) this.#dialNamed(() => undefined);
  }

  /**
   * Runs `call` as a part of this torrent, for what answers outside its context: what it throws ends this torrent, in
   * the life that it is in then. A torrent that has ended runs nothing.
   */
  run(call: () => void): void {
    if (this.#stage === 'ended') return;
    try {
      call();
    } catch (error) {
      this.#crashed(error);
    }
  }

  /** A bug of ours. No code of this torrent can be trusted to run any more, so it is ended from outside its context. */
  #crashed(error: unknown): void {
    if (this.#target !== null) {
      this.#target.crashed(error);
      return;
    }
    if (this.#stage === 'ended') return;
    this.#context.end();
    this.#stopFetching();
    this.#encoder.close();
    this.#end();
    this.#events.failed(error instanceof Error ? error : new Error(String(error)));
  }

  #end(): void {
    this.#stage = 'ended';
    this.#context.end();
    for (const answered of this.#whenEnded.splice(0)) this.#parts.answer(answered);
  }
}
