/**
 * One row of the progress display: name, bar, percent, size, rate, time left and peers, in columns whose places depend
 * on the terminal's width alone. So the columns of all torrents line up, and none jumps from one redraw to the next.
 */
import type { TorrentStatus } from '../../torrent/status.js';
import { columnsOf, fitTo, printable } from './escape.js';
import { formatDuration, formatPercent, formatRate, formatRatio, formatRatioGoal, formatSize } from './format.js';
import { pauseReason, progressPart } from './progress-part.js';

/** What a row tells. */
export interface ProgressRow {
  /** The first of these that fits is shown, and the last one is cut. */
  readonly names: readonly string[];
  readonly part: number;
  /** Null while it is unknown. */
  readonly whole: number | null;
  /** What has been given, and until when; null for a row that has a bar. */
  readonly ratio: { readonly now: number; readonly goal: number | null } | null;
  /** What happens, in a word; null when the rate says it. */
  readonly word: string | null;
  readonly downRate: number;
  readonly upRate: number;
  /** The bytes go out: `upRate` is the rate that matters. */
  readonly gives: boolean;
  /** Seconds. */
  readonly left: number | null;
  readonly peers: number;
  /** A sentence that takes the place of the last columns; null for none. */
  readonly note: string | null;
}

export function progressRow(name: string, status: TorrentStatus): ProgressRow {
  const { state, downRate, upRate, peers, seedGoal, uploaded, wanted } = status;
  const gives = state === 'seeding';
  return {
    names: [name],
    ...progressPart(status),
    ratio: gives ? { now: uploaded / Math.max(1, wanted), goal: seedGoal?.ratio ?? null } : null,
    word: wordFor(status),
    downRate,
    upRate,
    gives,
    left: gives ? (seedGoal?.timeLeft ?? null) : status.eta,
    peers,
    note: state === 'paused' ? pauseReason(status) : null,
  };
}

function wordFor(status: TorrentStatus): string | null {
  switch (status.state) {
    case 'downloading':
      return null;
    case 'seeding':
      return status.upRate > 0 ? null : 'seeding';
    case 'paused':
      return status.waitsFor === null ? 'paused' : 'waiting';
    default:
      return status.state;
  }
}

/** How wide the cells of a row are. A cell of 0 columns is not shown. */
interface Layout {
  readonly name: number;
  /** The width of the bar or of the ratio. */
  readonly gauge: number;
  readonly size: number;
  readonly rate: number;
  readonly upRate: number;
  readonly left: number;
  readonly peers: number;
}

const GAP = '  ';
/** `100%` */
const PERCENT_WIDTH = 4;
/** `1023 KiB` */
const SIZE_WIDTH = 8;
/** `1023 KiB of 1023 KiB` */
const LONG_SIZE_WIDTH = 2 * SIZE_WIDTH + 4;
/** `1023 KiB/s` */
const RATE_WIDTH = 10;
const DOWN = 'down ';
const UP = 'up ';
/** `23h59m` */
const LEFT_WIDTH = 6;
const LEFT_SUFFIX = ' left';
/** The longest words for what happens, where only the cell of the time has room for them. */
const WORD_WIDTH = 8;
/** `999 peers` */
const PEERS_WIDTH = 9;
const MIN_NAME_WIDTH = 10;
/** When a bar is shown, a name has this much. */
const NAME_WIDTH_BESIDE_BAR = 16;
const MIN_GAUGE_WIDTH = 6;
/** `ratio 0.35/2` */
const GAUGE_WIDTH = 12;

/**
 * As the terminal becomes narrower the bar goes, then the peers, the size, the rate, and the time left goes last. In a
 * wider terminal the cells say more, and the rest of the room is for the name and the bar.
 */
function layoutFor(columns: number): Layout {
  const [isWide, isWider, isWidest] = [columns >= 95, columns >= 115, columns >= 135];
  const leftWidth = isWide ? LEFT_WIDTH + LEFT_SUFFIX.length : LEFT_WIDTH;
  const rateWidth = isWide ? DOWN.length + RATE_WIDTH : RATE_WIDTH;
  let room = columns - PERCENT_WIDTH - GAP.length - MIN_NAME_WIDTH;
  const take = (width: number): number => {
    if (width === 0 || room < width + GAP.length) return 0;
    room -= width + GAP.length;
    return width;
  };
  let [left, rate, size, upRate, peers, gauge] = [0, 0, 0, 0, 0, 0];
  if (room < leftWidth + rateWidth + 2 * GAP.length) left = take(WORD_WIDTH);
  else {
    left = take(leftWidth);
    rate = take(rateWidth);
    size = take(isWider ? LONG_SIZE_WIDTH : SIZE_WIDTH);
    if (size > 0) peers = take(PEERS_WIDTH);
    if (isWidest) upRate = take(UP.length + RATE_WIDTH);
    if (peers > 0) gauge = take(gaugeWidth(room + MIN_NAME_WIDTH));
  }
  return { name: room + MIN_NAME_WIDTH, gauge, size, rate, upRate, left, peers };
}

/** The bar's share of what the name and the bar have together. */
function gaugeWidth(flexible: number): number {
  const atMost = flexible - GAP.length - NAME_WIDTH_BESIDE_BAR;
  const width = Math.min(atMost, Math.max(GAUGE_WIDTH, Math.floor((flexible - GAP.length) * 0.42)));
  return width < MIN_GAUGE_WIDTH ? 0 : width;
}

/** The row in exactly `columns` columns. Where there is no room for anything else, it shows name and percent. */
export function formatRow(row: ProgressRow, columns: number): string {
  const percent = formatPercent(row.part, row.whole ?? 1);
  const layout = layoutFor(columns);
  if (columns < MIN_NAME_WIDTH + GAP.length + PERCENT_WIDTH) return tinyRow(row, percent, columns);
  const note = row.note === null ? null : printable(row.note);
  const cells = [
    [shortestFit(row.names.map(printable), layout.name), layout.name, 'left'],
    [gaugeOf(row, layout.gauge), layout.gauge, 'right'],
    [percent, PERCENT_WIDTH, 'right'],
    [sizeOf(row, layout.size), layout.size, 'right'],
    ...lastCells(row, layout, note),
  ] as const;
  return cells
    .filter(([, width]) => width > 0)
    .map(([text, width, side]) => {
      const shown = fitTo(text, width);
      const blanks = ' '.repeat(width - columnsOf(shown));
      return side === 'left' ? shown + blanks : blanks + shown;
    })
    .join(GAP);
}

type Cell = readonly [text: string, width: number, side: 'left' | 'right'];

function lastCells(row: ProgressRow, layout: Layout, note: string | null): readonly Cell[] {
  const { rate, upRate, left, peers } = layout;
  const widths = [rate, upRate, left, peers].filter((width) => width > 0);
  const all = widths.reduce((sum, width) => sum + width, 0) + Math.max(0, widths.length - 1) * GAP.length;
  // A sentence of which only a few words could be seen tells less than a word.
  if (note !== null && peers > 0) return [[note, all, 'right']];
  return [
    [rateOf(row, layout), rate, 'right'],
    [row.upRate > 0 ? UP + formatRate(row.upRate) : '', upRate, 'right'],
    [leftOf(row, layout), left, 'right'],
    [peersOf(row.peers), peers, 'right'],
  ];
}

/** Without room for a short name the percent comes first. */
function tinyRow(row: ProgressRow, percent: string, columns: number): string {
  const room = columns - PERCENT_WIDTH - 1;
  if (room < 1) return fitTo(percent.padStart(columns), columns);
  const name = shortestFit(row.names.map(printable), room);
  return `${name}${' '.repeat(room - columnsOf(name))} ${percent.padStart(PERCENT_WIDTH)}`;
}

function shortestFit(texts: readonly string[], width: number): string {
  return texts.find((text) => columnsOf(text) <= width) ?? fitTo(texts.at(-1) ?? '', width);
}

function gaugeOf({ ratio, part, whole }: ProgressRow, width: number): string {
  if (width === 0) return '';
  if (ratio !== null) {
    const now = formatRatio(ratio.now).padStart(4);
    const goals =
      ratio.goal === null ? [''] : [` of ${formatRatioGoal(ratio.goal)}`, `/${formatRatioGoal(ratio.goal)}`];
    const texts = goals.map((goal) => `ratio ${now}${goal}`);
    return [...texts, `${now}${goals.at(-1)}`].find((text) => text.length <= width) ?? now;
  }
  const inner = width - 2;
  const filled = whole === null ? 0 : whole === 0 ? inner : Math.floor((part / whole) * inner);
  return `[${'#'.repeat(filled)}${'-'.repeat(inner - filled)}]`;
}

function sizeOf({ part, whole }: ProgressRow, width: number): string {
  if (whole === null) return '';
  return width < LONG_SIZE_WIDTH ? formatSize(whole) : `${formatSize(part)} of ${formatSize(whole)}`;
}

function rateOf(row: ProgressRow, { rate, upRate }: Layout): string {
  if (row.word !== null) return row.word;
  // The rate up has a column of its own.
  if (row.gives && upRate > 0) return 'seeding';
  const text = formatRate(row.gives ? row.upRate : row.downRate);
  if (rate < DOWN.length + RATE_WIDTH) return text;
  return (row.gives ? UP : DOWN) + text;
}

function leftOf(row: ProgressRow, { left, rate }: Layout): string {
  // Without a rate the word for what happens has no other place.
  if (row.left === null) return rate === 0 ? (row.word ?? (row.gives ? 'seeding' : '')) : '';
  const text = row.left < 100 * 86_400 ? formatDuration(row.left) : '>99d';
  return left < LEFT_WIDTH + LEFT_SUFFIX.length ? text : text + LEFT_SUFFIX;
}

/** The digits of one peer and of many stand in the same column. No process has a hundred thousand connections. */
function peersOf(peers: number): string {
  const count = peers < 1000 ? String(peers) : `${Math.min(99, Math.floor(peers / 1000))}k`;
  return peers === 1 ? '1 peer ' : `${count} peers`;
}
