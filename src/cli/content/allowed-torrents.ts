/** The torrents that `btget tracker --allowed` serves: those whose .torrent lies in a folder. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.js';
import type { Millis, Task, Timers } from '../../base/clock.js';
import { BtgetError, systemCode } from '../../base/failure.js';
import { contentLength, MAX_TORRENT_LENGTH } from '../../metainfo/metainfo.js';
import { wireNames } from '../../metainfo/named-hashes.js';
import { parseMetainfo } from '../../metainfo/parse-metainfo.js';
import type { KnownTorrent } from '../../tracker/tracker-standing.js';

const READ_AGAIN_EVERY: Millis = 60_000;

interface KnownFile {
  /** The time of the last change, in milliseconds since 1970. */
  readonly changed: number;
  /** The info-hashes as peers say them, in hexadecimal: two for a hybrid, none when the file is no torrent. */
  readonly infoHashes: readonly string[];
  /** Null when the file is no torrent. */
  readonly torrent: KnownTorrent | null;
}

/** A file that breaks keeps the torrent that it held before. A torrent ends when its file goes. */
export class AllowedTorrents {
  readonly #dir: string;
  /** By path. */
  #known = new Map<string, KnownFile>();
  /** By info-hash. */
  #allowed = new Map<string, KnownTorrent>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  has(infoHash: Buffer): boolean {
    return this.#allowed.has(toHex(infoHash));
  }

  /** What the .torrent says of itself, or null when the folder has none with that info-hash. */
  known(infoHash: Buffer): KnownTorrent | null {
    return this.#allowed.get(toHex(infoHash)) ?? null;
  }

  /**
   * Reads files that are new or have changed since the last time. `say` gets a warning for each file that cannot be
   * used. Rejects with 'cannot-open' when the folder cannot be read.
   */
  async read(say: (line: string) => void): Promise<void> {
    const found = new Map<string, KnownFile>();
    for (const name of await this.#list()) {
      const path = join(this.#dir, name);
      const known = this.#known.get(path);
      try {
        const facts = await stat(path);
        const { mtimeMs, size } = facts;
        if (known?.changed === mtimeMs) {
          found.set(path, known);
          continue;
        }
        found.set(path, { changed: mtimeMs, infoHashes: known?.infoHashes ?? [], torrent: known?.torrent ?? null });
        // Nobody would wait for what comes out of a pipe.
        if (!facts.isFile()) throw new BtgetError('torrent-invalid', 'it is no file');
        if (size > MAX_TORRENT_LENGTH) throw new BtgetError('torrent-invalid', 'it is too long');
        const metainfo = parseMetainfo(await readFile(path));
        const torrent = { name: metainfo.name, length: contentLength(metainfo), private: metainfo.private };
        found.set(path, { changed: mtimeMs, infoHashes: wireNames(metainfo), torrent });
      } catch (error) {
        // The file may have gone, or be half written. The next reading looks at it again.
        if (!(error instanceof Error) || systemCode(error) === undefined) throw error;
        const isKept = (found.get(path)?.infoHashes.length ?? 0) > 0;
        say(`warning: ${path} ${isKept ? 'is served as it was before' : 'is not served'}: ${error.message}`);
      }
    }
    this.#known = found;
    this.#allowed = new Map(
      [...found.values()].flatMap(({ infoHashes, torrent }) =>
        torrent === null ? [] : infoHashes.map((infoHash) => [infoHash, torrent] as const),
      ),
    );
  }

  /** As `read`, but never rejects: when the folder cannot be read, `say` gets a warning and all torrents stay. */
  readAgain(say: (line: string) => void): Promise<void> {
    return this.read(say).catch((error: unknown) => {
      say(`warning: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  /** Reads the folder once a minute until cancelled, so that torrents come and go without a restart. */
  readAgainAndAgain(timers: Timers, say: (line: string) => void): Task {
    let cancelled = false;
    let task: Task;
    const wait = (): void => {
      if (cancelled) return;
      task = timers.addTask(() => {
        this.readAgain(say).finally(wait);
      }, READ_AGAIN_EVERY);
    };
    wait();
    return {
      cancel: () => {
        cancelled = true;
        task.cancel();
      },
    };
  }

  async #list(): Promise<readonly string[]> {
    try {
      return (await readdir(this.#dir)).filter((name) => name.endsWith('.torrent'));
    } catch (error) {
      const code = systemCode(error) ?? String(error);
      throw new BtgetError('cannot-open', `cannot read the folder ${this.#dir}: ${code}`, { cause: error });
    }
  }
}
