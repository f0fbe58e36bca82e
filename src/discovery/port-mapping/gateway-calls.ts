/** Requests to the port for PCP and NAT-PMP of a gateway. Each is repeated until the gateway answers. */
import type { Millis, Task } from '../../base/clock.js';
import type { DatagramHandler, DatagramOutcome, DatagramSocket, PeerAddress, RawServer } from '../../net/raw-server.js';

/** RFC 6886, RFC 6887: both protocols use this port. */
const GATEWAY_PORT = 5351;
/** RFC 6886: "the client sends its request packet […] the interval between retransmissions is doubled". */
const FIRST_WAIT: Millis = 250;
/** A gateway answers at once, or never, as most do. After so many tries we take it for one that never answers. */
const TRIES = 3;

interface Call {
  readonly packet: Buffer;
  /** Takes `data` and returns true if it is the answer to this call. */
  readonly gotData: (data: Buffer) => boolean;
  readonly gotNothing: (message: string) => void;
  tries: number;
  wait: Task | null;
}

/** All calls go from our own address `local` to the gateway at `host`, through one socket. */
export class GatewayCalls implements DatagramHandler {
  readonly #rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>;
  readonly #to: PeerAddress;
  readonly #calls = new Set<Call>();
  readonly #local: string;
  #socket: DatagramSocket | null = null;
  #isOpening = false;
  #closed = false;

  constructor(rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>, host: string, local: string) {
    this.#rawServer = rawServer;
    this.#to = { host, port: GATEWAY_PORT };
    this.#local = local;
  }

  /**
   * Sends `packet`, and repeats it until `read` accepts a datagram of the gateway. `read` returns undefined for a
   * datagram that is not the answer. Calls `answered` once, later, with the answer, or with a message when none came.
   * Does not call it after `close`.
   */
  ask<Answer extends object>(
    packet: Buffer,
    read: (data: Buffer) => Answer | undefined,
    answered: (answer: Answer | string) => void,
  ): void {
    const call: Call = {
      packet,
      gotData: (data) => {
        const answer = read(data);
        if (answer !== undefined) this.#end(call, () => answered(answer));
        return answer !== undefined;
      },
      gotNothing: (message) => this.#end(call, () => answered(message)),
      tries: 0,
      wait: null,
    };
    this.#calls.add(call);
    if (this.#socket === null && !this.#isOpening) this.#open();
    this.#try(call);
  }

  datagramCameIn(_: DatagramSocket, data: Buffer, from: PeerAddress): void {
    if (from.host !== this.#to.host || from.port !== this.#to.port) return;
    for (const call of this.#calls) if (call.gotData(data)) return;
  }

  sendFailed(): void {
    // The network may come up before the call is repeated. If it does not, the call fails after the last try.
  }

  close(): void {
    this.#closed = true;
    for (const { wait } of this.#calls) wait?.cancel();
    this.#calls.clear();
    this.#socket?.close();
  }

  #open(): void {
    this.#isOpening = true;
    const family = this.#local.includes(':') ? 6 : 4;
    const options = { family, host: this.#local, port: 0 } as const;
    this.#rawServer.openDatagram(options, this, (outcome) => this.#opened(outcome));
  }

  #opened(outcome: DatagramOutcome): void {
    this.#isOpening = false;
    if (!outcome.ok) {
      for (const call of [...this.#calls]) call.gotNothing(`no socket: ${outcome.cause ?? outcome.code}`);
      return;
    }
    if (this.#closed) outcome.socket.close();
    else this.#socket = outcome.socket;
    for (const { packet } of this.#calls) this.#socket?.send(packet, this.#to);
  }

  #try(call: Call): void {
    if (call.tries === TRIES) {
      call.gotNothing('no answer');
      return;
    }
    this.#socket?.send(call.packet, this.#to);
    call.wait = this.#rawServer.addTask(() => this.#try(call), FIRST_WAIT * 2 ** call.tries);
    call.tries += 1;
  }

  #end(call: Call, then: () => void): void {
    call.wait?.cancel();
    if (this.#calls.delete(call)) then();
  }
}
