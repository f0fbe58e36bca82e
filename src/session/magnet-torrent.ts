/** A torrent that begins with a magnet link: its two lives one after the other, as one torrent of the session. */
import { BtgetError } from '../base/failure.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { parseMetadata } from '../metainfo/parse-metadata.js';
import { KeptMetadata, metadataTarget } from '../resume/kept-metadata.js';
import type { Encoder } from '../swarm/encoder.js';
import type { Inheritance } from '../torrent/inheritance.js';
import { MetadataTorrent, type V1MagnetLink } from '../torrent/metadata-torrent.js';
import type { TorrentEvents, TorrentStatus } from '../torrent/status.js';
import { Torrent } from '../torrent/torrent.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';
import type { TorrentParts } from '../torrent/torrent-parts.js';

/** What happens to a torrent in both of its lives. */
export interface MagnetEvents extends TorrentEvents {
  /** The metadata is known: what follows is what any torrent tells. */
  gotMetadata(metainfo: Metainfo): void;
}

export type TorrentLife =
  | { readonly life: 'metadata'; readonly torrent: MetadataTorrent }
  | { readonly life: 'content'; readonly torrent: Torrent };

export class MagnetTorrent {
  readonly #parts: TorrentParts;
  readonly #options: TorrentOptions;
  readonly #events: MagnetEvents;
  readonly #kept: KeptMetadata;
  #current: TorrentLife;
  #stopped = false;

  constructor(parts: TorrentParts, link: V1MagnetLink, options: TorrentOptions, events: MagnetEvents) {
    this.#parts = parts;
    this.#options = options;
    this.#events = events;
    const { journal } = parts.openTarget({ dir: options.dir, name: metadataTarget(link.infoHash) });
    this.#kept = new KeptMetadata(parts.rawServer, link.infoHash, journal);
    const torrent = new MetadataTorrent(parts, link, options, {
      gotMetadata: (metainfo) => this.#begin(metainfo, torrent.bequeath(metainfo)),
      trackerAnswered: (report) => events.trackerAnswered(report),
      failed: (failure) => events.failed(failure),
    });
    this.#current = { life: 'metadata', torrent };
  }

  /** Which life it is in. */
  get current(): TorrentLife {
    return this.#current;
  }

  get encoder(): Encoder | undefined {
    return this.#current.torrent.encoder;
  }

  start(): void {
    this.#kept.read((info) => {
      if (this.#stopped || this.#current.life === 'content') return;
      const { torrent } = this.#current;
      const metainfo = info === null ? undefined : parseKept(info, torrent.link);
      if (metainfo === undefined) torrent.start();
      // Nothing of the first life is needed, and what follows is not to run in its context.
      else torrent.stop(() => this.#parts.rawServer.addTask(() => this.#begin(metainfo, null), 0));
    });
  }

  status(): TorrentStatus {
    return this.#current.torrent.status();
  }

  stop(answered: () => void): void {
    this.#stopped = true;
    this.#current.torrent.stop(answered);
  }

  #begin(metainfo: Metainfo, inheritance: Inheritance | null): void {
    if (this.#stopped) return;
    try {
      const torrent = new Torrent(this.#parts, metainfo, this.#options, this.#eventsOf(metainfo), inheritance);
      this.#current = { life: 'content', torrent };
      this.#events.gotMetadata(metainfo);
      torrent.start();
    } catch (failure) {
      // It has no such file as was asked for.
      if (!(failure instanceof BtgetError)) throw failure;
      this.#current.torrent.stop(() => undefined);
      this.#events.failed(failure);
    }
  }

  /** The metadata is kept from when the target is ours until everything is there. */
  #eventsOf(metainfo: Metainfo): TorrentEvents {
    const events = this.#events;
    const writes = this.#options.mode === 'download';
    return {
      started: () => {
        const { have, wanted } = this.status();
        const failed = (message: string): void => events.warned('no-metadata-kept', `no metadata is kept: ${message}`);
        if (writes && have < wanted) this.#kept.write(metainfo.info, failed);
        events.started();
      },
      fileDone: (file, path) => events.fileDone(file, path),
      trackerAnswered: (report) => events.trackerAnswered(report),
      warned: (code, message) => events.warned(code, message),
      done: () => {
        if (writes) this.#kept.remove();
        events.done();
      },
      goalReached: () => events.goalReached(),
      failed: (failure) => events.failed(failure),
    };
  }
}

/** Undefined when it is not valid; then whoever fetches it again will say so. */
function parseKept(info: Buffer, link: V1MagnetLink): Metainfo | undefined {
  try {
    return parseMetadata(info, link);
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    return undefined;
  }
}
