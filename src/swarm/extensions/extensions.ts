/**
 * The extension protocol (BEP 10) with one torrent's peers: says what we speak, learns what they speak, and hands each
 * extension its messages. It knows no torrent, so that it serves before the metadata is there as well as after.
 */
import { parseIp } from '../../net/ip-address.js';
import {
  decodeExtensionHandshake,
  EXTENSION_HANDSHAKE,
  type ExtensionHandshake,
  encodeExtensionHandshake,
  mergeHandshakes,
  SILENT_HANDSHAKE,
} from '../../wire/extended.js';
import { encodeExtendedHead, encodeMessage } from '../../wire/message.js';
import { announces } from '../../wire/reserved.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';

/** What a message carries. Parts are sent one behind the other and not copied: they must stay as they are. */
export type Payload = Buffer | readonly Buffer[];

/** A peer as extensions see it, from its first extension handshake on. */
export interface ExtendedPeer {
  readonly connection: PeerConnection;
  /** What it has said of itself so far. */
  readonly handshake: ExtensionHandshake;
  /** Sends messages of an extension; nothing when the peer does not speak it. Says whether it does. */
  send(name: string, ...payloads: readonly Payload[]): boolean;
}

/** One extension, for all peers. */
export interface Extension {
  /** As in the dictionary `m` of BEP 10. */
  readonly name: string;
  /** The peer has said what it speaks, for the first time or again. */
  gotHandshake(peer: ExtendedPeer): void;
  /** `payload` is valid during the call. Told only of peers whose handshake has come. */
  gotMessage(peer: ExtendedPeer, payload: Buffer): Judgement;
  /** The connection has ended. Told only of peers whose handshake had come. */
  peerLeft(peer: ExtendedPeer): void;
}

/** What we say of ourselves besides the ids and `yourip`. */
export type OwnHandshake = Omit<ExtensionHandshake, 'ids' | 'yourIp'>;

export class Extensions {
  readonly #extensions: readonly Extension[];
  readonly #own: () => OwnHandshake;
  readonly #gotNews: (peer: ExtendedPeer) => void;
  readonly #peers = new Map<PeerConnection, KnownPeer>();

  /**
   * `own` is asked each time that a handshake is sent; `gotNews` hears of each that comes. The ids that peers shall use
   * are the places in the list, from 1.
   */
  constructor(extensions: readonly Extension[], own: () => OwnHandshake, gotNews: (peer: ExtendedPeer) => void) {
    this.#extensions = extensions;
    this.#own = own;
    this.#gotNews = gotNews;
  }

  /** The connection is complete: our handshake is sent if the peer announced that it can read it. */
  connectionMade(connection: PeerConnection): void {
    if (!announces(connection.reserved, 'extended')) return;
    const peer = new KnownPeer(connection);
    this.#peers.set(connection, peer);
    this.#sendHandshake(peer);
  }

  connectionLost(connection: PeerConnection): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    this.#peers.delete(connection);
    if (peer.handshakes > 0) for (const extension of this.#extensions) extension.peerLeft(peer);
  }

  /** Undefined when the peer does not speak the extension protocol, or has not said yet what it speaks. */
  peerOf(connection: PeerConnection): ExtendedPeer | undefined {
    const peer = this.#peers.get(connection);
    return peer === undefined || peer.handshakes === 0 ? undefined : peer;
  }

  /** Something that we say of ourselves may have changed: if so, everybody is told. */
  ownChanged(): void {
    const news = encodeExtensionHandshake(this.#handshakeFor(null));
    for (const peer of this.#peers.values()) if (peer.heard?.equals(news) !== true) this.#sendHandshake(peer);
  }

  gotMessage(connection: PeerConnection, id: number, payload: Buffer): Judgement {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return JUNK;
    if (id === EXTENSION_HANDSHAKE) return this.#gotHandshake(peer, payload);
    const extension = this.#extensions[id - 1];
    // Before its own handshake a peer cannot be answered, and what it sends under ids of ours cannot be meant yet.
    if (extension === undefined || peer.handshakes === 0) return JUNK;
    return extension.gotMessage(peer, payload);
  }

  #gotHandshake(peer: KnownPeer, payload: Buffer): Judgement {
    const handshake = decodeExtensionHandshake(payload);
    if (handshake === undefined)
      return refuse({ code: 'malformed-extension', name: 'handshake', length: payload.length });
    peer.handshake = mergeHandshakes(peer.handshake, handshake);
    peer.handshakes += 1;
    this.#gotNews(peer);
    for (const extension of this.#extensions) extension.gotHandshake(peer);
    // News may come at any time, but each costs us work: the second and all later ones are counted.
    return peer.handshakes === 1 ? FINE : JUNK;
  }

  #sendHandshake(peer: KnownPeer): void {
    const { connection } = peer;
    peer.heard = encodeExtensionHandshake(this.#handshakeFor(null));
    const payload = encodeExtensionHandshake(this.#handshakeFor(parseIp(connection.address.host)?.bytes ?? null));
    connection.send([encodeMessage({ type: 'extended', id: EXTENSION_HANDSHAKE, payload })]);
  }

  #handshakeFor(yourIp: Buffer | null): ExtensionHandshake {
    return { ...this.#own(), ids: new Map(this.#extensions.map(({ name }, index) => [name, index + 1])), yourIp };
  }
}

class KnownPeer implements ExtendedPeer {
  readonly connection: PeerConnection;
  handshake = SILENT_HANDSHAKE;
  /** How many have come. */
  handshakes = 0;
  /** What the last handshake told it of ourselves. */
  heard: Buffer | null = null;

  constructor(connection: PeerConnection) {
    this.connection = connection;
  }

  send(name: string, ...payloads: readonly Payload[]): boolean {
    const id = this.handshake.ids.get(name) ?? 0;
    if (id === 0) return false;
    this.connection.send(payloads.flatMap((payload) => encodePayload(id, payload)));
    return true;
  }
}

function encodePayload(id: number, payload: Payload): Buffer | readonly Buffer[] {
  if (Buffer.isBuffer(payload)) return encodeMessage({ type: 'extended', id, payload });
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  return [encodeExtendedHead(id, length), ...payload];
}
