/**
 * Lists every place in the source that reads files, and what it reads. What a run keeps for the next is read in one
 * place.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../../../../src/', import.meta.url));

/** What each file of the source reads, if it reads the bytes of files. */
const READERS: Readonly<Record<string, 'kept' | 'content' | 'given by the user' | 'of the system' | 'the calls'>> = {
  'base/system-given-file.ts': 'given by the user',
  'cli/commands/write-torrent.ts': 'given by the user',
  'cli/config/config-file.ts': 'given by the user',
  'cli/content/allowed-torrents.ts': 'given by the user',
  'cli/doctor/machine-checks.ts': 'of the system',
  'cli/mapped-trace.ts': 'of the system',
  'cli/version.ts': 'of the system',
  'discovery/http/http-hosts-table.ts': 'of the system',
  'disk/worker/copy-candidate.ts': 'content',
  'disk/worker/finish-file.ts': 'content',
  'disk/worker/file-hasher.ts': 'content',
  'disk/system/operations.ts': 'the calls',
  'disk/system/hard-links.ts': 'content',
  'disk/files/block-reader.ts': 'content',
  'disk/files/cache-storage.ts': 'content',
  'disk/system/trust.ts': 'kept',
  'disk/system/processes.ts': 'of the system',
  'net/node-gateways.ts': 'of the system',
};

/** Which files of the source read what this program kept, and what that is. */
const KEEPERS: Readonly<Record<string, string>> = {
  'cli/commands/tracker-state-file.ts': 'the state of a tracker',
  'disk/worker/journal.ts': 'the journal of a download, and the metadata of one that began with a link',
  'disk/kept-bytes.ts': 'what is known of the DHT',
  'disk/worker/own-kept-file.ts': 'how a journal or metadata begins, to tell it from a file of the user',
  'disk/worker/lock.ts': 'the lock of a download, and those who take it over',
};

const READS =
  /\b(readFileSync|readFile|createReadStream|readvSync|readSync|readv)\(|\b(operations|calls|handle|file)\.read\(\w+[,.]/;

function sourcesWith(pattern: RegExp): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && pattern.test(readFileSync(join(SRC, name), 'utf8')))
    .sort();
}

test('every reader of files is listed, and one file alone reads what this program kept', () => {
  assert.deepEqual(sourcesWith(READS), Object.keys(READERS).sort());
  assert.deepEqual(
    Object.keys(READERS).filter((name) => READERS[name] === 'kept'),
    ['disk/system/trust.ts'],
  );
  assert.deepEqual(sourcesWith(/\breadKept\(/), [...Object.keys(KEEPERS), 'disk/system/trust.ts'].sort());
});
