/**
 * Joins the classes that exchange pieces with peers, for one torrent. They know each other only by the interfaces that
 * each of them declares. The interfaces meet here.
 */
import type { Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { OwnAddresses } from '../discovery/own-addresses.js';
import type { Storage } from '../disk/storage.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { ipOfBytes, parseIp } from '../net/ip-address.js';
import type { PeerAddress, RawServerContext } from '../net/raw-server.js';
import type { AddressSource } from '../net/reach-rule.js';
import { namedBy } from '../net/url-rule.js';
import { DEFAULT_PIECE_MEMORY_OPTIONS } from '../pieces/piece-memory.js';
import { DEFAULT_PIECE_PICKER_OPTIONS, PiecePicker } from '../pieces/piece-picker.js';
import { RequestBook } from '../pieces/request-book.js';
import { StorageWrapper } from '../pieces/storage-wrapper.js';
import { Choker, DEFAULT_CHOKER_OPTIONS, uploadSlotsForRate } from '../swarm/choker.js';
import { Connecter, DEFAULT_CONNECTER_OPTIONS } from '../swarm/connecter.js';
import type { DialWays } from '../swarm/connections/dial-ways.js';
import { Encoder } from '../swarm/connections/encoder.js';
import { DEFAULT_ENCODER_OPTIONS } from '../swarm/connections/encoder-options.js';
import type { PeerConnection, PeerEvents } from '../swarm/connections/peer-connection.js';
import { addressKey } from '../swarm/connections/spares.js';
import { Blame, DEFAULT_BLAME_OPTIONS } from '../swarm/download/blame.js';
import type { BlockAsker, BlockSender } from '../swarm/download/block-asker.js';
import { BlockJudge, DEFAULT_BLOCK_JUDGE_OPTIONS, type LeafSource, NO_LEAVES } from '../swarm/download/block-judge.js';
import { DEFAULT_REQUEST_OPTIONS, READING_REQUEST_OPTIONS } from '../swarm/download/download.js';
import { Downloader } from '../swarm/download/downloader.js';
import { DontHave } from '../swarm/extensions/dont-have.js';
import { type ExtendedPeer, type Extension, Extensions } from '../swarm/extensions/extensions.js';
import { DEFAULT_FAST_EXTENSION_OPTIONS, FastExtension } from '../swarm/extensions/fast-extension.js';
import { DEFAULT_PEER_EXCHANGE_OPTIONS, PeerExchange, type PexPeer } from '../swarm/extensions/peer-exchange.js';
import { DEFAULT_HASH_FETCH_OPTIONS, HashFetch } from '../swarm/hashes/hash-fetch.js';
import { HashMessages } from '../swarm/hashes/hash-messages.js';
import { DEFAULT_HASH_SHARING_OPTIONS, HashSharing } from '../swarm/hashes/hash-sharing.js';
import type { PieceLeaves } from '../swarm/hashes/known-hashes.js';
import { fetchLeaves } from '../swarm/hashes/leaf-fetch.js';
import type { Judgement } from '../swarm/judgement.js';
import { DEFAULT_METADATA_SHARING_OPTIONS, MetadataSharing } from '../swarm/metadata/metadata-sharing.js';
import type { Peer } from '../swarm/peer.js';
import { peerPriority } from '../swarm/peer-priority.js';
import { DEFAULT_SUPER_SEEDING_OPTIONS, SuperSeeding } from '../swarm/upload/super-seeding.js';
import { DEFAULT_UPLOAD_OPTIONS } from '../swarm/upload/upload.js';
import { Uploader } from '../swarm/upload/uploader.js';
import { DEFAULT_WEB_SEEDS_OPTIONS, WebSeeds } from '../swarm/web-seed/web-seeds.js';
import type { TorrentOptions } from './torrent-options.js';
import type { TorrentParts } from './torrent-parts.js';

/** The swarm does not get the torrent's raw server: all that it does runs in the torrent's context. */
export interface SwarmParts extends Omit<TorrentParts, 'rawServer'> {
  readonly context: RawServerContext;
  readonly storage: Storage;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly options: TorrentOptions;
  /**
   * The table of connections from the torrent's first life, whose peers the Connecter takes over later; null to make
   * one.
   */
  readonly encoder: Encoder | null;
  /** From the torrent's first life too; null to make one. */
  readonly hashFetch: HashFetch | null;
  /** The hash of the piece is right, and the disk has it. */
  readonly pieceVerified: (piece: PieceIndex) => void;
  /** The disk refused to write downloaded bytes. */
  readonly diskFailed: (failure: BtgetError) => void;
  /** Told in a sentence what is wrong with a web seed. */
  readonly webSeedFailed: (message: string) => void;
  /** The disk could not read what a peer asked for. */
  readonly readFailed: (failure: BtgetError) => void;
}

export interface JoinedSwarm {
  readonly store: StorageWrapper;
  readonly connecter: Connecter;
  readonly downloader: Downloader;
  readonly uploader: Uploader;
  readonly encoder: Encoder;
  readonly webSeeds: WebSeeds;
}

/** Makes the parts of one torrent that deal with peers and web seeds, and joins them with one another. */
export function joinSwarm(parts: SwarmParts): JoinedSwarm {
  const { context, random, layout, options, ownAddresses } = parts;
  const rank = (address: PeerAddress): number => rankOf(address, ownAddresses, parts.port);

  const store = new StorageWrapper(parts.storage, layout, parts.slots, context, DEFAULT_PIECE_MEMORY_OPTIONS, {
    pieceVerified(piece, data) {
      downloader.pieceVerified(piece, data);
      connecter.pieceVerified(piece);
      parts.pieceVerified(piece);
    },
    pieceFailed: (piece, data) => downloader.pieceFailed(piece, data),
    pieceSuspect: (piece, leaves) => downloader.pieceSuspect(piece, leaves),
    blocksStale: (piece, blocks) => downloader.blocksStale(piece, blocks),
    pieceDropped: (piece) => downloader.pieceDropped(piece),
    roomForPieces: () => downloader.roomForPieces(),
    diskFailed: parts.diskFailed,
  });
  const picker = new PiecePicker(
    layout.pieceCount,
    { ...DEFAULT_PIECE_PICKER_OPTIONS, sequential: options.sequential, onDemand: options.onDemand !== null },
    random,
  );
  const requests = new RequestBook<BlockAsker>(layout, picker, store);
  const hashFetch = joinHashFetch(parts, (connection) => encoder.ban(connection, { kind: 'wrong-hashes' }));
  const hashes = hashFetch === null ? null : new HashMessages(hashFetch, joinHashSharing(parts, store));
  const source = joinLeafSource(parts, hashFetch, (connection, piece) => downloader.hasPiece(connection, piece));
  const judged = (piece: PieceIndex, wrong: readonly number[] | null): void => downloader.pieceJudged(piece, wrong);
  const judge = new BlockJudge({ timers: context, layout, source, judged }, DEFAULT_BLOCK_JUDGE_OPTIONS);
  const downloader = new Downloader(
    {
      timers: context,
      layout,
      picker,
      requests,
      store,
      blame: new Blame<BlockSender>(layout, DEFAULT_BLAME_OPTIONS),
      judge,
      limiter: parts.downloadLimiter,
      ban: (connection, evidence) => encoder.ban(connection, evidence),
    },
    options.onDemand === null ? DEFAULT_REQUEST_OPTIONS : READING_REQUEST_OPTIONS,
  );
  const webSeeds = joinWebSeeds(parts, downloader);
  const slots = () => options.uploadSlots ?? uploadSlotsForRate(parts.uploadLimiter.rate);
  const superSeeding = options.superSeed
    ? new SuperSeeding(
        { timers: context, random, layout, have: store.have, copiesOf: (piece) => picker.availability(piece), slots },
        DEFAULT_SUPER_SEEDING_OPTIONS,
      )
    : null;
  const uploader = new Uploader(
    {
      timers: context,
      layout,
      source: store,
      limiter: parts.uploadLimiter,
      memory: parts.sendMemory,
      superSeeding,
      gotReadFailure: parts.readFailed,
    },
    DEFAULT_UPLOAD_OPTIONS,
  );
  const choker = new Choker<Peer>(context, random, DEFAULT_CHOKER_OPTIONS, slots, () => store.amountLeft === 0);
  const extensions = joinExtensions({
    ...parts,
    timers: context,
    usePex: options.usePex,
    ways: parts.encryption.ways,
    isComplete: () => store.amountLeft === 0,
    hides: () => superSeeding?.isOver === false,
    peers: () => connecter.peers,
    startConnection: (address, source) => encoder.startConnection(address, source, null),
    gotDontHave: (connection, piece) => connecter.gotDontHave(connection, piece),
    gotNews: ({ connection, handshake }) => {
      if (handshake.requestQueue !== null) connecter.gotRequestQueue(connection, handshake.requestQueue);
      if (handshake.yourIp !== null) ownAddresses.vote(connection.address.host, ipOfBytes(handshake.yourIp).text);
    },
  });
  // BEP 27: only the tracker decides who takes part in a private torrent.
  const nodePorts = parts.metainfo.private ? null : parts.nodePorts;
  const fast = new FastExtension(
    layout,
    parts.identity.infoHash,
    store.have,
    () => context.now(),
    DEFAULT_FAST_EXTENSION_OPTIONS,
  );
  const connecter = new Connecter(
    {
      timers: context,
      layout,
      store,
      uploader,
      downloader,
      choker,
      extensions,
      fast,
      superSeeding,
      hashes,
      nodePorts,
      rank,
      tellsPieces: !store.forgets,
    },
    DEFAULT_CONNECTER_OPTIONS,
  );
  const encoder = parts.encoder ?? createEncoder(parts, connecter);
  return { store, connecter, downloader, uploader, encoder, webSeeds };
}

/** A URL that the user and the torrent name is the user's. */
function joinWebSeeds(parts: SwarmParts, downloader: Downloader): WebSeeds {
  const { context, layout, metainfo, options, fetchRange, downloadLimiter, webSeedFailed } = parts;
  const own = new Set(options.webSeeds);
  const others = options.useTorrentWebSeeds ? metainfo.webSeeds.filter((url) => !own.has(url)) : [];
  const seeds = [...namedBy('user', own), ...namedBy('torrent-web-seed', others)].slice(0, MAX_WEB_SEEDS);
  const webSeeds = new WebSeeds(
    fetchRange === null || options.mode !== 'download' ? [] : seeds,
    {
      timers: context,
      layout,
      metainfo,
      downloader,
      limiter: downloadLimiter,
      fetchRange: fetchRange ?? noFetch,
      told: webSeedFailed,
    },
    DEFAULT_WEB_SEEDS_OPTIONS,
  );
  downloader.join(webSeeds);
  return webSeeds;
}

/** A torrent that names more web seeds than this gains nothing by the others. */
const MAX_WEB_SEEDS = 100;

function noFetch(): never {
  throw new Error('no web seed may be asked');
}

/** Null when the torrent has no hash trees. */
function joinHashFetch(
  { context, metainfo, hashFetch }: SwarmParts,
  ban: (connection: PeerConnection) => void,
): HashFetch | null {
  if (metainfo.pieceRoots === null) return null;
  return hashFetch ?? new HashFetch({ timers: context, ban }, DEFAULT_HASH_FETCH_OPTIONS);
}

/** Gives the hashes of the torrent to peers. */
function joinHashSharing(parts: SwarmParts, { have }: StorageWrapper): HashSharing {
  const { context, storage, metainfo, layout, uploadLimiter, readFailed } = parts;
  const source: PieceLeaves = { have, hashBlocks: (piece, answered) => storage.hashBlocks(piece, answered) };
  return new HashSharing(
    { timers: context, layout, metainfo, source, limiter: uploadLimiter, gotReadFailure: readFailed },
    DEFAULT_HASH_SHARING_OPTIONS,
  );
}

/** The right leaves of pieces come from peers that have these pieces, and without hash trees from nobody. */
function joinLeafSource(
  { layout, metainfo }: SwarmParts,
  hashFetch: HashFetch | null,
  hasPiece: (connection: PeerConnection, piece: PieceIndex) => boolean,
): LeafSource {
  if (hashFetch === null) return NO_LEAVES;
  const torrent = { layout, files: metainfo.files };
  return {
    fetchLeaves: (piece, done) =>
      fetchLeaves(hashFetch, torrent, piece, (connection) => hasPiece(connection, piece), done),
  };
}

/** Makes the table of connections of a torrent. */
export function createEncoder(
  parts: Pick<
    SwarmParts,
    | 'context'
    | 'identity'
    | 'options'
    | 'halfOpen'
    | 'unanswered'
    | 'work'
    | 'ownAddresses'
    | 'ownNetworks'
    | 'port'
    | 'encryption'
  >,
  events: PeerEvents,
): Encoder {
  const { maxPeers } = parts.options;
  return new Encoder(
    {
      rawServer: parts.context,
      identity: parts.identity,
      options: {
        ...DEFAULT_ENCODER_OPTIONS,
        maxConnections: maxPeers,
        maxInitiate: Math.max(1, Math.ceil(maxPeers / 2)),
      },
      halfOpen: parts.halfOpen,
      unanswered: parts.unanswered,
      work: parts.work,
      ownNetworks: parts.ownNetworks,
      encryption: parts.encryption,
      rank: (address) => rankOf(address, parts.ownAddresses, parts.port),
    },
    events,
  );
}

/** The priority of a peer (BEP 40); 0 for every peer while we do not know our own public address. */
function rankOf({ host, port }: PeerAddress, ownAddresses: OwnAddresses, ownPort: number): number {
  const ip = parseIp(host);
  const own = ip === undefined ? null : ownAddresses.of(ip.family);
  return ip === undefined || own === null ? 0 : peerPriority({ ip: own, port: ownPort }, { ip, port });
}

interface ExtensionsParts extends Pick<TorrentParts, 'client' | 'port'> {
  readonly ways: DialWays;
  readonly timers: Timers;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  /** Whether we tell peers of other peers (BEP 11). */
  readonly usePex: boolean;
  readonly isComplete: () => boolean;
  /** We do not say that we have everything. */
  readonly hides: () => boolean;
  readonly peers: () => Iterable<Peer>;
  readonly startConnection: (address: PeerAddress, source: AddressSource) => void;
  /** A peer says that it no longer has a piece. */
  readonly gotDontHave: (connection: PeerConnection, piece: PieceIndex) => Judgement;
  /** A peer has sent its extended handshake, or a new one. */
  readonly gotNews: (peer: ExtendedPeer) => void;
}

/** Joins the extensions (BEP 10) that one torrent speaks. */
function joinExtensions(parts: ExtensionsParts): Extensions {
  const { timers, metainfo, client, port } = parts;
  const spoken: Extension[] = [];
  // BEP 27: the peers of a private torrent come only from its trackers. And a peer that has only the link must not get
  // the metadata from us.
  if (!metainfo.private) {
    spoken.push(new MetadataSharing(metainfo.info, () => timers.now(), DEFAULT_METADATA_SHARING_OPTIONS));
    if (parts.usePex) {
      const peers = () => reachable(parts.peers(), extensions);
      // Two seeds need no connection with each other.
      const startConnection = ({ address, isSeed, prefersEncryption }: PexPeer, source: AddressSource): void => {
        if (prefersEncryption) parts.ways.said(addressKey(address));
        if (!isSeed || !parts.isComplete()) parts.startConnection(address, source);
      };
      spoken.push(new PeerExchange({ timers, peers, startConnection }, DEFAULT_PEER_EXCHANGE_OPTIONS));
    }
  }
  // This one comes last, so that the others keep the ids that they had in the torrent's first life: messages that peers
  // sent with these ids may still be under way.
  spoken.push(new DontHave(parts.layout, parts.gotDontHave));
  const own = () => ({
    version: client,
    port,
    requestQueue: DEFAULT_UPLOAD_OPTIONS.maxQueued,
    metadataSize: metainfo.private ? null : metainfo.info.length,
    uploadOnly: parts.isComplete() && !parts.hides(),
  });
  const extensions = new Extensions(spoken, own, parts.gotNews);
  return extensions;
}

/** The peers that others can dial: we have dialled them ourselves, or they have said on which port they listen. */
function* reachable(peers: Iterable<Peer>, extensions: Extensions): Iterable<PexPeer> {
  for (const { connection, download } of peers) {
    const { address, locallyInitiated } = connection;
    const stated = extensions.peerOf(connection)?.handshake;
    const port = locallyInitiated ? address.port : (stated?.port ?? null);
    if (port === null) continue;
    const isSeed = download.has.isComplete || stated?.uploadOnly === true;
    const found = { isSeed, isReachable: locallyInitiated, prefersEncryption: connection.isEncrypted };
    yield { address: { host: address.host, port }, ...found };
  }
}
