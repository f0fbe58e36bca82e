import type { Millis, Timers } from '../base/clock.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../metainfo/piece-layout.js';
import type { PeerAddress } from '../net/raw-server.js';
import { type Bitfield, decodeBitfield } from '../wire/bitfield.js';
import { decodeMessage, type PeerMessage } from '../wire/message.js';
import type { Choker } from './choker.js';
import {
  type Merits,
  type Newcomer,
  NO_MERITS,
  type PeerConnection,
  type Side,
} from './connections/peer-connection.js';
import { placeFor } from './connections/place-for.js';
import type { Downloader } from './download/downloader.js';
import { tellOfLost } from './extensions/dont-have.js';
import type { Extensions } from './extensions/extensions.js';
import { FAST_NOT_ANNOUNCED, type FastExtension } from './extensions/fast-extension.js';
import type { NodePorts } from './extensions/node-ports.js';
import { HASHES_NOT_ANNOUNCED, type HashMessages } from './hashes/hash-messages.js';
import { DEFAULT_HAVE_NEWS_OPTIONS, HaveNews, type HaveNewsOptions } from './have-news.js';
import { FINE, IDLE, JUNK, type Judgement, refuse } from './judgement.js';
import { LeakyCounter, type LeakyCounterOptions } from './leaky-counter.js';
import { leastUseful } from './least-useful.js';
import type { Successor } from './metadata/metadata-peers.js';
import type { Peer } from './peer.js';
import { priceOf, recountPrice } from './price.js';
import { SeedParting } from './seed-parting.js';
import type { SuperSeeding } from './upload/super-seeding.js';
import type { Uploader } from './upload/uploader.js';

/** What the Connecter tolerates of a peer, and when it tells peers something or parts from them. */
export interface ConnecterOptions {
  /**
   * Limits the messages of no use (junk). Some are no fault: when we choke a peer, up to a whole queue of its requests
   * may be on the way.
   */
  readonly junk: LeakyCounterOptions;
  /** Limits how often a peer may change its state: choke, unchoke, interested, not interested, another bitfield. */
  readonly flaps: LeakyCounterOptions;
  /**
   * Some changes make us count all pieces anew. Such a change counts once for each this many pieces, which take us
   * about a millisecond.
   */
  readonly piecesAFlap: number;
  /** A peer with which we exchanged nothing for this long may lose its place to a newcomer. */
  readonly patience: Millis;
  /** The same for a peer that we dialled. It is longer, because such a peer may be slow to give us a turn. */
  readonly dialledPatience: Millis;
  readonly haveNews: HaveNewsOptions;
  /** When we and a peer have everything, we part this long after that is known. */
  readonly partingDelay: Millis;
}

export const DEFAULT_CONNECTER_OPTIONS: ConnecterOptions = {
  junk: { limit: 2_000, perSecond: 100 },
  flaps: { limit: 200, perSecond: 4 },
  piecesAFlap: 65_536,
  patience: 60_000,
  dialledPatience: 180_000,
  haveNews: DEFAULT_HAVE_NEWS_OPTIONS,
  partingDelay: 2_000,
};

/** What the Connecter is joined with. */
export interface ConnecterParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  /** The pieces that we have, and the bytes that we still want; `amountLeft` is 0 when we want nothing any more. */
  readonly store: { readonly have: Bitfield; readonly amountLeft: number };
  readonly uploader: Uploader;
  readonly downloader: Downloader;
  readonly choker: Choker<Peer>;
  readonly extensions: Extensions;
  /** Null when we do not tell this torrent's peers where our node in the DHT is. */
  readonly nodePorts: NodePorts | null;
  readonly fast: FastExtension;
  /** False: peers never hear which pieces we have, because we may forget them before a peer asks. */
  readonly tellsPieces: boolean;
  /** Null when we never hide what we have. */
  readonly superSeeding?: SuperSeeding | null;
  /** Null when the torrent is used as version 1 alone. */
  readonly hashes?: HashMessages | null;
  /**
   * How well a peer suits us (BEP 40), the higher the better. Of peers that are alike in all else, the lowest gives its
   * place to a newcomer.
   */
  readonly rank: (address: PeerAddress) => number;
}

/**
 * Decodes each frame of a peer, and calls the part that the message is for: Upload, Download, Choker or an extension.
 * Also sends the messages that go to all peers.
 */
export class Connecter implements Successor {
  readonly #parts: ConnecterParts;
  readonly #options: ConnecterOptions;
  readonly #peers = new Map<PeerConnection, Peer>();
  readonly #haveNews: HaveNews;
  readonly #superSeeding: SuperSeeding | null;
  readonly #parting: SeedParting;
  /** We do not know yet which pieces are on the disk: see `beginCheck`. */
  #checking = false;

  constructor(parts: ConnecterParts, options: ConnecterOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#superSeeding = parts.superSeeding ?? null;
    this.#haveNews = new HaveNews(
      parts.timers,
      options.haveNews,
      () => this.#peers.values(),
      ({ upload }, piece) => this.#superSeeding?.wasShownAlone(upload, piece) === true,
    );
    this.#parting = new SeedParting({
      timers: parts.timers,
      delay: options.partingDelay,
      isSeed: () => this.wantsNothing(),
      peers: () => this.#peers.values(),
    });
  }

  /** The peers that have finished the handshake. */
  get peers(): Iterable<Peer> {
    return this.#peers.values();
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  connectionMade(connection: PeerConnection): void {
    const peer = this.#addPeer(connection);
    const first = this.#parts.fast.firstMessage(connection, this.#hides);
    if (first !== null) connection.send([first]);
    this.#haveNews.knows(connection);
    this.#introduce(peer);
  }

  takeOver(connection: PeerConnection, frames: readonly Buffer[]): void {
    const peer = this.#addPeer(connection);
    // Other messages have been exchanged already, so it is too late to send a bitfield.
    if (!this.#parts.store.have.isEmpty) throw new Error('a peer is taken over after the first piece was told');
    this.#introduce(peer);
    // There may be thousands of frames and many peers, so each peer gets a task of its own.
    const task = this.#parts.timers.addTask(() => this.#replay(peer), 0);
    peer.replay = { frames: [...frames], task };
  }

  gotFrame(connection: PeerConnection, frame: Buffer): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    if (peer.replay !== null) {
      peer.replay.frames.push(Buffer.from(frame));
      connection.charge(priceOf('unknown', frame.length, 0), false);
      return;
    }
    const decoded = decodeMessage(frame);
    if (!decoded.ok) {
      connection.refuse(decoded.refusal);
      return;
    }
    const { message } = decoded;
    const judgement = this.#dispatch(peer, message);
    // A block that we asked for costs the peer nothing: it earns credit.
    if (judgement.kind === 'fine' && message.type === 'piece') connection.earn(message.block.length);
    else this.#charge(peer, message, judgement, frame.length);
    if (judgement.kind === 'refuse') connection.refuse(judgement.reason);
    else if (judgement.kind === 'junk' && peer.junk.add(this.#parts.timers.now())) {
      connection.refuse({ code: 'too-much-junk', count: peer.junk.count });
    }
  }

  connectionFlushed(connection: PeerConnection): void {
    this.#peers.get(connection)?.upload.connectionFlushed();
    this.#parts.hashes?.connectionFlushed(connection);
  }

  connectionLost(connection: PeerConnection): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    this.#peers.delete(connection);
    peer.replay?.task.cancel();
    this.#parts.extensions.connectionLost(connection);
    this.#parts.hashes?.connectionLost(connection);
    peer.upload.connectionLost();
    this.#parts.downloader.connectionLost(peer.download);
    this.#superSeeding?.peerLeft(peer);
    this.#parts.choker.peerLeft(peer);
  }

  placeFor(newcomer: Newcomer): PeerConnection | undefined {
    return placeFor(this.#peers.values(), newcomer, {
      isSeed: this.wantsNothing(),
      now: this.#parts.timers.now(),
      patience: this.#options.patience,
      isUseless: (peer) => this.#isUseless(peer),
      rank: ({ connection }) => this.#parts.rank(connection.address),
      lastTurnOf: (host) => this.#parts.choker.lastTurnOf(host),
    })?.connection;
  }

  leastUseful(side: Side): PeerConnection | undefined {
    return leastUseful(this.#peers.values(), {
      side,
      isSeed: this.wantsNothing(),
      now: this.#parts.timers.now(),
      patience: side === 'dialled' ? this.#options.dialledPatience : this.#options.patience,
      isUseless: (peer) => this.#isUseless(peer),
      rank: ({ connection }) => this.#parts.rank(connection.address),
    })?.connection;
  }

  merits(connection: PeerConnection): Merits {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return NO_MERITS;
    const { upload, download } = peer;
    const exchanged = upload.total + download.total;
    const promise = download.has.count > 0 ? 'promising' : 'silent';
    return {
      lastBlockAt: Math.max(upload.lastSentAt, download.lastBlockAt),
      exchanged,
      standing: exchanged > 0 || this.wantsNothing() ? 'proven' : promise,
      hasEarned: this.#parts.downloader.hasEarned(download),
    };
  }

  listeningPort(connection: PeerConnection): number | null {
    return this.#parts.extensions.peerOf(connection)?.handshake.port ?? null;
  }

  hasNothingToSay(connection: PeerConnection): boolean {
    const peer = this.#peers.get(connection);
    // A peer may get everything and not tell us, because it need not send haves of pieces that we have. Then only its
    // word that it fetches nothing any more (BEP 21) shows it.
    return peer !== undefined && this.wantsNothing() && (peer.download.has.isComplete || this.#isUseless(peer));
  }

  /** We have every piece that we want. False during a check, because we do not know that yet. */
  wantsNothing(): boolean {
    return !this.#checking && this.#parts.store.amountLeft === 0;
  }

  /**
   * The check of the disk begins. Until `endCheck` we do not know which pieces we lack. So we ask no peer for anything,
   * and part from no peer because it has everything. We tell peers of each piece that the check finds, and serve it.
   */
  beginCheck(): void {
    this.#checking = true;
    this.#parts.downloader.hold(true);
  }

  /** The check has found the piece. It must be in `store.have` already. */
  pieceFound(piece: PieceIndex): void {
    if (!this.#hides) this.#haveNews.add(piece);
  }

  /** The check is over: we know what we have and what we want. */
  endCheck(): void {
    const hid = this.#hides;
    this.#checking = false;
    this.#parts.downloader.hold(false);
    this.#beginSuperSeeding();
    if (hid && !this.#hides) this.#tellAll();
    if (this.#peers.size > 0) this.wantsChanged();
  }

  /** The peer says how many requests it queues. */
  gotRequestQueue(connection: PeerConnection, limit: number): void {
    this.#peers.get(connection)?.download.gotRequestQueue(limit);
  }

  /** The peer has lost a piece (BEP 54). */
  gotDontHave(connection: PeerConnection, piece: PieceIndex): Judgement {
    const peer = this.#peers.get(connection);
    const wasComplete = peer?.download.has.isComplete === true;
    if (peer === undefined || !this.#parts.downloader.gotDontHave(peer.download, piece)) return JUNK;
    if (!wasComplete) return this.#countFlap(peer);
    // The message is short, and there may be no end of such losses, as the peer may say anew that it has everything.
    connection.charge(recountPrice(this.#parts.layout.pieceCount), true);
    return this.#countRecount(peer);
  }

  /** Tells each peer that lacks the piece. When it was the last piece that we wanted, parts from seeds. */
  pieceVerified(piece: PieceIndex): void {
    if (this.#parts.tellsPieces) this.#haveNews.add(piece);
    if (this.wantsNothing()) this.wantsChanged();
  }

  /** We want other pieces than before, lost some, or have everything. */
  wantsChanged(): void {
    this.#beginSuperSeeding();
    this.#parts.downloader.wantsChanged();
    this.#parts.choker.ruleChanged();
    // A peer that hears that we only upload may leave at once when it knows of no piece that it lacks. So we tell it of
    // our pieces first.
    this.#haveNews.whenTold(() => this.#parts.extensions.ownChanged());
    if (this.wantsNothing()) this.#parting.soon();
  }

  /**
   * The disk has lost the pieces `gone`. Requests for the `doubted` pieces were dropped meanwhile. Tells the peers that
   * understand BEP 54; BEP 3 has no message for a lost piece. A peer that does not understand BEP 54, or has no fast
   * extension, may wait for one of the `doubted` pieces for ever. So we part from it when it lacks one of them.
   */
  piecesLost(gone: readonly PieceIndex[], doubted: ReadonlySet<PieceIndex>): void {
    this.#superSeeding?.end();
    for (const { connection, download } of [...this.#peers.values()]) {
      const isTold = tellOfLost(this.#parts.extensions.peerOf(connection), gone);
      // Only with the fast extension has the peer heard that its requests were dropped.
      if (isTold && download.fast !== null) continue;
      if ([...doubted].some((piece) => !download.has.has(piece))) connection.refuse({ code: 'pieces-lost' });
    }
    this.wantsChanged();
  }

  /** Cancels every task. The Encoder closes the connections. */
  stop(): void {
    for (const { replay } of this.#peers.values()) replay?.task.cancel();
    this.#haveNews.stop();
    this.#parting.stop();
    this.#superSeeding?.stop();
    this.#parts.choker.stop();
    this.#parts.downloader.stop();
  }

  #addPeer(connection: PeerConnection): Peer {
    const { timers, uploader, downloader } = this.#parts;
    const now = timers.now();
    const peer: Peer = {
      connection,
      upload: uploader.createUpload(connection),
      download: downloader.createDownload(connection),
      madeAt: now,
      junk: new LeakyCounter(this.#options.junk, now),
      flaps: new LeakyCounter(this.#options.flaps, now),
      hasSaidPieces: false,
      replay: null,
    };
    this.#peers.set(connection, peer);
    this.#superSeeding?.peerJoined(peer, this.#hides);
    return peer;
  }

  get isSuperSeeding(): boolean {
    return this.#superSeeding?.isActive === true;
  }

  /** Peers that come now hear nothing of what we have. During the check we do not know yet whether we are a seed. */
  get #hides(): boolean {
    if (!this.#parts.tellsPieces) return true;
    if (this.#superSeeding === null) return false;
    return this.#superSeeding.isActive || (this.#superSeeding.isWaiting && this.#checking);
  }

  #beginSuperSeeding(): void {
    if (this.wantsNothing()) this.#superSeeding?.begin(() => this.#tellAll());
  }

  /** We hide nothing any more. */
  #tellAll(): void {
    for (const piece of this.#parts.layout.pieceIndices()) {
      if (this.#parts.store.have.has(piece)) this.#haveNews.add(piece);
    }
    this.#haveNews.whenTold(() => {
      this.#superSeeding?.allTold();
      this.#parts.extensions.ownChanged();
      if (this.wantsNothing()) this.#parting.soon();
    });
  }

  #replay(peer: Peer): void {
    const frames = peer.replay?.frames ?? [];
    peer.replay = null;
    for (const frame of frames) this.gotFrame(peer.connection, frame);
  }

  #introduce(peer: Peer): void {
    const { extensions, hashes, nodePorts, choker } = this.#parts;
    extensions.connectionMade(peer.connection);
    hashes?.connectionMade(peer.connection);
    nodePorts?.connectionMade(peer.connection);
    choker.peerJoined(peer);
  }

  #charge({ connection }: Peer, { type }: PeerMessage, { kind }: Judgement, length: number): void {
    connection.charge(priceOf(type, length, this.#parts.layout.pieceCount), kind === 'idle' || kind === 'junk');
  }

  #dispatch(peer: Peer, message: PeerMessage): Judgement {
    const { upload, download } = peer;
    switch (message.type) {
      case 'choke':
        download.gotChoke();
        return this.#countFlap(peer);
      case 'unchoke':
        download.gotUnchoke();
        return this.#countFlap(peer);
      case 'interested':
        if (upload.gotInterested()) this.#parts.choker.interestChanged(peer);
        return this.#countFlap(peer);
      case 'notInterested':
        if (upload.gotNotInterested()) this.#parts.choker.interestChanged(peer);
        return this.#countFlap(peer);
      case 'have':
        return this.#gotHave(peer, message.piece);
      case 'bitfield':
        return this.#gotBitfield(peer, message.bits);
      case 'request':
        return upload.gotRequest(message.piece, message.begin, message.length);
      case 'cancel':
        return upload.gotCancel(message.piece, message.begin, message.length);
      case 'piece':
        if (this.#parts.layout.pieceIndex(message.piece) === undefined) {
          return refuse({ code: 'piece-out-of-range', piece: message.piece });
        }
        // We never ask for a longer block. And junk is counted by messages, not by bytes, so a long block must not pass
        // as one message.
        if (message.block.length > BLOCK_LENGTH) {
          const { piece, begin, block } = message;
          return refuse({ code: 'block-out-of-range', piece, begin, length: block.length });
        }
        return download.gotPiece(message.piece, message.begin, message.block);
      case 'extended':
        return this.#parts.extensions.gotMessage(peer.connection, message.id, message.payload);
      case 'port':
        return this.#parts.nodePorts?.gotPort(peer.connection, message.port) ?? JUNK;
      case 'haveAll':
      case 'haveNone': {
        const has = this.#parts.fast.allOrNothing(peer, message.type);
        return has === undefined ? FAST_NOT_ANNOUNCED : this.#gotPieces(peer, has);
      }
      case 'suggest':
      case 'reject':
      case 'allowedFast':
        return this.#parts.fast.gotMessage(peer, message);
      case 'hashRequest':
      case 'hashes':
      case 'hashReject':
        return this.#parts.hashes?.gotMessage(peer.connection, message) ?? HASHES_NOT_ANNOUNCED;
      case 'unknown':
        return JUNK;
    }
  }

  /**
   * Counts a message of a few bytes that makes us look at every piece. In a torrent of very many pieces it counts
   * several times.
   */
  #countRecount(peer: Peer): Judgement {
    return this.#countFlap(peer, Math.ceil(this.#parts.layout.pieceCount / this.#options.piecesAFlap));
  }

  #countFlap(peer: Peer, weight = 1): Judgement {
    if (!peer.flaps.add(this.#parts.timers.now(), weight)) return FINE;
    return refuse({ code: 'too-many-flaps', count: peer.flaps.count });
  }

  #gotHave(peer: Peer, piece: number): Judgement {
    const index = this.#parts.layout.pieceIndex(piece);
    if (index === undefined) return refuse({ code: 'piece-out-of-range', piece });
    if (!this.#parts.downloader.gotHave(peer.download, index)) return JUNK;
    this.#superSeeding?.gotHave(peer, index);
    this.#gotMore(peer);
    return FINE;
  }

  #gotBitfield(peer: Peer, bits: Buffer): Judgement {
    const has = decodeBitfield(bits, this.#parts.layout.pieceCount);
    return has === undefined ? refuse({ code: 'malformed-bitfield', length: bits.length }) : this.#gotPieces(peer, has);
  }

  #gotPieces(peer: Peer, has: Bitfield): Judgement {
    this.#parts.downloader.gotBitfield(peer.download, has);
    this.#superSeeding?.gotPieces(peer);
    this.#gotMore(peer);
    // What a peer may fetch in spite of our choke is chosen by its address, so others are given the same.
    if (!this.#hides) this.#parts.fast.gotPieces(peer);
    const judgement = this.#countRecount(peer);
    // BEP 3: "'bitfield' is only ever sent as the first message." But aria2 sends another one instead of many haves.
    // Its blocks pay for that. Flaps are counted by connection, and a peer that dials again would get new ones.
    const isFirst = !peer.hasSaidPieces;
    peer.hasSaidPieces = true;
    return judgement.kind === 'fine' && !isFirst ? IDLE : judgement;
  }

  /** The peer fetches nothing (BEP 21), and we want nothing of it. */
  #isUseless({ connection, download }: Peer): boolean {
    if (download.interested) return false;
    return this.#parts.extensions.peerOf(connection)?.handshake.uploadOnly === true;
  }

  #gotMore(peer: Peer): void {
    if (peer.download.has.isComplete && this.wantsNothing()) this.#parting.soon();
  }
}
