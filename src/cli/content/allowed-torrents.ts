/** The torrents that a tracker serves when it is given a folder of them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.js';
import type { Millis, Task, Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import { MAX_TORRENT_LENGTH } from '../../metainfo/metainfo.js';
import { parseMetainfo } from '../../metainfo/parse-metainfo.js';

const READ_AGAIN_EVERY: Millis = 60_000;

interface KnownFile {
  readonly changed: number;
  /** In hex; null when the file is no torrent. */
  readonly infoHash: string | null;
}

export class AllowedTorrents {
  readonly #dir: string;
  /** By path. */
  #known = new Map<string, KnownFile>();
  #allowed = new Set<string>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  has(infoHash: Buffer): boolean {
    return this.#allowed.has(toHex(infoHash));
  }

  /** Reads what is new or changed since the last time. Rejects with 'cannot-open' when the folder cannot be read. */
  async read(say: (line: string) => void): Promise<void> {
    const found = new Map<string, KnownFile>();
    for (const name of await this.#list()) {
      const path = join(this.#dir, name);
      const known = this.#known.get(path);
      try {
        const { mtimeMs, size } = await stat(path);
        if (known?.changed === mtimeMs) {
          found.set(path, known);
          continue;
        }
        found.set(path, { changed: mtimeMs, infoHash: known?.infoHash ?? null });
        if (size > MAX_TORRENT_LENGTH) throw new BtgetError('torrent-invalid', 'it is too long');
        found.set(path, { changed: mtimeMs, infoHash: toHex(parseMetainfo(await readFile(path)).infoHash) });
      } catch (error) {
        // It may have gone, or be half written: the next reading sees it again.
        if (!(error instanceof BtgetError) && !(error instanceof Error && 'code' in error)) throw error;
        const isKept = (found.get(path)?.infoHash ?? null) !== null;
        say(`warning: ${path} ${isKept ? 'is served as it was before' : 'is not served'}: ${error.message}`);
      }
    }
    this.#known = found;
    this.#allowed = new Set([...found.values()].flatMap(({ infoHash }) => (infoHash === null ? [] : [infoHash])));
  }

  /** Reads the folder outside of its turn. What is wrong is said, and what was read before stays. */
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
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      throw new BtgetError('cannot-open', `cannot read the folder ${this.#dir}: ${code}`, { cause: error });
    }
  }
}
