/** The progress of a run in a log: sentences. */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { TorrentStatus } from '../../torrent/status.js';
import { printable } from './escape.js';
import type { Output, RunEvent } from './events.js';
import {
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatRatio,
  formatRatioGoal,
  formatSize,
} from './format.js';
import { isHashing, pauseReason, progressPart } from './progress-part.js';
import { sentencesFor, type Verbosity } from './sentences.js';

interface PlainOptions {
  readonly verbosity: Verbosity;
  /** The time between two progress lines of one torrent; 0 for no such lines. */
  readonly interval: Millis;
}

/** Progress in a log: a line for each torrent at each interval, and a line for each event that matters. */
export class PlainProgress implements Output {
  readonly #write: (text: string) => void;
  readonly #timers: Timers;
  readonly #options: PlainOptions;
  /** The last progress that each torrent has told, by its info-hash. */
  readonly #latest = new Map<string, { readonly name: string; readonly status: TorrentStatus }>();
  #task: Task | undefined;

  constructor(write: (text: string) => void, timers: Timers, options: PlainOptions) {
    this.#write = write;
    this.#timers = timers;
    this.#options = options;
    if (options.interval > 0 && options.verbosity !== 'quiet') this.#waitForNext();
  }

  tell(event: RunEvent): void {
    if (event.type === 'progress')
      this.#latest.set(event.about.infoHash, { name: event.about.name, status: event.status });
    if (event.type === 'over') this.#latest.delete(event.about.infoHash);
    for (const line of sentencesFor(event, this.#options.verbosity)) this.#write(`${line}\n`);
  }

  close(): void {
    this.#task?.cancel();
  }

  #waitForNext(): void {
    this.#task = this.#timers.addTask(() => {
      for (const { name, status } of this.#latest.values()) this.#write(`${progressSentence(name, status)}\n`);
      this.#waitForNext();
    }, this.#options.interval);
  }
}

/** `NAME: 42%, 1.3 GiB of 3.0 GiB, down 12 MiB/s, …` */
export function progressSentence(name: string, status: TorrentStatus): string {
  const { part, whole } = progressPart(status);
  const percent = formatPercent(part, whole ?? 1);
  return `${printable(name)}: ${[percent, ...detailsOf(status)].join(', ')}`;
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
      return ['seeding', ...upload, peers, `sent ${formatSize(status.uploaded)}`, ...goalOf(status)];
    case 'paused':
      return [size, printable(pauseReason(status))];
    case 'stopped':
      return [size, 'stopped'];
    case 'downloading':
    case 'stalled': {
      const rate = status.state === 'stalled' ? 'stalled' : `down ${formatRate(status.downRate)}`;
      return [size, rate, ...leftOf(status.eta), ...upload, peers];
    }
  }
}

function goalOf({ seedGoal, uploaded, wanted }: TorrentStatus): string[] {
  if (seedGoal === null) return [];
  const { ratio, timeLeft } = seedGoal;
  const toRatio =
    ratio === null ? [] : [`ratio ${formatRatio(uploaded / Math.max(1, wanted))} of ${formatRatioGoal(ratio)}`];
  return [...toRatio, ...leftOf(timeLeft)];
}

function leftOf(seconds: number | null): string[] {
  return seconds === null ? [] : [`${formatDuration(seconds)} left`];
}
