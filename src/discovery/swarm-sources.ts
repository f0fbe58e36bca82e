import type { InfoHash, Swarm } from '../metainfo/info-hash.js';
import type { PeerSource } from './peer-source.js';

/** Each swarm of a torrent, with its hash. */
export type Swarms = ReadonlyMap<Swarm, InfoHash>;

/**
 * The sources of a torrent's peers, of one kind: one source for each swarm. A hybrid announces itself in both, for each
 * has peers that are not in the other. Its second hash may come to be known, or be given up, while the sources are at
 * work.
 */
export class SwarmSources implements PeerSource {
  readonly #create: (swarm: Swarm, infoHash: InfoHash) => PeerSource;
  readonly #sources = new Map<Swarm, { readonly infoHash: InfoHash; readonly source: PeerSource }>();
  /** Sources of swarms that we have left, and that have not said good-bye yet. */
  #leaving = 0;
  #stage: 'new' | 'running' | 'stopped' = 'new';
  #whenLeft: () => void = () => undefined;

  constructor(swarms: Swarms, create: (swarm: Swarm, infoHash: InfoHash) => PeerSource) {
    this.#create = create;
    this.setSwarms(swarms);
  }

  /** The torrent takes part in these swarms from now on, and in no others. */
  setSwarms(swarms: Swarms): void {
    if (this.#stage === 'stopped') return;
    for (const [swarm, { infoHash, source }] of this.#sources) {
      if (swarms.get(swarm)?.equals(infoHash) === true) continue;
      this.#sources.delete(swarm);
      if (this.#stage === 'running') this.#leave(source);
    }
    for (const [swarm, infoHash] of swarms) {
      if (this.#sources.has(swarm)) continue;
      const source = this.#create(swarm, infoHash);
      this.#sources.set(swarm, { infoHash, source });
      if (this.#stage === 'running') source.begin();
    }
  }

  begin(): void {
    if (this.#stage !== 'new') return;
    this.#stage = 'running';
    for (const { source } of this.#sources.values()) source.begin();
  }

  completed(): void {
    for (const { source } of this.#sources.values()) source.completed();
  }

  networkChanged(): void {
    for (const { source } of this.#sources.values()) source.networkChanged();
  }

  stop(answered: () => void): void {
    this.#stage = 'stopped';
    this.#whenLeft = answered;
    for (const { source } of this.#sources.values()) this.#leave(source);
  }

  #leave(source: PeerSource): void {
    this.#leaving += 1;
    source.stop(() => {
      this.#leaving -= 1;
      if (this.#leaving === 0) this.#whenLeft();
    });
  }
}
