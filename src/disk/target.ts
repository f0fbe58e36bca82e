import type { JournalFile } from './journal-file.js';
import type { TargetLock } from './target-lock.js';

/** What lies beside a download while it is not done. */
export interface Target {
  readonly journal: JournalFile;
  readonly lock: TargetLock;
}

export interface OpenTargetOptions {
  /** The download folder. */
  readonly dir: string;
  /** The name of the torrent's file or top folder in it. */
  readonly name: string;
}

/** Touches nothing yet. */
export type OpenTarget = (options: OpenTargetOptions) => Target;
