/** What `btget tracker` shows of itself, asked over its socket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { escapeBytes } from '../../src/discovery/trackers/announce-url.js';
import { wireNames } from '../../src/metainfo/named-hashes.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { BtgetProcess, FIXTURES } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { parseMetrics } from '../support/metrics-text.js';
import { singleFile } from '../support/torrent-bytes.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-tracker-page-'));
after(() => rmSync(dir, { recursive: true }));
const HOSTILE = '<img src=x onerror=alert(1)>&\u202e"\x1b';

/** A .torrent of 3,000 bytes in the folder of those that are allowed; its info-hash. */
function allow(name: string, more: Record<string, number> = {}): string {
  const bytes = singleFile({ name, length: 3_000, 'piece length': 16_384, pieces: Buffer.alloc(20), ...more });
  writeFileSync(join(dir, 'allowed', `${name.length}.torrent`), bytes);
  return wireNames(parseMetainfo(bytes))[0] ?? '';
}

async function ask(url: string, method = 'GET'): Promise<{ headers: IncomingMessage['headers']; body: string }> {
  const [response] = (await once(request(url, { agent: false, method }).end(), 'response')) as [IncomingMessage];
  let body = '';
  for await (const text of response.setEncoding('utf8')) body += text;
  assert.equal(response.statusCode, 200);
  return { headers: response.headers, body };
}

describe('what a tracker shows', { timeout: HANGS_AFTER }, () => {
  it('names the allowed torrents but the private ones, as text, and counts all of them', async (t) => {
    mkdirSync(join(dir, 'allowed'));
    const hashes = [allow('漢字'), allow(HOSTILE), allow('secret', { private: 1 })];
    const args = ['tracker', '--bind', '127.0.0.1', '--port', '0', '--allowed', 'allowed'];
    const tracker = new BtgetProcess(t, dir, args);
    const [, base = ''] = await tracker.says(/(http:\/\/\S+)\/announce/);
    for (const hash of [...hashes, 'ff'.repeat(20)]) {
      const own = `info_hash=${escapeBytes(Buffer.from(hash, 'hex'))}&peer_id=${'p'.repeat(20)}&port=51413&left=0`;
      await ask(`${base}/announce?${own}&key=hunter22`);
    }
    const page = await ask(`${base}/`);
    const [cjk = '', hostile = '', secret = ''] = hashes;
    assert.ok(page.body.includes(`<td><bdi>漢字</bdi><td class="n">2.9 KiB<td class="n">1<td class="n">0`), page.body);
    assert.ok(page.body.includes('<bdi>&lt;img src=x onerror=alert(1)&gt;&amp;'), page.body);
    assert.ok(page.body.includes(cjk) && page.body.includes(hostile));
    assert.match(page.body, /<p>and 1 torrent not listed here\n/);
    assert.match(String(page.headers['content-security-policy']), /^default-src 'none'; .*; style-src 'sha256-/);
    assert.doesNotMatch(page.body, /<img|<script|\u202e|[^\P{Cc}\n]/u);
    const stats = await ask(`${base}/stats.json`);
    const metrics = await ask(`${base}/metrics`);
    const scrape = await ask(`${base}/scrape`);
    for (const { body } of [page, stats, metrics, scrape]) {
      assert.ok(!body.includes(secret) && !body.includes('secret'), body);
      assert.doesNotMatch(body, /hunter22|51413|127\.0\.0\.1|pppp/);
    }
    const head = await ask(`${base}/metrics`, 'HEAD');
    assert.deepEqual([head.body, head.headers['content-type']], ['', 'text/plain; version=0.0.4; charset=utf-8']);
    const read = parseMetrics(metrics.body);
    const { version } = JSON.parse(readFileSync(join(FIXTURES, '../package.json'), 'utf8'));
    assert.deepEqual(read.get('btget_info')?.samples, [[{ version }, 1]]);
    assert.deepEqual(read.get('btget_tracker_torrents')?.samples, [[{}, 3]]);
    assert.deepEqual(read.get('btget_tracker_refusals_total')?.samples[1], [{ reason: 'not_served' }, 1]);
  });
});
