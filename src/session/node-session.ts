import type { Worker } from 'node:worker_threads';
import type { Task, Timers } from '../base/clock.js';
import { SecretUrl } from '../base/secret-url.js';
import { diffieHellmanGroup } from '../base/system-diffie-hellman.js';
import { verifyEd25519 } from '../base/system-ed25519.js';
import { systemRandom } from '../base/system-random.js';
import { DEFAULT_DHT_OPTIONS } from '../discovery/dht/dht-options.js';
import { findDestinations, isLoopbackFence } from '../discovery/http/http-destination.js';
import { DEFAULT_FETCH_OPTIONS, GATEWAY_FETCH_OPTIONS, httpFetch } from '../discovery/http/http-fetch.js';
import { Authorities } from '../discovery/http/http-tls.js';
import { DEFAULT_LSD_OPTIONS, LocalDiscovery } from '../discovery/lsd/local-discovery.js';
import { DEFAULT_PORT_MAPPING_OPTIONS } from '../discovery/port-mapping/mapping-protocol.js';
import { PortMapper } from '../discovery/port-mapping/port-mapper.js';
import { HttpTrackerClient, SchemeTrackerClient } from '../discovery/trackers/http-tracker-client.js';
import type { TrackerClient, TrackerScraper } from '../discovery/trackers/tracker-client.js';
import { UdpTrackerClient } from '../discovery/trackers/udp-tracker-client.js';
import { DEFAULT_UDP_TRACKER_OPTIONS } from '../discovery/trackers/udp-tracker-options.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../disk/files/file-disk.js';
import { FileKeptBytes } from '../disk/kept-bytes.js';
import { createSlotPool, DEFAULT_SLOT_POOL_OPTIONS } from '../disk/slot-pool.js';
import { systemProcesses } from '../disk/system/processes.js';
import { nodeParseMetainfo } from '../metainfo/node-parse-metainfo.js';
import type { BindAddresses } from '../net/fence.js';
import { findGateways } from '../net/node-gateways.js';
import { findOwnNetworks, multicastPlaces, resolveBind } from '../net/node-interfaces.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../net/node-raw-server.js';
import type { RawServer } from '../net/raw-server.js';
import type { UrlStep } from '../net/url-rule.js';
import { PRIME } from '../wire/mse/key-exchange.js';
import { Session } from './session.js';
import type { DhtAdapters } from './session-dht.js';
import type { SessionOptions } from './session-options.js';

/**
 * A session over real sockets, the real disk and real trackers. Throws a 'usage' failure when `bind` names no address
 * of this machine, or `caCertificates` cannot be read. `gotException` is told of bugs outside every torrent. Nothing is
 * opened until the session is used, and after `stop` has answered nothing of it keeps the process alive. `writer`: see
 * `FileDiskOptions`. `noted` is told what goes wrong that no torrent suffers from.
 */
export function createNodeSession(
  options: SessionOptions,
  userAgent: string,
  gotException: (error: unknown) => void,
  writer: Worker | null = null,
  noted: (message: string) => void = () => undefined,
): Session {
  const bind = options.bind === null ? null : resolveBind(options.bind);
  const rawServer = new NodeRawServer({ ...DEFAULT_NODE_RAW_SERVER_OPTIONS, bindAddresses: bind, gotException });
  const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: rawServer, writer });
  const authorities = options.caCertificates === null ? null : new Authorities(options.caCertificates);
  const trackers = createNodeTrackers(rawServer, userAgent, bind, authorities);
  const lsd = new LocalDiscovery({
    rawServer,
    random: systemRandom,
    multicastPlaces: () => multicastPlaces(bind),
    options: DEFAULT_LSD_OPTIONS,
  });
  const portMapper = new PortMapper({
    rawServer,
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
  return new Session(
    {
      rawServer,
      random: systemRandom,
      slots: createSlotPool(DEFAULT_SLOT_POOL_OPTIONS),
      openStorage: (storageOptions) => disk.openStorage(storageOptions),
      openTarget: (targetOptions) => disk.openTarget(targetOptions),
      folderName: (dir) => disk.folderName(dir),
      parse: nodeParseMetainfo,
      trackerClient: trackers.client,
      ownNetworks: findOwnNetworks(bind),
      makeKeyPair: diffieHellmanGroup(PRIME),
      client: userAgent,
      dht: options.useDht ? nodeDhtAdapters({ timers: rawServer, bind, noted }, options) : null,
      portMapper: options.usePortMapping && options.listen ? portMapper : null,
      peerSources: options.useLsd && options.listen ? [lsd.createSource] : [],
      close: (answered) =>
        disk.close(() => {
          trackers.close();
          lsd.close();
          rawServer.close();
          answered();
        }),
    },
    options,
  );
}

export interface NodeTrackers {
  readonly client: TrackerClient & TrackerScraper;
  /** Ends what is under way. */
  close(): void;
}

/**
 * Real trackers, asked over HTTP and UDP, from `bind` alone unless it is null; `authorities` are trusted over HTTPS
 * too.
 */
export function createNodeTrackers(
  rawServer: RawServer,
  userAgent: string,
  bind: BindAddresses | null,
  authorities: Authorities | null,
): NodeTrackers {
  const http = new HttpTrackerClient(rawServer, { ...DEFAULT_FETCH_OPTIONS, userAgent, bind, authorities });
  const udp = new UdpTrackerClient(rawServer, systemRandom, { ...DEFAULT_UDP_TRACKER_OPTIONS, bind, findDestinations });
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
function nodeDhtAdapters({ timers, bind, noted }: NodeDhtParts, { dhtNodes, dhtState }: SessionOptions): DhtAdapters {
  // Whom the world's DHT knows is of no use behind such a fence, and must not be forgotten because of it.
  const isFenced = bind !== null && isLoopbackFence(bind);
  const path = isFenced ? null : dhtState;
  const { user } = systemProcesses;
  const own = dhtNodes.map(({ host, port }) => ({ host, port, isPublic: false }));
  return {
    verify: verifyEd25519,
    resolve: (host, answered) => resolve(timers, bind, host, answered),
    routers: isFenced ? own : [...own, ...DEFAULT_DHT_OPTIONS.routers],
    kept: path === null ? null : new FileKeptBytes(timers, { path, user, maxLength: MAX_STATE_LENGTH, noted }),
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
