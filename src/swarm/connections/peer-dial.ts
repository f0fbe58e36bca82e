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
import type { Greeting } from './identity.js';

/** One way to dial a peer: in plain, or by message stream encryption with what we offer then. */
export type DialWay = 'plain' | { readonly provide: CryptoMethods };

/** One attempt of a dial: what we say, and by which way. */
export interface DialTry {
  readonly way: DialWay;
  readonly greeting: Greeting;
}

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
  readonly address: PeerAddress;
  /** What is tried, in this order. */
  readonly tries: readonly [DialTry, ...DialTry[]];
  /** An encrypted handshake that is not finished by then has failed. */
  readonly handshakeLimit: Millis;
  /** `way` has worked: the peer has answered. */
  readonly worked: (way: DialWay) => void;
}

/**
 * A dial to one peer by one attempt after the other. It is the socket of a connection until the peer has answered; then
 * the real socket takes its place, and no layer is left around a plain one.
 *
 * The next attempt is made when the peer ends the connection before its first byte, or does not shake hands as message
 * stream encryption wants. It begins with a new socket, new keys, and no byte of the one before. No other attempt helps
 * where no program listens.
 */
export class PeerDial implements SingleSocket, SocketHandler {
  readonly locallyInitiated = true;
  readonly #parts: PeerDialParts;
  readonly #owner: PeerDialOwner;
  /** What has not been tried. */
  readonly #left: DialTry[];
  #try: DialTry;
  #socket: SingleSocket;
  #framer: Framer | null = null;
  #agreement: MseAgreement | null = null;
  #deadline: Task | null = null;
  #isConnected = false;

  constructor(parts: PeerDialParts, owner: PeerDialOwner) {
    this.#parts = parts;
    this.#owner = owner;
    const [first, ...left] = parts.tries;
    this.#try = first;
    this.#left = left;
    this.#socket = this.#open();
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

  /** We have said our handshake. Before the peer has answered nothing follows. */
  write(): void {
    throw new Error('a dial that is written to');
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
    const { way } = this.#try;
    if (way !== 'plain') this.#shakeHands(way.provide);
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
    const { random, makeKeyPair, rawServer, handshakeLimit } = this.#parts;
    const { infoHash, bytes: handshake } = this.#try.greeting;
    const first = dialMse({
      pair: makeKeyPair(random.bytes(PRIVATE_KEY_LENGTH)),
      random,
      skey: infoHash,
      provide,
      first: handshake,
      send: (bytes) => this.#socket.write([bytes]),
      agreed: (agreement) => this.#agreed(agreement),
    });
    if (first.kind === 'refuse') throw new Error('a handshake that ends before it begins');
    this.#framer = new Framer(first.nextLen, first.nextFunc, (reason) => this.#failed(reason));
    this.#deadline = rawServer.addTask(() => this.#failed({ code: 'handshake-timeout' }), handshakeLimit);
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
    worked(this.#try.way);
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

  #open(): SingleSocket {
    const { way, greeting } = this.#try;
    const socket = this.#parts.rawServer.startConnection(this.#parts.address, this);
    if (way === 'plain') socket.write([greeting.bytes]);
    return socket;
  }

  /** False when nothing is left to try. */
  #tryNext(): boolean {
    const next = this.#left.shift();
    if (next === undefined) return false;
    this.#try = next;
    this.#framer?.stop();
    this.#framer = null;
    this.#socket = this.#open();
    return true;
  }
}
