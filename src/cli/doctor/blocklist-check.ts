import type { ReadBlocklist } from '../../session/node-blocklists.js';
import { formatCount } from '../output/format.js';
import { type Finding, fine, warning } from './finding.js';

/** What the blocklist has, and what it has refused while the other checks ran. */
export function checkBlocklist({ status, report }: Pick<ReadBlocklist, 'status' | 'report'>): Finding {
  const { ranges, refusedIn, refusedOut } = status;
  const { badLines, firstBad } = report;
  const refused = `refused meanwhile: ${refusedIn} in, ${refusedOut} out`;
  const message = `the blocklist has ${formatCount(ranges, 'range')} of addresses; ${refused}`;
  if (firstBad === null) return fine('blocklist', message);
  const hint = `the first is line ${firstBad.line} of ${firstBad.list}`;
  return warning('blocklist', `${message}; ${formatCount(badLines, 'line')} without sense`, hint);
}
