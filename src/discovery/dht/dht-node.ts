/** Our node in the DHT: in the DHT of IPv4, in that of IPv6, or in both. */
import type { Timers } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import { type IpFamily, parseIp } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { type AddressSource, mayLead, type OwnNetworks } from '../../net/reach-rule.js';
import type { NodeId } from './contact.js';
import type { DhtOptions } from './dht-options.js';
import { type DhtState, decodeState, encodeState, type FamilyState } from './dht-state.js';
import { type DhtSocket, FamilyNode } from './family-node.js';
import type { VerifySignature } from './item-store.js';
import { familyOf } from './neighbourhood.js';
import { type ResolveName, type RouterStatus, Routers } from './routers.js';
import { type AnnouncedPlace, type FoundPeers, TorrentAnnouncer } from './torrent-announcer.js';
import { Upkeep } from './upkeep.js';

export interface DhtParts {
  readonly timers: Timers;
  readonly random: Random;
  /** Looks up the name of a router. An IP literal stands for itself. */
  readonly resolve: ResolveName;
  readonly verify: VerifySignature;
  /** The networks into which strangers may not lead us. */
  readonly ownNetworks: OwnNetworks;
}

/** The state of one family, for displays. */
export interface FamilyStatus {
  readonly family: IpFamily;
  /** How many nodes of the routing table are good (BEP 5). */
  readonly good: number;
  /** How many nodes of the routing table are questionable (BEP 5). */
  readonly questionable: number;
  /** The IP literal at which most others see us, or null while too few have told us. */
  readonly externalHost: string | null;
  /** Bytes of the packets that we sent. */
  readonly sent: number;
  /** Bytes of the packets that we received. */
  readonly received: number;
  /** How many torrents and peers others have announced to us. */
  readonly stored: { readonly torrents: number; readonly peers: number };
}

export interface DhtStatus {
  /** The families that are open. */
  readonly families: readonly FamilyStatus[];
  readonly routers: readonly RouterStatus[];
}

/** A torrent that we announce, as the caller of `announce` holds it. */
export interface Announcement {
  /** Looks for peers and announces now, instead of at the next regular time. */
  again(): void;
  /** Ends the announcing. `found` is not called afterwards. */
  stop(): void;
}

interface Member {
  readonly node: FamilyNode;
  readonly upkeep: Upkeep;
}

/** A torrent that we announce in every family that is open. */
interface Announced {
  readonly infoHash: NodeId;
  readonly found: FoundPeers;
  readonly announcers: Map<IpFamily, TorrentAnnouncer>;
  announcerFor(node: FamilyNode): TorrentAnnouncer;
}

export class DhtNode {
  readonly #parts: DhtParts;
  readonly #options: DhtOptions;
  readonly #saved: DhtState;
  readonly #routers: Routers;
  readonly #members = new Map<IpFamily, Member>();
  readonly #announced = new Set<Announced>();

  /** `state` is what `exportState` returned in an earlier run, or null. The node sends nothing before `open`. */
  constructor(parts: DhtParts, options: DhtOptions, state: Buffer | null) {
    this.#parts = parts;
    this.#options = options;
    this.#saved = decodeState(state ?? Buffer.alloc(0));
    this.#routers = new Routers(options.routers, parts.resolve);
  }

  /**
   * Enters the DHT of `family` through `socket`. From now on the caller hands in every packet that the socket receives.
   * Throws when the family is open already.
   */
  open(family: IpFamily, socket: DhtSocket): void {
    if (this.#members.has(family)) throw new Error(`the DHT of IPv${family} is open already`);
    const { timers, random, verify, ownNetworks } = this.#parts;
    const routers = this.#routers;
    const saved = family === 4 ? this.#saved.ipv4 : this.#saved.ipv6;
    const node = new FamilyNode(
      family,
      socket,
      {
        timers,
        random,
        verify,
        ownNetworks,
        routers,
        closest: (of, target, count) => this.#members.get(of)?.node.table.closest(target, count, 'good') ?? [],
        heardOfOther: (contact) => this.#members.get(contact.ip.family)?.node.table.heardOf(contact),
        // In a small DHT the peers of a torrent may announce themselves to us while we look for them at other nodes.
        gotPeer: (infoHash, peer) => {
          for (const announced of this.#announced)
            if (announced.infoHash.equals(infoHash)) announced.found([{ ...peer, teller: peer.host }]);
        },
        entered: () => {
          for (const { announcers } of this.#announced) announcers.get(family)?.hurry();
        },
        idChanged: () => upkeep.enter(),
      },
      this.#options,
      this.#options.newIds ? null : (saved?.id ?? null),
    );
    for (const contact of saved?.contacts ?? []) if (!this.#isListed(contact)) node.table.restore(contact);
    const upkeep = new Upkeep(
      node,
      {
        timers,
        routers,
        wantsOther: () => this.#members.size > 1,
      },
      this.#options,
    );
    this.#members.set(family, { node, upkeep });
    upkeep.begin();
    for (const announced of this.#announced) this.#startAnnouncer(announced, node);
  }

  /** A packet came in through the socket of its family. `packet` is valid only during the call. */
  datagramCameIn(packet: Buffer, from: PeerAddress): void {
    this.#memberAt(from)?.node.datagramCameIn(packet, from);
  }

  /** A packet that we sent to `to` did not arrive. */
  sendFailed(to: PeerAddress): void {
    this.#memberAt(to)?.node.sendFailed(to);
  }

  /**
   * `source` says that a node is at this address. For example, a peer says so in its `port` message, and a torrent in
   * its `nodes`. We probe the node. An address to which the source may not lead us is ignored.
   */
  addNode({ host, port }: PeerAddress, source: AddressSource): void {
    const ip = parseIp(host);
    if (ip === undefined || !mayLead(source, ip, port, this.#parts.ownNetworks)) return;
    const address = { host: ip.text, port };
    this.#memberAt(address)?.node.probeAddress(address);
  }

  /** As `addNode`, for a `host` that may be a name. */
  addNamedNode(host: string, port: number, source: AddressSource): void {
    this.#parts.resolve(host, (addresses) => {
      for (const address of addresses) this.addNode({ host: address, port }, source);
    });
  }

  /**
   * Looks for the peers of a torrent and announces that we are at `place`, now and every 15 to 30 minutes until `stop`.
   * When `place` is null it only looks. `found` is called with the peers as they come. `timers` belong to the torrent:
   * when they end, no further lookup begins.
   */
  announce(
    infoHash: NodeId,
    place: AnnouncedPlace | null,
    found: FoundPeers,
    timers: Timers = this.#parts.timers,
  ): Announcement {
    const { random } = this.#parts;
    const announced: Announced = {
      infoHash,
      found,
      announcers: new Map(),
      announcerFor: (node) => new TorrentAnnouncer(infoHash, place, node, { timers, random }, this.#options, found),
    };
    this.#announced.add(announced);
    for (const { node } of this.#members.values()) this.#startAnnouncer(announced, node);
    return {
      again: () => {
        for (const announcer of announced.announcers.values()) announcer.begin();
      },
      stop: () => {
        this.#announced.delete(announced);
        for (const announcer of announced.announcers.values()) announcer.stop();
      },
    };
  }

  /** We may be in another network: enters the DHT anew. */
  networkChanged(): void {
    for (const { upkeep } of this.#members.values()) upkeep.networkChanged();
  }

  /** The blocklist has been read again. Forgets the nodes that are on it now, so that we name them to no one. */
  partFromListed(): void {
    for (const { node } of this.#members.values())
      for (const contact of node.table.contacts()) if (this.#isListed(contact)) node.table.gone(contact);
  }

  status(): DhtStatus {
    const families = [...this.#members.values()].map(({ node }): FamilyStatus => {
      const { family, table, traffic, stored, externalHost } = node;
      const counts = { good: table.count('good'), questionable: table.count('questionable') };
      return { family, ...counts, externalHost, ...traffic, stored };
    });
    return { families, routers: this.#routers.status() };
  }

  /** The state with which the next run begins. A family that is not open keeps its saved state. */
  exportState(): Buffer {
    const stateOf = (family: IpFamily, saved: FamilyState | null): FamilyState | null => {
      const table = this.#members.get(family)?.node.table;
      return table === undefined || table.size === 0 ? saved : { id: table.ownId, contacts: table.contacts() };
    };
    return encodeState({ ipv4: stateOf(4, this.#saved.ipv4), ipv6: stateOf(6, this.#saved.ipv6) });
  }

  /** Ends everything at once. No callback is called afterwards. */
  stop(): void {
    for (const { announcers } of this.#announced) for (const announcer of announcers.values()) announcer.stop();
    this.#announced.clear();
    for (const { node, upkeep } of this.#members.values()) {
      upkeep.stop();
      node.stop();
    }
    this.#members.clear();
  }

  #isListed({ host }: PeerAddress): boolean {
    return this.#parts.ownNetworks.blocklist?.hasHost(host) === true;
  }

  #memberAt({ host }: PeerAddress): Member | undefined {
    return this.#members.get(familyOf(host));
  }

  #startAnnouncer(announced: Announced, node: FamilyNode): void {
    const announcer = announced.announcerFor(node);
    announced.announcers.set(node.family, announcer);
    announcer.begin();
  }
}
