import type { ListenHandler, SingleSocket, SocketFailure, SocketHandler } from '../../../src/net/raw-server.js';

/** Writes every event with its own name into a log: `a made`, `a data 5`, `a flushed`, `a lost reset`. */
export class LoggingHandler implements SocketHandler, ListenHandler {
  /** Copies of everything that came in. */
  readonly received: Buffer[] = [];
  readonly sockets: SingleSocket[] = [];
  lost: SocketFailure | null = null;
  flushedCount = 0;
  /** The system cuts data and flushes into any number of parts. False when the log must not depend on that. */
  logsTraffic = true;
  /** What the test does with data. */
  onData: (socket: SingleSocket, data: Buffer) => void = () => undefined;
  readonly #name: string;
  readonly #log: string[];

  constructor(name: string, log: string[]) {
    this.#name = name;
    this.#log = log;
  }

  /** The only socket. Throws when there is none or more than one. */
  get socket(): SingleSocket {
    const [socket, ...others] = this.sockets;
    if (socket === undefined || others.length > 0) throw new Error(`${this.#name} has ${this.sockets.length} sockets`);
    return socket;
  }

  /** How the connection ended, or null. */
  lostCode(): SocketFailure['code'] | null {
    return this.lost?.code ?? null;
  }

  /** What came in, as one text. */
  get text(): string {
    return Buffer.concat(this.received).toString('latin1');
  }

  acceptsConnection(): boolean {
    return true;
  }

  externalConnectionMade(socket: SingleSocket): SocketHandler {
    this.#log.push(`${this.#name} accepted`);
    this.sockets.push(socket);
    return this;
  }

  connectionMade(socket: SingleSocket): void {
    this.#log.push(`${this.#name} made`);
    this.sockets.push(socket);
  }

  dataCameIn(socket: SingleSocket, data: Buffer): void {
    if (this.logsTraffic) this.#log.push(`${this.#name} data ${data.length}`);
    this.received.push(Buffer.from(data));
    this.onData(socket, data);
  }

  connectionFlushed(): void {
    this.flushedCount += 1;
    if (this.logsTraffic) this.#log.push(`${this.#name} flushed`);
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    this.#log.push(`${this.#name} lost ${failure.code}`);
    this.lost = failure;
  }
}
