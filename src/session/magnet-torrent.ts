/**
 * A torrent that begins with a magnet link. It has two lives: first it fetches the metadata, then the content. To the
 * session it is one torrent.
 */
import { BtgetError } from '../base/failure.js';
import type { MagnetLink } from '../metainfo/magnet.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { parseMetadata } from '../metainfo/parse-metadata.js';
import type { Parsing } from '../metainfo/parsing.js';
import { KeptMetadata } from '../resume/kept-metadata.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import { MetadataTorrent } from '../torrent/metadata-torrent.js';
import type { TorrentEvents, TorrentStatus } from '../torrent/status.js';
import { Torrent } from '../torrent/torrent.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';
import type { MetadataHandover, TorrentParts } from '../torrent/torrent-parts.js';

/** What happens to a torrent in both of its lives. */
export interface MagnetEvents extends TorrentEvents {
  /** The metadata is known. From here on the events are those of any torrent. */
  gotMetadata(metainfo: Metainfo): void;
}

/** One of the two lives: the torrent fetches its metadata, or its content. */
export type TorrentLife =
  | { readonly life: 'metadata'; readonly torrent: MetadataTorrent }
  | { readonly life: 'content'; readonly torrent: Torrent };

export class MagnetTorrent {
  readonly #parts: TorrentParts;
  readonly #options: TorrentOptions;
  readonly #events: MagnetEvents;
  readonly #kept: KeptMetadata;
  #current: TorrentLife;
  #parsing: Parsing | null = null;
  #stopped = false;

  constructor(parts: TorrentParts, link: MagnetLink, options: TorrentOptions, events: MagnetEvents) {
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    this.#kept = new KeptMetadata(parts.rawServer, parts.openTarget, link.infoHash, options.dir);
    const torrent = new MetadataTorrent(parts, link, options, {
      gotMetadata: (metainfo) => this.#begin(metainfo, torrent.handOver(metainfo)),
      trackerAnswered: (report) => events.trackerAnswered(report),
      warned: (code, message) => events.warned(code, message),
      failed: (failure) => events.failed(failure),
    });
    this.#current = { life: 'metadata', torrent };
  }

  /** The life that the torrent is in now. */
  get current(): TorrentLife {
    return this.#current;
  }

  /** The Encoder of the present life; undefined when that life has none. */
  get encoder(): Encoder | undefined {
    return this.#current.torrent.encoder;
  }

  /** Begins with the metadata that an earlier run kept, or fetches it. */
  start(): void {
    this.#kept.read((info) => {
      if (this.#stopped || this.#current.life === 'content') return;
      const { torrent } = this.#current;
      if (info === null) torrent.start();
      else this.#parseKept(info, torrent);
    });
  }

  status(): TorrentStatus {
    return this.#current.torrent.status();
  }

  /** Stops the present life. Answers as that torrent does. */
  stop(answered: () => void): void {
    this.#stopped = true;
    this.#parsing?.cancel();
    this.#current.torrent.stop(answered);
  }

  #parseKept(info: Buffer, torrent: MetadataTorrent): void {
    const { rawServer, parse } = this.#parts;
    this.#parsing = parseMetadata(parse, info, torrent.link, (outcome) => {
      rawServer.addTask(() => {
        // Meanwhile a peer that dialled us may have sent the metadata.
        if (this.#stopped || this.#current.life === 'content') return;
        if (outcome.ok) this.#begin(outcome.metainfo, torrent.handOver(outcome.metainfo));
        // The kept metadata is of no use. The torrent fetches it again, and that says what is wrong with it.
        else if (outcome.failure instanceof BtgetError) torrent.start();
        else throw outcome.failure;
      }, 0);
    });
  }

  #begin(metainfo: Metainfo, handover: MetadataHandover): void {
    if (this.#stopped) return;
    try {
      const torrent = new Torrent(this.#parts, metainfo, this.#options, this.#events, this.#kept, handover);
      this.#current = { life: 'content', torrent };
      this.#events.gotMetadata(metainfo);
      torrent.start();
    } catch (failure) {
      // The torrent has none of the files that the user selected.
      if (!(failure instanceof BtgetError)) throw failure;
      this.#current.torrent.stop(() => undefined);
      this.#events.failed(failure);
    }
  }
}
