/**
 * Peers tell each other of their peers (BEP 11, ut_pex). `PeerExchange` sends each partner once a minute which peers we
 * have met and lost since the last message, and hands on the addresses that partners name. A private torrent does not
 * use it at all (BEP 27).
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import { asDictionary, getBytes } from '../../bencode/access.js';
import { type BencodeDictionary, decodeBencode } from '../../bencode/bencode.js';
import { encodeBencode } from '../../bencode/encode.js';
import { type BencodeRules, TOLERANT } from '../../bencode/guard.js';
import { decodeCompact, encodeCompact, type IpFamily, parseIp } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { type AddressSource, mayLead, NO_OWN_NETWORKS } from '../../net/reach-rule.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { addressKey } from '../connections/spares.js';
import { HostCounters, type HostCountersOptions } from '../host-counters.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';
import { LeakyCounter, type LeakyCounterOptions } from '../leaky-counter.js';
import { ADDRESS_PRICE } from '../price.js';
import type { ExtendedPeer, Extension } from './extensions.js';

export interface PeerExchangeOptions {
  // BEP 11: "send messages no more frequently than once a minute", "no more than 50 peers".
  /** The time between two messages to one peer. */
  readonly interval: Millis;
  /** The time from the peer's handshake to our first message to it. */
  readonly firstDelay: Millis;
  /** A message names at most this many added peers, and as many dropped ones. */
  readonly maxPeers: number;
  /** How many messages we read from one peer. Not exactly one a minute: its minutes may begin at other times. */
  readonly messages: LeakyCounterOptions;
  /**
   * The same for all peers of a host together, over however many connections. It is enough for as many peers behind one
   * address as may be connected at once.
   */
  readonly messagesOfHost: HostCountersOptions;
}

export const DEFAULT_PEER_EXCHANGE_OPTIONS: PeerExchangeOptions = {
  interval: 60_000,
  firstDelay: 3_000,
  maxPeers: 50,
  messages: { limit: 3, perSecond: 1 / 45 },
  messagesOfHost: { limit: 20, perSecond: 16 / 45, maxHosts: 1_000 },
};

export interface PeerExchangeParts {
  readonly timers: Timers;
  /** All peers that we are connected to, each with the address at which it can be reached. */
  readonly peers: () => Iterable<PexPeer>;
  /** A partner names a peer. */
  readonly startConnection: (peer: PexPeer, source: AddressSource) => void;
}

export interface PexPeer {
  readonly address: PeerAddress;
  /** The peer downloads nothing, or nothing more. */
  readonly isSeed: boolean;
  /** The sender of the message has dialled the peer with success. */
  readonly isReachable: boolean;
  /** The peer likes encrypted connections. */
  readonly prefersEncryption: boolean;
}

/** What has changed since the sender's last message: the peers that it has met, and the peers that it has lost. */
export interface PexMessage {
  readonly added: readonly PexPeer[];
  readonly dropped: readonly PeerAddress[];
}

/** A peer that speaks the extension. */
interface Partner {
  readonly peer: ExtendedPeer;
  readonly messages: LeakyCounter;
  /** The peers that we have told it of and not withdrawn, by `addressKey`. */
  told: ReadonlyMap<string, PeerAddress>;
  task: Task;
}

/** The name of the extension in the handshake of BEP 10. */
export const UT_PEX = 'ut_pex';

export class PeerExchange implements Extension {
  readonly name: string = UT_PEX;
  readonly #parts: PeerExchangeParts;
  readonly #options: PeerExchangeOptions;
  readonly #partners = new Map<PeerConnection, Partner>();
  readonly #hosts: HostCounters;

  constructor(parts: PeerExchangeParts, options: PeerExchangeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#hosts = new HostCounters(options.messagesOfHost);
  }

  gotHandshake(peer: ExtendedPeer): void {
    const { timers } = this.#parts;
    if (this.#partners.has(peer.connection) || (peer.handshake.ids.get(UT_PEX) ?? 0) === 0) return;
    const partner: Partner = {
      peer,
      messages: new LeakyCounter(this.#options.messages, timers.now()),
      told: new Map(),
      task: timers.addTask(() => this.#tell(partner), this.#options.firstDelay),
    };
    this.#partners.set(peer.connection, partner);
  }

  gotMessage({ connection }: ExtendedPeer, payload: Buffer): Judgement {
    const partner = this.#partners.get(connection);
    const now = this.#parts.timers.now();
    if (partner === undefined || partner.messages.add(now)) return JUNK;
    // Else a peer that dials again and again could have us dial any number of addresses.
    if (!this.#hosts.of(connection.hostKey, now).addIfAllowed(now)) return JUNK;
    const message = decodePexMessage(payload);
    if (message === undefined) return refuse({ code: 'malformed-extension', name: UT_PEX, length: payload.length });
    const source = { kind: 'pex', teller: connection.address.host } as const;
    connection.charge(ADDRESS_PRICE * message.added.length, false);
    for (const peer of message.added) this.#parts.startConnection(peer, source);
    return FINE;
  }

  peerLeft({ connection }: ExtendedPeer): void {
    this.#partners.get(connection)?.task.cancel();
    this.#partners.delete(connection);
  }

  #tell(partner: Partner): void {
    const { interval, maxPeers } = this.#options;
    partner.task = this.#parts.timers.addTask(() => this.#tell(partner), interval);
    const { connection, handshake } = partner.peer;
    const { host, port } = connection.address;
    const itself = new Set([addressKey({ host, port }), addressKey({ host, port: handshake.port ?? port })]);
    const present = new Map<string, PexPeer>();
    for (const peer of this.#parts.peers()) {
      const key = addressKey(peer.address);
      if (!itself.has(key) && mayBeTold(connection.address, peer.address)) present.set(key, peer);
    }
    const added = [...present].filter(([key]) => !partner.told.has(key)).slice(0, maxPeers);
    const dropped = [...partner.told].filter(([key]) => !present.has(key)).slice(0, maxPeers);
    if (added.length === 0 && dropped.length === 0) return;
    const told = new Map(partner.told);
    for (const [key] of dropped) told.delete(key);
    for (const [key, { address }] of added) told.set(key, address);
    partner.told = told;
    const message = { added: added.map(([, peer]) => peer), dropped: dropped.map(([, address]) => address) };
    partner.peer.send(UT_PEX, encodePexMessage(message));
  }
}

/**
 * Whether we tell `partner` of a peer: only if we would dial that peer when `partner` named it. Otherwise we would tell
 * `partner` which peers are in our own network, or send it to a service. We ask `mayLead` as if we had no networks of
 * our own. Otherwise its answers would tell `partner` which networks these are.
 */
function mayBeTold(partner: PeerAddress, { host, port }: PeerAddress): boolean {
  const ip = parseIp(host);
  return ip !== undefined && mayLead({ kind: 'pex', teller: partner.host }, ip, port, NO_OWN_NETWORKS);
}

// BEP 11: "0x01 prefers encryption", "0x02 seed/upload_only", "0x10 outgoing connection, peer is reachable".
const PREFERS_ENCRYPTION = 0x01;
const SEED = 0x02;
const REACHABLE = 0x10;

/** The longest message that we read, in bytes. A hundred peers in each of the four lists need a sixth of it. */
const MAX_LENGTH = 32 * 1024;
/** We read this many peers of each list. BEP 11 allows fifty, but some clients send more in their first message. */
const MAX_PEERS = 100;

const RULES: BencodeRules = { ...TOLERANT, maxDepth: 4, maxTokens: 100 };

/** Reads a payload. Undefined when it is too long, not bencoded, no dictionary, or cuts an address in two. */
export function decodePexMessage(payload: Buffer): PexMessage | undefined {
  if (payload.length > MAX_LENGTH) return undefined;
  const root = decodeDictionary(payload);
  if (root === undefined) return undefined;
  const lists = [
    addressesOf(root, 'added', 4),
    addressesOf(root, 'added6', 6),
    addressesOf(root, 'dropped', 4),
    addressesOf(root, 'dropped6', 6),
  ];
  if (lists.some((list) => list === undefined)) return undefined;
  const [added = [], added6 = [], dropped = [], dropped6 = []] = lists;
  return {
    added: [...withFlags(added, getBytes(root, 'added.f')), ...withFlags(added6, getBytes(root, 'added6.f'))],
    dropped: [...dropped, ...dropped6].flatMap((address) => address ?? []),
  };
}

/** The payload (BEP 11): bencoded, IPv4 and IPv6 apart, with a byte of flags for each peer that was added. */
export function encodePexMessage({ added, dropped }: PexMessage): Buffer {
  const isOf = (family: IpFamily) => (host: string) => parseIp(host)?.family === family;
  const addedOf = (family: IpFamily) => added.filter(({ address }) => isOf(family)(address.host));
  const compact = (addresses: readonly PeerAddress[]) =>
    Buffer.concat(addresses.flatMap((at) => encodeCompact(at) ?? []));
  const flags = (peers: readonly PexPeer[]) => Buffer.from(peers.map(flagsOf));
  const fields = new Map<string, Buffer>();
  for (const [family, suffix] of [
    [4, ''],
    [6, '6'],
  ] as const) {
    const peers = addedOf(family);
    fields.set(`added${suffix}`, compact(peers.map(({ address }) => address)));
    fields.set(`added${suffix}.f`, flags(peers));
    fields.set(`dropped${suffix}`, compact(dropped.filter(({ host }) => isOf(family)(host))));
  }
  return encodeBencode(fields);
}

function flagsOf({ isSeed, isReachable, prefersEncryption }: PexPeer): number {
  return (prefersEncryption ? PREFERS_ENCRYPTION : 0) | (isSeed ? SEED : 0) | (isReachable ? REACHABLE : 0);
}

/**
 * The addresses of one list, each in its place, because the flags are by place. An address with port 0 is undefined.
 * The list is empty when the key is absent, and undefined when its length is wrong.
 */
function addressesOf(
  root: BencodeDictionary,
  key: string,
  family: IpFamily,
): readonly (PeerAddress | undefined)[] | undefined {
  const bytes = getBytes(root, key);
  if (bytes === undefined) return [];
  const length = family === 4 ? 6 : 18;
  if (bytes.length % length !== 0) return undefined;
  return Array.from({ length: Math.min(MAX_PEERS, bytes.length / length) }, (_, at) =>
    decodeCompact(bytes.subarray(at * length, (at + 1) * length), family),
  );
}

function withFlags(addresses: readonly (PeerAddress | undefined)[], flags: Buffer | undefined): PexPeer[] {
  return addresses.flatMap((address, at) => {
    const bits = flags?.[at] ?? 0;
    if (address === undefined) return [];
    const [isSeed, isReachable] = [(bits & SEED) !== 0, (bits & REACHABLE) !== 0];
    return { address, isSeed, isReachable, prefersEncryption: (bits & PREFERS_ENCRYPTION) !== 0 };
  });
}

function decodeDictionary(payload: Buffer): BencodeDictionary | undefined {
  try {
    return asDictionary(decodeBencode(payload, RULES));
  } catch (error) {
    if (error instanceof BtgetError) return undefined;
    throw error;
  }
}
