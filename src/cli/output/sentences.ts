/** The events that matter as lines for people, on a terminal and in a log alike. */
import type { FailureCode } from '../../base/failure.js';
import { printable } from './escape.js';
import type { RunEvent, SourceResult } from './events.js';
import { formatDuration, formatPercent, formatRate, formatSize } from './format.js';

/** 'quiet': errors only. 'verbose': each finished file and each answer of a tracker as well. */
export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** The lines that `event` is worth, none of them with a line break. */
export function sentencesFor(event: RunEvent, verbosity: Verbosity): readonly string[] {
  if (event.type === 'error') return errorLines(event.about?.name ?? null, event.message);
  if (verbosity === 'quiet') return [];
  switch (event.type) {
    case 'listening':
      return [`listening on ${event.address}`];
    case 'note':
      return [printable(event.message)];
    case 'seeding': {
      const part = event.have < event.wanted ? `${formatPercent(event.have, event.wanted)} of ` : '';
      return [`${printable(event.about.name)}: seeding ${part}${formatSize(event.wanted)}`];
    }
    case 'stalled':
      return [`${printable(event.about.name)}: stalled: ${printable(event.reasons.map((r) => r.message).join('; '))}`];
    case 'warning':
      return [printable(`${event.about === null ? '' : `${event.about.name}: `}${event.message}`)];
    case 'done':
      return event.downloaded === 0
        ? [`${printable(event.about.name)}: done, it was all here`]
        : [`${printable(event.about.name)}: done, ${formatSize(event.length)} in ${formatDuration(event.seconds)}`];
    case 'tracker': {
      const { url, ok, message, peers, next } = event.report;
      if (!ok || message !== null) return [printable(`${event.about.name}: tracker ${url}: ${message ?? 'no answer'}`)];
      if (verbosity !== 'verbose') return [];
      return [printable(`${event.about.name}: tracker ${url}: ${peers ?? 0} peers, asked again in ${next ?? 0}s`)];
    }
    case 'file':
      return verbosity === 'verbose' ? [`${printable(event.path)}: ${formatSize(event.length)}, whole`] : [];
    case 'summary':
      return summaryLines(event.torrents);
    case 'added':
    case 'checking':
    case 'progress':
    case 'over':
      return [];
  }
}

// A bug's message has a line for each frame of the stack; all others are one line.
function errorLines(name: string | null, message: string): string[] {
  const about = name === null ? '' : `${printable(name)}: `;
  return message.split('\n').map((line, index) => `${index === 0 ? `btget: ${about}` : ''}${printable(line)}`);
}

const NEXT_STEPS: Readonly<Partial<Record<FailureCode, string>>> = {
  interrupted: 'the same command again goes on',
  'gave-up': 'the same command again goes on; --peer and --tracker name more to ask',
  'disk-full': 'free some space; the same command again goes on',
  'foreign-file': '--overwrite replaces it, -o or -d saves elsewhere',
  'cannot-open': 'check the permissions, or choose another folder with -d',
  'target-busy': 'wait for the other btget, or choose another folder with -d',
  'bytes-missing': '-d names the folder that holds the content',
};

// A source that never became a torrent has had its one line when it failed.
function summaryLines(torrents: readonly SourceResult[]): string[] {
  if (torrents.every((torrent) => torrent.path === null)) return [];
  return torrents.map((torrent) => {
    const name = printable(torrent.name);
    if (torrent.result === 'ok') {
      const rate =
        torrent.downloaded === 0 || torrent.seconds === 0 ? [] : [formatRate(torrent.downloaded / torrent.seconds)];
      return ['OK ', formatSize(torrent.have), ...rate, printable(torrent.path ?? name)].join('  ');
    }
    const have =
      torrent.wanted === 0 ? [] : [`${formatPercent(torrent.have, torrent.wanted)} of ${formatSize(torrent.wanted)}`];
    const next = NEXT_STEPS[torrent.result as FailureCode];
    const why = printable(torrent.message?.split('\n')[0] ?? torrent.result);
    return ['ERR', ...have, name, why + (next === undefined ? '' : ` (${next})`)].join('  ');
  });
}
