import type { Millis } from '../../../src/base/clock.js';
import type { PeerAddress } from '../../../src/net/raw-server.js';
import { fullBitfield } from '../../../src/wire/bitfield.js';
import type { PeerMessage } from '../../../src/wire/message.js';
import type { RefusalCode } from '../../../src/wire/refusal.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import { FakePeer } from '../fakes/fake-peer.js';
import type { FakeScript, FakeTalk } from '../fakes/fake-talk.js';
import { type SampleTorrent, sampleTorrent } from '../sample-torrent.js';
import type { SimulatedHost } from '../simulation/simulated-host.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../simulation/simulated-swarm.js';

const KIB = 1024;
export const BLOCK: number = 16 * KIB;
/** Where a fake peer listens. */
export const PORT = 6881;

/** 13 pieces of two blocks and one of less; with the seed's 64 KiB a second they take seven seconds. */
export const SAMPLE: SampleTorrent = sampleTorrent([{ path: 'sample', length: 417 * KIB + 5 }], 32 * KIB);

export interface HostileWorldOptions {
  readonly sample: SampleTorrent;
  readonly victim: Partial<ClientOptions>;
  readonly seed: Partial<ClientOptions>;
}

const DEFAULT_HOSTILE_WORLD_OPTIONS: HostileWorldOptions = {
  sample: SAMPLE,
  victim: {},
  seed: { host: { upload: 64 * KIB } },
};

/** A whole client that downloads, an honest seed that the tracker names to it, and any number of peers driven by hand. */
export class HostileWorld {
  readonly swarm: SimulatedSwarm;
  readonly sample: SampleTorrent;
  readonly seed: Client;
  readonly victim: Client;
  readonly #hosts = new Map<string, SimulatedHost>();
  #peerCount = 0;

  constructor(options: Partial<HostileWorldOptions> = {}) {
    const all = { ...DEFAULT_HOSTILE_WORLD_OPTIONS, ...options };
    this.sample = all.sample;
    this.swarm = new SimulatedSwarm(all.sample, 1);
    this.seed = this.swarm.start({ seed: true, ...all.seed });
    this.run(1_000);
    this.victim = this.swarm.start(all.victim);
    // The check of the disk is over, and the tracker has been asked; its answer is on the way.
    this.run(5);
  }

  run(span: Millis): void {
    this.swarm.timeline.run(span);
  }

  runUntil(done: () => boolean, limit: Millis): void {
    this.swarm.timeline.runUntil(done, limit);
  }

  /** The machine at `host`. It never ends a socket for being silent. */
  host(host: string): SimulatedHost {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const made = this.swarm.network.host(host, { timeout: 1e12, maxConnections: 10_000 });
    this.#hosts.set(host, made);
    return made;
  }

  /** A peer driven by hand that listens, at an address and with an id of its own unless they are said. */
  peer(script: FakeScript = {}, host?: string, peerId?: Buffer): FakePeer {
    const number = this.#peerCount;
    const identity = {
      infoHash: this.sample.metainfo.infoHash,
      peerId: peerId ?? this.#nextPeerId(),
    };
    const peer = new FakePeer(this.host(host ?? `10.${1 + (number >> 8)}.${number & 255}.9`), identity, script);
    peer.listen(0);
    this.run(0);
    return peer;
  }

  /** Dials the victim from `host`, and says `greeting` of its handshake as soon as it is through. */
  stranger(host: string, script: FakeScript = {}, greeting = 68): FakeTalk {
    const peerId = this.#nextPeerId();
    const identity = { infoHash: this.sample.metainfo.infoHash, peerId };
    const talk = new FakePeer(this.host(host), identity, script).dial(this.victim.address);
    talk.say(talk.handshake().subarray(0, greeting));
    return talk;
  }

  /** A peer that has dialled the victim and shaken hands with it. */
  guest(script: FakeScript = {}, host?: string, peerId?: Buffer): FakeTalk {
    const talk = this.peer(script, host, peerId).dial(this.victim.address);
    talk.sayHandshake();
    this.run(60);
    return talk;
  }

  /** One that speaks the fast extension. */
  fastGuest(script: FakeScript = {}, host?: string): FakeTalk {
    const talk = this.peer(script, host).dial(this.victim.address);
    talk.say(talk.handshake(encodeReserved(['fast'])));
    this.run(60);
    return talk;
  }

  /** A peer that has dialled the victim and says that it has everything. What it is asked for, `gotMessage` answers. */
  falseSeed(gotMessage: (talk: FakeTalk, message: PeerMessage) => void = () => undefined, host?: string): FakeTalk {
    const talk = this.guest({ gotMessage }, host);
    talk.sayMessages({ type: 'bitfield', bits: fullBitfield(this.sample.layout.pieceCount).toWire() });
    talk.sayMessages({ type: 'unchoke' });
    return talk;
  }

  /** The victim is told that there is a peer, and who it is. */
  name(address: PeerAddress, peerId: Buffer | null = null): void {
    this.victim.torrent.encoder?.startConnection(address, { kind: 'user' }, peerId);
  }

  #nextPeerId(): Buffer {
    this.#peerCount += 1;
    return Buffer.from(`-XX0001-hostile${String(this.#peerCount).padStart(5, '0')}`, 'latin1');
  }

  /** The right bytes of what a request asks for. */
  bytesFor({ piece, begin, length }: { piece: number; begin: number; length: number }): Buffer {
    return this.sample.bytesOf(piece).subarray(begin, begin + length);
  }

  /** How many the victim has refused for this. */
  refusalsFor(code: RefusalCode): number {
    const { session, torrent } = this.victim;
    return (session.refusals.get(code) ?? 0) + (torrent.refusals.get(code) ?? 0);
  }

  /** What the victim has refused, and how often. Seeds that part from it when it is complete are no refusal. */
  get refusals(): string[] {
    const { session, torrent } = this.victim;
    const codes = new Set([...session.refusals.keys(), ...torrent.refusals.keys()]);
    codes.delete('both-complete');
    return [...codes].map((code) => `${code} ${this.refusalsFor(code)}`).sort();
  }

  /** Whether the victim has verified this piece. */
  has(piece: number): boolean {
    const { pieceLength, length } = this.sample.layout;
    const end = Math.min(length, (piece + 1) * pieceLength);
    const bytes = this.victim.storage.contents().subarray(piece * pieceLength, end);
    return bytes.equals(this.sample.bytesOf(piece));
  }

  get isDone(): boolean {
    return this.victim.done && this.victim.storage.contents().equals(this.sample.content);
  }

  /** Runs until the victim has every byte, or throws. */
  untilDone(limit: Millis): void {
    this.runUntil(() => this.victim.done, limit);
    if (!this.isDone) throw new Error('the victim has other bytes');
    if (this.victim.slots.taken > 0) throw new Error(`the victim keeps ${this.victim.slots.taken} slots`);
  }
}
