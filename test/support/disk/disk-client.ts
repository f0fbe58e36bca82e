import type { FileOperations } from '../../../src/disk/system/operations.js';
import { type AddedTorrent, Session } from '../../../src/session/session.js';
import { DEFAULT_SESSION_OPTIONS } from '../../../src/session/session-options.js';
import type { TorrentStatus } from '../../../src/torrent/status.js';
import type { Torrent } from '../../../src/torrent/torrent.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../../../src/torrent/torrent-options.js';
import { MemorySlotPool } from '../fakes/memory-slot-pool.js';
import type { SampleTorrent } from '../sample-torrent.js';
import { seededRandom } from '../simulation/seeded-random.js';
import { simulatedDisk } from '../simulation/simulated-disk.js';
import type { SimulatedSwarm } from '../simulation/simulated-swarm.js';
import { LONE_SESSION } from '../worlds/lone-session.js';

const HOST = '10.0.1.1';

export interface DiskClientOptions {
  readonly operations: FileOperations;
  /** Bytes of memory for pieces. The longest piece that gets a slot is as long. */
  readonly memory: number;
  readonly torrent: Partial<TorrentOptions>;
  /** Called within the event. */
  readonly done: () => void;
}

/** A client in simulated time that writes real files. */
export class DiskClient {
  readonly address = { host: HOST, port: 0 };
  readonly log: string[] = [];
  done = false;
  failure: Error | null = null;
  readonly #swarm: SimulatedSwarm;
  readonly #session: Session;
  readonly #torrent: AddedTorrent;

  constructor(swarm: SimulatedSwarm, sample: SampleTorrent, options: DiskClientOptions) {
    this.#swarm = swarm;
    const rawServer = swarm.network.host(HOST);
    this.#session = new Session(
      {
        ...LONE_SESSION,
        rawServer,
        random: seededRandom(2),
        slots: new MemorySlotPool(options.memory, options.memory),
        ...simulatedDisk(rawServer, options.operations),
        trackerClient: swarm.tracker.client(HOST),
        answer: (answered) => rawServer.addTask(answered, 0),
        close: (answered) => {
          rawServer.addTask(answered, 0);
        },
      },
      DEFAULT_SESSION_OPTIONS,
    );
    this.#session.listen((outcome) => {
      if (!outcome.ok) throw outcome.failure;
      this.address.port = outcome.port;
    });
    swarm.timeline.run(0);
    this.#torrent = this.#session.addTorrent(
      sample.metainfo,
      { ...DEFAULT_TORRENT_OPTIONS, trackers: [swarm.tracker.url], ...options.torrent },
      {
        started: () => this.log.push('started'),
        fileDone: (file) => this.log.push(`file ${file.path.join('/')}`),
        fileReused: (file, _path, from) => this.log.push(`reused ${file.path.join('/')} ${from}`),
        trackerAnswered: () => undefined,
        warned: (code, message) => this.log.push(`${code}: ${message}`),
        done: () => {
          this.done = true;
          this.log.push('done');
          options.done();
        },
        goalReached: () => undefined,
        failed: (error) => {
          this.failure = error;
          this.log.push(`failed: ${error.message}`);
        },
      },
    );
  }

  get status(): TorrentStatus {
    return this.#torrent.status();
  }

  /** How many peers it refused, by reason. */
  get refusals(): Torrent['refusals'] {
    return this.#torrent.refusals;
  }

  /** The codes of its warnings, in order. */
  get warnings(): readonly string[] {
    return this.log.flatMap((line) => /^([a-z-]+): /.exec(line)?.[1] ?? []);
  }

  /** Runs simulated time until the download is done or has failed, or `limit` is over. */
  runToEnd(limit: number): void {
    for (let at = 0; at < limit && !this.done && this.failure === null; at += 500) this.#swarm.timeline.run(500);
  }

  stop(): void {
    let stopped = false;
    this.#session.stop(() => {
      stopped = true;
    });
    this.#swarm.timeline.runUntil(() => stopped, 60_000);
  }
}
