/**
 * The sources of a torrent's peers besides its trackers: the DHT and the search for local peers. The session has one of
 * each for all its torrents.
 */
import type { Timers } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { AddressSource } from '../net/reach-rule.js';

/** The torrent that looks for peers. */
export interface SeekingTorrent {
  /** 20 bytes. */
  readonly infoHash: Buffer;
  /** Where we listen. */
  readonly port: number;
  /** The torrent's own timeline: a source that fails there ends only this torrent. */
  readonly timers: Timers;
  readonly random: Random;
  /** Nothing is left to fetch. */
  isComplete(): boolean;
  /** Whether it is connected to any peer. */
  hasPeers(): boolean;
  startConnection(address: PeerAddress, source: AddressSource): void;
}

/** One source, at work for one torrent. */
export interface PeerSource {
  /** Looks for peers, and announces us as one, until `stop`. */
  begin(): void;
  /** The torrent has just become complete. */
  completed(): void;
  /**
   * The machine may be in another network. Failures of before say nothing any more, and our address may be another one.
   */
  networkChanged(): void;
  /** Says good-bye if the source has a way to do so. Calls `answered` once, within a bounded time, never at once. */
  stop(answered: () => void): void;
}

/** Makes a source for a torrent. Never called for a private torrent (BEP 27): only its trackers may name peers. */
export type CreatePeerSource = (torrent: SeekingTorrent) => PeerSource;

/** Several sources that act as one. */
export class PeerSources implements PeerSource {
  readonly #sources: readonly PeerSource[];

  /** At least one. */
  constructor(sources: readonly [PeerSource, ...PeerSource[]]) {
    this.#sources = sources;
  }

  begin(): void {
    for (const source of this.#sources) source.begin();
  }

  completed(): void {
    for (const source of this.#sources) source.completed();
  }

  networkChanged(): void {
    for (const source of this.#sources) source.networkChanged();
  }

  stop(answered: () => void): void {
    let waiting = this.#sources.length;
    for (const source of this.#sources) {
      source.stop(() => {
        waiting -= 1;
        if (waiting === 0) answered();
      });
    }
  }
}
