import type { Millis, Timers } from '../../../src/base/clock.js';
import type { WireHashes } from '../../../src/metainfo/info-hash.js';
import type { PeerAddress, RawServer } from '../../../src/net/raw-server.js';
import { type AddressSource, NO_OWN_NETWORKS, type OwnNetworks } from '../../../src/net/reach-rule.js';
import type { AcceptEncryption } from '../../../src/session/incoming-handshake.js';
import { DEFAULT_PORT_LISTENER_OPTIONS, PortListener } from '../../../src/session/port-listener.js';
import type { DialEncryption } from '../../../src/swarm/connections/dial-ways.js';
import { Encoder } from '../../../src/swarm/connections/encoder.js';
import { DEFAULT_ENCODER_OPTIONS, type EncoderOptions } from '../../../src/swarm/connections/encoder-options.js';
import { HalfOpen, MAX_HALF_OPEN } from '../../../src/swarm/connections/half-open.js';
import { isOurs } from '../../../src/swarm/connections/identity.js';
import {
  type Merits,
  type Newcomer,
  NO_MERITS,
  type PeerConnection,
  type PeerEvents,
  type Side,
} from '../../../src/swarm/connections/peer-connection.js';
import { MAX_UNANSWERED, UnansweredDials } from '../../../src/swarm/connections/unanswered-dials.js';
import { DEFAULT_WORK_OPTIONS, WorkBudget } from '../../../src/swarm/work-budget.js';
import type { RefusalCode } from '../../../src/wire/refusal.js';
import { FakePeer } from '../fakes/fake-peer.js';
import type { FakeScript, FakeTalk } from '../fakes/fake-talk.js';
import { seededRandom } from '../simulation/seeded-random.js';
import { SimulatedNetwork } from '../simulation/simulated-network.js';
import { Timeline } from '../simulation/timeline.js';
import { NO_ENCRYPTION } from './mse-pair.js';

export const INFO_HASH: Buffer = Buffer.alloc(20, 'h');
/** The port at which clients and fake peers of these tests listen. */
export const PORT = 6881;

/** A peer id that is one letter, twenty times: `a` compares less than `b`. */
export function idOf(letter: string): Buffer {
  return Buffer.alloc(20, letter);
}

export interface ClientOptions {
  /** The info-hashes of the torrent; `INFO_HASH` of version 1 alone when absent. */
  readonly hashes: WireHashes;
  readonly options: Partial<EncoderOptions>;
  readonly halfOpen: HalfOpen;
  readonly unanswered: UnansweredDials;
  readonly work: WorkBudget;
  readonly ownNetworks: OwnNetworks;
  readonly rawServer: RawServer;
  /** Ways to dial; in plain alone when absent. */
  readonly encryption: DialEncryption;
  /** What is taken besides plain handshakes; nothing when absent. */
  readonly acceptEncryption: AcceptEncryption;
  /** What is done about a frame, besides noting it. */
  readonly gotFrame: (connection: PeerConnection, frame: Buffer) => void;
  readonly connectionMade: (connection: PeerConnection) => void;
  /** Where a peer says that it listens; none says it when absent. */
  readonly listeningPort: (connection: PeerConnection) => number | null;
  /** Both have everything; of nobody when absent. */
  readonly hasNothingToSay: (connection: PeerConnection) => boolean;
  /** What has passed over a connection; nothing when absent. */
  readonly merits: (connection: PeerConnection) => Partial<Merits>;
  /** How well a peer suits this client; all alike when absent. */
  readonly rank: (address: PeerAddress) => number;
  /** Which peer the side above would give up; none when absent. */
  readonly leastUseful: (side: Side) => PeerConnection | undefined;
  /** Who gives its place to a newcomer; nobody when absent. */
  readonly placeFor: (newcomer: Newcomer) => PeerConnection | undefined;
  /** Told of an exception in the torrent's part of the loop; thrown on when absent. */
  readonly gotException: (error: unknown) => void;
}

/** An Encoder behind a port, and everything that it tells the side above, in one log. */
export class Client implements PeerEvents {
  readonly encoder: Encoder;
  readonly listener: PortListener;
  readonly address: PeerAddress;
  /** `made b`, `frame b 00`, `lost b`: the letter is the peer id's. */
  readonly log: string[] = [];
  readonly connections: PeerConnection[] = [];
  wantsNothingNow = false;
  readonly #overrides: Partial<ClientOptions>;
  readonly #timers: Timers;
  readonly #refused: { at: Millis; why: RefusalCode }[] = [];

  constructor(rawServer: RawServer, host: string, letter: string, overrides: Partial<ClientOptions>) {
    this.#overrides = overrides;
    this.address = { host, port: PORT };
    this.#timers = rawServer;
    const context = rawServer.createContext((error) => {
      if (overrides.gotException === undefined) throw error;
      overrides.gotException(error);
    });
    const hashes = overrides.hashes ?? { infoHash: INFO_HASH, infoHashV2: null };
    this.encoder = new Encoder(
      {
        rawServer: context,
        identity: { ...hashes, myId: idOf(letter), reserved: Buffer.alloc(8) },
        options: { ...DEFAULT_ENCODER_OPTIONS, ...overrides.options },
        ownNetworks: overrides.ownNetworks ?? NO_OWN_NETWORKS,
        halfOpen: overrides.halfOpen ?? new HalfOpen(MAX_HALF_OPEN),
        unanswered: overrides.unanswered ?? new UnansweredDials(MAX_UNANSWERED),
        work: overrides.work ?? new WorkBudget(rawServer, DEFAULT_WORK_OPTIONS),
        encryption: overrides.encryption ?? NO_ENCRYPTION,
        rank: overrides.rank ?? (() => 0),
      },
      this,
    );
    this.listener = new PortListener({
      rawServer,
      encoderFor: (infoHash) => (isOurs(infoHash, this.encoder.identity) ? this.encoder : undefined),
      encryption: overrides.acceptEncryption ?? null,
      options: DEFAULT_PORT_LISTENER_OPTIONS,
    });
    this.listener.listen({ first: PORT, last: PORT }, null, (outcome) => {
      if (!outcome.ok) throw new Error(`a client cannot listen: ${outcome.code}`);
    });
  }

  /** What the encoder and the listener have refused, in order. */
  get refused(): readonly { readonly at: Millis; readonly why: RefusalCode }[] {
    this.noteRefusals();
    return this.#refused;
  }

  /** Compares the counts with what is noted. Called after each task, so that the moments are right. */
  noteRefusals(): void {
    const codes = new Set([...this.encoder.refusals.keys(), ...this.listener.refusals.keys()]);
    for (const why of codes) {
      const count = (this.encoder.refusals.get(why) ?? 0) + (this.listener.refusals.get(why) ?? 0);
      let noted = this.#refused.filter((one) => one.why === why).length;
      for (; noted < count; noted += 1) this.#refused.push({ at: this.#timers.now(), why });
    }
  }

  /** Who is connected, by letter. */
  get peers(): string {
    return this.connections
      .filter((connection) => !connection.closed)
      .map(letterOf)
      .join('');
  }

  connectionMade(connection: PeerConnection): void {
    this.connections.push(connection);
    this.log.push(`made ${letterOf(connection)}`);
    this.#overrides.connectionMade?.(connection);
  }

  gotFrame(connection: PeerConnection, frame: Buffer): void {
    this.log.push(`frame ${letterOf(connection)} ${frame.toString('hex')}`);
    this.#overrides.gotFrame?.(connection, frame);
  }

  connectionFlushed(): void {
    // Flushes matter only to the side above.
  }

  listeningPort(connection: PeerConnection): number | null {
    return this.#overrides.listeningPort?.(connection) ?? null;
  }

  hasNothingToSay(connection: PeerConnection): boolean {
    return this.#overrides.hasNothingToSay?.(connection) ?? false;
  }

  placeFor(newcomer: Newcomer): PeerConnection | undefined {
    return this.#overrides.placeFor?.(newcomer);
  }

  merits(connection: PeerConnection): Merits {
    return { ...NO_MERITS, ...this.#overrides.merits?.(connection) };
  }

  wantsNothing(): boolean {
    return this.wantsNothingNow;
  }

  leastUseful(side: Side): PeerConnection | undefined {
    return this.#overrides.leastUseful?.(side);
  }

  connectionLost(connection: PeerConnection): void {
    this.log.push(`lost ${letterOf(connection)}`);
  }
}

/** One simulated network with clients and fake peers on it, each at an address of its own. */
export class EncoderWorld {
  readonly timeline = new Timeline();
  readonly network: SimulatedNetwork;
  readonly #hosts: Map<string, RawServer> = new Map();
  readonly #clients: Client[] = [];

  /** `latency` one way, in milliseconds. */
  constructor(latency: Millis = 10) {
    this.network = new SimulatedNetwork(this.timeline, seededRandom(1), latency);
  }

  run(span: Millis): void {
    let isOver = false;
    this.timeline.addTask(() => {
      isOver = true;
    }, span);
    this.timeline.runUntil(() => {
      for (const client of this.#clients) client.noteRefusals();
      return isOver;
    }, span);
    this.timeline.run(0);
  }

  /** The machine at `host`. It never ends a socket for being silent: that is not what these tests are about. */
  host(host: string): RawServer {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const made = this.network.host(host, { timeout: 1e12 });
    this.#hosts.set(host, made);
    return made;
  }

  /** Nothing that is sent to `host` arrives, and nothing comes back. */
  silence(host: string): void {
    this.host(host);
    this.network.silence(host);
  }

  /** A client whose peer id is `letter`, listening. */
  client(host: string, letter: string, overrides: Partial<ClientOptions> = {}): Client {
    const client = new Client(overrides.rawServer ?? this.host(host), host, letter, overrides);
    this.#clients.push(client);
    this.run(0);
    return client;
  }

  /** A peer driven by hand whose peer id is `letter`, listening. */
  fake(host: string, letter: string, script: FakeScript = {}, port: number = PORT, infoHash = INFO_HASH): FakePeer {
    const peer = new FakePeer(this.host(host), { infoHash, peerId: idOf(letter) }, script);
    peer.listen(port);
    this.run(0);
    return peer;
  }

  /** A peer driven by hand that answers the handshake of whoever reaches it. */
  polite(host: string, letter: string, port: number = PORT, infoHash = INFO_HASH): FakePeer {
    const gotHandshake = (talk: FakeTalk): void => {
      if (!talk.socket.locallyInitiated) talk.sayHandshake();
    };
    return this.fake(host, letter, { gotHandshake }, port, infoHash);
  }
}

/** Where most addresses of these tests come from. */
export const USER: AddressSource = { kind: 'user' };
/** It names its addresses again and again. */
export const TRACKER: AddressSource = { kind: 'tracker', teller: '10.0.0.99' };

export function at(host: string, port: number = PORT): PeerAddress {
  return { host, port };
}

function letterOf(connection: PeerConnection): string {
  return connection.peerId.toString('latin1', 0, 1);
}
