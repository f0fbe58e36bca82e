/**
 * The session's node in the DHT, one for all torrents. It is made when the first torrent looks for peers that may: a
 * session of private torrents opens no socket for it and sends nothing.
 */
import type { Millis, Task } from '../base/clock.js';
import { type Announcement, DhtNode, type DhtStatus } from '../discovery/dht/dht-node.js';
import { DEFAULT_DHT_OPTIONS, type Router } from '../discovery/dht/dht-options.js';
import type { VerifySignature } from '../discovery/dht/item-store.js';
import { familyOf } from '../discovery/dht/neighbourhood.js';
import type { FoundPeers } from '../discovery/dht/torrent-announcer.js';
import type { CreatePeerSource, PeerSource, SeekingTorrent } from '../discovery/peer-source.js';
import type { IpFamily } from '../net/ip-address.js';
import type { DatagramHandler, DatagramSocket, PeerAddress } from '../net/raw-server.js';
import type { OwnNode } from '../swarm/extensions/node-ports.js';
import type { WorldParts } from '../torrent/torrent-parts.js';

export interface SessionDhtParts extends Pick<WorldParts, 'rawServer' | 'random' | 'ownNetworks'> {
  readonly adapters: DhtAdapters;
  /** Whether peers can reach us: whoever does not listen looks for others and announces nothing. */
  readonly listens: boolean;
  /**
   * The port that we would rather have than any other. Who has another may share the kept state with a living process.
   */
  readonly firstPort: number;
}

const FAMILIES: readonly IpFamily[] = [4, 6];
/** A process that is killed loses no more than this. */
const SAVE_EVERY: Millis = 5 * 60_000;
/** Nodes that one torrent may name, and names that are looked up at a time: whoever made a torrent chose them. */
const MAX_NAMED_NODES = 16;
const MAX_LOOKUPS = 64;
/** How soon a torrent without a single peer looks again; then after twice as long, up to how often everybody looks. */
const FIRST_LOOK_AGAIN: Millis = 15_000;

export class SessionDht implements OwnNode, DatagramHandler {
  readonly #parts: SessionDhtParts;
  readonly #sockets = new Map<IpFamily, DatagramSocket>();
  readonly #lookups = new Set<{ cancel(): void }>();
  /** Torrents that wait for the sockets. */
  readonly #waiting: ((node: DhtNode) => void)[] = [];
  #stage: 'unused' | 'opening' | 'open' | 'stopped' = 'unused';
  #node: DhtNode | null = null;
  #saved: Buffer = Buffer.alloc(0);
  #saving: Task | null = null;

  constructor(parts: SessionDhtParts) {
    this.#parts = parts;
  }

  /** For a torrent that names `nodes`, `host:port` each. */
  createSource(nodes: readonly string[]): CreatePeerSource {
    return (torrent) => new DhtSource(this, torrent, nodes);
  }

  /** Calls `ready` when the node is there, perhaps at once; not after `stop`. `port` is where we listen for peers. */
  whenOpen(port: number, ready: (node: DhtNode) => void): void {
    if (this.#stage === 'open' && this.#node !== null) ready(this.#node);
    else this.#waiting.push(ready);
    if (this.#stage === 'unused') this.#enter(port);
  }

  /** What a torrent announces, or null for nothing. */
  placeOf(torrent: SeekingTorrent): { port: number; impliedPort: boolean; isSeed: () => boolean } | null {
    if (!this.#parts.listens) return null;
    const impliedPort = [...this.#sockets.values()].every(({ local }) => local.port === torrent.port);
    return { port: torrent.port, impliedPort, isSeed: () => torrent.isComplete() };
  }

  portFor(host: string): number | null {
    return this.#sockets.get(familyOf(host))?.local.port ?? null;
  }

  addNode(address: PeerAddress): void {
    this.#node?.addNode(address, { kind: 'incoming', teller: address.host });
  }

  /** Null before a torrent uses it, and after the end. */
  status(): DhtStatus | null {
    return this.#node?.status() ?? null;
  }

  /** Leaves without a word, as is the custom, and keeps what the next run can use. Answers once, later. */
  stop(answered: () => void): void {
    const { rawServer } = this.#parts;
    this.#stage = 'stopped';
    this.#waiting.length = 0;
    this.#saving?.cancel();
    for (const lookup of this.#lookups) lookup.cancel();
    this.#lookups.clear();
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    const node = this.#node;
    this.#node = null;
    if (node === null) {
      rawServer.addTask(answered, 0);
      return;
    }
    const state = node.exportState();
    node.stop();
    this.#save(state, answered);
  }

  datagramCameIn(_socket: DatagramSocket, data: Buffer, from: PeerAddress): void {
    this.#node?.datagramCameIn(data, from);
  }

  sendFailed(_socket: DatagramSocket, to: PeerAddress): void {
    this.#node?.sendFailed(to);
  }

  #enter(port: number): void {
    const { kept } = this.#parts.adapters;
    this.#stage = 'opening';
    if (kept === null) this.#open(port, null);
    else kept.read((state) => this.#open(port, state));
  }

  #open(port: number, state: Buffer | null): void {
    if (this.#stage === 'stopped') return;
    const { rawServer, random, adapters, ownNetworks, firstPort } = this.#parts;
    const node = new DhtNode(
      {
        timers: rawServer,
        random,
        verify: adapters.verify,
        resolve: (host, answered) => this.#resolve(host, answered),
        ownNetworks,
      },
      { ...DEFAULT_DHT_OPTIONS, routers: adapters.routers, newIds: port !== firstPort },
      state,
    );
    this.#node = node;
    this.#saved = node.exportState();
    this.#saveLater();
    let left = FAMILIES.length;
    for (const family of FAMILIES) {
      this.#openSocket(family, port, (socket) => {
        if (socket !== null) {
          this.#sockets.set(family, socket);
          node.open(family, socket);
        }
        left -= 1;
        if (left > 0) return;
        this.#stage = 'open';
        for (const ready of this.#waiting.splice(0)) ready(node);
      });
    }
  }

  /** Peers guess that the DHT is at the port where we listen; where it is not free, any other does. */
  #openSocket(family: IpFamily, port: number, opened: (socket: DatagramSocket | null) => void): void {
    this.#parts.rawServer.openDatagram({ family, port }, this, (outcome) => {
      if (this.#stage === 'stopped') {
        if (outcome.ok) outcome.socket.close();
      } else if (outcome.ok) opened(outcome.socket);
      else if (outcome.code === 'in-use' && port !== 0) this.#openSocket(family, 0, opened);
      // The fence has no such family, or this machine has not.
      else opened(null);
    });
  }

  #resolve(host: string, answered: (addresses: readonly string[]) => void): void {
    const { rawServer, adapters } = this.#parts;
    if (this.#lookups.size >= MAX_LOOKUPS) {
      rawServer.addTask(() => answered([]), 0);
      return;
    }
    const lookup = adapters.resolve(host, (addresses) => {
      this.#lookups.delete(lookup);
      answered(addresses);
    });
    this.#lookups.add(lookup);
  }

  #saveLater(): void {
    this.#saving = this.#parts.rawServer.addTask(() => {
      this.#saveLater();
      if (this.#node !== null) this.#save(this.#node.exportState(), () => undefined);
    }, SAVE_EVERY);
  }

  #save(state: Buffer, answered: () => void): void {
    const { rawServer, adapters } = this.#parts;
    if (adapters.kept === null || state.equals(this.#saved)) {
      rawServer.addTask(answered, 0);
      return;
    }
    this.#saved = state;
    adapters.kept.write(state, answered);
  }
}

/** The DHT at work for one torrent. */
class DhtSource implements PeerSource {
  readonly #dht: SessionDht;
  readonly #torrent: SeekingTorrent;
  readonly #nodes: readonly string[];
  #announced: Announcement | null = null;
  #again: Task | null = null;
  #stopped = false;

  constructor(dht: SessionDht, torrent: SeekingTorrent, nodes: readonly string[]) {
    this.#dht = dht;
    this.#torrent = torrent;
    this.#nodes = nodes;
  }

  begin(): void {
    const { infoHash, port, timers, startConnection } = this.#torrent;
    this.#dht.whenOpen(port, (node) => {
      if (this.#stopped) return;
      this.#askNamed(node);
      const found: FoundPeers = (peers) => {
        timers.addTask(() => {
          for (const { host, port, teller } of peers) startConnection({ host, port }, { kind: 'dht', teller });
        }, 0);
      };
      this.#announced = node.announce(infoHash, this.#dht.placeOf(this.#torrent), found, timers);
      this.#lookAgain(node, FIRST_LOOK_AGAIN);
    });
  }

  completed(): void {
    // Each announce asks whether we are a seed: the next one tells.
  }

  /** BEP 5 knows no good-bye: an announce is forgotten after a while. */
  stop(answered: () => void): void {
    this.#stopped = true;
    this.#announced?.stop();
    this.#again?.cancel();
    this.#torrent.timers.addTask(answered, 0);
  }

  /** The torrent's own nodes are of use to whoever knows no other. */
  #askNamed(node: DhtNode): void {
    if (node.status().families.some(({ good }) => good > 0)) return;
    for (const named of this.#nodes.slice(0, MAX_NAMED_NODES)) addNamed(node, named);
  }

  /** Of those who came when we did, each may have looked before the others had announced. */
  #lookAgain(node: DhtNode, wait: Millis): void {
    this.#again = this.#torrent.timers.addTask(() => {
      this.#askNamed(node);
      if (!this.#torrent.hasPeers() && !this.#torrent.isComplete()) this.#announced?.again();
      this.#lookAgain(node, Math.min(wait * 2, DEFAULT_DHT_OPTIONS.announceInterval));
    }, wait);
  }
}

/** `host:port` of a torrent's `nodes`, an IPv6 address in brackets. */
function addNamed(node: DhtNode, named: string): void {
  const end = named.lastIndexOf(':');
  const host = named.slice(0, end).replace(/^\[(.*)\]$/, '$1');
  node.addNamedNode(host, Number(named.slice(end + 1)), { kind: 'link' });
}

/** A few bytes that outlive the process. */
export interface KeptBytes {
  /** Null when there are none, or none that can be used. Answers once, later. */
  read(answered: (bytes: Buffer | null) => void): void;
  /** Replaces what was there as a whole. Answers once, later, also when it cannot be done. */
  write(bytes: Buffer, answered: () => void): void;
}

/** What the DHT needs besides the network. */
export interface DhtAdapters {
  readonly verify: VerifySignature;
  /**
   * From a name to IP literals that we may send to; an IP literal is its own address. Answers once, later; not after
   * `cancel`.
   */
  readonly resolve: (host: string, answered: (addresses: readonly string[]) => void) => { cancel(): void };
  /** Where it is entered when no node is known. */
  readonly routers: readonly Router[];
  /** What an earlier run knew, or null to keep nothing. */
  readonly kept: KeptBytes | null;
}
