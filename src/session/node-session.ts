import type { Worker } from 'node:worker_threads';
import { systemRandom } from '../base/system-random.js';
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../disk/file-disk.js';
import { createSlotPool, DEFAULT_SLOT_POOL_OPTIONS } from '../disk/slot-pool.js';
import { resolveBind } from '../net/node-bind.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../net/node-raw-server.js';
import { nodeDhtMeans } from './node-dht-means.js';
import { createNodeTrackers } from './node-trackers.js';
import { Session } from './session.js';
import type { SessionOptions } from './session-options.js';

/**
 * A session over real sockets, the real disk and real trackers. Throws a 'usage' failure when `bind` names no address of
 * this machine. `gotException` is told of bugs outside every torrent. Nothing is opened until the session is used, and
 * after `stop` has answered nothing of it keeps the process alive. `writer`: see `FileDiskOptions`. `noted` is told
 * what goes wrong that no torrent suffers from.
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
  const trackers = createNodeTrackers(rawServer, userAgent, bind);
  return new Session(
    {
      rawServer,
      random: systemRandom,
      slots: createSlotPool(DEFAULT_SLOT_POOL_OPTIONS),
      openStorage: (storageOptions) => disk.openStorage(storageOptions),
      openTarget: (targetOptions) => disk.openTarget(targetOptions),
      trackerClient: trackers.client,
      client: userAgent,
      peerSources: [],
      dht: options.useDht ? nodeDhtMeans({ timers: rawServer, bind, noted }, options) : null,
      close: (answered) =>
        disk.close(() => {
          trackers.close();
          rawServer.close();
          answered();
        }),
    },
    options,
  );
}
