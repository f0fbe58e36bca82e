import type { Millis } from '../../../src/base/clock.js';
import type {
  Listener,
  ListenHandler,
  PeerAddress,
  RawServer,
  SingleSocket,
  SocketHandler,
} from '../../../src/net/raw-server.js';
import { type FakeIdentity, type FakeScript, FakeTalk } from './fake-talk.js';

/** A peer that a test drives. It has a talk for each connection that it dials or accepts. */
export class FakePeer implements ListenHandler {
  /** In the order in which they began. */
  readonly talks: FakeTalk[] = [];
  readonly #rawServer: RawServer;
  readonly #identity: FakeIdentity;
  readonly #script: FakeScript;
  /** The times at which others dialled this peer, accepted or not. */
  readonly knocks: Millis[] = [];
  /** When false, the peer refuses each connection before the first byte. */
  letsIn = true;
  #listener: Listener | null = null;

  constructor(rawServer: RawServer, identity: FakeIdentity, script: FakeScript = {}) {
    this.#rawServer = rawServer;
    this.#identity = identity;
    this.#script = script;
  }

  /** The talk that began last. */
  get talk(): FakeTalk {
    const talk = this.talks.at(-1);
    if (talk === undefined) throw new Error('nobody has talked to this fake peer');
    return talk;
  }

  /** The port on which it listens. It is known once the timeline has run after `listen`. */
  get port(): number {
    const address = this.#listener?.address;
    if (address === undefined || !('port' in address)) throw new Error('this fake peer does not listen');
    return address.port;
  }

  dial(address: PeerAddress): FakeTalk {
    const talk = this.#newTalk();
    talk.attach(this.#rawServer.startConnection(address, talk));
    return talk;
  }

  /** Accepts connections at `port`, or at any free port when it is 0. */
  listen(port: number, host?: string): void {
    this.#rawServer.listen(host === undefined ? { port } : { host, port }, this, (outcome) => {
      if (!outcome.ok) throw new Error(`a fake peer cannot listen at ${port}: ${outcome.code}`);
      this.#listener = outcome.listener;
    });
  }

  /** Accepts no more connections. */
  stopListening(): void {
    this.#listener?.close();
  }

  acceptsConnection(): boolean {
    this.knocks.push(this.#rawServer.now());
    return this.letsIn;
  }

  externalConnectionMade(socket: SingleSocket): SocketHandler {
    const talk = this.#newTalk();
    talk.attach(socket);
    return talk;
  }

  #newTalk(): FakeTalk {
    const talk = new FakeTalk(this.#rawServer, this.#identity, this.#script);
    this.talks.push(talk);
    return talk;
  }
}
