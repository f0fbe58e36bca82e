/**
 * A torrent's first life, which begins with a magnet link. It finds peers and fetches the metadata from them, and has
 * neither pieces nor files. When it has the `Metainfo`, it hands its connections and trackers over to a `Torrent`.
 */

import { BtgetError } from '../base/failure.js';
import { PeerSources } from '../discovery/peer-source.js';
import type { SwarmSources } from '../discovery/swarm-sources.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import { type Swarm, swarmsOf, type WireHashes } from '../metainfo/info-hash.js';
import type { MagnetLink } from '../metainfo/magnet.js';
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
  /** The metadata is here, and its hash is right. The listener must then call `handOver` or `stop`. */
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
/** How many peers that trackers named are remembered: a private torrent dials them again. */
const MAX_NAMED = 200;

export class MetadataTorrent {
  readonly link: MagnetLink;
  readonly #parts: TorrentParts;
  readonly #options: TorrentOptions;
  readonly #events: MetadataEvents;
  readonly #context: RawServerContext;
  readonly #fetch: MetadataFetch;
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
  readonly #whenEnded: (() => void)[] = [];

  constructor(parts: TorrentParts, link: MagnetLink, options: TorrentOptions, events: MetadataEvents) {
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
      trackerNamed: (address, source, peerId, found) => this.#trackerNamed(address, source, peerId, found),
      // We do not know yet whether the torrent is private.
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

  /** The table for peers that dial us; undefined once the torrent takes no more peers. */
  get encoder(): Encoder | undefined {
    return this.#isAlive ? this.#encoder : undefined;
  }

  /** How many peers were refused so far, by refusal code. */
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
   * Says good-bye to trackers and peers, and answers when that is over. The caller must not call this once `takeEvents`
   * of the handover was called.
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
   * The torrent has these info-hashes from now on: the metadata has shown a second one, or the torrent goes on as
   * version 1 alone. Peers may come under each of them, and the sources of peers are at work under each of them. Peers
   * that could go on as version 2 are dialled again. To be called before `handOver`. Throws 'target-busy', and nothing
   * changes, when another torrent of the session has one of the hashes.
   */
  setHashes(hashes: WireHashes): void {
    const swarms = swarmsOf(hashes);
    this.#encoder.setIdentity(this.#parts.renameTo(hashes));
    for (const source of [this.#trackers, ...this.#others]) source.setSwarms(swarms);
  }

  /**
   * Hands everything over to the second life. The caller calls this once, when it has the metadata, before or after
   * `start`.
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
    if (this.#options.usePex) {
      const startConnection = ({ address, prefersEncryption }: PexPeer, source: AddressSource): void => {
        if (prefersEncryption) this.#parts.encryption.ways.said(addressKey(address));
        if (this.#stage === 'running') this.#encoder.startConnection(address, source, null);
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
    if (outcome.ok) {
      this.#events.gotMetadata(outcome.metainfo);
      return;
    }
    const { failure } = outcome;
    if (!(failure instanceof BtgetError)) throw failure;
    this.stop(() => undefined);
    this.#events.failed(failure);
  }

  #trackerNamed(address: PeerAddress, source: AddressSource, peerId: Buffer | null, found: Swarm): void {
    if (this.#named.size < MAX_NAMED) this.#named.set(addressKey(address), [address, source, peerId, found]);
    this.#encoder.startConnection(address, source, peerId, found);
  }

  /**
   * Closes all connections, dials the peers again that trackers named, and stops all other sources of peers (BEP 27).
   */
  #becomePrivate(isSeeking: boolean): void {
    if (isSeeking) for (const source of this.#others) source.stop(() => undefined);
    this.#encoder.partFromAll();
    for (const named of this.#named.values()) this.#encoder.startConnection(...named);
  }

  /** A bug of ours. No code of this torrent can be trusted to run any more, so it is ended from outside its context. */
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
