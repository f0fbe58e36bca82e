import type { Task, Timers } from '../base/clock.js';
import { SecretUrl } from '../base/secret-url.js';
import { diffieHellmanGroup } from '../base/system-diffie-hellman.js';
import { verifyEd25519 } from '../base/system-ed25519.js';
import { systemRandom } from '../base/system-random.js';
import { DEFAULT_DHT_OPTIONS } from '../discovery/dht/dht-options.js';
import { findDestinations } from '../discovery/http/http-destination.js';
import { DEFAULT_FETCH_OPTIONS, GATEWAY_FETCH_OPTIONS, httpFetch } from '../discovery/http/http-fetch.js';
import { DEFAULT_RANGE_FETCH_OPTIONS, HttpRangeFetcher } from '../discovery/http/http-range-fetch.js';
import { DEFAULT_LSD_OPTIONS, LocalDiscovery } from '../discovery/lsd/local-discovery.js';
import { DEFAULT_PORT_MAPPING_OPTIONS } from '../discovery/port-mapping/mapping-protocol.js';
import { PortMapper } from '../discovery/port-mapping/port-mapper.js';
import { HttpTrackerClient, SchemeTrackerClient } from '../discovery/trackers/http-tracker-client.js';
import type { TrackerClient, TrackerScraper } from '../discovery/trackers/tracker-client.js';
import { UdpTrackerClient } from '../discovery/trackers/udp-tracker-client.js';
import { DEFAULT_UDP_TRACKER_OPTIONS } from '../discovery/trackers/udp-tracker-options.js';
import { createBlankTarget } from '../disk/blank-target.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../disk/files/file-disk.js';
import type { BegunThread } from '../disk/files/worker-thread.js';
import { FileKeptBytes } from '../disk/kept-bytes.js';
import { createSlotPool, DEFAULT_SLOT_POOL_OPTIONS } from '../disk/slot-pool.js';
import { systemProcesses } from '../disk/system/processes.js';
import type { MagnetLink } from '../metainfo/magnet.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { nodeParseMetainfo } from '../metainfo/node-parse-metainfo.js';
import { type BindAddresses, isLoopbackFence } from '../net/fence.js';
import { parseIp } from '../net/ip-address.js';
import { behindGate } from '../net/listed-gate.js';
import { NetworkWatch } from '../net/network-watch.js';
import { findGateways } from '../net/node-gateways.js';
import { CurrentOwnNetworks, findOwnNetworks, multicastPlaces } from '../net/node-interfaces.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../net/node-raw-server.js';
import { restingTimers, timeOfDay } from '../net/node-timers.js';
import { behindProxy } from '../net/proxy/proxied-loop.js';
import type { RawServer } from '../net/raw-server.js';
import type { UrlStep } from '../net/url-rule.js';
import type { MetadataEvents, MetadataTorrent } from '../torrent/metadata-torrent.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../torrent/torrent-options.js';
import { PRIME } from '../wire/mse/key-exchange.js';
import { checkEvents, type EventNames, isMetainfo, METAINFO } from './given.js';
import type { MagnetEvents, MagnetTorrent } from './magnet-torrent.js';
import { optionsForLink } from './node-link-peers.js';
import type { NodeProxy } from './node-proxy.js';
import { openWayOut, type WayOut } from './node-way-out.js';
import { SESSION_READERS, TORRENT_READERS, userAgentText } from './option-readers.js';
import { callback, type Given, having, orNull, path, type Readers, readOptions, wrong } from './read-options.js';
import { type AddedEvents, type AddedTorrent, Session, type SessionParts } from './session.js';
import type { DhtAdapters } from './session-dht.js';
import { DEFAULT_SESSION_OPTIONS, followedOptions, type SessionOptions } from './session-options.js';

/** What a session over the real world takes. */
export interface NodeSessionOptions extends SessionOptions {
  /** What HTTP trackers, gateways and peers are told that we are: printable ASCII, usually `NAME/VERSION`. */
  readonly userAgent: string;
  /**
   * Told of each bug outside every torrent. A bug inside a torrent ends that torrent, and its `failed` hears of it.
   * What `gotException` throws is an uncaught exception of the process.
   */
  readonly gotException: (error: unknown) => void;
  /** Told in a sentence what goes wrong that no torrent suffers from, such as a state of the DHT that is not kept. */
  readonly noted: (message: string) => void;
  /**
   * Told in a sentence what harms every torrent. 'proxy': nothing passes the proxy. 'proxy-udp': it carries no
   * datagrams.
   */
  readonly warned: (code: 'proxy' | 'proxy-udp', message: string) => void;
  /**
   * Null: torrents lie in files in their folders. Else they leave nothing behind: their pieces are kept only for
   * readers, in a file without a name in this folder. Then each torrent needs `onDemand`.
   */
  readonly cacheDir: string | null;
  /** The thread that hashes and writes, when it runs already; null: the session begins one when it needs it. */
  readonly writer: Pick<BegunThread, 'take'> | null;
}

export const DEFAULT_NODE_SESSION_OPTIONS: NodeSessionOptions = {
  ...DEFAULT_SESSION_OPTIONS,
  userAgent: 'btget',
  gotException: (error) => {
    throw error;
  },
  noted: () => undefined,
  warned: () => undefined,
  cacheDir: null,
  writer: null,
};

const NODE_SESSION_READERS: Readers<NodeSessionOptions> = {
  ...SESSION_READERS,
  userAgent: userAgentText,
  gotException: callback(),
  noted: callback(),
  warned: callback(),
  cacheDir: orNull(path),
  writer: orNull(having('a thread that was begun', 'take')),
};

const METADATA_EVENTS: EventNames<MetadataEvents> = {
  gotMetadata: true,
  trackerAnswered: true,
  warned: true,
  failed: true,
};
const MAGNET_EVENTS: EventNames<MagnetEvents> = {
  ...METADATA_EVENTS,
  started: true,
  fileDone: true,
  fileReused: false,
  done: true,
  goalReached: true,
};
const ADDED_EVENTS: EventNames<AddedEvents> = { ...MAGNET_EVENTS, gotMetadata: false };

/**
 * A session as the library hands it out. It reads the options of each torrent, and what is left out of them is
 * `DEFAULT_TORRENT_OPTIONS`. An unknown or wrong option is a 'usage' failure, and nothing has begun then.
 */
export class NodeSession extends Session {
  readonly #proxy: NodeProxy | null;

  constructor(parts: SessionParts, options: SessionOptions, proxy: NodeProxy | null) {
    super(parts, options);
    this.#proxy = proxy;
  }

  /** Why nothing passes the proxy, in a sentence. Null when something does, and without a proxy. */
  proxyTrouble(): string | null {
    return this.#proxy?.trouble ?? null;
  }

  /**
   * Begins a torrent: its data is checked first, then it downloads or seeds until `stop`. Piece layers of version 2
   * that its .torrent does not tell are made of the data or fetched first. Throws a 'usage' failure for a wrong option,
   * a missing event, and a selection that means no file, 'target-busy' when the session has this torrent already, and
   * 'interrupted' when it has been stopped.
   */
  override addTorrent(metainfo: Metainfo, options: Given<TorrentOptions>, events: AddedEvents): AddedTorrent {
    if (!isMetainfo(metainfo)) throw wrong('metainfo', metainfo, METAINFO);
    checkEvents(ADDED_EVENTS, events);
    return super.addTorrent(metainfo, readTorrentOptions(options), events);
  }

  /**
   * Begins a torrent of which only a link (`parseLink`) is there: its metadata is fetched first, unless an earlier
   * run kept it. Then it goes on as `addTorrent` says. The files that the link selects are wanted, unless `selection`
   * says which. The peers that the link names are dialled when `linkPeers` has their addresses (`resolveLinkPeers`).
   * Throws as `addTorrent` does; a selection that means no file is told to `failed`.
   */
  override addMagnet(link: MagnetLink, options: Given<TorrentOptions>, events: MagnetEvents): MagnetTorrent {
    refuseText(link);
    checkEvents(MAGNET_EVENTS, events);
    const all = readTorrentOptions(options);
    return super.addMagnet(link, optionsForLink(link, all.linkPeers, all), events);
  }

  /**
   * Fetches the metadata of a link and gives it to `gotMetadata`. It neither reads nor writes the disk. When the
   * metadata has come, the torrent waits for its `stop`. Throws as `addTorrent` does.
   */
  override fetchMetadata(link: MagnetLink, options: Given<TorrentOptions>, events: MetadataEvents): MetadataTorrent {
    refuseText(link);
    checkEvents(METADATA_EVENTS, events);
    return super.fetchMetadata(link, readTorrentOptions(options), events);
  }

  /**
   * Looks for the peers of a torrent, by its metainfo or link, and wants no content of them. Nobody hears of us in the
   * DHT; trackers do, until `stop`. Throws as `addTorrent` does.
   */
  override findPeers(
    source: Metainfo | MagnetLink,
    options: Given<TorrentOptions>,
    events: MetadataEvents,
  ): MetadataTorrent {
    if (!isMetainfo(source)) refuseText(source);
    checkEvents(METADATA_EVENTS, events);
    return super.findPeers(source, readTorrentOptions(options), events);
  }
}

function refuseText(link: unknown): void {
  if (typeof link !== 'object' || link === null || !('infoHash' in link) || !('trackers' in link))
    throw wrong('link', link, 'what parseLink makes of a magnet link');
}

function readTorrentOptions(given: Given<TorrentOptions>): TorrentOptions {
  return readOptions(TORRENT_READERS, DEFAULT_TORRENT_OPTIONS, given);
}

/**
 * A session over real sockets, the real disk and real trackers. What is left out of `options` is
 * `DEFAULT_NODE_SESSION_OPTIONS`. Nothing is opened until the session is used, and when `stop` has answered, nothing of
 * it keeps the process alive. Throws a 'usage' failure for an unknown or wrong option, also when `bind` names no
 * address of this machine, or `caCertificates` cannot be read.
 */
export function createNodeSession(given: Given<NodeSessionOptions> = {}): NodeSession {
  const options = readOptions(NODE_SESSION_READERS, DEFAULT_NODE_SESSION_OPTIONS, given);
  const { userAgent, gotException, noted, warned, writer, cacheDir, blocklist, listenAnyway } = options;
  const wayOut = openWayOut(options, blocklist, {
    troubled: (message) => warned('proxy', `${message}: nothing passes it`),
    recovered: noted,
    carriesNoDatagrams: (message) => warned('proxy-udp', `${message}: without the DHT and trackers over UDP`),
  });
  const { bind, authorities, proxy, proxies } = wayOut;
  const loop = new NodeRawServer({ ...DEFAULT_NODE_RAW_SERVER_OPTIONS, bindAddresses: bind, gotException });
  // A gateway of our own network is neither a peer nor a tracker, and lists have whole private networks: it alone is
  // asked past the gate.
  const proxied = behindProxy(loop, proxy === null ? null : { proxy, listens: listenAnyway });
  const rawServer = behindGate(proxied, blocklist);
  const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: rawServer, writer });
  const trackers = createNodeTrackers(rawServer, userAgent, wayOut);
  const files = new HttpRangeFetcher({
    ...DEFAULT_RANGE_FETCH_OPTIONS,
    ...{ userAgent, bind, authorities, proxies, findDestinations: wayOut.findDestinations },
  });
  const lsd = new LocalDiscovery({
    rawServer,
    random: systemRandom,
    multicastPlaces: () => multicastPlaces(bind),
    options: DEFAULT_LSD_OPTIONS,
  });
  const portMapper = new PortMapper({
    rawServer: loop,
    random: systemRandom,
    findGateways: () => findGateways(bind),
    askGateway: (url, post, answered) =>
      httpFetch(
        { url: new SecretUrl(url), source: 'gateway', asked: null },
        { ...GATEWAY_FETCH_OPTIONS, userAgent, bind, post },
        rawServer,
        answered,
      ),
    options: DEFAULT_PORT_MAPPING_OPTIONS,
  });
  return new NodeSession(
    {
      rawServer,
      random: systemRandom,
      slots: createSlotPool(DEFAULT_SLOT_POOL_OPTIONS),
      openStorage: (torrent) => (cacheDir === null ? disk.openStorage(torrent) : disk.openCache(torrent, cacheDir)),
      openTarget: (target) => (cacheDir === null ? disk.openTarget(target) : createBlankTarget(rawServer)),
      // Without a name no folder above is looked into for files of the torrent.
      folderName: (dir) => (cacheDir === null ? disk.folderName(dir) : null),
      parse: nodeParseMetainfo,
      trackerClient: trackers.client,
      fetchRange: (request, timers, events) => files.fetch(request, timers, events),
      ownNetworks: new CurrentOwnNetworks(rawServer, () => findOwnNetworks(bind), blocklist),
      makeKeyPair: diffieHellmanGroup(PRIME),
      client: userAgent,
      answer: (answered) => loop.answer(answered),
      dht: options.useDht ? nodeDhtAdapters({ timers: rawServer, bind, noted }, options) : null,
      networkWatch: new NetworkWatch({
        timers: restingTimers(rawServer),
        addresses: () => multicastPlaces(bind).map(({ host }) => host),
        timeOfDay,
      }),
      portMapper: options.usePortMapping && options.listen && proxy === null ? portMapper : null,
      peerSources: options.useLsd && options.listen && proxy === null ? [lsd.createSource] : [],
      close: (answered) =>
        disk.close(() => {
          trackers.close();
          files.close();
          lsd.close();
          loop.close();
          answered();
        }),
    },
    followedOptions(options),
    proxy,
  );
}

export interface NodeTrackers {
  readonly client: TrackerClient & TrackerScraper;
  /** Ends what is under way. */
  close(): void;
}

/** Real trackers, asked over HTTP and UDP. */
export function createNodeTrackers(
  rawServer: RawServer,
  userAgent: string,
  { bind, authorities, proxies, findDestinations }: Omit<WayOut, 'proxy'>,
): NodeTrackers {
  const shared = { bind, findDestinations };
  const options = { ...DEFAULT_FETCH_OPTIONS, ...shared, userAgent, authorities, proxies };
  const http = new HttpTrackerClient(rawServer, options);
  const udp = new UdpTrackerClient(rawServer, systemRandom, { ...DEFAULT_UDP_TRACKER_OPTIONS, ...shared });
  return {
    client: new SchemeTrackerClient(http, udp),
    close: () => {
      http.close();
      udp.close();
    },
  };
}

interface NodeDhtParts {
  readonly timers: Timers;
  readonly bind: BindAddresses | null;
  /** Told what goes wrong with the kept state. */
  readonly noted: (message: string) => void;
}

/** What is kept of 600 nodes takes half of that. Bytes. */
const MAX_STATE_LENGTH = 64 * 1024;

/** A name says nothing of where it leads: each address of a node is judged by its `AddressSource` where it is used. */
const JUDGED_LATER: UrlStep = { source: 'user', port: 0, path: '', query: '', redirect: null };

/** What the DHT needs of the real world. */
function nodeDhtAdapters({ timers, bind, noted }: NodeDhtParts, options: SessionOptions): DhtAdapters {
  const { dhtNodes, dhtState, proxy } = options;
  // Whom the world's DHT knows is of no use behind such a fence, and must not be forgotten because of it.
  const isFenced = bind !== null && isLoopbackFence(bind);
  const statePath = isFenced ? null : dhtState;
  const { user } = systemProcesses;
  const own = dhtNodes.map(({ host, port }) => ({ host, port, isPublic: false }));
  return {
    verify: verifyEd25519,
    // Behind a proxy no name is looked up, and the DHT is entered by the addresses that we know.
    resolve: (host, answered) =>
      proxy === null || parseIp(host) !== undefined
        ? resolve(timers, bind, host, answered)
        : timers.addTask(() => answered([]), 0),
    routers: isFenced ? own : [...own, ...DEFAULT_DHT_OPTIONS.routers],
    kept:
      statePath === null
        ? null
        : new FileKeptBytes(timers, { path: statePath, user, maxLength: MAX_STATE_LENGTH, noted }),
  };
}

function resolve(
  timers: Timers,
  bind: BindAddresses | null,
  host: string,
  answered: (addresses: readonly string[]) => void,
): { cancel(): void } {
  let telling: Task | null = null;
  const search = findDestinations(host, bind, JUDGED_LATER, (outcome) => {
    // Name servers answer outside the timeline, and a literal at once.
    telling = timers.addTask(() => answered(outcome.ok ? outcome.destinations.map((each) => each.host) : []), 0);
  });
  return {
    cancel: () => {
      search.cancel();
      telling?.cancel();
    },
  };
}
