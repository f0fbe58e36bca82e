import type { Millis, Task } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import { CipherSocket } from '../../net/cipher-socket.js';
import type {
  PeerAddress,
  RawServerContext,
  SingleSocket,
  SocketFailure,
  SocketHandler,
  StreamAddress,
} from '../../net/raw-server.js';
import { Framer, type Step } from '../../wire/framer.js';
import { type MakeKeyPair, PRIVATE_KEY_LENGTH } from '../../wire/mse/key-exchange.js';
import { dialMse } from '../../wire/mse/mse-dial.js';
import { CRYPTO, type CryptoMethods, type MseAgreement } from '../../wire/mse/mse-keys.js';
import type { Refusal } from '../../wire/refusal.js';

/** One way to dial a peer: in plain, or by message stream encryption with what we offer then. */
export type DialWay = 'plain' | { readonly provide: CryptoMethods };

/** Who dials: it is told what happens, as the handler of the socket. */
export interface PeerDialOwner extends SocketHandler {
  /** The peer has answered. From here on `socket` stands in the place of the dial; no event has come from it yet. */
  dialled(socket: SingleSocket): void;
  /** The last way failed, and it was we who ended it. */
  refuse(reason: Refusal): void;
}

export interface PeerDialParts {
  readonly rawServer: RawServerContext;
  readonly random: Random;
  readonly makeKeyPair: MakeKeyPair;
  /** The torrent's info-hash, 20 bytes. */
  readonly infoHash: Buffer;
  readonly address: PeerAddress;
  /** What is tried, in this order. At least one. */
  readonly ways: readonly DialWay[];
  /** An encrypted handshake that is not finished by then has failed. */
  readonly handshakeDeadline: Millis;
  /** `way` has worked: the peer has answered. */
  readonly worked: (way: DialWay) => void;
}

/**
 * A dial to one peer by one way after the other. It is the socket of a connection until the peer has answered; then the
 * real socket takes its place, and no layer is left around a plain one.
 *
 * The next way is tried when the peer ends the connection before its first byte, or does not shake hands as message
 * stream encryption wants. It begins with a new socket, new keys, and no byte of the one before. No other way helps
 * where no program listens.
 */
export class PeerDial implements SingleSocket, SocketHandler {
  readonly locallyInitiated = true;
  readonly #parts: PeerDialParts;
  readonly #owner: PeerDialOwner;
  /** Ways that have not been tried. */
  readonly #left: DialWay[];
  #way: DialWay;
  #socket: SingleSocket;
  /** What we say first: the whole handshake. */
  #first: Buffer = Buffer.alloc(0);
  #framer: Framer | null = null;
  #agreement: MseAgreement | null = null;
  #deadline: Task | null = null;
  #isConnected = false;

  constructor(parts: PeerDialParts, owner: PeerDialOwner) {
    this.#parts = parts;
    this.#owner = owner;
    const [first = 'plain', ...left] = parts.ways;
    this.#way = first;
    this.#left = left;
    this.#socket = parts.rawServer.startConnection(parts.address, this);
  }

  get remote(): StreamAddress {
    return this.#parts.address;
  }

  get lastHit(): Millis {
    return this.#socket.lastHit;
  }

  get unsentLength(): number {
    return this.#socket.unsentLength;
  }

  isFlushed(): boolean {
    return this.#socket.isFlushed();
  }

  /** Before the peer has answered, that is the handshake and nothing else. */
  write(chunks: readonly Buffer[]): void {
    const said = Buffer.concat(chunks);
    this.#first = Buffer.concat([this.#first, said]);
    if (this.#way === 'plain') this.#socket.write([said]);
  }

  pauseReading(): void {
    this.#socket.pauseReading();
  }

  resumeReading(): void {
    this.#socket.resumeReading();
  }

  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#deadline?.cancel();
    this.#framer?.stop();
    this.#socket.close();
  }

  connectionMade(_socket: SingleSocket): void {
    if (this.#way !== 'plain') this.#shakeHands(this.#way.provide);
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#owner.connectionMade(this);
  }

  dataCameIn(socket: SingleSocket, data: Buffer): void {
    if (this.#framer === null) {
      this.#settle(socket, data);
      return;
    }
    const read = this.#framer.dataCameIn(data);
    if (this.#agreement !== null) this.#settle(socket, data.subarray(read));
  }

  connectionFlushed(_socket: SingleSocket): void {
    // The handshake has left: the owner waits for the answer to it.
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    this.#deadline?.cancel();
    const isThere = this.#isConnected && (failure.code === 'ended' || failure.code === 'reset');
    if (!isThere || !this.#tryNext()) this.#owner.connectionLost(this, failure);
  }

  #shakeHands(provide: CryptoMethods): void {
    const { random, makeKeyPair, infoHash, rawServer, handshakeDeadline } = this.#parts;
    const first = dialMse({
      pair: makeKeyPair(random.bytes(PRIVATE_KEY_LENGTH)),
      random,
      skey: infoHash,
      provide,
      first: this.#first,
      send: (bytes) => this.#socket.write([bytes]),
      agreed: (agreement) => this.#agreed(agreement),
    });
    if (first.kind === 'refuse') throw new Error('a handshake that ends before it begins');
    this.#framer = new Framer(first.nextLen, first.nextFunc, (reason) => this.#failed(reason));
    this.#deadline = rawServer.addTask(() => this.#failed({ code: 'handshake-timeout' }), handshakeDeadline);
  }

  #agreed(agreement: MseAgreement): Step {
    this.#agreement = agreement;
    this.#framer?.pause();
    // Never read: what follows belongs to the owner.
    return { kind: 'read', nextLen: 1, nextFunc: () => ({ kind: 'refuse', reason: { code: 'not-bittorrent' } }) };
  }

  /** The peer has answered, and `rest` is what follows. */
  #settle(socket: SingleSocket, rest: Buffer): void {
    const { rawServer, worked } = this.#parts;
    const agreement = this.#agreement;
    this.#deadline?.cancel();
    worked(this.#way);
    if (agreement === null || agreement.method === CRYPTO.plaintext) {
      rawServer.adopt(socket, this.#owner);
      this.#owner.dialled(socket);
      if (rest.length > 0) this.#owner.dataCameIn(socket, rest);
      return;
    }
    const cipher = new CipherSocket(socket, agreement.sending, agreement.receiving, this.#owner);
    rawServer.adopt(socket, cipher);
    this.#owner.dialled(cipher);
    if (rest.length > 0) cipher.dataCameIn(socket, rest);
  }

  #failed(reason: Refusal): void {
    this.#deadline?.cancel();
    this.#socket.close();
    if (!this.#tryNext()) this.#owner.refuse(reason);
  }

  /** False when no way is left. */
  #tryNext(): boolean {
    const next = this.#left.shift();
    if (next === undefined) return false;
    this.#way = next;
    this.#framer?.stop();
    this.#framer = null;
    this.#socket = this.#parts.rawServer.startConnection(this.#parts.address, this);
    if (next === 'plain') this.#socket.write([this.#first]);
    return true;
  }
}
