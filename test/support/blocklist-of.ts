import assert from 'node:assert/strict';
import type { RangeTables } from '../../src/net/address-ranges.js';
import { Blocklist } from '../../src/net/blocklist.js';
import { BlocklistParser } from '../../src/net/blocklist-parser.js';

/** The ranges of these lines. Each of them must make sense. */
export function tablesOf(...lines: readonly string[]): RangeTables {
  const parser = new BlocklistParser();
  parser.feed(Buffer.from(lines.join('\n')));
  assert.equal(parser.endList().badLines, 0);
  return parser.tables();
}

export function blocklistOf(...lines: readonly string[]): Blocklist {
  return new Blocklist(tablesOf(...lines));
}
