/** What a row and a sentence of progress have in common: how much of what a torrent does is done, and why it waits. */
import type { TorrentStatus } from '../../torrent/status.js';

export interface ProgressPart {
  /** Bytes. */
  readonly part: number;
  /** Bytes; 0 when there is nothing to do, and null while nobody knows how much it is. */
  readonly whole: number | null;
}

/** What is done of what the torrent does now: of its check, or of its download. */
export function progressPart(status: TorrentStatus): ProgressPart {
  if (status.state === 'metadata') return { part: 0, whole: null };
  if (isHashing(status)) return { part: status.checked, whole: status.checkLength };
  return { part: status.have, whole: status.wanted };
}

/** False while a check does not yet know how much it must hash. Often there is nothing to hash. */
export function isHashing(status: TorrentStatus): boolean {
  return status.state === 'checking' && status.checkLength > 0;
}

/** Why a paused torrent is paused, as it came from the disk or a torrent's name. */
export function pauseReason({ waitsFor, diskFailure }: TorrentStatus): string {
  return waitsFor?.message ?? `paused: ${diskFailure?.message ?? 'the disk refused'}`;
}
