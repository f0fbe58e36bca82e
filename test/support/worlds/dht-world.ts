/** A DHT in simulated time. Its nodes are honest ones of ours, honest ones that choose any id, and liars. */
import type { Millis } from '../../../src/base/clock.js';
import { type Random, shuffle } from '../../../src/base/random.js';
import { verifyEd25519 } from '../../../src/base/system-ed25519.js';
import { type Contact, contactAt, placeAt } from '../../../src/discovery/dht/contact.js';
import { DhtNode } from '../../../src/discovery/dht/dht-node.js';
import { DEFAULT_DHT_OPTIONS, type DhtOptions } from '../../../src/discovery/dht/dht-options.js';
import { encodeState } from '../../../src/discovery/dht/dht-state.js';
import { secureId } from '../../../src/discovery/dht/secure-id.js';
import { ipOfBytes, isPrivate, isUnicast } from '../../../src/net/ip-address.js';
import type { PeerAddress } from '../../../src/net/raw-server.js';
import { NO_OWN_NETWORKS } from '../../../src/net/reach-rule.js';
import { type Conspiracy, hostileNode, LIES } from '../fakes/hostile-dht-node.js';
import { DatagramWorld, type DatagramWorldOptions } from '../simulation/datagram-world.js';
import { seededRandom } from '../simulation/seeded-random.js';
import { Timeline } from '../simulation/timeline.js';

export interface HonestNode {
  readonly address: PeerAddress;
  readonly node: DhtNode;
}

const ROUTERS = 3;
const PORT = 6881;
/** How many nodes that do not exist the liars can name. */
const INVENTED = 500;
/** Bytes that only a query for peers holds. */
const GET_PEERS = '1:q9:get_peers';

export class DhtWorld {
  readonly timeline = new Timeline();
  readonly random: Random;
  readonly datagrams: DatagramWorld;
  readonly honest: HonestNode[] = [];
  /** Whether the nodes that join from now on treat their routers as public ones. */
  publicRouters = false;
  /** The times at which honest nodes asked other nodes for peers. */
  readonly peerQueries: Millis[] = [];
  /** How each liar lies, by its host. */
  readonly lies = new Map<string, string>();
  readonly #options: Partial<DhtOptions>;
  readonly #taken = new Set<string>();
  readonly #conspiracy: Conspiracy & { readonly liars: Contact[] };

  constructor(seed: number, network: DatagramWorldOptions, options: Partial<DhtOptions> = {}) {
    this.random = seededRandom(seed);
    this.datagrams = new DatagramWorld(this.timeline, this.random, network);
    this.#options = options;
    const invented = Array.from({ length: INVENTED }, () => this.#fittingContact());
    this.#conspiracy = { world: this.datagrams, random: this.random, liars: [], invented };
  }

  /**
   * Adds an honest node. The first three nodes are the routers of all later ones. With `fits`, the address of the node
   * allows its id (BEP 42).
   */
  join(fits = true, state: Buffer | null = null, address = this.freeAddress()): HonestNode {
    const routers = this.honest.slice(0, ROUTERS).map((each) => each.address);
    const id = fits ? secureId(placeAt(address).ip, this.random) : this.random.bytes(20);
    const node = this.#node(routers, state ?? encodeState({ ipv4: { id, contacts: [] }, ipv6: null }));
    const socket = this.datagrams.attach(address, (packet, from) => {
      node.datagramCameIn(fits ? packet : withoutAddress(packet), from);
    });
    node.open(4, {
      send: (packet, to) => {
        if (packet.includes(GET_PEERS)) this.peerQueries.push(this.timeline.now());
        socket.send(packet, to);
      },
    });
    const member = { address, node };
    this.honest.push(member);
    return member;
  }

  /** Adds a node with an address of each family. It does not count as one of `honest`. */
  joinBoth([ipv4, ipv6]: readonly [string, string], routers: readonly PeerAddress[]): DhtNode {
    const node = this.#node(routers, null);
    for (const [family, host] of [
      [4, ipv4],
      [6, ipv6],
    ] as const) {
      const receive = (packet: Buffer, from: PeerAddress): void => node.datagramCameIn(packet, from);
      node.open(family, this.datagrams.attach({ host, port: PORT }, receive));
    }
    return node;
  }

  /** Removes the node. It tells no other node. */
  leave(member: HonestNode): void {
    this.honest.splice(this.honest.indexOf(member), 1);
    this.datagrams.detach(member.address);
    member.node.stop();
  }

  /** Adds `count` liars, of all kinds in turn. They make themselves known to honest nodes again and again. */
  addLiars(count: number): void {
    for (let number = 0; number < count; number += 1) {
      const { liars } = this.#conspiracy;
      const own = this.#fittingContact();
      const lie = LIES[liars.length % LIES.length] as (typeof LIES)[number];
      liars.push(own);
      this.lies.set(own.host, lie);
      const liar = hostileNode(lie, own, this.#conspiracy);
      const meetHonestNode = (): void => {
        liar.meet(this.randomNode().address);
        this.timeline.addTask(meetHonestNode, 20_000 + this.random.below(20_000));
      };
      this.timeline.addTask(meetHonestNode, this.random.below(20_000));
    }
  }

  /** A random honest node. */
  randomNode(): HonestNode {
    return this.honest[this.random.below(this.honest.length)] as HonestNode;
  }

  /** `count` random honest nodes other than `one`. */
  others(one: HonestNode, count: number): HonestNode[] {
    return shuffle(
      this.random,
      this.honest.filter((each) => each !== one),
    ).slice(0, count);
  }

  /** A random public IPv4 address that no node has. */
  freeAddress(): PeerAddress {
    for (;;) {
      const ip = ipOfBytes(this.random.bytes(4));
      if (!isUnicast(ip) || isPrivate(ip) || ip.bytes[0] === 127 || this.#taken.has(ip.text)) continue;
      this.#taken.add(ip.text);
      return { host: ip.text, port: PORT };
    }
  }

  #node(routers: readonly PeerAddress[], state: Buffer | null): DhtNode {
    return new DhtNode(
      {
        timers: this.timeline,
        random: this.random,
        verify: verifyEd25519,
        ownNetworks: NO_OWN_NETWORKS,
        resolve: (host, answered) => void this.timeline.addTask(() => answered([host]), 20),
      },
      {
        ...DEFAULT_DHT_OPTIONS,
        ...this.#options,
        routers: routers.map(({ host, port }) => ({ host, port, isPublic: this.publicRouters })),
      },
      state,
    );
  }

  #fittingContact(): Contact {
    const contact = contactAt(Buffer.alloc(0), this.freeAddress());
    return { ...contact, id: secureId(contact.ip, this.random) };
  }
}

/**
 * The answer as a client reads it that does not know BEP 42: without the address at which the client is seen. Such a
 * client never learns that address, and keeps its id.
 */
function withoutAddress(packet: Buffer): Buffer {
  const field = 'd2:ip6:';
  if (packet.toString('latin1', 0, field.length) !== field) return packet;
  return Buffer.concat([Buffer.from('d'), packet.subarray(field.length + 6)]);
}
