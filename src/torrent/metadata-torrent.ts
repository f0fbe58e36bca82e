/**
 * A torrent's first life, which a magnet link begins: it finds peers and fetches the metadata from them, and has
 * neither pieces nor files. It ends in a `Metainfo`, and a `Torrent` takes over what it hands over.
 */

import { BtgetError } from '../base/failure.js';
import { type PeerSource, PeerSources } from '../discovery/peer-source.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import type { V1MagnetLink } from '../metainfo/magnet.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { parseMetadata } from '../metainfo/parse-metadata.js';
import type { ParseOutcome, Parsing } from '../metainfo/parsing.js';
import { ipOfBytes } from '../net/ip-address.js';
import type { PeerAddress, RawServerContext } from '../net/raw-server.js';
import type { AddressSource } from '../net/reach-rule.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import { addressKey } from '../swarm/connections/spares.js';
import { type Extension, Extensions } from '../swarm/extensions/extensions.js';
import { DEFAULT_PEER_EXCHANGE_OPTIONS, PeerExchange, type PexPeer } from '../swarm/extensions/peer-exchange.js';
import { DEFAULT_METADATA_FETCH_OPTIONS, MetadataFetch } from '../swarm/metadata/metadata-fetch.js';
import { DEFAULT_METADATA_PEERS_OPTIONS, MetadataPeers } from '../swarm/metadata/metadata-peers.js';
import { DEFAULT_UPLOAD_OPTIONS } from '../swarm/upload/upload.js';
import type { RefusalCode } from '../wire/refusal.js';
import { createPeerSources, dialNamed } from './create-peer-sources.js';
import { createEncoder } from './join-swarm.js';
import type { TorrentStatus } from './status.js';
import type { TorrentOptions } from './torrent-options.js';
import type { HandoverTarget, MetadataHandover, TorrentParts } from './torrent-parts.js';

/** What happens to a torrent in its first life. */
export interface MetadataEvents {
  /** The metadata is here, and its hash is right. Nothing follows by itself: `handOver` or `stop` is to be called. */
  gotMetadata(metainfo: Metainfo): void;
  trackerAnswered(report: TrackerAnswer): void;
  /** Something that a user should know, and that ends nothing. */
  warned(code: string, message: string): void;
  /** The torrent has ended itself: its metadata is not valid, or a bug. `stop` may still be called. */
  failed(failure: BtgetError | Error): void;
}

// Trackers want a number, and give seeds to whoever has none left. Others say as much before they know.
const LEFT_UNKNOWN = 16 * 1024;
const NOTHING_YET = { uploaded: 0, downloaded: 0, left: LEFT_UNKNOWN };
/** So often peers that were dialled in vain give their places to addresses that wait. */
const MAKE_WAY_INTERVAL = 250;
/** Peers that trackers named and that are remembered, should the torrent be private. */
const MAX_NAMED = 200;

export class MetadataTorrent {
  readonly link: V1MagnetLink;
  readonly #parts: TorrentParts;
  readonly #options: TorrentOptions;
  readonly #events: MetadataEvents;
  readonly #context: RawServerContext;
  readonly #fetch: MetadataFetch;
  readonly #peers: MetadataPeers;
  readonly #encoder: Encoder;
  readonly #trackers: PeerSource;
  readonly #others: readonly PeerSource[];
  readonly #named = new Map<string, readonly [PeerAddress, AddressSource, Buffer | null]>();
  #stage: 'new' | 'running' | 'handed-over' | 'stopping' | 'ended' = 'new';
  #target: HandoverTarget | null = null;
  #parsing: Parsing | null = null;
  readonly #whenEnded: (() => void)[] = [];

  constructor(parts: TorrentParts, link: V1MagnetLink, options: TorrentOptions, events: MetadataEvents) {
    this.link = link;
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    const context = parts.rawServer.createContext((error) => this.#crashed(error));
    this.#context = context;
    this.#fetch = new MetadataFetch(
      {
        timers: context,
        infoHash: link.infoHash,
        gotInfo: (info) => this.#gotInfo(info),
        ban: (connection) => this.#encoder.ban(connection, { kind: 'wrong-metadata' }),
      },
      DEFAULT_METADATA_FETCH_OPTIONS,
    );
    this.#peers = new MetadataPeers(
      {
        timers: context,
        extensions: this.#createExtensions(),
        nodePorts: parts.nodePorts,
        outlook: (connection) => this.#fetch.outlook(connection),
      },
      DEFAULT_METADATA_PEERS_OPTIONS,
    );
    this.#encoder = createEncoder({ ...parts, context, options }, this.#peers);
    const { trackers, others } = createPeerSources({
      ...parts,
      trackers: link.trackers.map((url) => [url]),
      options,
      timers: context,
      encoder: this.#encoder,
      trackerNamed: (address, source, peerId) => this.#trackerNamed(address, source, peerId),
      // Whether it is private is not known yet.
      others: parts.peerSources,
      announceSource: {
        totals: () => this.#target?.totals() ?? NOTHING_YET,
        isComplete: () => this.#target?.isComplete() ?? false,
        trackerAnswered: (report) => (this.#target ?? events).trackerAnswered(report),
      },
    });
    this.#trackers = trackers;
    this.#others = others;
  }

  /** The table that peers from outside are handed to, or undefined while nobody is welcome. */
  get encoder(): Encoder | undefined {
    return this.#isAlive ? this.#encoder : undefined;
  }

  /** How many peers were refused so far, by reason. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#encoder.refusals;
  }

  start(): void {
    this.#stage = 'running';
    this.#context.addTask(() => {
      if (this.#stage !== 'running') return;
      dialNamed(this.#encoder, this.#options, (message) => this.#events.warned('link-peer-refused', message));
      for (const source of [this.#trackers, ...this.#others]) source.begin();
      this.#makeWayLater();
    }, 0);
  }

  /**
   * Says good-bye to trackers and peers, and answers when that is over. Not to be called once `takeEvents` was.
   */
  stop(answered: () => void): void {
    if (this.#stage === 'ended') {
      this.#parts.rawServer.addTask(answered, 0);
      return;
    }
    this.#whenEnded.push(answered);
    if (this.#stage === 'stopping') return;
    const begun = this.#stage === 'running';
    this.#stage = 'stopping';
    this.#fetch.stop();
    this.#parsing?.cancel();
    this.#encoder.close();
    if (begun) new PeerSources([this.#trackers, ...this.#others]).stop(() => this.#end());
    else this.#context.addTask(() => this.#end(), 0);
  }

  /**
   * Hands everything over to the second life. Called once, when the metadata is here, before the start or after it.
   */
  handOver(metainfo: Metainfo): MetadataHandover {
    const { private: isPrivate } = metainfo;
    const isSeeking = this.#stage === 'running';
    return {
      context: this.#context,
      encoder: this.#encoder,
      isSeeking,
      sources: isPrivate ? this.#trackers : new PeerSources([this.#trackers, ...this.#others]),
      takeEvents: (target) => {
        this.#stage = 'handed-over';
        this.#target = target;
        if (isPrivate) this.#becomePrivate(isSeeking);
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
      length: 0,
      wanted: 0,
      have: 0,
      checked: 0,
      checkLength: 0,
      downloaded: 0,
      uploaded: 0,
      wasted: 0,
      downRate: 0,
      upRate: 0,
      peers: this.#peers.count,
      encrypted: this.#peers.encryptedCount,
      seeds: 0,
      useful: 0,
      unchokedBy: 0,
      reach: this.#encoder.reach,
      eta: null,
      diskFailure: null,
      waitsFor: null,
    };
  }

  /** Peers that offer nothing, or keep it back, must not keep our places from an honest peer that comes last. */
  #makeWayLater(): void {
    this.#context.addTask(() => {
      if (this.#stage !== 'running') return;
      while (this.#encoder.makeWay());
      this.#makeWayLater();
    }, MAKE_WAY_INTERVAL);
  }

  #createExtensions(): Extensions {
    const spoken: Extension[] = [this.#fetch];
    if (this.#options.usePex) {
      const startConnection = ({ address, prefersEncryption }: PexPeer, source: AddressSource): void => {
        if (prefersEncryption) this.#parts.encryption.ways.said(addressKey(address));
        if (this.#stage === 'running') this.#encoder.startConnection(address, source, null);
      };
      // Nobody is told of others before it is known that the torrent is not private.
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

  /** Peers that come before the start are let in: whoever is turned away may come back only after minutes. */
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
    if (outcome.ok) {
      this.#events.gotMetadata(outcome.metainfo);
      return;
    }
    const { failure } = outcome;
    if (!(failure instanceof BtgetError)) throw failure;
    this.stop(() => undefined);
    this.#events.failed(failure);
  }

  #trackerNamed(address: PeerAddress, source: AddressSource, peerId: Buffer | null): void {
    if (this.#named.size < MAX_NAMED) this.#named.set(`${address.host} ${address.port}`, [address, source, peerId]);
    this.#encoder.startConnection(address, source, peerId);
  }

  /**
   * Who was found otherwise than by the trackers, or found us, is parted from, and everything else that finds peers
   * stops.
   */
  #becomePrivate(isSeeking: boolean): void {
    if (isSeeking) for (const source of this.#others) source.stop(() => undefined);
    this.#encoder.partFromAll();
    for (const [address, source, peerId] of this.#named.values())
      this.#encoder.startConnection(address, source, peerId);
  }

  /** Our fault. Nothing of this torrent can be trusted to run, so it is ended from outside its context. */
  #crashed(error: unknown): void {
    if (this.#target !== null) {
      this.#target.crashed(error);
      return;
    }
    if (this.#stage === 'ended') return;
    this.#context.end();
    this.#fetch.stop();
    this.#parsing?.cancel();
    this.#encoder.close();
    this.#end();
    this.#events.failed(error instanceof Error ? error : new Error(String(error)));
  }

  #end(): void {
    this.#stage = 'ended';
    this.#context.end();
    for (const answered of this.#whenEnded.splice(0)) answered();
  }
}
