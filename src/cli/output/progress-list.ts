/** Which torrents the progress display shows, in which order, and their total. */
import type { TorrentStatus } from '../../torrent/status.js';
import { fitTo } from './escape.js';
import { formatRow, type ProgressRow, progressRow } from './progress-row.js';

/** The room for the display. */
export interface DisplayRoom {
  readonly columns: number;
  /** At least 1. */
  readonly rows: number;
}

interface Shown {
  readonly name: string;
  readonly status: TorrentStatus;
}

/** The torrents of a run as a display shows them: a row for each that goes on, and of several a total at the end. */
export class ProgressList {
  /** The last progress of each torrent that goes on, by its info-hash, in the order in which they came. */
  readonly #shown = new Map<string, Shown>();
  /** The last progress of those that are done and gone. They count in the total, so that it does not fall back. */
  readonly #done: TorrentStatus[] = [];

  tell(infoHash: string, name: string, status: TorrentStatus): void {
    this.#shown.set(infoHash, { name, status });
  }

  /** No more progress comes of the torrent. */
  over(infoHash: string): void {
    const status = this.#shown.get(infoHash)?.status;
    this.#shown.delete(infoHash);
    if (status !== undefined && isWhole(status)) this.#done.push(status);
  }

  /** How many lines `lines` returns. */
  lineCount(rows: number): number {
    return Math.min(rows, this.#shown.size + (this.#hasTotal ? 1 : 0));
  }

  /** Those with something under way come first. Where rows are missing, the last line but one counts the others. */
  lines({ columns, rows }: DisplayRoom): string[] {
    const count = this.lineCount(rows);
    if (count === 0) return [];
    const all = inOrder([...this.#shown.values()]);
    const torrents = this.#hasTotal ? count - 1 : count;
    // In two rows a torrent and the total say more than a count does.
    const shown = torrents < all.length && torrents > 1 ? all.slice(0, torrents - 1) : all.slice(0, torrents);
    const lines = shown.map(({ name, status }) => formatRow(progressRow(name, status), columns));
    if (lines.length < torrents)
      lines.push(fitTo(`and ${(all.length - shown.length).toLocaleString('en-US')} more`, columns));
    if (this.#hasTotal) lines.push(formatRow(this.#total(), columns));
    return lines;
  }

  /** It stays while the last of several torrents goes on. */
  get #hasTotal(): boolean {
    return this.#shown.size > 0 && this.#shown.size + this.#done.length > 1;
  }

  #total(): ProgressRow {
    const going = [...this.#shown.values()].map(({ status }) => status);
    return totalRow(going, this.#done);
  }
}

function isWhole({ have, wanted, state }: TorrentStatus): boolean {
  return state !== 'metadata' && have === wanted;
}

/** Torrents that are alike keep the order in which they came. */
function inOrder(torrents: readonly Shown[]): Shown[] {
  return torrents.toSorted((a, b) => rankOf(a.status) - rankOf(b.status));
}

/** First those to which something comes, then those that give, then those that wait for something. */
function rankOf({ state, downRate, upRate }: TorrentStatus): number {
  switch (state) {
    case 'checking':
      return 0;
    case 'downloading':
      return downRate > 0 ? 0 : 2;
    case 'seeding':
      return upRate > 0 ? 1 : 4;
    case 'metadata':
      return 2;
    case 'stalled':
      return 3;
    case 'paused':
    case 'stopped':
      return 5;
  }
}

function totalRow(going: readonly TorrentStatus[], gone: readonly TorrentStatus[]): ProgressRow {
  const all = [...gone, ...going];
  const sum = (of: (status: TorrentStatus) => number, statuses: readonly TorrentStatus[] = all): number =>
    statuses.reduce((total, status) => total + of(status), 0);
  const [done, count] = [all.filter(isWhole).length, all.length];
  const gives = going.every(({ state }) => state === 'seeding');
  const whole = sum(({ wanted }) => wanted);
  const counts = done === count ? [`total of ${count}`] : [`total: ${done} of ${count} done`, `total ${done}/${count}`];
  return {
    names: [...counts, 'total'],
    part: sum(({ have }) => have),
    whole: whole === 0 && going.some(({ state }) => state === 'metadata') ? null : whole,
    ratio: gives ? { now: sum(({ uploaded }) => uploaded) / Math.max(1, whole), goal: null } : null,
    word: null,
    downRate: sum(({ downRate }) => downRate, going),
    upRate: sum(({ upRate }) => upRate, going),
    gives,
    left: totalLeft(going),
    peers: sum(({ peers }) => peers, going),
    note: null,
  };
}

/** Until the last of them is done; null when one of them does not know. A seed without a goal never ends. */
function totalLeft(going: readonly TorrentStatus[]): number | null {
  const seeding = going.every(({ state }) => state === 'seeding');
  const lefts = going
    .filter((status) => seeding || !isWhole(status))
    .map(({ eta, seedGoal }) => (seeding ? (seedGoal?.timeLeft ?? null) : eta));
  return lefts.includes(null) ? null : Math.max(...lefts.map((left) => left ?? 0));
}
