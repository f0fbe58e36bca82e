/**
 * A torrent that begins without all of its metadata: with a magnet link, or with a .torrent that does not tell the
 * piece layers of version 2. It has two lives: first it fetches the metadata and the layers, then the content. To the
 * session it is one torrent.
 */
import { BtgetError } from '../base/failure.js';
import type { TrackerAnswer } from '../discovery/trackers/rerequester.js';
import { wireHashes } from '../metainfo/info-hash.js';
import { knownLayers, withLayers } from '../metainfo/layers.js';
import { linkOf, type MagnetLink } from '../metainfo/magnet.js';
import type { Metainfo, TorrentFile } from '../metainfo/metainfo.js';
import type { ByteRun } from '../metainfo/padding.js';
import type { Parsing } from '../metainfo/parsing.js';
import { selectFiles } from '../metainfo/selection.js';
import { KeptMetadata } from '../resume/kept-metadata.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import { LocalLayers } from '../torrent/existing/local-layers.js';
import { neededLayers } from '../torrent/existing/needed-layers.js';
import { MetadataTorrent } from '../torrent/metadata-torrent.js';
import type { ContentReader } from '../torrent/reading/content-reader.js';
import type { TorrentEvents, TorrentStatus } from '../torrent/status.js';
import { Torrent } from '../torrent/torrent.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';
import type { TorrentParts } from '../torrent/torrent-parts.js';
import type { RefusalCode } from '../wire/refusal.js';

/** What happens to a torrent in both of its lives. */
export interface MagnetEvents extends TorrentEvents {
  /**
   * The metadata is known, with the piece layers of version 2 of the wanted files. Those of others may be in
   * `missingLayers`, and of a seed those of wanted files that it cannot prove. From here on the events are those of any
   * torrent. `pieceRoots` is null for a hybrid whose layers nobody gives.
   */
  gotMetadata(metainfo: Metainfo): void;
}

/** One of the two lives: the torrent fetches its metadata, or its content. */
export type TorrentLife =
  | { readonly life: 'metadata'; readonly torrent: MetadataTorrent }
  | { readonly life: 'content'; readonly torrent: Torrent };

/** What the torrent begins with: a link, or a metainfo some of whose layers are missing. */
export type Origin =
  | { readonly kind: 'link'; readonly link: MagnetLink }
  | { readonly kind: 'torrent'; readonly metainfo: Metainfo };

export class MagnetTorrent {
  readonly #parts: TorrentParts;
  readonly #origin: Origin;
  /** What names the torrent. */
  readonly #link: MagnetLink;
  readonly #options: TorrentOptions;
  readonly #events: TorrentEvents & Partial<MagnetEvents>;
  readonly #kept: KeptMetadata;
  #current: TorrentLife;
  #reading: Parsing | null = null;
  #hashing: LocalLayers | null = null;
  /** The files that have bytes on the disk; null until that was looked at. */
  #present: ReadonlySet<number> | null = null;
  /** The first life looks for peers. */
  #isSeeking = false;
  #stopped = false;

  constructor(
    parts: TorrentParts,
    origin: Origin,
    options: TorrentOptions,
    events: TorrentEvents & Partial<MagnetEvents>,
  ) {
    this.#parts = parts;
    this.#origin = origin;
    this.#options = options;
    this.#events = events;
    const known = origin.kind === 'torrent' ? origin.metainfo : null;
    const link = origin.kind === 'torrent' ? linkOf(origin.metainfo) : origin.link;
    this.#link = link;
    this.#kept = new KeptMetadata({ ...parts, timers: parts.rawServer }, link, options.dir);
    const first = {
      gotMetadata: (metainfo: Metainfo) => this.#gotMetadata(metainfo, torrent),
      trackerAnswered: (report: TrackerAnswer) => events.trackerAnswered(report),
      warned: (code: string, message: string) => events.warned(code, message),
      failed: (failure: BtgetError | Error) => events.failed(failure),
    };
    const needed = (metainfo: Metainfo) => this.#neededLayers(metainfo);
    const torrent = new MetadataTorrent(parts, link, known, options, first, needed);
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

  /** How many peers were refused so far, by refusal code. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#current.torrent.refusals;
  }

  /**
   * Begins with the metadata that an earlier run kept and with the layers of the files that are there, and fetches what
   * is missing then.
   */
  start(): void {
    if (this.#current.life === 'content') throw new Error('a torrent is started twice');
    const { torrent } = this.#current;
    this.#reading = this.#kept.read(this.#link, (kept) => torrent.run(() => this.#begun(kept, torrent)));
  }

  #begun(kept: Metainfo | null, torrent: MetadataTorrent): void {
    this.#reading = null;
    // Meanwhile a peer that dialled us may have sent the metadata of what this seeds, and then the files are hashed.
    if (this.#stopped || this.#current.life === 'content' || this.#hashing !== null) return;
    const known = this.#join(kept);
    if (known === null) this.#seek(null, torrent);
    else this.#know(known, torrent);
  }

  status(): TorrentStatus {
    const status = this.#current.torrent.status();
    const progress = this.#current.life === 'metadata' ? this.#hashing?.progress : undefined;
    if (progress === undefined || progress.length === 0) return status;
    return { ...status, state: 'checking', checked: progress.checked, checkLength: progress.length };
  }

  /** As `Torrent.missingFiles`; none while the metadata is fetched. */
  missingFiles(): TorrentFile[] {
    return this.#current.life === 'content' ? this.#current.torrent.missingFiles() : [];
  }

  /** As `Torrent.openReader`; only in the second life. */
  openReader(index: number, run: ByteRun, early: boolean): ContentReader {
    const { life, torrent } = this.#current;
    if (life === 'metadata') throw new Error('a torrent is read whose metadata is not here');
    return torrent.openReader(index, run, early);
  }

  /** As `Torrent.isAwaited`; false while the metadata is fetched. */
  get isAwaited(): boolean {
    return this.#current.life === 'content' && this.#current.torrent.isAwaited;
  }

  /** As `Torrent.networkChanged`. */
  networkChanged(): void {
    this.#current.torrent.networkChanged();
  }

  /** Stops the present life. Answers as that torrent does. */
  stop(answered: () => void): void {
    this.#stopped = true;
    this.#reading?.cancel();
    this.#hashing?.stop();
    this.#current.torrent.stop(answered);
  }

  /** What we know before any peer has said something. */
  #join(kept: Metainfo | null): Metainfo | null {
    if (this.#origin.kind === 'link') return kept;
    const { metainfo } = this.#origin;
    return kept === null ? metainfo : (withLayers(metainfo, knownLayers(kept)) ?? metainfo);
  }

  /** Makes the layers of the wanted files that are there, and then begins, or asks peers for others. */
  #know(known: Metainfo, torrent: MetadataTorrent): void {
    const wanted = this.#wantedLayers(known);
    if (wanted.length === 0) {
      this.#begin(known, torrent);
      return;
    }
    const { openStorage } = this.#parts;
    this.#hashing = new LocalLayers(openStorage, known, wanted, this.#options, ({ layers, present }) => {
      const hashed = (): void => {
        this.#hashing = null;
        this.#present = present;
        // Meanwhile peers that dialled us may have sent all of it.
        if (this.#stopped || this.#current.life === 'content') return;
        const more = withLayers(known, layers) ?? known;
        if (this.#neededLayers(more).length === 0) this.#begin(more, torrent);
        else this.#seek(more, torrent);
      };
      this.#parts.rawServer.addTask(() => torrent.run(hashed), 0);
    });
  }

  /** Looks for peers that give what is missing. `known`: what we know of the torrent by now. */
  #seek(known: Metainfo | null, torrent: MetadataTorrent): void {
    if (!this.#isSeeking) torrent.start(known);
    else if (known !== null) torrent.ask(known);
    this.#isSeeking = true;
  }

  /** The metadata has come from peers. A seed makes the layers of its files before it asks others for them. */
  #gotMetadata(metainfo: Metainfo, torrent: MetadataTorrent): void {
    const isLookedAt = this.#options.mode === 'download' || this.#present !== null;
    if (isLookedAt) this.#begin(metainfo, torrent);
    else if (this.#hashing === null) this.#know(metainfo, torrent);
  }

  /** The files whose layers must be here before the content begins, by index. */
  #neededLayers(metainfo: Metainfo): readonly number[] {
    const wanted = this.#wantedFiles(metainfo);
    return wanted === null ? [] : neededLayers(metainfo, wanted, this.#options.mode, this.#present);
  }

  #wantedLayers(metainfo: Metainfo): readonly number[] {
    const wanted = this.#wantedFiles(metainfo);
    return metainfo.missingLayers.filter((file) => wanted?.has(file) === true);
  }

  /** Null when the torrent has none of the files that the user selected: the second life says so. */
  #wantedFiles(metainfo: Metainfo): ReadonlySet<number> | null {
    try {
      return selectFiles(metainfo, this.#options.selection);
    } catch (failure) {
      if (!(failure instanceof BtgetError)) throw failure;
      return null;
    }
  }

  #begin(metainfo: Metainfo, first: MetadataTorrent): void {
    if (this.#stopped) return;
    this.#hashing?.stop();
    this.#hashing = null;
    this.#kept.learn(metainfo);
    try {
      first.setHashes(wireHashes(metainfo));
      const handover = first.handOver(metainfo);
      // The metadata may have shown another main hash than that of the link.
      const parts = { ...this.#parts, identity: handover.encoder.identity };
      const torrent = new Torrent(parts, metainfo, this.#options, this.#events, this.#kept, handover);
      this.#current = { life: 'content', torrent };
      this.#events.gotMetadata?.(metainfo);
      torrent.start();
    } catch (failure) {
      // The session has the torrent already under another hash, or it has none of the files that the user selected.
      if (!(failure instanceof BtgetError)) throw failure;
      this.#current.torrent.stop(() => undefined);
      this.#events.failed(failure);
    }
  }
}
