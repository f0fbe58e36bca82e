import type { ListenHandler, SingleSocket, SocketFailure, SocketHandler } from '../../src/net/raw-server.js';

/** Writes every event into one log, under a name: `a made`, `a data 5`, `a flushed`, `a lost reset`. */
export class LoggingHandler implements SocketHandler, ListenHandler {
  /** Everything that came in, copied. */
  readonly received: Buffer[] = [];
  readonly sockets: SingleSocket[] = [];
  lost: SocketFailure | null = null;
  /** What else is done about data. */
  onData: (socket: SingleSocket, data: Buffer) => void = () => undefined;
  readonly #name: string;
  readonly #log: string[];

  constructor(name: string, log: string[]) {
    this.#name = name;
    this.#log = log;
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
    this.#log.push(`${this.#name} data ${data.length}`);
    this.received.push(Buffer.from(data));
    this.onData(socket, data);
  }

  connectionFlushed(): void {
    this.#log.push(`${this.#name} flushed`);
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    this.#log.push(`${this.#name} lost ${failure.code}`);
    this.lost = failure;
  }
}
