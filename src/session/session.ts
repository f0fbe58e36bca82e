/**
 * Many torrents on one event loop, behind one listening socket, with one upload limit, one memory for pieces and one name
 * in every swarm. A torrent fails alone.
 */

import { toHex } from '../base/bytes.js';
import { BtgetError } from '../base/failure.js';
import type { Random } from '../base/random.js';
import { OwnAddresses } from '../discovery/own-addresses.js';
import type { CreatePeerSource } from '../discovery/peer-source.js';
import type { TrackerClient } from '../discovery/tracker-client.js';
import type { OpenStorage, SlotPool } from '../disk/storage.js';
import type { OpenTarget } from '../disk/target.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { RawServer } from '../net/raw-server.js';
import { HalfOpen, MAX_HALF_OPEN } from '../swarm/half-open.js';
import { DEFAULT_RATE_LIMITER_OPTIONS, RateLimiter } from '../swarm/rate-limiter.js';
import { DEFAULT_SEND_MEMORY_OPTIONS, SendMemory } from '../swarm/send-memory.js';
import type { TorrentEvents } from '../torrent/status.js';
import { Torrent } from '../torrent/torrent.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';
import type { RefusalCode } from '../wire/refusal.js';
import { encodeReserved } from '../wire/reserved.js';
import { createPeerId } from './peer-id.js';
import { DEFAULT_PORT_LISTENER_OPTIONS, PortListener } from './port-listener.js';
import type { SessionOptions } from './session-options.js';

/** What a session stands on. */
export interface SessionParts {
  readonly rawServer: RawServer;
  readonly random: Random;
  readonly slots: SlotPool;
  readonly openStorage: OpenStorage;
  readonly openTarget: OpenTarget;
  readonly trackerClient: TrackerClient;
  readonly peerSources: readonly CreatePeerSource[];
  /** Our name and version, as trackers and peers show it. */
  readonly client: string;
  /** Ends the workers and the loop, when every torrent has ended. */
  readonly close: (answered: () => void) => void;
}

export type ListenAnswer =
  | { readonly ok: true; readonly port: number }
  | { readonly ok: false; readonly failure: BtgetError };

/** What peers are told that we speak. */
const OUR_RESERVED = encodeReserved(['extended', 'fast']);

export class Session {
  readonly #parts: SessionParts;
  readonly #options: SessionOptions;
  readonly #peerId: Buffer;
  readonly #torrents = new Map<string, Torrent>();
  readonly #portListener: PortListener;
  readonly #halfOpen = new HalfOpen(MAX_HALF_OPEN);
  readonly #uploadLimiter: RateLimiter;
  readonly #downloadLimiter: RateLimiter;
  readonly #sendMemory: SendMemory;
  readonly #ownAddresses = new OwnAddresses();
  /** Where we say that we listen, though we may not: trackers refuse announces without a port. */
  #port: number;

  constructor(parts: SessionParts, options: SessionOptions) {
    const { rawServer, random } = parts;
    this.#parts = parts;
    this.#options = options;
    this.#peerId = createPeerId(random);
    this.#port = options.port.first;
    this.#uploadLimiter = new RateLimiter(rawServer, options.maxUpload, DEFAULT_RATE_LIMITER_OPTIONS);
    this.#downloadLimiter = new RateLimiter(rawServer, options.maxDownload, DEFAULT_RATE_LIMITER_OPTIONS);
    this.#sendMemory = new SendMemory(rawServer, DEFAULT_SEND_MEMORY_OPTIONS);
    this.#portListener = new PortListener({
      rawServer,
      encoderFor: (infoHash) => this.#torrents.get(toHex(infoHash))?.encoder,
      options: DEFAULT_PORT_LISTENER_OPTIONS,
      refused: () => undefined,
    });
  }

  /** How many connections were turned away before a torrent had them, by reason. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#portListener.refusals;
  }

  /** Listens for peers on the first free port of the range. */
  listen(answered: (outcome: ListenAnswer) => void): void {
    const { first, last } = this.#options.port;
    this.#portListener.listen(this.#options.port, null, (outcome) => {
      if (outcome.ok) {
        const { address } = outcome.listener;
        if ('port' in address) this.#port = address.port;
        answered({ ok: true, port: this.#port });
        return;
      }
      const range = first === last ? `port ${first}` : `any port from ${first} to ${last}`;
      const why = outcome.code === 'in-use' ? 'in use' : String(outcome.cause ?? outcome.code);
      const message = `cannot listen on ${range}: ${why}`;
      answered({ ok: false, failure: new BtgetError('network', message, { cause: outcome.cause }) });
    });
  }

  /** Begins a torrent: its data is checked first, then it downloads or seeds until `stop`. Throws a 'usage' failure when it has no such file as is selected. */
  addTorrent(metainfo: Metainfo, options: TorrentOptions, events: TorrentEvents): Torrent {
    const key = toHex(metainfo.infoHash);
    if (this.#torrents.has(key)) throw new BtgetError('target-busy', `${metainfo.name} is given twice`);
    const { rawServer, random, slots, openStorage, openTarget, trackerClient, peerSources, client } = this.#parts;
    const torrent = new Torrent(
      {
        rawServer,
        random,
        slots,
        openStorage,
        openTarget,
        trackerClient,
        peerSources,
        halfOpen: this.#halfOpen,
        uploadLimiter: this.#uploadLimiter,
        downloadLimiter: this.#downloadLimiter,
        sendMemory: this.#sendMemory,
        ownAddresses: this.#ownAddresses,
        identity: { infoHash: metainfo.infoHash, myId: this.#peerId, reserved: OUR_RESERVED },
        client,
        port: this.#port,
      },
      metainfo,
      options,
      events,
    );
    this.#torrents.set(key, torrent);
    torrent.start();
    return torrent;
  }

  /** Stops every torrent (each tells its trackers), then ends every socket, worker and timer. Answers once. */
  stop(answered: () => void): void {
    this.#portListener.close();
    let running = this.#torrents.size;
    const oneStopped = (): void => {
      running -= 1;
      if (running <= 0) this.#parts.close(answered);
    };
    if (running === 0) oneStopped();
    // A task for each: a thousand of them take longer than the loop should be held.
    for (const torrent of this.#torrents.values()) this.#parts.rawServer.addTask(() => torrent.stop(oneStopped), 0);
  }
}
