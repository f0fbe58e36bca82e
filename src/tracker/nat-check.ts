/**
 * Calls peers back to see whether the world can reach them: dials, sends a handshake, and wants one back with the right
 * info-hash and the peer id that was announced.
 */
import type { Millis, Task, Timers } from '../base/clock.js';
import type { PeerAddress, RawServer, SingleSocket, SocketHandler } from '../net/raw-server.js';
import { isServicePort } from '../net/reach-rule.js';
import { Framer, type Step } from '../wire/framer.js';

// BEP 3: "The handshake starts with character ninteen (decimal) followed by the string 'BitTorrent protocol'."
const PROTOCOL: Buffer = Buffer.from('\u0013BitTorrent protocol', 'latin1');
const RESERVED_LENGTH = 8;
const HANDSHAKE_LENGTH = PROTOCOL.length + RESERVED_LENGTH + 20 + 20;

export interface NatCheckOptions {
  /** How long connecting and both handshakes may take. */
  readonly limit: Millis;
  /** Calls at once. More than that are not begun, and count as failed. */
  readonly maxAtOnce: number;
}

export const DEFAULT_NAT_CHECK_OPTIONS: NatCheckOptions = { limit: 15_000, maxAtOnce: 100 };

/** Tells whether a peer answers at its address. */
export interface PeerCheck {
  /** `answered` is called once, later. */
  check(address: PeerAddress, infoHash: Buffer, peerId: Buffer, answered: (reachable: boolean) => void): void;
}

export class NatCheck implements PeerCheck {
  readonly #server: RawServer;
  readonly #myId: Buffer;
  readonly #options: NatCheckOptions;
  #underWay = 0;

  /** `myId` is the peer id that the tracker shows. */
  constructor(server: RawServer, myId: Buffer, options: NatCheckOptions) {
    this.#server = server;
    this.#myId = myId;
    this.#options = options;
  }

  check(address: PeerAddress, infoHash: Buffer, peerId: Buffer, answered: (reachable: boolean) => void): void {
    // The peer names the port, and the torrent's maker has chosen the bytes that we would send there.
    if (this.#underWay >= this.#options.maxAtOnce || isServicePort(address.port)) {
      this.#server.addTask(() => answered(false), 0);
      return;
    }
    this.#underWay += 1;
    const call = new CallBack(this.#server, this.#options.limit, infoHash, peerId, (reachable) => {
      this.#underWay -= 1;
      answered(reachable);
    });
    const socket = this.#server.startConnection(address, call);
    call.begin(socket);
    // All of the handshake at once: there are clients that say nothing before its last byte.
    socket.write([Buffer.concat([PROTOCOL, Buffer.alloc(RESERVED_LENGTH), infoHash, this.#myId])]);
  }
}

class CallBack implements SocketHandler {
  readonly #answered: (reachable: boolean) => void;
  readonly #framer: Framer;
  readonly #deadline: Task;
  #socket: SingleSocket | null = null;

  constructor(timers: Timers, limit: Millis, infoHash: Buffer, peerId: Buffer, answered: (reachable: boolean) => void) {
    this.#answered = answered;
    this.#deadline = timers.addTask(() => this.#finish(false), limit);
    const readHandshake = (handshake: Buffer): Step => {
      const isPeer = handshake.subarray(0, PROTOCOL.length).equals(PROTOCOL);
      const rest = handshake.subarray(PROTOCOL.length + RESERVED_LENGTH);
      this.#finish(isPeer && rest.equals(Buffer.concat([infoHash, peerId])));
      return { kind: 'read', nextLen: 1, nextFunc: readHandshake };
    };
    this.#framer = new Framer(HANDSHAKE_LENGTH, readHandshake, () => this.#finish(false));
  }

  begin(socket: SingleSocket): void {
    this.#socket = socket;
  }

  connectionMade(): void {
    // The handshake waits in the socket already.
  }

  dataCameIn(_: SingleSocket, data: Buffer): void {
    this.#framer.dataCameIn(data);
  }

  connectionFlushed(): void {
    // Nothing follows the handshake.
  }

  connectionLost(): void {
    this.#finish(false);
  }

  #finish(reachable: boolean): void {
    this.#framer.stop();
    this.#deadline.cancel();
    this.#socket?.close();
    this.#answered(reachable);
  }
}
