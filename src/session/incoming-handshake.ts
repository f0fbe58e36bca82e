import type { Millis, Task, Timers } from '../base/clock.js';
import type { PeerAddress, SingleSocket, SocketFailure, SocketHandler } from '../net/raw-server.js';
import type { Incoming } from '../swarm/connections/connection.js';
import { Framer, type Step } from '../wire/framer.js';
import { HANDSHAKE_HEAD_LENGTH, PEER_ID_LENGTH, readHandshakeHead } from '../wire/handshake.js';
import type { Refusal } from '../wire/refusal.js';

/** Takes over a connection once its info-hash is known. One torrent's Encoder. */
export interface Taker {
  externalConnectionMade(socket: SingleSocket, incoming: Incoming): void;
}

/** What an IncomingHandshake needs of its owner, the PortListener. */
export interface HandshakeOwner {
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

/** A connection from outside whose peer has not yet said which torrent it wants. */
export class IncomingHandshake implements SocketHandler {
  readonly address: PeerAddress;
  readonly #owner: HandshakeOwner;
  readonly #socket: SingleSocket;
  readonly #acceptedAt: Millis;
  readonly #deadline: Task;
  readonly #framer: Framer;
  #receivedLength = 0;
  #taken: { readonly by: Taker; readonly reserved: Buffer } | null = null;

  constructor(
    owner: HandshakeOwner,
    timers: Timers,
    handshakeDeadline: Millis,
    socket: SingleSocket,
    address: PeerAddress,
  ) {
    this.address = address;
    this.#owner = owner;
    this.#socket = socket;
    this.#acceptedAt = timers.now();
    this.#deadline = timers.addTask(() => this.refuse({ code: 'handshake-timeout' }), handshakeDeadline);
    const first = readHandshakeHead((infoHash, reserved) => this.#gotInfoHash(infoHash, reserved));
    this.#framer = new Framer(first.nextLen, first.nextFunc, (reason) => this.refuse(reason));
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
    const before = this.#receivedLength;
    this.#receivedLength += data.length;
    this.#framer.dataCameIn(data);
    if (this.#taken === null) return;
    const { by, reserved } = this.#taken;
    const rest = data.subarray(HANDSHAKE_HEAD_LENGTH - before);
    this.#finish(null);
    by.externalConnectionMade(socket, { address: this.address, reserved, rest, acceptedAt: this.#acceptedAt });
  }

  connectionFlushed(): void {
    // We have sent nothing: the taker answers the handshake.
  }

  connectionLost(_socket: SingleSocket, _failure: SocketFailure): void {
    this.#finish(null);
  }

  #gotInfoHash(infoHash: Buffer, reserved: Buffer): Step {
    const by = this.#owner.takerFor(infoHash);
    if (by === undefined) return { kind: 'refuse', reason: { code: 'unknown-info-hash' } };
    this.#taken = { by, reserved };
    // The taker reads the bytes that follow. The framer stops here, so it never takes the step that we must return.
    this.#framer.stop();
    return {
      kind: 'read',
      nextLen: PEER_ID_LENGTH,
      nextFunc: () => ({ kind: 'refuse', reason: { code: 'not-bittorrent' } }),
    };
  }

  #finish(reason: Refusal | null): void {
    this.#deadline.cancel();
    this.#framer.stop();
    this.#owner.finished(this, reason);
  }
}
