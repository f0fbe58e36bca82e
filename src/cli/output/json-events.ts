/** `--json`: one object in each line of stdout. */
import { jsonLine } from './escape.js';
import type { Output, RunEvent } from './events.js';

/** `now` returns the time of the wall clock in ISO 8601. */
export function createJsonOutput(write: (text: string) => void, now: () => string): Output {
  return {
    tell(event) {
      const fields = fieldsOf(event);
      if (fields === undefined) return;
      const about = 'about' in event && event.about !== null ? { infoHash: event.about.infoHash } : {};
      write(`${jsonLine({ type: event.type, time: now(), ...about, ...fields })}\n`);
    },
    close: () => undefined,
  };
}

/** Undefined for an event that is for people only. */
function fieldsOf(event: RunEvent): Readonly<Record<string, unknown>> | undefined {
  switch (event.type) {
    case 'added': {
      const { infoHashV2, length, wanted, have, files, pieces, dir } = event;
      return { infoHashV2, name: event.about.name, length, wanted, have, files, pieces, dir };
    }
    case 'checking':
      return { checked: event.checked, length: event.length };
    case 'progress': {
      const { have, wanted, downloaded, uploaded, peers, encrypted, seeds, eta, state, superSeeding } = event.status;
      const [downRate, upRate] = [Math.round(event.status.downRate), Math.round(event.status.upRate)];
      const { inUse: webSeeds, received: fromWebSeeds } = event.status.webSeeds;
      return {
        ...{ have, wanted, downloaded, fromWebSeeds, uploaded, downRate, upRate },
        ...{ peers, encrypted, seeds, webSeeds, eta, state, superSeeding },
      };
    }
    case 'file':
      return { path: event.path, length: event.length };
    case 'reused':
      return { path: event.path, from: event.from, length: event.length };
    case 'tracker': {
      const { url, ok, message, peers, seeds, leeches, next, externalIp, swarm } = event.report;
      return { url, ok, message, peers, seeds, leeches, next, externalIp, ...(swarm === null ? {} : { swarm }) };
    }
    case 'stalled':
      return { reasons: event.reasons };
    case 'warning':
    case 'error':
      return {
        code: event.code,
        message: event.message,
        ...(event.input === null ? {} : { input: event.input }),
      };
    case 'done': {
      const { paths, length, seconds, downloaded, uploaded, wasted } = event;
      return { paths, length, seconds, downloaded, uploaded, wasted };
    }
    case 'summary':
      return {
        exitCode: event.exitCode,
        torrents: event.torrents.map(({ name, result, have, wanted }) => ({ name, result, have, wanted })),
      };
    case 'listening':
      return { host: event.host, port: event.port };
    case 'port-mapping':
      return portMappingFields(event.mapping);
    case 'blocklist': {
      const { ranges, refusedIn, refusedOut } = event.status;
      return { news: event.news, ranges, refusedIn, refusedOut };
    }
    case 'seeding': {
      const { have, wanted, superSeeding, missing } = event;
      return { have, wanted, superSeeding, missing };
    }
    case 'over':
    case 'note':
    case 'detail':
      return undefined;
  }
}

function portMappingFields(
  mapping: (RunEvent & { type: 'port-mapping' })['mapping'],
): Readonly<Record<string, unknown>> {
  const { family } = mapping;
  if (mapping.state === 'failed') return { family, ok: false, message: mapping.message };
  const { protocol, gateway, externalHost, port, udp } = mapping;
  return { family, ok: true, protocol, gateway, externalHost, port, udp, message: null };
}
