import type { Millis, Task, Timers } from '../base/clock.js';
import { CipherSocket } from '../net/cipher-socket.js';
import type { PeerAddress, SingleSocket, SocketFailure, SocketHandler } from '../net/raw-server.js';
import type { Incoming } from '../swarm/connections/connection.js';
import { Framer, type NextFunc, type Step } from '../wire/framer.js';
import { PEER_ID_LENGTH, PROTOCOL_START, readHandshakeHead } from '../wire/handshake.js';
import { acceptMse, type MseAcceptParts } from '../wire/mse/mse-accept.js';
import { CRYPTO, type MseAgreement } from '../wire/mse/mse-keys.js';
import type { Refusal } from '../wire/refusal.js';

/** Takes over a connection once its info-hash is known. One torrent's Encoder. */
export interface Taker {
  externalConnectionMade(socket: SingleSocket, incoming: Incoming): void;
}

/** What message stream encryption needs of us, and whether a peer may do without it. */
export interface AcceptEncryption extends Pick<MseAcceptParts, 'pair' | 'random' | 'torrentOf' | 'select'> {
  /** A handshake in plain is refused. */
  readonly isRequired: boolean;
}

/** What an IncomingHandshake needs of its owner, the PortListener. */
export interface HandshakeOwner {
  /** Null: we speak plain BitTorrent alone. */
  readonly encryption: AcceptEncryption | null;
  /**
   * Which torrent takes the connection; undefined when we have no torrent with this info-hash. `infoHash` is a view
   * that is valid during the call.
   */
  takerFor(infoHash: Buffer): Taker | undefined;
  /**
   * The handshake is over: a torrent took the connection, or the connection is gone. `reason` says why we refused it;
   * null when we did not. Called once.
   */
  finished(handshake: IncomingHandshake, reason: Refusal | null): void;
}

/** The torrent that the peer has named, and by which of its hashes. */
interface Taken {
  readonly by: Taker;
  readonly infoHash: Buffer;
  readonly reserved: Buffer;
}

/**
 * A connection from outside whose peer has not yet said which torrent it wants.
 *
 * One port serves plain and encrypted handshakes. A plain one begins with twenty bytes that are always the same; when
 * one of them differs it is an encrypted one, whose first bytes may be any.
 */
export class IncomingHandshake implements SocketHandler {
  readonly address: PeerAddress;
  readonly #owner: HandshakeOwner;
  readonly #socket: SingleSocket;
  readonly #acceptedAt: Millis;
  readonly #deadline: Task;
  #framer: Framer;
  /** Where both sides have agreed on RC4: it stands around the socket. */
  #cipher: CipherSocket | null = null;
  #agreed: { readonly agreement: MseAgreement; readonly first: Buffer } | null = null;
  /** The torrent that the encrypted handshake has named. */
  #skey: Buffer | null = null;
  #taken: Taken | null = null;

  constructor(
    owner: HandshakeOwner,
    timers: Timers,
    handshakeLimit: Millis,
    socket: SingleSocket,
    address: PeerAddress,
  ) {
    this.address = address;
    this.#owner = owner;
    this.#socket = socket;
    this.#acceptedAt = timers.now();
    this.#deadline = timers.addTask(() => this.refuse({ code: 'handshake-timeout' }), handshakeLimit);
    this.#framer = owner.encryption === null ? this.#plainFramer() : this.#anyFramer(owner.encryption);
  }

  /** Ends the connection, for `reason`. */
  refuse(reason: Refusal): void {
    this.#socket.close();
    this.#finish(reason);
  }

  connectionMade(): void {
    throw new Error('a connection from outside is not dialled');
  }

  dataCameIn(socket: SingleSocket, data: Buffer): void {
    if (socket === this.#socket && this.#cipher !== null) {
      this.#cipher.dataCameIn(socket, data);
      return;
    }
    const rest = data.subarray(this.#framer.dataCameIn(data));
    if (this.#agreed !== null) this.#beginStream(this.#agreed, rest);
    else if (this.#taken !== null) this.#handOver(this.#taken, rest);
  }

  connectionFlushed(): void {
    // What we have said is part of the handshake: the peer goes on.
  }

  connectionLost(_socket: SingleSocket, _failure: SocketFailure): void {
    this.#finish(null);
  }

  #plainFramer(): Framer {
    const first = readHandshakeHead((infoHash, reserved) => this.#gotInfoHash(infoHash, reserved));
    return new Framer(first.nextLen, first.nextFunc, (reason) => this.refuse(reason));
  }

  /** Either kind of handshake is longer than the bytes that tell which one it is. */
  #anyFramer(encryption: AcceptEncryption): Framer {
    const plain = readHandshakeHead((infoHash, reserved) => this.#gotInfoHash(infoHash, reserved));
    const tell: NextFunc = (start) => {
      if (!start.equals(PROTOCOL_START)) return continued(Buffer.from(start), this.#accept(encryption));
      if (encryption.isRequired) return { kind: 'refuse', reason: { code: 'not-encrypted' } };
      return skipped(plain, PROTOCOL_START);
    };
    return new Framer(PROTOCOL_START.length, tell, (reason) => this.refuse(reason));
  }

  #accept({ pair, random, torrentOf, select }: AcceptEncryption): Step {
    return acceptMse({
      pair,
      random,
      select,
      torrentOf: (hash) => {
        this.#skey = torrentOf(hash) ?? null;
        return this.#skey ?? undefined;
      },
      send: (bytes) => this.#socket.write([bytes]),
      agreed: (agreement, first) => {
        this.#agreed = { agreement, first };
        this.#framer.pause();
        return NEVER_READ;
      },
    });
  }

  /** What the peer sends from here on is a plain handshake, in plain or through a cipher. `rest` came with it. */
  #beginStream({ agreement, first }: { agreement: MseAgreement; first: Buffer }, rest: Buffer): void {
    const { method, sending, receiving } = agreement;
    this.#agreed = null;
    this.#framer = this.#plainFramer();
    if (method === CRYPTO.plaintext) {
      this.dataCameIn(this.#socket, Buffer.concat([first, rest]));
      return;
    }
    const cipher = new CipherSocket(this.#socket, sending, receiving, this);
    const plain = Buffer.allocUnsafe(rest.length);
    receiving.apply(rest, plain);
    this.#cipher = cipher;
    this.dataCameIn(cipher, Buffer.concat([first, plain]));
  }

  #gotInfoHash(infoHash: Buffer, reserved: Buffer): Step {
    const by = this.#owner.takerFor(infoHash);
    // A hybrid has two hashes: the one that hides behind the encryption may be the other one.
    const isOther = this.#skey !== null && this.#owner.takerFor(this.#skey) !== by;
    if (by === undefined || isOther) return { kind: 'refuse', reason: { code: 'unknown-info-hash' } };
    this.#taken = { by, infoHash: Buffer.from(infoHash), reserved };
    this.#framer.pause();
    return NEVER_READ;
  }

  #handOver({ by, infoHash, reserved }: Taken, rest: Buffer): void {
    this.#finish(null);
    const socket = this.#cipher ?? this.#socket;
    const { address } = this;
    by.externalConnectionMade(socket, { address, infoHash, reserved, rest, acceptedAt: this.#acceptedAt });
  }

  #finish(reason: Refusal | null): void {
    this.#deadline.cancel();
    this.#framer.stop();
    this.#owner.finished(this, reason);
  }
}

/** What follows belongs to the taker: this step is not going to be taken. */
const NEVER_READ: Step = {
  kind: 'read',
  nextLen: PEER_ID_LENGTH,
  nextFunc: () => ({ kind: 'refuse', reason: { code: 'not-bittorrent' } }),
};

/** `step` when `start` of its bytes has come already. */
function continued(start: Buffer, step: Step): Step {
  if (step.kind === 'refuse') return step;
  const { nextLen, nextFunc } = step;
  return {
    kind: 'read',
    nextLen: nextLen - start.length,
    nextFunc: (rest) => nextFunc(Buffer.concat([start, rest])),
  };
}

/** What comes after `bytes`, which are as long as the first steps from `step` on want them. */
function skipped(step: Step, bytes: Buffer): Step {
  let next = step;
  for (let at = 0; at < bytes.length && next.kind === 'read'; ) {
    const end = at + next.nextLen;
    next = next.nextFunc(bytes.subarray(at, end));
    at = end;
  }
  return next;
}
