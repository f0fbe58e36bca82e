import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import { download } from '../../src/session/download.js';
import { BtgetProcess, FIXTURES, LOOPBACK, runBtget } from '../support/btget-process.js';
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/fakes/certificate.js';
import { serveHttps } from '../support/fakes/http-server.js';
import { HANGS_AFTER } from '../support/hang.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-https-'));
after(() => rmSync(dir, { recursive: true }));
writeFileSync(join(dir, 'ca.pem'), CERTIFICATE);
writeFileSync(join(dir, 'key.pem'), CERTIFICATE_KEY);
const torrent = readFileSync(join(FIXTURES, 'one-piece.torrent'));
const BIND = ['--bind', '127.0.0.1', '--port', '0'];

/** Serves the torrent, and announces that name `port`, over HTTPS with a certificate that nobody knows. */
async function serve(test: TestContext, port = 1): Promise<{ readonly source: string; readonly tracker: string }> {
  const peer = Buffer.from([127, 0, 0, 1, port >> 8, port & 255]).toString('latin1');
  const host = await serveHttps(test, (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/t.torrent') response.end(torrent);
    else response.end(`d8:intervali900e5:peers6:${peer}e`, 'latin1');
  });
  return { source: `https://${host}/t.torrent`, tracker: `https://${host}/announce` };
}

async function startSeed(test: TestContext, source: string, ...more: readonly string[]): Promise<number> {
  const seed = new BtgetProcess(test, dir, ['seed', source, '-d', FIXTURES, ...LOOPBACK, ...more]);
  const [, port] = await seed.says(/listening on \S+:(\d+)\n[\s\S]*seeding/);
  return Number(port);
}

describe('over https', { concurrency: 2, timeout: HANGS_AFTER }, () => {
  it('a source and a tracker whose authority is named by --ca-certificate are trusted', async (t) => {
    const ca = ['--ca-certificate', 'ca.pem'];
    const port = await startSeed(t, (await serve(t)).source, ...ca);
    const { source, tracker } = await serve(t, port);
    const got = await runBtget(t, dir, [source, '-d', 'got', ...BIND, '--no-dht', '--tracker', tracker, ...ca]);
    assert.equal(got.code, 0, got.err);
    assert.deepEqual(readFileSync(join(dir, 'got/one-piece.txt')), readFileSync(join(FIXTURES, 'one-piece.txt')));
    assert.equal((await runBtget(t, dir, ['show', source, ...ca, '--bind', '127.0.0.1'])).code, 0);
    assert.equal((await runBtget(t, dir, ['verify', source, '-d', FIXTURES, ...ca, '--bind', '127.0.0.1'])).code, 0);
    const checked = await runBtget(t, dir, ['doctor', source, ...BIND, '--no-dht', '--tracker', tracker, ...ca]);
    assert.match(checked.out, new RegExp(`^(?:ok|warning) +${tracker}: `, 'm'));
  });

  it('without it they are refused, and the sentence names the option and no other program', async (t) => {
    const { source } = await serve(t);
    const what = 'its certificate is self-signed, so no authority vouches for it';
    const err = `btget: cannot fetch ${source}: ${what} (--ca-certificate FILE names an authority to trust)\n`;
    assert.deepEqual(await runBtget(t, dir, [source, ...LOOPBACK]), { code: 6, out: '', err });
  });

  it('a file of authorities that cannot be read, or holds none, is refused by its name', async (t) => {
    for (const command of ['download', 'seed', 'show', 'verify', 'doctor']) {
      const run = (file: string) => runBtget(t, dir, [command, 'none.torrent', '--ca-certificate', file]);
      const missing = { code: 16, out: '', err: 'btget: --ca-certificate: cannot read none.pem: ENOENT\n' };
      assert.deepEqual(await run('none.pem'), missing, command);
      const why = 'no certificate in PEM form (-----BEGIN CERTIFICATE-----)';
      const wrong = { code: 28, out: '', err: `btget: --ca-certificate: key.pem: ${why}\n` };
      assert.deepEqual(await run('key.pem'), wrong, command);
    }
    assert.equal((await runBtget(t, dir, ['show', 'x', '--ca-certificate', '.'])).code, 16);
    if (!existsSync('/dev/zero')) return;
    const { code, err } = await runBtget(t, dir, ['show', 'x', '--ca-certificate', '/dev/zero']);
    assert.deepEqual([code, err], [28, 'btget: --ca-certificate: /dev/zero is too long for certificates\n']);
  });

  it('a library hands certificates in', async (t) => {
    const port = await startSeed(t, join(FIXTURES, 'one-piece.torrent'));
    const { tracker } = await serve(t, port);
    const options = { dir: join(dir, 'library'), bind: '127.0.0.1', listen: false, useDht: false, trackers: [tracker] };
    const { paths } = await download(torrent, { ...options, useTorrentTrackers: false, caCertificates: CERTIFICATE });
    assert.equal(paths.length, 1);
    await assert.rejects(
      download(torrent, { ...options, caCertificates: 'none' }),
      (error) => error instanceof BtgetError && error.code === 'usage',
    );
  });
});
