import type { Timers } from '../../../src/base/clock.js';
import { CacheStorage } from '../../../src/disk/files/cache-storage.js';
import type { OpenStorageOptions } from '../../../src/disk/storage.js';
import type { NamelessFile } from '../../../src/disk/system/nameless-file.js';
import { judgePiece } from '../../../src/disk/worker/judge-piece.js';

/** A file in memory that knows how long it has become. Each operation takes `latency`. */
export class MemoryFile implements NamelessFile {
  bytes = Buffer.alloc(0);
  isClosed = false;
  readonly #timers: Timers;
  readonly #latency: number;
  readonly failures: Error[] = [];

  constructor(timers: Timers, latency: number) {
    this.#timers = timers;
    this.#latency = latency;
  }

  read(into: Uint8Array, position: number, answered: (failure: Error | null) => void): void {
    this.#timers.addTask(() => {
      into.fill(0);
      into.set(this.bytes.subarray(position, position + into.length));
      answered(this.failures.shift() ?? null);
    }, this.#latency);
  }

  write(from: Uint8Array, position: number, answered: (failure: Error | null) => void): void {
    this.#timers.addTask(() => {
      const end = position + from.length;
      if (end > this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(end - this.bytes.length)]);
      this.bytes.set(from, position);
      answered(this.failures.shift() ?? null);
    }, this.#latency);
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A storage that forgets, over a file in memory, in simulated time. `timers` are those of the disk. */
export function simulatedCache(
  timers: Timers,
  file: MemoryFile,
  { timers: answers, metainfo, layout }: Pick<OpenStorageOptions, 'timers' | 'metainfo' | 'layout'>,
): CacheStorage {
  return new CacheStorage({
    timers: answers ?? timers,
    diskTimers: timers,
    metainfo,
    layout,
    openFile: () => file,
    judge: {
      ask: (kind, request, _moved, answered) => {
        if (kind !== 'judge' || !('proof' in request)) throw new Error(`a cache asks for ${kind}`);
        const value = judgePiece(request.data, request.proof);
        // The kind decides which answer it is; the compiler cannot follow the two.
        timers.addTask(() => (answered as (told: { ok: true; value: typeof value }) => void)({ ok: true, value }), 1);
      },
    },
  });
}
