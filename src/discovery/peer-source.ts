/** Where a torrent's peers come from besides its trackers: what the session has one of for all torrents (DHT, LSD). */
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
  /** The torrent's own timeline: what a source sets off there can only hurt this torrent. */
  readonly timers: Timers;
  readonly random: Random;
  /** Nothing is left to fetch. */
  isComplete(): boolean;
  /** Whether it is connected to anybody. */
  hasPeers(): boolean;
  startConnection(address: PeerAddress, source: AddressSource): void;
}

/** One source, at work for one torrent. */
export interface PeerSource {
  /** Looks for peers, and says that we are one, until `stop`. */
  begin(): void;
  /** The torrent has just become complete. */
  completed(): void;
  /** Says good-bye where that is the custom. `answered` is called once, within a bounded time and never at once. */
  stop(answered: () => void): void;
}

/** Makes a source for a torrent. Never asked for a private one (BEP 27): its trackers alone may name peers. */
export type CreatePeerSource = (torrent: SeekingTorrent) => PeerSource;

/** Several sources as one. */
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
