/**
 * The extension protocol (BEP 10) with the peers of one torrent. `Extensions` tells peers which extensions we speak,
 * learns which ones they speak, and hands each extension its messages. It knows nothing of the torrent, so that it
 * works before the metadata is here as well as after.
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

/** What a message carries. Parts are sent one behind the other. They are not copied, so they must not change. */
export type Payload = Buffer | readonly Buffer[];

/** A peer as extensions see it, from its first extension handshake on. */
export interface ExtendedPeer {
  readonly connection: PeerConnection;
  /** What the peer has said of itself so far. */
  readonly handshake: ExtensionHandshake;
  /** Sends a message for each payload. Returns false, and sends nothing, when the peer does not speak the extension. */
  send(name: string, ...payloads: readonly Payload[]): boolean;
}

/** One extension, for all peers of a torrent. */
export interface Extension {
  /** Its key in the dictionary `m` of BEP 10. */
  readonly name: string;
  /** The peer has sent its handshake: the first one, or a later one. The extension may be missing from it. */
  gotHandshake(peer: ExtendedPeer): void;
  /** Called only after the handshake of the peer has come. `payload` is valid during the call. */
  gotMessage(peer: ExtendedPeer, payload: Buffer): Judgement;
  /** The connection has ended. Called only for peers whose handshake had come. */
  peerLeft(peer: ExtendedPeer): void;
}

/** What we say of ourselves, without the ids and `yourip`. */
export type OwnHandshake = Omit<ExtensionHandshake, 'ids' | 'yourIp'>;

export class Extensions {
  readonly #extensions: readonly Extension[];
  readonly #own: () => OwnHandshake;
  readonly #gotNews: (peer: ExtendedPeer) => void;
  readonly #peers = new Map<PeerConnection, KnownPeer>();

  /**
   * `own` is called each time that we send a handshake, and `gotNews` for each handshake that comes. The id of an
   * extension, which peers use to send to it, is its place in the list, from 1.
   */
  constructor(extensions: readonly Extension[], own: () => OwnHandshake, gotNews: (peer: ExtendedPeer) => void) {
    this.#extensions = extensions;
    this.#own = own;
    this.#gotNews = gotNews;
  }

  /** The connection is complete. We send our handshake if the peer has announced the extension protocol. */
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

  /** What we say of ourselves may have changed. Each peer that has heard something else gets a new handshake. */
  ownChanged(): void {
    const news = encodeExtensionHandshake(this.#handshakeFor(null));
    for (const peer of this.#peers.values()) if (peer.heard?.equals(news) !== true) this.#sendHandshake(peer);
  }

  gotMessage(connection: PeerConnection, id: number, payload: Buffer): Judgement {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return JUNK;
    if (id === EXTENSION_HANDSHAKE) return this.#gotHandshake(peer, payload);
    const extension = this.#extensions[id - 1];
    // We cannot answer a peer before its own handshake, so what it sends under our ids before that is junk.
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
    // A peer may send another handshake at any time. But each costs us work, so all but the first are counted as junk.
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
  /** How many handshakes have come. */
  handshakes = 0;
  /** What our last handshake told the peer of ourselves, without its address. */
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
