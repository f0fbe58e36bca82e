import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createFileDisk,
  DEFAULT_FILE_DISK_OPTIONS,
  type FileDisk,
  type FileDiskOptions,
} from '../../../src/disk/files/file-disk.js';
import { createSlotPool, DEFAULT_SLOT_POOL_OPTIONS } from '../../../src/disk/slot-pool.js';
import type { PieceSlot, Storage } from '../../../src/disk/storage.js';
import { realTimers } from '../real-timers.js';
import type { SampleTorrent } from '../sample-torrent.js';

const slots = createSlotPool(DEFAULT_SLOT_POOL_OPTIONS);

/** A slot that holds `bytes`. */
export function slotOf(bytes: Buffer): PieceSlot {
  const slot = slots.take(bytes.length);
  if (slot === undefined) throw new Error(`no slot for ${bytes.length} bytes`);
  bytes.copy(slot.data);
  return slot;
}

/** Makes a promise of one answer. */
export function ask<T>(asking: (answered: (outcome: T) => void) => void): Promise<T> {
  return new Promise((resolve) => asking(resolve));
}

export interface OpenOptions {
  readonly output?: string;
  readonly partNames?: boolean;
  readonly overwrite?: boolean;
  readonly selected?: ReadonlySet<number>;
}

/** A download folder and a disk of its own. `end` closes the disk and removes the folder. */
export interface DiskFolder {
  readonly disk: FileDisk;
  /** The download folder. The folder above it is ours as well. */
  readonly dir: string;
  at(path: string): string;
  open(torrent: SampleTorrent, options?: OpenOptions): Storage;
  end(): Promise<void>;
}

export function diskFolder(options: Partial<FileDiskOptions> = {}): DiskFolder {
  const above = mkdtempSync(join(tmpdir(), 'btget-disk-'));
  const dir = join(above, 'downloads');
  const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: realTimers, ...options });
  const open = new Set<Storage>();
  return {
    disk,
    dir,
    at: (path) => join(dir, path),
    open: ({ metainfo, layout }, { output, partNames = true, overwrite = false, selected = null } = {}) => {
      const storage = disk.openStorage({
        ...{ timers: null, metainfo, layout, dir, partNames, overwrite, selected },
        output: output ?? null,
      });
      const close = storage.close.bind(storage);
      open.add(storage);
      storage.close = (answered) => {
        open.delete(storage);
        close(answered);
      };
      return storage;
    },
    end: async () => {
      for (const storage of open) await new Promise<void>((resolve) => storage.close(resolve));
      await new Promise<void>((resolve) => disk.close(resolve));
      rmSync(above, { recursive: true, force: true });
    },
  };
}
