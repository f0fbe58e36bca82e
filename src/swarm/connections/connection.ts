/**
 * A Connection reads and writes the bytes of one peer: a handshake, then frames. Its states, one after the other:
 *
 * - dialling, only if we dialled: our whole handshake waits in the socket;
 * - handshake: an external peer has our answer once we know its info-hash; once we know the peer id, the owner decides
 *   whether the peer may stay;
 * - complete: frames go to the owner, and messages may be sent;
 * - closed: nothing is delivered and nothing is sent.
 *
 * The work that one chunk can make us do is bounded. After enough work the rest of the chunk waits for a task of its
 * own. When the turn of the loop is over, the whole chunk waits. Until it is read we take nothing more from the socket,
 * so the kernel's buffer fills and the peer has to wait.
 *
 * Every ending goes through one place, `#sever`, which tells the owner once, whichever side ended the connection.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { CipherSocket } from '../../net/cipher-socket.js';
import { hostKey } from '../../net/host-key.js';
import type { PeerAddress, SingleSocket, SocketFailure } from '../../net/raw-server.js';
import { Framer, type Step } from '../../wire/framer.js';
import { type ReadStep, readHandshakeHead, readPeerId } from '../../wire/handshake.js';
import type { Refusal } from '../../wire/refusal.js';
import { earnedBy, KEEP_ALIVE_PRICE } from '../price.js';
import type { WorkBudget } from '../work-budget.js';
import type { EncoderOptions } from './encoder-options.js';
import { answerTo, type Identity, isOurs } from './identity.js';
import type { PeerConnection } from './peer-connection.js';
import type { PeerDialOwner } from './peer-dial.js';

/** Which side ended a connection, and why. */
export type Ending =
  | { readonly by: 'us'; readonly reason: Refusal }
  | { readonly by: 'peer'; readonly failure: SocketFailure };

/** What a connection needs of the table that it is in. */
export interface ConnectionOwner {
  /** It may change while the connection lasts: then the torrent has gained or lost an info-hash. */
  readonly identity: Identity;
  /** Our dial got through; the handshake begins. */
  dialDone(connection: Connection): void;
  /** The peer has said its peer id. A refusal ends the connection. Without one it is complete. */
  judgePeerId(connection: Connection): Refusal | undefined;
  /** The handshake is finished. Frames may come from now on. */
  completed(connection: Connection): void;
  /** A whole message without its length prefix, at least one byte, valid during the call. */
  gotFrame(connection: Connection, frame: Buffer): void;
  /** The kernel has taken all that was sent. Called only while the connection is complete. */
  connectionFlushed(connection: Connection): void;
  /** The connection has ended. Called once. */
  severed(connection: Connection, ending: Ending): void;
}

/** A connection from outside whose handshake has been read as far as the info-hash. */
export interface Incoming {
  readonly address: PeerAddress;
  /** The info-hash that the peer has said, a copy: one of ours. */
  readonly infoHash: Buffer;
  /** The peer's eight reserved bytes. */
  readonly reserved: Buffer;
  /** What came in the same chunk behind the info-hash: a view, valid during the call. */
  readonly rest: Buffer;
  /** When the socket was accepted: the handshake's deadline counts from there. */
  readonly acceptedAt: Millis;
}

/** How a connection begins. The code that makes the socket of a dial also says our handshake over it. */
export type Beginning =
  | { readonly kind: 'dial'; readonly address: PeerAddress }
  /** `hostKey`: the host for which it counts, as HostCrowds says. */
  | ({ readonly kind: 'external'; readonly hostKey: string } & Incoming);

type ConnectionOptions = Pick<EncoderOptions, 'connectLimit' | 'handshakeLimit' | 'maxMessageLength'>;

const NOT_KNOWN_YET: Buffer = Buffer.alloc(0);
/**
 * In bytes. Blocks wait in other places while there is half of this in the socket, and news of our pieces too. So when
 * more waits, these are answers to a peer that asks on and takes next to nothing.
 */
const MAX_UNSENT = 4 * 1024 * 1024;

/** Makes the socket of a connection, and has the connection hear from it. */
export type OpenSocket = (handler: PeerDialOwner) => SingleSocket;

export class Connection implements PeerConnection, PeerDialOwner {
  readonly address: PeerAddress;
  readonly hostKey: string;
  readonly locallyInitiated: boolean;
  readonly madeAt: Millis;
  readonly #owner: ConnectionOwner;
  readonly #timers: Timers;
  readonly #options: ConnectionOptions;
  readonly #budget: WorkBudget;
  #socket: SingleSocket;
  readonly #framer: Framer;
  readonly #readLength: ReadStep = { kind: 'read', nextLen: 4, nextFunc: (frame) => this.#gotLength(frame) };
  #state: 'handshake' | 'complete' | 'closed' = 'handshake';
  #peerId = NOT_KNOWN_YET;
  #reserved: Buffer;
  /** The hash that both sides have settled on: the last one that was said. */
  #infoHash: Buffer = NOT_KNOWN_YET;
  /** What has come and is not read yet. */
  #held: Buffer | null = null;
  /** The work that the chunk being read has made, in the units of `price.ts`. */
  #work = 0;
  /** How much of that was for nothing. */
  #idleWork = 0;
  /** How much idle work the peer may make before it counts against its host. */
  #credit: number;
  #deadline: Task;
  #paused = false;
  #completeSince: Millis | null = null;
  #lastSent: Millis;
  #sentLength = 0;
  /** Too much waits for the peer, and the connection is about to end for that. */
  #overfull: Task | null = null;
  #lastFrame: Millis;

  /** `open` returns the socket, with this connection as its handler. No event may come before `open` returns. */
  constructor(
    owner: ConnectionOwner,
    timers: Timers,
    budget: WorkBudget,
    options: ConnectionOptions,
    beginning: Beginning,
    open: OpenSocket,
  ) {
    const dialling = beginning.kind === 'dial';
    this.address = beginning.address;
    this.hostKey = beginning.kind === 'dial' ? hostKey(beginning.address.host) : beginning.hostKey;
    this.locallyInitiated = dialling;
    this.#owner = owner;
    this.#timers = timers;
    this.#budget = budget;
    this.#credit = budget.options.credit.first;
    this.#options = options;
    this.#reserved = dialling ? NOT_KNOWN_YET : beginning.reserved;
    this.madeAt = timers.now();
    this.#lastSent = timers.now();
    this.#lastFrame = timers.now();
    const first = dialling ? readHandshakeHead((hash, bytes) => this.#gotHead(hash, bytes)) : this.#readId();
    this.#framer = new Framer(first.nextLen, first.nextFunc, (reason) => this.refuse(reason));
    this.#socket = open(this);
    this.#deadline = dialling
      ? this.#refuseLater({ code: 'connect-timeout' }, options.connectLimit)
      : this.#refuseLater(
          { code: 'handshake-timeout' },
          Math.max(0, beginning.acceptedAt + options.handshakeLimit - timers.now()),
        );
    if (dialling) return;
    // An external peer gets our answer before it has said its id, because some clients send their id only after the
    // answer.
    const answer = answerTo(beginning.infoHash, beginning.reserved, owner.identity);
    this.#infoHash = answer.infoHash;
    this.#socket.write([answer.bytes]);
    // The rest came in an event of the listener, which serves all torrents. A failure of ours over these messages must
    // end this torrent alone, so they wait for a task of this torrent.
    if (beginning.rest.length > 0) this.#hold(beginning.rest);
  }

  get peerId(): Buffer {
    return this.#peerId;
  }

  get reserved(): Buffer {
    return this.#reserved;
  }

  get infoHash(): Buffer {
    return this.#infoHash;
  }

  get isV2(): boolean {
    return this.#owner.identity.infoHashV2?.equals(this.#infoHash) === true;
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** When the handshake was finished; null if it never was. It stays known after the end. */
  get completeSince(): Millis | null {
    return this.#completeSince;
  }

  /** When we last sent a message. */
  get lastSent(): Millis {
    return this.#lastSent;
  }

  /** When the peer last finished a message or keep-alive; now, while our owner has paused reading. */
  get lastFrame(): Millis {
    return this.#paused ? this.#timers.now() : this.#lastFrame;
  }

  get unsentLength(): number {
    return this.#socket.unsentLength;
  }

  /**
   * How many bytes the kernel has taken since the handshake. When the peer takes nothing, the kernel soon takes no
   * more.
   */
  get takenLength(): number {
    return this.#sentLength - this.#socket.unsentLength;
  }

  /** What we say to each other goes through a cipher. */
  get isEncrypted(): boolean {
    return this.#socket instanceof CipherSocket;
  }

  isFlushed(): boolean {
    return this.#socket.isFlushed();
  }

  send(chunks: readonly Buffer[]): void {
    if (this.#state !== 'complete') return;
    if (this.#socket.unsentLength > MAX_UNSENT) {
      // Our caller does not expect the end of the connection.
      this.#overfull ??= this.#refuseLater({ code: 'takes-nothing' }, 0);
      return;
    }
    this.#lastSent = this.#timers.now();
    for (const chunk of chunks) this.#sentLength += chunk.length;
    this.#socket.write(chunks);
  }

  pauseReading(): void {
    this.#paused = true;
    this.#socket.pauseReading();
  }

  resumeReading(): void {
    this.#paused = false;
    this.#lastFrame = this.#timers.now();
    if (this.#held === null) this.#socket.resumeReading();
  }

  charge(work: number, idle: boolean): void {
    this.#work += work;
    if (idle) this.#idleWork += work;
  }

  earn(length: number): void {
    this.#credit = Math.min(this.#credit + earnedBy(length), this.#budget.options.credit.most);
  }

  refuse(reason: Refusal): void {
    if (this.#state === 'closed') return;
    this.#socket.close();
    this.#sever({ by: 'us', reason });
  }

  connectionMade(_socket: SingleSocket): void {
    this.#deadline.cancel();
    this.#deadline = this.#refuseLater({ code: 'handshake-timeout' }, this.#options.handshakeLimit);
    this.#owner.dialDone(this);
  }

  dialled(socket: SingleSocket): void {
    this.#socket = socket;
  }

  dataCameIn(_socket: SingleSocket, data: Buffer): void {
    if (this.#held !== null) this.#held = Buffer.concat([this.#held, data]);
    else if (this.#budget.turn.isOver) this.#hold(data);
    else {
      const read = this.#read(data);
      this.#budget.turn.add(this.#work);
      if (read < data.length) this.#hold(data.subarray(read));
    }
  }

  connectionFlushed(_socket: SingleSocket): void {
    if (this.#state === 'complete') this.#owner.connectionFlushed(this);
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    this.#sever({ by: 'peer', failure });
  }

  #sever(ending: Ending): void {
    this.#deadline.cancel();
    this.#framer.stop();
    this.#held = null;
    this.#state = 'closed';
    this.#owner.severed(this, ending);
  }

  #refuseLater(reason: Refusal, delay: Millis): Task {
    return this.#timers.addTask(() => this.refuse(reason), delay);
  }

  /** Returns how many bytes of `data` were read: not all of them when they make enough work for one time. */
  #read(data: Buffer): number {
    this.#work = 0;
    const read = this.#framer.dataCameIn(data);
    const unpaid = this.#idleWork - this.#credit;
    this.#credit = Math.max(0, -unpaid);
    this.#idleWork = 0;
    if (unpaid <= 0) return read;
    if (!this.#budget.addIdle(this.hostKey, unpaid)) return read;
    this.refuse({ code: 'too-much-work', work: this.#budget.idleOf(this.hostKey) });
    return read;
  }

  /** Keeps a copy of `rest` for a task, and takes nothing from the socket meanwhile. */
  #hold(rest: Buffer): void {
    if (this.#state === 'closed') return;
    this.#held = Buffer.from(rest);
    this.#socket.pauseReading();
    this.#timers.addTask(this.#readHeld, 0);
  }

  readonly #readHeld = (): void => {
    const held = this.#held;
    if (held === null) return;
    const read = this.#read(held);
    if (this.closed) return;
    if (read < held.length) {
      // A view: the bytes are our copy already.
      this.#held = held.subarray(read);
      this.#timers.addTask(this.#readHeld, 0);
      return;
    }
    this.#held = null;
    if (!this.#paused) this.#socket.resumeReading();
  };

  /** Must be called within a frame, when its work is known. */
  #pauseIfEnough(): void {
    if (this.#work >= this.#budget.options.ofOneRead) this.#framer.pause();
  }

  #gotHead(infoHash: Buffer, reserved: Buffer): Step {
    if (!isOurs(infoHash, this.#owner.identity)) return { kind: 'refuse', reason: { code: 'unknown-info-hash' } };
    this.#infoHash = Buffer.from(infoHash);
    this.#reserved = reserved;
    return this.#readId();
  }

  #readId(): ReadStep {
    return readPeerId((peerId) => {
      this.#peerId = peerId;
      const reason = this.#owner.judgePeerId(this);
      if (reason !== undefined) return { kind: 'refuse', reason };
      // When the owner made room for this connection, it may have ended all connections.
      if (this.closed) return this.#readLength;
      this.#deadline.cancel();
      this.#state = 'complete';
      this.#completeSince = this.#timers.now();
      this.#lastFrame = this.#completeSince;
      this.#owner.completed(this);
      return this.#readLength;
    });
  }

  #gotLength(frame: Buffer): Step {
    const length = frame.readUInt32BE(0);
    if (length > this.#options.maxMessageLength)
      return { kind: 'refuse', reason: { code: 'message-too-long', length } };
    // BEP 3: "Messages of length zero are keepalives, and ignored."
    if (length === 0) {
      this.#lastFrame = this.#timers.now();
      this.charge(KEEP_ALIVE_PRICE, true);
      this.#pauseIfEnough();
      return this.#readLength;
    }
    return { kind: 'read', nextLen: length, nextFunc: this.#gotMessage };
  }

  readonly #gotMessage = (frame: Buffer): Step => {
    this.#lastFrame = this.#timers.now();
    this.#owner.gotFrame(this, frame);
    this.#pauseIfEnough();
    return this.#readLength;
  };
}
