import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readSource } from '../../../src/session/node-source.js';
import { serveHttp } from '../../support/fakes/http-server.js';

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

test('a server that does not answer is waited for until the signal aborts', async (t) => {
  const ending = new AbortController();
  const place = await serveHttp(t, () => ending.abort('enough'));
  const bound = { ...OPTIONS, bind: '127.0.0.1', signal: ending.signal };
  const interrupted = { code: 'interrupted', cause: 'enough' };
  await assert.rejects(readSource(`http://${place}/a.torrent`, bound), interrupted);
  await assert.rejects(readSource(`http://${place}/b.torrent`, bound), interrupted, 'aborted before');
});

test('what has been read leaves no listener at the signal', async (t) => {
  const { signal } = new AbortController();
  const place = await serveHttp(t, (_request, response) => response.end('de'));
  assert.deepEqual(
    await readSource(`http://${place}/a.torrent`, { ...OPTIONS, bind: '127.0.0.1', signal }),
    Buffer.from('de'),
  );
  const path = join(dir, 'short');
  writeFileSync(path, 'de');
  await readSource(path, { ...OPTIONS, signal });
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});
