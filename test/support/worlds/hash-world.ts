import type { Millis } from '../../../src/base/clock.js';
import { sha1 } from '../../../src/base/digest.js';
import { NO_OWN_NETWORKS } from '../../../src/net/reach-rule.js';
import { Encoder } from '../../../src/swarm/connections/encoder.js';
import { DEFAULT_ENCODER_OPTIONS } from '../../../src/swarm/connections/encoder-options.js';
import { HalfOpen, MAX_HALF_OPEN } from '../../../src/swarm/connections/half-open.js';
import { MAX_UNANSWERED, UnansweredDials } from '../../../src/swarm/connections/unanswered-dials.js';
import { Extensions } from '../../../src/swarm/extensions/extensions.js';
import { DEFAULT_HASH_FETCH_OPTIONS, HashFetch } from '../../../src/swarm/hashes/hash-fetch.js';
import { HashMessages, KNOWS_NO_HASHES } from '../../../src/swarm/hashes/hash-messages.js';
import { DEFAULT_LAYER_FETCH_OPTIONS, LayerFetch } from '../../../src/swarm/hashes/layer-fetch.js';
import { DEFAULT_METADATA_PEERS_OPTIONS, MetadataPeers } from '../../../src/swarm/metadata/metadata-peers.js';
import { DEFAULT_WORK_OPTIONS, WorkBudget } from '../../../src/swarm/work-budget.js';
import { FakePeer } from '../fakes/fake-peer.js';
import type { FakeTalk } from '../fakes/fake-talk.js';
import { type HashLiarKind, hashScript } from '../fakes/hash-liars.js';
import type { LargeFile } from '../fakes/large-file.js';
import { seededRandom } from '../simulation/seeded-random.js';
import { SimulatedNetwork } from '../simulation/simulated-network.js';
import { Timeline } from '../simulation/timeline.js';
import { NO_ENCRYPTION } from './mse-pair.js';

const INFO_HASH = Buffer.alloc(20, 'h');
const PORT = 6881;

/** A torrent of version 2 in its first life, with real connections over a simulated network, that lacks one layer. */
export class HashWorld {
  readonly timeline = new Timeline();
  readonly network: SimulatedNetwork;
  readonly encoder: Encoder;
  /** The layer, once it is here, and when. */
  layer: Buffer | null = null;
  doneAt: Millis | null = null;
  readonly #sample: LargeFile;
  readonly #fetch: HashFetch;
  readonly #layers: LayerFetch;

  /** `latency`: one way, in milliseconds. */
  constructor(sample: LargeFile, seed: number, latency: Millis = 50) {
    this.#sample = sample;
    this.network = new SimulatedNetwork(this.timeline, seededRandom(seed), latency);
    const rawServer = this.network.host('10.0.0.1', {});
    const context = rawServer.createContext((error) => {
      throw error;
    });
    this.#fetch = new HashFetch(
      { timers: context, ban: (connection) => this.encoder.ban(connection, { kind: 'wrong-hashes' }) },
      DEFAULT_HASH_FETCH_OPTIONS,
    );
    const own = () => ({ version: 'btget', port: PORT, requestQueue: 1, metadataSize: null, uploadOnly: false });
    const peers = new MetadataPeers(
      {
        timers: context,
        extensions: new Extensions([], own, () => undefined),
        nodePorts: null,
        outlook: () => null,
        hashes: new HashMessages(this.#fetch, KNOWS_NO_HASHES),
      },
      DEFAULT_METADATA_PEERS_OPTIONS,
    );
    this.encoder = new Encoder(
      {
        rawServer: context,
        identity: {
          infoHash: INFO_HASH,
          infoHashV2: INFO_HASH,
          myId: Buffer.alloc(20, 'm'),
          reserved: Buffer.alloc(8),
        },
        options: { ...DEFAULT_ENCODER_OPTIONS, maxConnections: 200, maxInitiate: 100 },
        ownNetworks: NO_OWN_NETWORKS,
        halfOpen: new HalfOpen(MAX_HALF_OPEN),
        unanswered: new UnansweredDials(MAX_UNANSWERED),
        work: new WorkBudget(rawServer, DEFAULT_WORK_OPTIONS),
        encryption: NO_ENCRYPTION,
        rank: () => 0,
      },
      peers,
    );
    this.#layers = new LayerFetch(
      {
        timers: context,
        fetch: this.#fetch,
        metainfo: sample.metainfo,
        gotLayers: (layers) => {
          this.layer = layers.get(0) ?? null;
          this.doneAt = this.timeline.now();
        },
        nobodyGives: () => undefined,
      },
      DEFAULT_LAYER_FETCH_OPTIONS,
    );
    this.#layers.begin();
  }

  /** A peer at `host` that is dialled. It is honest when `kind` is null. */
  peer(host: string, kind: HashLiarKind | null): FakePeer {
    const identity = { infoHash: INFO_HASH, peerId: sha1(Buffer.from(host)) };
    const script = hashScript(kind, { timers: this.timeline, trees: this.#sample.trees });
    const peer = new FakePeer(this.network.host(host, { timeout: 1e12 }), identity, script);
    peer.listen(PORT);
    this.timeline.run(0);
    this.encoder.startConnection({ host, port: PORT }, { kind: 'user' }, null);
    return peer;
  }

  /** Who is banned, by host. */
  get banned(): readonly string[] {
    return this.encoder.bans.map(({ address }) => address.host);
  }

  /** Ends everything, and says how many tasks are left behind. */
  end(): number {
    this.#layers.stop();
    this.#fetch.stop();
    this.encoder.close();
    this.timeline.run(300_000);
    return this.timeline.pending;
  }
}

/** Whether a talk of the peer is still alive. */
export function isAlive({ talks }: FakePeer): boolean {
  return talks.some((talk: FakeTalk) => !talk.lost);
}
