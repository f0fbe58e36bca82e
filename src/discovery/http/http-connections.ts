import { type HttpResponseHead, HttpResponseReader } from './http-response.js';
import { type HttpPlace, HttpSocket } from './http-socket.js';

/** Who asks on a connection. The last call is `ended` or `failed`. None comes within `ask`, and none after `drop`. */
export interface HttpAsker {
  gotHead(head: HttpResponseHead): void;
  /** The bytes are valid during the call. */
  gotBody(bytes: Buffer): void;
  /** The answer is whole. The connection is not the asker's any more. */
  ended(): void;
  /**
   * 'bad': it is no HTTP answer. 'cut': the connection was closed before the end of the answer. An `Error`: it is lost.
   */
  failed(why: 'bad' | 'cut' | NodeJS.ErrnoException): void;
}

/** A connection for one request at a time. */
export interface HttpConnection {
  /** It has had an answer before this one. The server may close such a connection at any time. */
  readonly isReused: boolean;
  /** The server, or the proxy that leads to it, has accepted it. */
  readonly isReached: boolean;
  ask(request: Buffer, asker: HttpAsker): void;
  pause(): void;
  resume(): void;
  /** Closes it. */
  drop(): void;
}

/** The most connections that rest for one server at one address. */
const MAX_RESTING_AT_PLACE = 8;
/** The most that rest for all servers together. */
const MAX_RESTING = 64;

/** Connections that are kept for the next request to the same server at the same address. */
export class HttpConnections {
  readonly #all = new Set<KeptConnection>();
  /** In the order in which they came to rest. */
  readonly #resting = new Set<KeptConnection>();

  /** One that rests, or else a new one. */
  take(place: HttpPlace): HttpConnection {
    const key = keyOf(place);
    const kept = [...this.#resting].findLast((each) => each.key === key);
    if (kept !== undefined) {
      this.#resting.delete(kept);
      return kept;
    }
    const connection = new KeptConnection(key, place, {
      rests: () => this.#keep(connection),
      over: () => {
        this.#all.delete(connection);
        this.#resting.delete(connection);
      },
    });
    this.#all.add(connection);
    return connection;
  }

  /** Closes those that rest for the same server at the same address. */
  dropResting(place: HttpPlace): void {
    const key = keyOf(place);
    for (const each of [...this.#resting]) if (each.key === key) each.drop();
  }

  /** Closes all of them. */
  close(): void {
    for (const connection of [...this.#all]) connection.drop();
  }

  #keep(connection: KeptConnection): void {
    this.#resting.add(connection);
    const [oldest] = this.#resting;
    const [sibling, ...others] = [...this.#resting].filter(({ key }) => key === connection.key);
    if (others.length >= MAX_RESTING_AT_PLACE) sibling?.drop();
    else if (this.#resting.size > MAX_RESTING) oldest?.drop();
  }
}

/** A host is asked only over connections that were opened for it: no other host of its address gets its answers. */
function keyOf({ url, destination }: HttpPlace): string {
  const { host, localAddress, by } = destination;
  return `${url.protocol}//${url.host} ${host} ${localAddress ?? ''} ${by?.host ?? ''}`;
}

interface KeptConnectionOwner {
  rests(): void;
  over(): void;
}

class KeptConnection implements HttpConnection {
  readonly key: string;
  isReused = false;
  readonly #owner: KeptConnectionOwner;
  readonly #socket: HttpSocket;
  #isReady = false;
  /** What is sent when the connection is made. */
  #request: Buffer | null = null;
  #asker: HttpAsker | null = null;
  #reader: HttpResponseReader | null = null;
  #isWhole = false;

  constructor(key: string, place: HttpPlace, owner: KeptConnectionOwner) {
    this.key = key;
    this.#owner = owner;
    this.#socket = new HttpSocket(place, {
      connected: () => undefined,
      ready: () => {
        this.#isReady = true;
        if (this.#request !== null) this.#socket.write(this.#request);
        this.#request = null;
      },
      dataCameIn: (bytes) => this.#dataCameIn(bytes),
      ended: (error) => this.#ended(error),
    });
  }

  get isReached(): boolean {
    return this.#socket.isReached;
  }

  ask(request: Buffer, asker: HttpAsker): void {
    this.#asker = asker;
    this.#isWhole = false;
    this.#reader = new HttpResponseReader(
      {
        gotHead: (head) => this.#asker?.gotHead(head),
        gotBody: (bytes) => this.#asker?.gotBody(bytes),
        ended: () => {
          this.#isWhole = true;
        },
        failed: (why) => this.#fail(why),
      },
      Number.MAX_SAFE_INTEGER,
    );
    this.#socket.wake();
    if (this.#isReady) this.#socket.write(request);
    else this.#request = request;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  drop(): void {
    this.#asker = null;
    this.#reader = null;
    this.#socket.destroy();
    this.#owner.over();
  }

  #dataCameIn(bytes: Buffer): void {
    const reader = this.#reader;
    if (reader === null) {
      // Nobody has asked.
      this.drop();
      return;
    }
    const taken = reader.feed(bytes);
    if (this.#isWhole) this.#finish(reader.keepsConnection && taken === bytes.length);
  }

  #ended(error: NodeJS.ErrnoException | null): void {
    if (error !== null) this.#fail(error);
    else this.#reader?.end();
    if (this.#isWhole) this.#finish(false);
    this.#owner.over();
  }

  #finish(isKept: boolean): void {
    const asker = this.#asker;
    if (asker === null) return;
    if (isKept) {
      this.#asker = null;
      this.#reader = null;
      this.isReused = true;
      // The asker may have paused it.
      this.#socket.resume();
      this.#socket.rest();
      this.#owner.rests();
    } else this.drop();
    asker.ended();
  }

  #fail(why: 'bad' | 'cut' | NodeJS.ErrnoException): void {
    const asker = this.#asker;
    this.drop();
    asker?.failed(why);
  }
}
