/** Requests to UDP trackers and their answers, over one socket for each address family. */
import type { Random } from '../../base/random.js';
import { type IpFamily, parseIp } from '../../net/ip-address.js';
import type {
  DatagramHandler,
  DatagramOutcome,
  DatagramSocket,
  PeerAddress,
  RawServer,
  SocketFailure,
} from '../../net/raw-server.js';
import { decodeUdpAnswer, type UdpTrackerAnswer } from '../../wire/udp-tracker-answer.js';

export type TransactionOutcome<Kind extends UdpTrackerAnswer['kind']> =
  /** `from`: the address that answered. */
  | {
      readonly ok: true;
      readonly answer: UdpTrackerAnswer & { readonly kind: Kind | 'error' };
      readonly from: PeerAddress;
    }
  /** The request could not be sent. */
  | { readonly ok: false; readonly message: string };

export interface Transaction {
  /** Sends the same datagram once more. */
  sendAgain(): void;
  cancel(): void;
}

interface Pending {
  readonly to: PeerAddress;
  readonly kind: UdpTrackerAnswer['kind'];
  readonly answered: (outcome: TransactionOutcome<UdpTrackerAnswer['kind']>) => void;
}

/** The socket of one family. While it is being opened, sends wait. */
interface FamilySocket {
  socket: DatagramSocket | null;
  readonly waiting: (() => void)[];
}

/**
 * Matches each answer to its request by the transaction id and the sender's address. It keeps its port as long as the
 * client lives, because trackers may tie a connection id to the port.
 */
export class UdpTransactions implements DatagramHandler {
  readonly #server: Pick<RawServer, 'openDatagram'>;
  readonly #random: Random;
  readonly #pending = new Map<number, Pending>();
  readonly #sockets = new Map<IpFamily, FamilySocket>();
  #closed = false;

  constructor(server: Pick<RawServer, 'openDatagram'>, random: Random) {
    this.#server = server;
    this.#random = random;
  }

  /**
   * Sends a request to `to`. Answers at most once, later: with an answer of `kind` or an error, from that address, with
   * this transaction id. All other datagrams are ignored. There is no deadline: the caller cancels.
   */
  begin<Kind extends UdpTrackerAnswer['kind']>(
    to: PeerAddress,
    kind: Kind,
    encode: (transactionId: number) => Buffer,
    answered: (outcome: TransactionOutcome<Kind>) => void,
  ): Transaction {
    const transactionId = this.#freeId();
    const data = encode(transactionId);
    // The cast holds: `datagramCameIn` lets through only an answer of `kind` or an error.
    this.#pending.set(transactionId, { to, kind, answered: answered as Pending['answered'] });
    const sendAgain = (): void => {
      if (this.#pending.has(transactionId)) this.#send(data, to);
    };
    sendAgain();
    return { sendAgain, cancel: () => this.#pending.delete(transactionId) };
  }

  datagramCameIn(_: DatagramSocket, data: Buffer, from: PeerAddress): void {
    const answer = decodeUdpAnswer(data);
    const pending = answer === undefined ? undefined : this.#pending.get(answer.transactionId);
    if (answer === undefined || pending === undefined) return;
    const { to, kind, answered } = pending;
    // Only a proxy knows the address of a name: then the id alone says whose answer it is.
    const isThere = parseIp(to.host) === undefined || from.host === to.host;
    if (!isThere || from.port !== to.port) return;
    if (answer.kind !== kind && answer.kind !== 'error') return;
    this.#pending.delete(answer.transactionId);
    answered({ ok: true, answer, from });
  }

  sendFailed(_: DatagramSocket, to: PeerAddress, { code, cause }: SocketFailure): void {
    this.#fail((address) => address.host === to.host && address.port === to.port, `cannot be sent: ${cause ?? code}`);
  }

  /** Gives up all requests without an answer, and closes the sockets. */
  close(): void {
    this.#closed = true;
    this.#pending.clear();
    for (const { socket } of this.#sockets.values()) socket?.close();
    this.#sockets.clear();
  }

  #send(data: Buffer, to: PeerAddress): void {
    const family = familyOf(to);
    const known = this.#sockets.get(family);
    if (known === undefined) {
      this.#sockets.set(family, { socket: null, waiting: [() => this.#send(data, to)] });
      this.#server.openDatagram({ family, port: 0 }, this, (outcome) => this.#opened(family, outcome));
    } else if (known.socket === null) known.waiting.push(() => this.#send(data, to));
    else known.socket.send(data, to);
  }

  #opened(family: IpFamily, outcome: DatagramOutcome): void {
    const known = this.#sockets.get(family);
    if (this.#closed || known === undefined) {
      if (outcome.ok) outcome.socket.close();
      return;
    }
    if (outcome.ok) {
      known.socket = outcome.socket;
      for (const send of known.waiting.splice(0)) send();
      return;
    }
    // The next request tries to open a socket again.
    this.#sockets.delete(family);
    const message = `cannot open a UDP socket: ${outcome.cause ?? outcome.code}`;
    this.#fail((address) => familyOf(address) === family, message);
  }

  #fail(isConcerned: (to: PeerAddress) => boolean, message: string): void {
    for (const [transactionId, { to, answered }] of [...this.#pending]) {
      if (isConcerned(to) && this.#pending.delete(transactionId)) answered({ ok: false, message });
    }
  }

  /** A random id: only a host that sees our datagrams knows it. */
  #freeId(): number {
    for (;;) {
      const transactionId = this.#random.bytes(4).readUInt32BE(0);
      if (!this.#pending.has(transactionId)) return transactionId;
    }
  }
}

function familyOf({ host }: PeerAddress): IpFamily {
  return host.includes(':') ? 6 : 4;
}
