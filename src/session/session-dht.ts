/**
 * The session's node in the DHT, one for all torrents. The node is made when the first torrent that may use the DHT
 * looks for peers. So a session with private torrents alone opens no socket for the DHT and sends nothing.
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

/** A few bytes that are kept between runs. */
export interface KeptBytes {
  /** Answers with null when no bytes are kept or they cannot be used. Answers once, later. */
  read(answered: (bytes: Buffer | null) => void): void;
  /** Replaces all that was kept. Answers once, later, also when writing fails. */
  write(bytes: Buffer, answered: () => void): void;
}

/** What the DHT needs besides the network. */
export interface DhtAdapters {
  readonly verify: VerifySignature;
  /**
   * Finds the addresses of a name, as IP literals that we may send to; an IP literal is its own address. Answers once,
   * later; never after `cancel`.
   */
  readonly resolve: (host: string, answered: (addresses: readonly string[]) => void) => { cancel(): void };
  /** Where the node enters the DHT when it knows no other node. */
  readonly routers: readonly Router[];
  /** Where the state is kept between runs; null to keep nothing. */
  readonly kept: KeptBytes | null;
}

/** What a SessionDht is joined with. */
export interface SessionDhtParts extends Pick<WorldParts, 'rawServer' | 'random' | 'ownNetworks'> {
  readonly adapters: DhtAdapters;
  /** We listen for peers. When we do not, we look for peers but announce nothing. */
  readonly listens: boolean;
  /**
   * The first port of the user's range. When we listen at another port, a process that still runs may use the same kept
   * state, and our node needs new ids.
   */
  readonly firstPort: number;
}

const FAMILIES: readonly IpFamily[] = [4, 6];
/** A process that is killed loses at most what it has learned in this time. */
const SAVE_EVERY: Millis = 5 * 60_000;
/** The most nodes of one torrent that we ask: the maker of the torrent chooses their names. */
const MAX_NAMED_NODES = 16;
/** The most names that are looked up at a time. */
const MAX_LOOKUPS = 64;
/**
 * A torrent without a peer looks again after this long. The wait doubles each time, up to the usual announce interval.
 */
const FIRST_LOOK_AGAIN: Millis = 15_000;

/** The node of a session in the DHT: opens the sockets, keeps the state, and makes the peer source of each torrent. */
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

  /** The peer source of a torrent that names `nodes`, each written `host:port`. `announces`: others find us too. */
  createSource(nodes: readonly string[], announces: boolean): CreatePeerSource {
    return (torrent) => new DhtSource(this, torrent, nodes, announces);
  }

  /**
   * Makes the node if there is none, and calls `ready` when it is open, perhaps at once; never after `stop`. `port` is
   * where we listen for peers.
   */
  whenOpen(port: number, ready: (node: DhtNode) => void): void {
    if (this.#stage === 'open' && this.#node !== null) ready(this.#node);
    else this.#waiting.push(ready);
    if (this.#stage === 'unused') this.#enter(port);
  }

  /**
   * What the node announces for a torrent; null when it announces nothing. Peers dial us over TCP, so the port from
   * which our datagrams come does not count: a gateway may choose another one for UDP alone, whatever port it lets in.
   */
  placeOf(torrent: SeekingTorrent): { port: number; impliedPort: boolean; isSeed: () => boolean } | null {
    if (!this.#parts.listens) return null;
    return { port: torrent.port, impliedPort: false, isSeed: () => torrent.isComplete() };
  }

  portFor(host: string): number | null {
    return this.#sockets.get(familyOf(host))?.local.port ?? null;
  }

  addNode(address: PeerAddress): void {
    this.#node?.addNode(address, { kind: 'incoming', teller: address.host });
  }

  /** The machine may be in another network. Torrents hear of it themselves. */
  networkChanged(): void {
    this.#node?.networkChanged();
  }

  /** Forgets the nodes that are on the blocklist now. */
  partFromListed(): void {
    this.#node?.partFromListed();
  }

  /** Null before a torrent uses the node, and after `stop`. */
  status(): DhtStatus | null {
    return this.#node?.status() ?? null;
  }

  /** Leaves the DHT, which has no good-bye message, and keeps what the next run can use. Answers once, later. */
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

  /**
   * Peers guess that our node is at the port where we listen. When that port is not free, the node takes any other
   * port.
   */
  #openSocket(family: IpFamily, port: number, opened: (socket: DatagramSocket | null) => void): void {
    this.#parts.rawServer.openDatagram({ family, port }, this, (outcome) => {
      if (this.#stage === 'stopped') {
        if (outcome.ok) outcome.socket.close();
      } else if (outcome.ok) opened(outcome.socket);
      else if (outcome.code === 'in-use' && port !== 0) this.#openSocket(family, 0, opened);
      // The fence or this machine has no address of this family.
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

/** Looks for the peers of one torrent in the DHT. */
class DhtSource implements PeerSource {
  readonly #dht: SessionDht;
  readonly #torrent: SeekingTorrent;
  readonly #nodes: readonly string[];
  readonly #announces: boolean;
  #announced: Announcement | null = null;
  #again: Task | null = null;
  /** Null while it has not begun. */
  #node: DhtNode | null = null;
  #stopped = false;

  constructor(dht: SessionDht, torrent: SeekingTorrent, nodes: readonly string[], announces: boolean) {
    this.#dht = dht;
    this.#torrent = torrent;
    this.#nodes = nodes;
    this.#announces = announces;
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
      const place = this.#announces ? this.#dht.placeOf(this.#torrent) : null;
      this.#announced = node.announce(infoHash, place, found, timers);
      this.#node = node;
      this.#lookAgain(node, FIRST_LOOK_AGAIN);
    });
  }

  completed(): void {
    // Each announce asks the torrent whether we are a seed, so the next one tells it.
  }

  networkChanged(): void {
    if (this.#stopped || this.#node === null) return;
    this.#announced?.again();
    this.#again?.cancel();
    this.#lookAgain(this.#node, FIRST_LOOK_AGAIN);
  }

  /** BEP 5 has no good-bye: the nodes forget an announce after a while. */
  stop(answered: () => void): void {
    this.#stopped = true;
    this.#announced?.stop();
    this.#again?.cancel();
    this.#torrent.timers.addTask(answered, 0);
  }

  /** The nodes that the torrent names are asked only while we know no good node. */
  #askNamed(node: DhtNode): void {
    if (node.status().families.some(({ good }) => good > 0)) return;
    for (const named of this.#nodes.slice(0, MAX_NAMED_NODES)) addNamed(node, named);
  }

  /** When several peers begin at the same time, each of them may look before the others have announced. */
  #lookAgain(node: DhtNode, wait: Millis): void {
    this.#again = this.#torrent.timers.addTask(() => {
      this.#askNamed(node);
      if (!this.#torrent.hasPeers() && !this.#torrent.isComplete()) this.#announced?.again();
      this.#lookAgain(node, Math.min(wait * 2, DEFAULT_DHT_OPTIONS.announceInterval));
    }, wait);
  }
}

/** `named` is one of a torrent's `nodes`, written `host:port`, with an IPv6 address in brackets. */
function addNamed(node: DhtNode, named: string): void {
  const end = named.lastIndexOf(':');
  const host = named.slice(0, end).replace(/^\[(.*)\]$/, '$1');
  node.addNamedNode(host, Number(named.slice(end + 1)), { kind: 'link' });
}
