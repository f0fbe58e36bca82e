import type { Millis } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { DoneOutcome } from './storage.js';
import type { Doubt } from './system/trust.js';

/**
 * How much later than the journal a file may have changed that it speaks of: a batch and the time that a slow disk
 * takes to flush it.
 */
export const JOURNAL_LAG: Millis = 60_000;

export type JournalReadOutcome =
  | { readonly ok: true; readonly found: FoundJournal | null }
  | { readonly ok: false; readonly failure: BtgetError };

/** What lies under the journal's name, whosever it is. */
export interface FoundJournal {
  /** Not more than a journal ever has. */
  readonly bytes: Buffer;
  /** When it last changed, nanoseconds since 1970 by the clock of its file system. */
  readonly changedAt: bigint;
  /** Why another user may have written it, or put it there; null: none can have. */
  readonly doubt: Doubt | null;
}

/** Whether another user may have made up what it says. In a folder that others may write to, it is still our own. */
export function mayBeForged({ doubt }: Pick<FoundJournal, 'doubt'>): boolean {
  return doubt !== null && doubt.about !== 'folder';
}

/**
 * The contract of the file in which a torrent's progress is written down, beside the download. Whoever uses it asks for
 * one thing at a time. Answers come later, never within the call.
 */
export interface JournalFile {
  /** Where it is, for people. */
  readonly path: string;
  /** Fails when there is something that is no regular file. */
  read(answered: (outcome: JournalReadOutcome) => void): void;
  /**
   * Adds bytes at the end. The file must be there. With `flushes`, they are flushed when it is answered; without, a
   * kill leaves them, and of a power cut nobody knows.
   */
  append(bytes: Buffer, flushes: boolean, answered: (outcome: DoneOutcome) => void): void;
  /** Puts a flushed file of these bytes in its place: at any moment there is the old one or the new one, whole. */
  replace(bytes: Buffer, answered: (outcome: DoneOutcome) => void): void;
  /** Harmless when there is none. */
  remove(answered: (outcome: DoneOutcome) => void): void;
}
