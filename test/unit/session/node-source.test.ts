import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readSource } from '../../../src/session/node-source.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-node-source-'));
after(() => rmSync(dir, { recursive: true }));
const OPTIONS = { bind: null, caCertificates: null, proxy: null, httpProxies: null, userAgent: 'btget', signal: null };

test('a file is read whole, in however many parts', async () => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
  const path = join(dir, 'long');
  writeFileSync(path, bytes);
  assert.deepEqual(await readSource(path, OPTIONS), bytes);
});

test('a pipe into which nobody writes is waited for until the signal aborts', async (t) => {
  if (process.platform === 'win32') return t.skip('no pipes');
  const path = join(dir, 'pipe');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const ending = new AbortController();
  const reading = readSource(path, { ...OPTIONS, signal: ending.signal });
  setImmediate(() => ending.abort('enough'));
  await assert.rejects(reading, { code: 'interrupted', cause: 'enough' });
});
