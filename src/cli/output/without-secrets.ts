import { redactText } from '../../base/redaction.js';
import type { RunEvent } from './events.js';

/**
 * `event` without the secrets of URLs in its sentences, which is how every output hears it. Names and paths of files
 * stay as they are: scripts look for them on the disk.
 */
export function withoutSecrets(event: RunEvent): RunEvent {
  switch (event.type) {
    case 'warning':
    case 'error':
      return { ...event, message: redactText(event.message), input: redacted(event.input) };
    case 'note':
    case 'detail':
      return { ...event, message: redactText(event.message) };
    case 'stalled':
      return { ...event, reasons: event.reasons.map((each) => ({ ...each, message: redactText(each.message) })) };
    case 'tracker': {
      const { report } = event;
      return { ...event, report: { ...report, url: redactText(report.url), message: redacted(report.message) } };
    }
    case 'summary': {
      const shown = event.torrents.map((torrent) => ({
        ...torrent,
        // What never became a torrent goes by its source.
        name: torrent.path === null ? redactText(torrent.name) : torrent.name,
        message: redacted(torrent.message),
      }));
      return { ...event, torrents: shown };
    }
    default:
      return event;
  }
}

function redacted(text: string | null): string | null {
  return text === null ? null : redactText(text);
}
