import type { Millis, Task, Timers } from '../base/clock.js';
import type { PeerAddress, RawServer, SingleSocket, SocketHandler } from '../net/raw-server.js';
import { Framer, type Step } from '../wire/framer.js';
import { encodeHandshake, HANDSHAKE_LENGTH, PROTOCOL_START } from '../wire/handshake.js';
import { encodeReserved, RESERVED_LENGTH } from '../wire/reserved.js';
import { HostShares } from './host-shares.js';

export interface NatCheckOptions {
  /** How long connecting and both handshakes may take. */
  readonly limit: Millis;
  /** The most calls at once. Beyond it, the oldest call of the host with the most calls gives way, with no verdict. */
  readonly maxAtOnce: number;
}

export const DEFAULT_NAT_CHECK_OPTIONS: NatCheckOptions = { limit: 15_000, maxAtOnce: 100 };

/** Finds out whether a peer answers at its address. */
export interface PeerCheck {
  /**
   * Calls `answered` once. It gets null when the check gave way to others, which says nothing about the peer. `source`:
   * the host that caused the check (`hostKey`).
   */
  check(
    address: PeerAddress,
    infoHash: Buffer,
    peerId: Buffer,
    answered: (reachable: boolean | null) => void,
    source: string,
  ): void;
}

/**
 * Calls peers back to see whether the world can reach them. It dials the peer, sends a handshake, and wants a handshake
 * back with the same info-hash and the peer id that the peer announced.
 */
export class NatCheck implements PeerCheck {
  readonly #server: RawServer;
  readonly #myId: Buffer;
  readonly #options: NatCheckOptions;
  readonly #underWay = new HostShares<CallBack>();

  /** `myId` is the peer id that the tracker sends in its handshakes. */
  constructor(server: RawServer, myId: Buffer, options: NatCheckOptions) {
    this.#server = server;
    this.#myId = myId;
    this.#options = options;
  }

  check(
    address: PeerAddress,
    infoHash: Buffer,
    peerId: Buffer,
    answered: (reachable: boolean | null) => void,
    source: string,
  ): void {
    const call = new CallBack(this.#server, this.#options.limit, infoHash, peerId, (reachable) => {
      this.#underWay.delete(source, call);
      answered(reachable);
    });
    this.#underWay.add(source, call);
    const socket = this.#server.startConnection(address, call);
    call.begin(socket);
    // We send the whole handshake at once, because some clients say nothing before its last byte.
    socket.write([encodeHandshake(infoHash, this.#myId, encodeReserved([]))]);
    if (this.#underWay.size > this.#options.maxAtOnce) this.#underWay.oldestOfGreediest()?.giveWay();
  }
}

/** One call to one peer. */
class CallBack implements SocketHandler {
  readonly #answered: (reachable: boolean | null) => void;
  readonly #framer: Framer;
  readonly #deadline: Task;
  #socket: SingleSocket | null = null;

  constructor(
    timers: Timers,
    limit: Millis,
    infoHash: Buffer,
    peerId: Buffer,
    answered: (reachable: boolean | null) => void,
  ) {
    this.#answered = answered;
    this.#deadline = timers.addTask(() => this.#finish(false), limit);
    const readHandshake = (handshake: Buffer): Step => {
      const isPeer = handshake.subarray(0, PROTOCOL_START.length).equals(PROTOCOL_START);
      const rest = handshake.subarray(PROTOCOL_START.length + RESERVED_LENGTH);
      this.#finish(isPeer && rest.equals(Buffer.concat([infoHash, peerId])));
      return { kind: 'read', nextLen: 1, nextFunc: readHandshake };
    };
    this.#framer = new Framer(HANDSHAKE_LENGTH, readHandshake, () => this.#finish(false));
  }

  begin(socket: SingleSocket): void {
    this.#socket = socket;
  }

  connectionMade(): void {
    // Nothing to do: the handshake waits in the socket already.
  }

  dataCameIn(_: SingleSocket, data: Buffer): void {
    this.#framer.dataCameIn(data);
  }

  connectionFlushed(): void {
    // Nothing to do: we send nothing after the handshake.
  }

  connectionLost(): void {
    this.#finish(false);
  }

  /** Ends the call without a verdict, because another call needs its place. */
  giveWay(): void {
    this.#finish(null);
  }

  #finish(reachable: boolean | null): void {
    this.#framer.stop();
    this.#deadline.cancel();
    this.#socket?.close();
    this.#answered(reachable);
  }
}
