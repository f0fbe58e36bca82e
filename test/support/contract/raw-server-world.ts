import type { Millis } from '../../../src/base/clock.js';
import type { BindAddresses } from '../../../src/net/fence.js';
import type {
  ListenAddress,
  Listener,
  ListenHandler,
  RawServer,
  SocketFailure,
  StreamAddress,
} from '../../../src/net/raw-server.js';
import { LoggingHandler } from '../fakes/logging-handler.js';

/** The options of every implementation of RawServer. */
export interface WorldOptions {
  readonly maxConnections: number;
  readonly timeout: Millis;
  readonly checkInterval: Millis;
  readonly bindAddresses: BindAddresses | null;
  readonly gotException: (error: unknown) => void;
}

/** A place where RawServers can reach each other, for one test. */
export interface RawServerWorld {
  create(options?: Partial<WorldOptions>): RawServer;
  /** Where to listen: another place each time. */
  place(): ListenAddress;
  /** Lets things happen until `condition` holds; throws when it never does. */
  until(condition: () => boolean): Promise<void>;
  /** Lets everything happen that is on its way. What has not happened after it will not happen. */
  settle(): Promise<void>;
  /** Ends every RawServer. */
  close(): void;
}

/** How the dials of a world reach their hosts. */
export interface DialWay {
  /**
   * No proxy stands between. One that does looks names up, is what the fence must allow, and may end a connection when
   * one side ends it.
   */
  readonly isStraight: boolean;
  /** What a dial hears when nothing listens. */
  readonly refusal: SocketFailure['code'];
}

export const STRAIGHT: DialWay = { isStraight: true, refusal: 'refused' };

/** A dialling side `a` and a listening side `b`, and one log of what happens to them. */
export class Pair {
  readonly world: RawServerWorld;
  readonly log: string[] = [];
  readonly dialler: RawServer;
  readonly listening: RawServer;
  readonly a: LoggingHandler;
  readonly b: LoggingHandler;
  #address: StreamAddress | null = null;

  constructor(world: RawServerWorld, options: Partial<WorldOptions> = {}) {
    this.world = world;
    this.listening = world.create(options);
    this.dialler = world.create();
    this.a = this.handler('a');
    this.b = this.handler('b');
  }

  /** Where `b` listens, once it does. */
  get address(): StreamAddress {
    if (this.#address === null) throw new Error('nobody listens yet');
    return this.#address;
  }

  handler(name: string): LoggingHandler {
    const handler = new LoggingHandler(name, this.log);
    handler.logsTraffic = false;
    return handler;
  }

  async listen(handler: ListenHandler = this.b, rawServer: RawServer = this.listening): Promise<Listener> {
    let listener: Listener | null = null;
    rawServer.listen(this.world.place(), handler, (outcome) => {
      if (!outcome.ok) throw new Error(`cannot listen: ${outcome.code}`, { cause: outcome.cause });
      listener = outcome.listener;
    });
    await this.world.until(() => listener !== null);
    const opened = listener as unknown as Listener;
    this.#address = opened.address;
    return opened;
  }

  /** Listens and connects. */
  async connect(): Promise<this> {
    await this.listen();
    this.dialler.startConnection(this.address, this.a);
    await this.world.until(() => this.a.sockets.length === 1 && this.b.sockets.length === 1);
    this.log.length = 0;
    return this;
  }
}
