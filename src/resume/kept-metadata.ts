import type { Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { JournalFile, OpenTarget } from '../disk/target.js';
import { encodeTorrent } from '../metainfo/create-metainfo.js';
import { MAX_TORRENT_LENGTH, type Metainfo } from '../metainfo/metainfo.js';
import { isInfoOf, type NamedHashes, wireNames } from '../metainfo/named-hashes.js';
import { type MetadataLink, parseMetadata, withLink } from '../metainfo/parse-metadata.js';
import { type ParseOutcome, type ParseTorrent, type Parsing, tryTo } from '../metainfo/parsing.js';

/**
 * The name of the target whose journal file holds the metadata, in the download folder. We know the torrent's own name
 * only from the metadata, so this name is made of the info-hash, given in 40 digits of hexadecimal.
 */
export function metadataTarget(infoHash: string): string {
  return `.${infoHash}`;
}

/** What the disk and the parser do for the kept metadata. */
export interface KeptMetadataParts {
  readonly timers: Timers;
  readonly openTarget: OpenTarget;
  readonly parse: ParseTorrent;
}

/** The link by which we know the torrent, or the one to the torrent that we have. */
export type KeptLink = MetadataLink & NamedHashes;

/** How an info dictionary and a .torrent begin. */
const DICTIONARY = Buffer.from('d');

/** What a .torrent says of its sources and its making. No kept metadata says anything of it. */
const NO_MAKER = { comment: null, createdBy: null, createdAt: null } as const;
const NO_SOURCES = { trackers: [], webSeeds: [], httpSeeds: [], nodes: [], ...NO_MAKER } as const;

/**
 * Keeps the metadata of a download that began without all of it, until the download is done: the info dictionary alone,
 * or a .torrent with the piece layers of version 2. With it a restart does not fetch the metadata again, and knows the
 * files when there is no peer. The info-hash proves the info dictionary, and that proves the layers, so it does not
 * matter which user wrote the file, and a torn or strange file is ignored.
 *
 * A hybrid has two info-hashes, and a link may know either of them. The file has the name that we began with, and goes
 * under each name.
 */
export class KeptMetadata {
  readonly #parts: KeptMetadataParts;
  readonly #dir: string;
  /** By the name of its target. The first one is written, each is removed. */
  readonly #files = new Map<string, JournalFile>();
  /** Operations on the files that wait: only one is under way at a time. */
  #waiting: (() => void)[] = [];
  #busy = false;

  /** `dir` is the download folder. `hashes` are those by which we know the torrent so far. */
  constructor(parts: KeptMetadataParts, hashes: NamedHashes, dir: string) {
    this.#parts = parts;
    this.#dir = dir;
    this.#addNames(hashes);
  }

  /**
   * Answers once with the metadata, or with null when no file is usable. It names the sources of the link. Reading
   * reports no failure; a later `write` does. After a cancel it does not answer.
   */
  read(link: KeptLink, answered: (metainfo: Metainfo | null) => void): Parsing {
    const reading = new Reading(this.#parts, link);
    this.#ask((done) => {
      const files = [...this.#files.values()];
      const next = (): void => {
        const file = files.shift();
        if (file === undefined) end(null);
        else reading.read(file, (metainfo) => (metainfo === null ? next() : end(metainfo)));
      };
      const end = (metainfo: Metainfo | null): void => {
        if (!reading.isCancelled) answered(metainfo);
        done();
      };
      next();
    });
    return reading;
  }

  /** Writes the metadata. When that fails, `failed` is called and the next start fetches the metadata again. */
  write(metainfo: Metainfo, failed: (message: string) => void): void {
    this.learn(metainfo);
    const [file] = this.#files.values();
    if (file === undefined) throw new Error('metadata without a name');
    this.#ask((done) =>
      file.replace(keptBytes(metainfo), (outcome) => {
        this.#parts.timers.addTask(() => {
          if (!outcome.ok) failed(outcome.failure.message);
          done();
        }, 0);
      }),
    );
  }

  /** The metadata is known, so that `remove` finds what other links than ours have left. */
  learn(metainfo: Metainfo): void {
    this.#addNames(metainfo);
  }

  /**
   * Removes each file, if there is one, then calls `removed`. `removed` is also called when a file cannot be removed,
   * because the file does no harm.
   */
  remove(removed: () => void): void {
    this.#ask((done) => {
      const files = [...this.#files.values()];
      const next = (): void => {
        const file = files.shift();
        if (file !== undefined) file.remove(() => this.#parts.timers.addTask(next, 0));
        else {
          removed();
          done();
        }
      };
      next();
    });
  }

  /** Calls `idle` when all earlier calls are done and answered: within this call, when nothing is under way. */
  whenIdle(idle: () => void): void {
    this.#ask((done) => {
      idle();
      done();
    });
  }

  #addNames(hashes: NamedHashes): void {
    for (const hash of wireNames(hashes)) {
      const name = metadataTarget(hash);
      if (this.#files.has(name)) continue;
      this.#files.set(name, this.#parts.openTarget({ dir: this.#dir, name, head: DICTIONARY }).journal);
    }
  }

  #ask(operation: (done: () => void) => void): void {
    this.#waiting.push(() => operation(() => this.#next()));
    if (!this.#busy) this.#next();
  }

  #next(): void {
    const operation = this.#waiting.shift();
    this.#busy = operation !== undefined;
    operation?.();
  }
}

/** Reads metadata of which the hashes are known. */
class Reading implements Parsing {
  readonly #parts: KeptMetadataParts;
  readonly #link: KeptLink;
  #parsing: Parsing | null = null;
  #answered: ((metainfo: Metainfo | null) => void) | null = null;
  #isCancelled = false;

  constructor(parts: KeptMetadataParts, link: KeptLink) {
    this.#parts = parts;
    this.#link = link;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  cancel(): void {
    this.#isCancelled = true;
    if (this.#parsing === null) return;
    this.#parsing.cancel();
    this.#parsing = null;
    this.#answered?.(null);
  }

  /** Answers as a task, or within `cancel`. */
  read(file: JournalFile, answered: (metainfo: Metainfo | null) => void): void {
    const { timers } = this.#parts;
    file.read((outcome) => {
      const bytes = outcome.ok ? (outcome.found?.bytes ?? null) : null;
      timers.addTask(() => {
        if (bytes === null || this.#isCancelled) answered(null);
        else this.#parse(bytes, answered);
      }, 0);
    });
  }

  #parse(bytes: Buffer, answered: (metainfo: Metainfo | null) => void): void {
    const { timers, parse } = this.#parts;
    this.#answered = answered;
    const parsed = (outcome: ParseOutcome): void => {
      timers.addTask(() => {
        if (this.#isCancelled) return;
        this.#parsing = null;
        answered(this.#judge(outcome));
      }, 0);
    };
    const isInfoAlone = isInfoOf(bytes, this.#link);
    this.#parsing = isInfoAlone ? parseMetadata(parse, bytes, this.#link, parsed) : parse(bytes, parsed);
  }

  #judge(outcome: ParseOutcome): Metainfo | null {
    const judged = outcome.ok ? tryTo(() => withLink(outcome.metainfo, this.#link)) : outcome;
    if (judged.ok) return isInfoOf(judged.metainfo.info, this.#link) ? { ...judged.metainfo, ...NO_MAKER } : null;
    // The metadata is of no use. The torrent fetches it again, and that says what is wrong with it.
    if (judged.failure instanceof BtgetError) return null;
    throw judged.failure;
  }
}

/** The info dictionary alone says all, unless there are layers. */
function keptBytes(metainfo: Metainfo): Buffer {
  if (metainfo.pieceRoots === null) return metainfo.info;
  const torrent = encodeTorrent({ ...metainfo, ...NO_SOURCES });
  return torrent.length > MAX_TORRENT_LENGTH ? metainfo.info : torrent;
}
