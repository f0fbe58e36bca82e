/** Progress in one line: of a torrent, as a bar for a terminal or a sentence for a log, or of a task like hashing. */
import type { TorrentStatus } from '../../torrent/status.js';
import type { CliIo } from '../io.js';
import { columnsOf, fitTo, printable } from './escape.js';
import { formatCount, formatDuration, formatPercent, formatRate, formatSize } from './format.js';
import { canRedraw, columnsFor } from './terminal.js';

const BAR_WIDTH = 16;
const MIN_NAME_WIDTH = 12;

/** At most `columns` columns: the name and the percent first, then as many details as there is room for. */
export function progressBarLine(name: string, status: TorrentStatus, columns: number): string {
  const [part, whole] = shownPart(status);
  const filled = whole === 0 ? BAR_WIDTH : Math.floor((part / whole) * BAR_WIDTH);
  const percent = formatPercent(part, whole).padStart(4);
  const bar = ` [${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`;
  const parts = detailsOf(status);
  let right = percent;
  for (const more of [bar, ...parts.map((detail) => `  ${detail}`)]) {
    if (columnsOf(right) + columnsOf(more) + MIN_NAME_WIDTH + 2 > columns) break;
    right += more;
  }
  const room = columns - columnsOf(right) - 1;
  if (room < 1) return fitTo(right, columns);
  const shown = fitTo(printable(name), room);
  return `${shown}${' '.repeat(room - columnsOf(shown))} ${right}`;
}

/** `NAME: 42%, 1.3 GiB of 3.0 GiB, down 12 MiB/s, …` */
export function progressSentence(name: string, status: TorrentStatus): string {
  const [part, whole] = shownPart(status);
  return `${printable(name)}: ${[formatPercent(part, whole), ...detailsOf(status)].join(', ')}`;
}

function shownPart(status: TorrentStatus): readonly [part: number, whole: number] {
  if (status.state === 'metadata') return [0, 1];
  return isHashing(status) ? [status.checked, status.checkLength] : [status.have, status.wanted];
}

/** False while a check does not yet know how much it must hash. Often there is nothing to hash. */
function isHashing(status: TorrentStatus): boolean {
  return status.state === 'checking' && status.checkLength > 0;
}

function detailsOf(status: TorrentStatus): string[] {
  const upload = status.upRate > 0 || status.state === 'seeding' ? [`up ${formatRate(status.upRate)}`] : [];
  const peers = formatCount(status.peers, 'peer');
  const size = `${formatSize(status.have)} of ${formatSize(status.wanted)}`;
  switch (status.state) {
    case 'checking':
      return isHashing(status)
        ? ['checking', `${formatSize(status.checked)} of ${formatSize(status.checkLength)}`]
        : ['checking'];
    case 'metadata':
      return ['fetching the metadata', peers];
    case 'seeding':
      return ['seeding', ...upload, peers, `sent ${formatSize(status.uploaded)}`];
    case 'paused':
      return [size, status.waitsFor?.message ?? `paused: ${status.diskFailure?.message ?? 'the disk refused'}`];
    case 'stopped':
      return [size, 'stopped'];
    case 'downloading':
    case 'stalled': {
      const left = status.eta === null ? [] : [`${formatDuration(status.eta)} left`];
      const rate = status.state === 'stalled' ? 'stalled' : `down ${formatRate(status.downRate)}`;
      return [size, rate, ...left, ...upload, peers];
    }
  }
}

interface TaskProgress {
  /** `done` of `length` bytes are done. */
  readonly tell: (done: number, length: number) => void;
  /** Removes the line. */
  close(): void;
}

/** Milliseconds. */
const REDRAW_EVERY = 100;

/** Progress of a task with one number, such as hashing: a terminal gets one line that is redrawn, a log gets none. */
export function createTaskProgress(io: CliIo, name: string, quiet: boolean): TaskProgress {
  const { stderr, timers } = io;
  if (quiet || !canRedraw(io)) return { tell: () => undefined, close: () => undefined };
  const startedAt = timers.now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    tell: (done, length) => {
      const now = timers.now();
      if (now - drawnAt < REDRAW_EVERY) return;
      drawnAt = now;
      const rate = now > startedAt ? `, ${formatRate((done / (now - startedAt)) * 1000)}` : '';
      const line = `${printable(name)}: ${formatPercent(done, length)} of ${formatSize(length)}${rate}`;
      stderr.write(`\r${fitTo(line, columnsFor(stderr))}\x1b[K`);
    },
    close: () => {
      if (drawnAt !== Number.NEGATIVE_INFINITY) stderr.write('\r\x1b[K');
    },
  };
}
