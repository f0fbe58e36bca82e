import type { Worker } from 'node:worker_threads';
import { SecretUrl } from '../base/secret-url.js';
import { systemRandom } from '../base/system-random.js';
import { GATEWAY_FETCH_OPTIONS, httpFetch } from '../discovery/http/http-fetch.js';
import { Authorities } from '../discovery/http/http-tls.js';
import { DEFAULT_LSD_OPTIONS, LocalDiscovery } from '../discovery/lsd/local-discovery.js';
import { DEFAULT_PORT_MAPPING_OPTIONS } from '../discovery/port-mapping/mapping-protocol.js';
import { PortMapper } from '../discovery/port-mapping/port-mapper.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../disk/files/file-disk.js';
import { createSlotPool, DEFAULT_SLOT_POOL_OPTIONS } from '../disk/slot-pool.js';
import { nodeParseMetainfo } from '../metainfo/node-parse-metainfo.js';
import { findGateways } from '../net/node-gateways.js';
import { resolveBind } from '../net/node-interfaces.js';
import { multicastPlaces } from '../net/node-multicast.js';
import { findOwnNetworks } from '../net/node-own-networks.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../net/node-raw-server.js';
import { nodeDhtMeans } from './node-dht-means.js';
import { createNodeTrackers } from './node-trackers.js';
import { Session } from './session.js';
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
      client: userAgent,
      dht: options.useDht ? nodeDhtMeans({ timers: rawServer, bind, noted }, options) : null,
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
