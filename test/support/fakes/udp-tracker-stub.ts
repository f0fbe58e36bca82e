import type { DatagramHandler, DatagramSocket, PeerAddress, RawServer } from '../../../src/net/raw-server.js';
import { encodeUdpAnswer, type UdpTrackerAnswer } from '../../../src/wire/udp-tracker-answer.js';
import { decodeUdpRequest, type UdpTrackerRequest } from '../../../src/wire/udp-tracker-request.js';

/** An answer, raw bytes, or null for silence. */
export type StubAnswer = UdpTrackerAnswer | Buffer | null;

/** A UDP tracker at port 6969 of a simulated host. `behave` returns its answers. */
export class UdpTrackerStub implements DatagramHandler {
  /** All requests, answered or not, with copies of their buffers. */
  readonly requests: UdpTrackerRequest[] = [];
  readonly clients: PeerAddress[] = [];
  /** The kind of each request, and the second at which it came: `connect 10`. */
  readonly log: string[] = [];
  behave: (request: UdpTrackerRequest) => StubAnswer | readonly StubAnswer[];
  socket: DatagramSocket | null = null;
  readonly #server: RawServer;

  constructor(server: RawServer, family: 4 | 6, behave: UdpTrackerStub['behave']) {
    this.#server = server;
    this.behave = behave;
    server.openDatagram({ family, port: 6969 }, this, (outcome) => {
      if (!outcome.ok) throw new Error(`the stub cannot be opened: ${outcome.code}`);
      this.socket = outcome.socket;
    });
  }

  datagramCameIn(socket: DatagramSocket, data: Buffer, from: PeerAddress): void {
    const request = decodeUdpRequest(Buffer.from(data));
    if (request === undefined) throw new Error(`no request: ${data.toString('hex')}`);
    this.requests.push(request);
    this.clients.push(from);
    this.log.push(`${request.kind} ${Math.round(this.#server.now() / 1000)}`);
    const answers = [this.behave(request)].flat() as StubAnswer[];
    for (const answer of answers) {
      if (answer !== null) socket.send(Buffer.isBuffer(answer) ? answer : encodeUdpAnswer(answer), from);
    }
  }

  sendFailed(): void {
    throw new Error('the stub cannot send');
  }
}

export const CONNECTION_ID: Buffer = Buffer.from('connect!');

/** The answer of a tracker that knows one peer. */
export function obliging(request: UdpTrackerRequest): UdpTrackerAnswer {
  const { kind, transactionId } = request;
  switch (kind) {
    case 'connect':
      return { kind, transactionId, connectionId: CONNECTION_ID };
    case 'announce':
      return { kind, transactionId, interval: 900, leeches: 2, seeds: 1, peers: Buffer.from('c00002011ae1', 'hex') };
    case 'scrape':
      return { kind, transactionId, counts: request.infoHashes.map(() => ({ seeds: 1, downloaded: 2, leeches: 3 })) };
  }
}
