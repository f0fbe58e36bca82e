/** Makes lines for people of the events that matter. */
import { BtgetError, type FailureCode } from '../../base/failure.js';
import { failureLines } from '../exit-code.js';
import { machineFailure } from '../machine-failure.js';
import { abridged, printable } from './escape.js';
import type { RunEvent, SourceResult } from './events.js';
import { formatCount, formatDuration, formatPercent, formatRate, formatSize } from './format.js';
import { reasonsInLine, reasonsInRows } from './stall-reasons.js';

/** 'quiet': errors only. 'verbose': also each finished file and each answer of a tracker. */
export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** 'line': an event is one line, for a log. 'rows': what lists things has a row for each, for a terminal. */
export type Layout = 'line' | 'rows';

/** The lines for `event`, none when it does not matter. No line holds a line break. */
export function sentencesFor(event: RunEvent, verbosity: Verbosity, layout: Layout = 'line'): readonly string[] {
  if (event.type === 'error') return errorLines(event);
  if (verbosity === 'quiet') return [];
  switch (event.type) {
    case 'listening':
      return event.onlySeeds || verbosity === 'verbose' ? [`listening on ${placeOf(event.host, event.port)}`] : [];
    case 'note':
      return [printable(event.message)];
    case 'detail':
      return verbosity === 'verbose' ? [printable(event.message)] : [];
    case 'seeding': {
      const part = event.have < event.wanted ? `${formatPercent(event.have, event.wanted)} of ` : '';
      const what = `${part}${formatSize(event.wanted)}`;
      const how = event.superSeeding ? `super-seeding ${what}, each piece to one peer first` : `seeding ${what}`;
      return [`${printable(event.about.name)}: ${how}${missingClause(event.missing)}`];
    }
    case 'stalled': {
      const what = `${printable(event.about.name)}: stalled`;
      if (layout === 'line') return [`${what}: ${printable(reasonsInLine(event.reasons))}`];
      return [what, ...reasonsInRows(event.reasons).map(printable)];
    }
    case 'warning':
      return [printable(`${event.about === null ? '' : `${event.about.name}: `}${event.message}`)];
    case 'done':
      return event.downloaded === 0
        ? [`${printable(event.about.name)}: done, it was all here`]
        : [`${printable(event.about.name)}: done, ${formatSize(event.length)} in ${formatDuration(event.seconds)}`];
    case 'tracker': {
      const { url, ok, message, peers, next, swarm } = event.report;
      if (ok && message === null && verbosity !== 'verbose') return [];
      const answer = message ?? (ok ? formatCount(peers ?? 0, 'peer') : 'no answer');
      const of = swarm === null ? '' : ` (${swarm} swarm)`;
      const again = next === null ? '' : `, asked again in ${formatDuration(next)}`;
      return [printable(`${event.about.name}: tracker ${url}${of}: ${answer}${again}`)];
    }
    case 'file':
      return verbosity === 'verbose' ? [`${printable(event.path)}: ${formatSize(event.length)}, whole`] : [];
    case 'reused':
      return [`${printable(event.path)}: taken from ${printable(event.from)}, ${formatSize(event.length)}`];
    case 'port-mapping':
      return verbosity === 'verbose' ? [printable(portMappingLine(event.mapping))] : [];
    case 'blocklist': {
      const ranges = formatCount(event.status.ranges, 'range');
      if (event.news === 'read-again') return [`blocklist read again: ${ranges} of addresses`];
      return event.news === 'read' && verbosity === 'verbose' ? [`blocklist: ${ranges} of addresses`] : [];
    }
    case 'summary':
      return summaryLines(event.torrents);
    case 'added':
    case 'checking':
    case 'progress':
    case 'over':
      return [];
  }
}

function errorLines({ about, code, message }: RunEvent & { type: 'warning' | 'error' }): string[] {
  const name = about === null ? '' : `${printable(about.name)}: `;
  return failureLines(code, message).map((line, index) => `${index === 0 ? `btget: ${name}` : ''}${line}`);
}

function placeOf(host: string | null, port: number): string {
  if (host === null) return `port ${port}`;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function portMappingLine(mapping: (RunEvent & { type: 'port-mapping' })['mapping']): string {
  if (mapping.state === 'failed') return `the gateway (IPv${mapping.family}) does not let peers in: ${mapping.message}`;
  const { protocol, gateway, externalHost, port, udp } = mapping;
  const where = externalHost === null ? `port ${port}` : placeOf(externalHost, port);
  const name = gateway === null ? '' : `${gateway} `;
  return `the gateway ${name}lets peers in at ${where} by ${protocol}${udp ? '' : ', over TCP alone'}`;
}

/** `; missing: a, b, c and 12 more` */
function missingClause({ count, first }: (RunEvent & { type: 'seeding' })['missing']): string {
  if (count === 0) return '';
  const more = count > first.length ? ` and ${(count - first.length).toLocaleString('en-US')} more` : '';
  return `; missing: ${first.map((path) => printable(abridged(path, 100))).join(', ')}${more}`;
}

const INTERRUPTED: FailureCode = 'interrupted';

/**
 * A line for each torrent. A torrent that failed had a line at that moment, so a run of one torrent says only how far
 * it came. A run of many torrents tells all reasons again, together.
 */
function summaryLines(torrents: readonly SourceResult[]): string[] {
  if (torrents.every((torrent) => torrent.path === null)) return [];
  const isOne = torrents.length === 1;
  return torrents.flatMap((torrent) => {
    const name = printable(abridged(torrent.name, 200));
    const path = torrent.path === null ? name : printable(torrent.path);
    if (torrent.result === 'ok') {
      const { downloaded, uploaded, seconds } = torrent;
      const rate = downloaded === 0 || seconds === 0 ? [] : [formatRate(downloaded / seconds)];
      const sent = uploaded === 0 ? [] : [`sent ${formatSize(uploaded)}`];
      const lacks = torrent.have < torrent.wanted ? '' : `, ${formatCount(torrent.missing, 'file')} missing`;
      const share = lacks === '' ? `${formatPercent(torrent.have, torrent.wanted)} of ` : '';
      const part = `PART ${share}${formatSize(torrent.wanted)}${lacks}`;
      const what = torrent.isPart ? part : `OK   ${formatSize(torrent.have)}`;
      return [[what, ...rate, ...sent, path].join('  ')];
    }
    const wasTold = torrent.result !== INTERRUPTED;
    if (isOne && wasTold && torrent.have === 0) return [];
    const have =
      torrent.wanted === 0 ? [] : [`${formatPercent(torrent.have, torrent.wanted)} of ${formatSize(torrent.wanted)}`];
    const why = isOne && wasTold ? [] : failureLines(torrent.result, torrent.message ?? torrent.result).slice(0, 1);
    return [['ERR', ...have, name, ...why].join('  ')];
  });
}

const NEXT_STEPS: Readonly<Partial<Record<string, string>>> = {
  interrupted: 'the same command again goes on',
  'gave-up': 'the same command again goes on',
  'disk-full': 'free some space; the same command again goes on',
  'foreign-file': '--overwrite replaces it, -o or -d saves elsewhere',
  'cannot-open': 'check the permissions, or choose another folder with -d',
  'bytes-missing': '-d names the folder that holds the content',
} satisfies Partial<Record<FailureCode, string>>;

/** What the user can do about the failure of a torrent, or null. */
export function nextStep(failure: unknown): string | null {
  // The message of any other exception asks for a report.
  if (!(failure instanceof BtgetError)) return null;
  // The message of the failure says already what to do about that.
  if (machineFailure(failure) !== null) return null;
  if (failure.cause instanceof Error && 'code' in failure.cause && failure.cause.code === 'EFBIG')
    return 'the file system, or ulimit -f, allows no file of this length; -d saves elsewhere';
  // The system has refused nothing: something else is in the way, as the message says.
  if (failure.code === 'cannot-open' && failure.cause === undefined) return failure.hint ?? '-o or -d saves elsewhere';
  return failure.hint ?? NEXT_STEPS[failure.code] ?? null;
}
