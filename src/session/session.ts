/**
 * Runs many torrents on one event loop. They share the listening socket, the rate limits, the memory for pieces and the
 * peer id. When a torrent fails, the others go on.
 */
import { toHex } from '../base/bytes.js';
import { BtgetError } from '../base/failure.js';
import type { Random } from '../base/random.js';
import type { DhtStatus } from '../discovery/dht/dht-node.js';
import { OwnAddresses } from '../discovery/own-addresses.js';
import type { PortMapping } from '../discovery/port-mapping/port-mapper.js';
import { bothHashes, swarmsOf, type WireHashes, wireHashes } from '../metainfo/info-hash.js';
import { linkOf, type MagnetLink, nameOfLink } from '../metainfo/magnet.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { selectFiles } from '../metainfo/selection.js';
import type { Blocklist } from '../net/blocklist.js';
import type { NetworkWatch } from '../net/network-watch.js';
import { KeptMetadata } from '../resume/kept-metadata.js';
import { chooseMethod, DialWays, type EncryptionPolicy } from '../swarm/connections/dial-ways.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import { HalfOpen, MAX_HALF_OPEN } from '../swarm/connections/half-open.js';
import { MAX_UNANSWERED, UnansweredDials } from '../swarm/connections/unanswered-dials.js';
import { NodePorts } from '../swarm/extensions/node-ports.js';
import { DEFAULT_RATE_LIMITER_OPTIONS, RateLimiter } from '../swarm/rate-limiter.js';
import { DEFAULT_SEND_MEMORY_OPTIONS, SendMemory } from '../swarm/upload/send-memory.js';
import { DEFAULT_WORK_OPTIONS, WorkBudget } from '../swarm/work-budget.js';
import { ContentClaims } from '../torrent/content-claims.js';
import { type MetadataEvents, MetadataTorrent } from '../torrent/metadata-torrent.js';
import type { TorrentEvents } from '../torrent/status.js';
import { Torrent } from '../torrent/torrent.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';
import type { TorrentParts, WorldParts } from '../torrent/torrent-parts.js';
import { PRIVATE_KEY_LENGTH } from '../wire/mse/key-exchange.js';
import { req2 } from '../wire/mse/mse-keys.js';
import type { RefusalCode } from '../wire/refusal.js';
import { encodeReserved } from '../wire/reserved.js';
import type { AcceptEncryption, Taker } from './incoming-handshake.js';
import { type MagnetEvents, MagnetTorrent } from './magnet-torrent.js';
import { DEFAULT_PORT_LISTENER_OPTIONS, PortListener } from './port-listener.js';
import { type DhtAdapters, SessionDht } from './session-dht.js';
import type { SessionOptions } from './session-options.js';

/** Has the gateway open our port. */
export interface OpensPort {
  begin(port: number): void;
  /** The machine may be in another network, or have slept. */
  networkChanged(): void;
  state(): readonly PortMapping[];
  /** Has the gateway close the port again. Answers once, later, within a bounded time. */
  stop(answered: () => void): void;
}

/** What a Session is joined with. */
export interface SessionParts extends WorldParts {
  /** Null when the session does not use the DHT. */
  readonly dht: DhtAdapters | null;
  /** Null when the session asks no gateway. */
  readonly portMapper: OpensPort | null;
  /** Tells when the machine may be in another network; null when nobody does. It is begun with the first torrent. */
  readonly networkWatch: Pick<NetworkWatch, 'begin' | 'stop'> | null;
  /** Ends the workers and the loop. Called when every torrent has ended. */
  readonly close: (answered: () => void) => void;
}

/** The port that we listen on, or why we cannot listen. */
export type ListenAnswer =
  | { readonly ok: true; readonly port: number }
  | { readonly ok: false; readonly failure: BtgetError };

/** What happens to a torrent that is added with its .torrent. */
export interface AddedEvents extends TorrentEvents {
  /**
   * The layers that the .torrent does not tell and that are needed are here. A torrent with a whole .torrent does not
   * call this.
   */
  gotMetadata?(metainfo: Metainfo): void;
}

/** A torrent that was added with its .torrent: the second kind when layers are missing in it. */
export type AddedTorrent = Torrent | MagnetTorrent;

/** What the session must know of a torrent before it makes it. */
interface Subject extends Pick<Metainfo, 'name' | 'nodes' | 'private'> {
  readonly hashes: WireHashes;
  /** False: nobody is told of us in the DHT. */
  readonly isAnnounced?: boolean;
}

/** A torrent, in either of its lives. */
interface SessionTorrent {
  readonly encoder: (Taker & Pick<Encoder, 'partFromListed'>) | undefined;
  start(): void;
  networkChanged(): void;
  stop(answered: () => void): void;
}

/** The extensions that our handshake announces. */
const RESERVED = encodeReserved(['extended', 'fast']);
const RESERVED_WITH_DHT = encodeReserved(['extended', 'fast', 'dht']);

export class Session {
  readonly #parts: SessionParts;
  readonly #options: SessionOptions;
  readonly #peerId: Buffer;
  /** By each of its info-hashes, as peers say them. */
  readonly #torrents = new Map<string, SessionTorrent>();
  /** Info-hashes by their `req2`, as encrypted handshakes name torrents. */
  readonly #hiddenNames = new Map<string, Buffer>();
  readonly #portListener: PortListener;
  /** What all torrents share, private ones too. */
  readonly #shared: Omit<TorrentParts, 'nodePorts' | 'identity' | 'renameTo' | 'port'>;
  readonly #dht: SessionDht | null;
  readonly #nodePorts: NodePorts | null;
  #stage: 'running' | 'stopping' | 'stopped' = 'running';
  /** The answers to `stop` that wait for the end. */
  readonly #whenStopped: (() => void)[] = [];
  /** The calls of `listen` that wait for their answers. */
  readonly #listening = new Set<{ readonly answered: (outcome: ListenAnswer) => void }>();
  /** After this call we hear no more of new blocklists. */
  readonly #forgetBlocklist: () => void;
  /**
   * The port that we tell trackers. It is set even when we do not listen, because trackers refuse announces without a
   * port.
   */
  #port: number;

  constructor(parts: SessionParts, options: SessionOptions) {
    const { rawServer, random } = parts;
    this.#parts = parts;
    this.#options = options;
    this.#peerId = createPeerId(random);
    this.#port = options.port.first;
    this.#shared = {
      ...parts,
      claims: new ContentClaims(),
      takenJournals: new Set(),
      halfOpen: new HalfOpen(MAX_HALF_OPEN),
      unanswered: new UnansweredDials(MAX_UNANSWERED),
      encryption: { ways: new DialWays(options.encryption), makeKeyPair: parts.makeKeyPair, random },
      work: new WorkBudget(rawServer, DEFAULT_WORK_OPTIONS),
      uploadLimiter: new RateLimiter(rawServer, options.maxUpload, DEFAULT_RATE_LIMITER_OPTIONS),
      downloadLimiter: new RateLimiter(rawServer, options.maxDownload, DEFAULT_RATE_LIMITER_OPTIONS),
      sendMemory: new SendMemory(rawServer, DEFAULT_SEND_MEMORY_OPTIONS),
      ownAddresses: new OwnAddresses(),
    };
    const { dht: adapters } = parts;
    const { listen: listens, port } = options;
    this.#dht = adapters === null ? null : new SessionDht({ ...parts, adapters, listens, firstPort: port.first });
    this.#nodePorts = this.#dht === null ? null : new NodePorts(this.#dht);
    this.#portListener = new PortListener({
      rawServer,
      encoderFor: (infoHash) => this.#torrents.get(toHex(infoHash))?.encoder,
      encryption: this.#acceptEncryption(options.encryption),
      options: DEFAULT_PORT_LISTENER_OPTIONS,
    });
    const { blocklist } = parts.ownNetworks;
    this.#forgetBlocklist = blocklist?.onReplaced(() => this.#partFromListed(blocklist)) ?? (() => undefined);
  }

  /** How many connections were refused before a torrent took them, by reason. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#portListener.refusals;
  }

  /**
   * Enters the DHT now. Otherwise the session enters it when the first torrent needs it. Call it when `listen` has
   * answered.
   */
  enterDht(): void {
    if (this.#stage === 'running') this.#dht?.whenOpen(this.#port, () => undefined);
  }

  /** What our node in the DHT knows. Null when the session has no node, or no torrent has needed it yet. */
  dhtStatus(): DhtStatus | null {
    return this.#dht?.status() ?? null;
  }

  /**
   * Listens for peers on the first free port of the range. Answers once: with the port, with a 'network' failure, or
   * with 'interrupted' when the session is stopped before.
   */
  listen(answered: (outcome: ListenAnswer) => void): void {
    const call = { answered };
    this.#listening.add(call);
    if (this.#stage !== 'running') {
      this.#giveUpListening();
      return;
    }
    const { first, last } = this.#options.port;
    this.#portListener.listen(this.#options.port, null, (outcome) => {
      // `stop` has answered, and the port is closed again.
      if (!this.#listening.delete(call)) return;
      if (outcome.ok) {
        const { address } = outcome.listener;
        if ('port' in address) this.#port = address.port;
        this.#parts.portMapper?.begin(this.#port);
        answered({ ok: true, port: this.#port });
        return;
      }
      const range = first === last ? `port ${first}` : `any port from ${first} to ${last}`;
      const why = outcome.code === 'in-use' ? 'in use' : String(outcome.cause ?? outcome.code);
      const message = `cannot listen on ${range}: ${why}`;
      answered({ ok: false, failure: new BtgetError('network', message, { cause: outcome.cause }) });
    });
  }

  /**
   * What the gateways of our network answered when we asked them to open our port, one entry per IP family at the most.
   */
  portMapping(): readonly PortMapping[] {
    return this.#parts.portMapper?.state() ?? [];
  }

  /**
   * Begins a torrent: its data is checked first, then it downloads or seeds until `stop`. When its .torrent does not
   * tell all piece layers of version 2, those of wanted files are made of the data or fetched first, as the metadata of
   * a link is. Throws a 'usage' failure when the torrent has none of the selected files, 'target-busy' when the session
   * has this torrent already, and 'interrupted' when the session has been stopped.
   */
  addTorrent(metainfo: Metainfo, options: TorrentOptions, events: AddedEvents): AddedTorrent {
    const subject = { ...metainfo, hashes: wireHashes(metainfo) };
    if (metainfo.missingLayers.length > 0) {
      selectFiles(metainfo, options.selection);
      return this.#begin<MagnetTorrent>(subject, (parts) => {
        return new MagnetTorrent(parts, { kind: 'torrent', metainfo }, options, events);
      });
    }
    return this.#begin<Torrent>(subject, (parts) => {
      const kept = new KeptMetadata({ ...parts, timers: parts.rawServer }, metainfo, options.dir);
      return new Torrent(parts, metainfo, options, events, kept);
    });
  }

  /**
   * Begins a torrent whose metadata is fetched first, unless an earlier run kept it. Then it goes on as with
   * `addTorrent`. Throws 'target-busy' when the session has this torrent already, and 'interrupted' when it has been
   * stopped. When only the metadata shows that the session has the torrent, `failed` hears of it.
   */
  addMagnet(link: MagnetLink, options: TorrentOptions, events: MagnetEvents): MagnetTorrent {
    return this.#begin(subjectOf(link), (parts) => new MagnetTorrent(parts, { kind: 'link', link }, options, events));
  }

  /**
   * Fetches metadata and the piece layers of version 2, and neither reads nor writes the disk. When they have come, the
   * torrent waits for its `stop`. Throws as `addMagnet` does.
   */
  fetchMetadata(link: MagnetLink, options: TorrentOptions, events: MetadataEvents): MetadataTorrent {
    return this.#begin(subjectOf(link), (parts) => new MetadataTorrent(parts, link, null, options, events));
  }

  /**
   * Looks for the peers of a torrent, and wants no content of them. Nobody hears of us in the DHT, which has no
   * good-bye; trackers do, until `stop`. Once we know that the torrent is private, only its trackers name peers.
   * Throws as `addMagnet` does.
   */
  findPeers(source: Metainfo | MagnetLink, options: TorrentOptions, events: MetadataEvents): MetadataTorrent {
    const known = 'files' in source ? source : null;
    const [subject, link] =
      'files' in source ? [{ ...source, hashes: wireHashes(source) }, linkOf(source)] : [subjectOf(source), source];
    return this.#begin(
      { ...subject, isAnnounced: false },
      (parts) => new MetadataTorrent(parts, link, known, options, events),
    );
  }

  /** Stops one torrent and forgets it. When `answered` is called, the same torrent may be added again. */
  remove(torrent: SessionTorrent, answered: () => void): void {
    torrent.stop(() => {
      this.#forget(torrent);
      answered();
    });
  }

  /**
   * Stops every torrent (each tells its trackers), then ends every socket, worker and timer. Each call is answered when
   * that is over.
   */
  stop(answered: () => void): void {
    if (this.#stage === 'stopped') {
      this.#parts.answer(answered);
      return;
    }
    this.#whenStopped.push(answered);
    if (this.#stage === 'stopping') return;
    this.#stage = 'stopping';
    this.#giveUpListening();
    this.#portListener.close();
    this.#forgetBlocklist();
    this.#parts.networkWatch?.stop();
    const { portMapper } = this.#parts;
    const torrents = new Set(this.#torrents.values());
    let running = torrents.size + 2;
    const oneStopped = (): void => {
      running -= 1;
      if (running === 0) this.#parts.close(() => this.#stopped());
    };
    if (this.#dht === null) oneStopped();
    else this.#dht.stop(oneStopped);
    if (portMapper === null) oneStopped();
    else portMapper.stop(oneStopped);
    // Each torrent stops in a task of its own: to stop a thousand torrents at once would hold the loop too long.
    for (const torrent of torrents) this.#parts.rawServer.addTask(() => torrent.stop(oneStopped), 0);
  }

  #networkChanged(): void {
    this.#dht?.networkChanged();
    this.#parts.portMapper?.networkChanged();
    // In a task for each torrent, as in `stop`.
    for (const torrent of new Set(this.#torrents.values()))
      this.#parts.rawServer.addTask(() => torrent.networkChanged(), 0);
  }

  #stopped(): void {
    this.#stage = 'stopped';
    for (const answered of this.#whenStopped.splice(0)) this.#parts.answer(answered);
  }

  #giveUpListening(): void {
    for (const { answered } of this.#listening)
      this.#parts.answer(() => answered({ ok: false, failure: hasBeenStopped() }));
    this.#listening.clear();
  }

  /** Ends what holds a connection, or a place in a table, for an address that is on the blocklist now. */
  #partFromListed(blocklist: Blocklist): void {
    const { rawServer } = this.#parts;
    rawServer.addTask(() => this.#portListener.partFromListed(blocklist), 0);
    rawServer.addTask(() => this.#dht?.partFromListed(), 0);
    // In a task for each torrent, as in `stop`.
    for (const torrent of new Set(this.#torrents.values()))
      rawServer.addTask(() => torrent.encoder?.partFromListed(), 0);
  }

  /** Peers find `torrent` by these hashes, and by no other from now on. */
  #register(torrent: SessionTorrent, hashes: WireHashes): void {
    this.#forget(torrent);
    for (const infoHash of swarmsOf(hashes).values()) {
      this.#torrents.set(toHex(infoHash), torrent);
      this.#hiddenNames.set(toHex(req2(infoHash)), infoHash);
    }
  }

  #forget(torrent: SessionTorrent): void {
    for (const [key, kept] of this.#torrents) {
      if (kept !== torrent) continue;
      this.#torrents.delete(key);
      this.#hiddenNames.delete(toHex(req2(Buffer.from(key, 'hex'))));
    }
  }

  /** Throws 'target-busy' when a torrent other than `own` has one of the hashes: then both are one torrent. */
  #refuseTwin(hashes: WireHashes, name: string, own: SessionTorrent | null): void {
    for (const infoHash of swarmsOf(hashes).values()) {
      const twin = this.#torrents.get(toHex(infoHash));
      if (twin !== undefined && twin !== own) throw new BtgetError('target-busy', `${name} is given twice`);
    }
  }

  #acceptEncryption(policy: EncryptionPolicy): AcceptEncryption | null {
    if (policy === 'off') return null;
    const { random, makeKeyPair } = this.#parts;
    return {
      random,
      pair: () => makeKeyPair(random.bytes(PRIVATE_KEY_LENGTH)),
      torrentOf: (hash) => this.#hiddenNames.get(toHex(hash)),
      select: (provide) => chooseMethod(policy, provide),
      isRequired: policy === 'require',
    };
  }

  #begin<T extends SessionTorrent>(subject: Subject, create: (parts: TorrentParts) => T): T {
    const { hashes, name, nodes, isAnnounced = true } = subject;
    if (this.#stage !== 'running') throw hasBeenStopped();
    this.#refuseTwin(hashes, name, null);
    const { peerSources } = this.#parts;
    // BEP 27: a private torrent must not use the DHT or be announced there.
    const dht = subject.private ? null : this.#dht;
    const ours = { myId: this.#peerId, reserved: dht === null ? RESERVED : RESERVED_WITH_DHT };
    const torrent = create({
      ...this.#shared,
      peerSources: dht === null ? peerSources : [...peerSources, dht.createSource(nodes, isAnnounced)],
      nodePorts: dht === null ? null : this.#nodePorts,
      identity: { ...hashes, ...ours },
      renameTo: (changed) => {
        try {
          this.#refuseTwin(changed, name, torrent);
        } catch (failure) {
          // The other torrent may take this one's hashes now, and goes on alone.
          this.#forget(torrent);
          throw failure;
        }
        // A torrent that is stopped already is found by no hash any more.
        if ([...this.#torrents.values()].includes(torrent)) this.#register(torrent, changed);
        return { ...changed, ...ours };
      },
      port: this.#port,
    });
    this.#register(torrent, hashes);
    torrent.start();
    this.#parts.networkWatch?.begin(() => this.#networkChanged());
    return torrent;
  }
}

/**
 * What a link says of its torrent. Only the metadata tells whether the torrent is private; if it is, the torrent parts
 * from its public sources then.
 */
function subjectOf(link: MagnetLink): Subject {
  return { hashes: bothHashes(link), name: nameOfLink(link), nodes: link.nodes, private: false };
}

function hasBeenStopped(): BtgetError {
  return new BtgetError('interrupted', 'the session has been stopped');
}

/** BEP 20: a dash, two letters for the client, four characters for its version, a dash, then random characters. */
const PREFIX = '-GB0100-';
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** A new random peer id for us: 20 printable bytes. */
export function createPeerId(random: Random): Buffer {
  let id = PREFIX;
  while (id.length < 20) id += ALPHABET[random.below(ALPHABET.length)];
  return Buffer.from(id, 'latin1');
}
