import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { BtgetProcess, runBtget } from '../support/btget-process.js';
import { closedPort, serveHttp } from '../support/fakes/http-server.js';
import { HANGS_AFTER } from '../support/hang.js';

/** No part of these may be printed. */
const USER = 'alice77';
const PASSWORD = 'hunter22';
const PASSKEY = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
const BASIC = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
const SECRETS = [USER, PASSWORD, PASSKEY.slice(4), BASIC];

const HASH = 'ab'.repeat(20);
const dir = mkdtempSync(join(tmpdir(), 'btget-secrets-'));
after(() => rmSync(dir, { recursive: true }));

const OFFLINE = ['--bind', '127.0.0.1', '--port', '0', '--no-dht', '--no-lsd'] as const;
const SHORT = [...OFFLINE, '--timeout', '2s'] as const;

/** A URL of the server `host` that holds each kind of secret. */
const secretUrl = (host: string, scheme = 'http'): string =>
  `${scheme}://${USER}:${PASSWORD}@${host}/${PASSKEY}/announce?authkey=${PASSKEY}`;

function torrentOf(trackers: readonly string[], webSeed: string): Buffer {
  const text = (value: string): string => `${Buffer.byteLength(value)}:${value}`;
  const tiers = trackers.map((url) => `l${text(url)}e`).join('');
  const info = `d6:lengthi5e4:name5:hello12:piece lengthi16384e6:pieces20:${'h'.repeat(20)}e`;
  return Buffer.from(
    `d8:announce${text(trackers[0] ?? '')}13:announce-listl${tiers}e7:comment${text(`see ${webSeed}`)}` +
      `4:info${info}8:url-list${text(webSeed)}e`,
  );
}

function assertSilent(what: string, { out, err }: { readonly out: string; readonly err: string }): void {
  assert.ok(out + err !== '', `${what}: nothing is printed`);
  for (const secret of SECRETS)
    assert.ok(!`${out}${err}`.toLowerCase().includes(secret.toLowerCase()), `${what}: ${secret} in ${out}${err}`);
}

describe('no output has a password or a passkey', { timeout: 2 * HANGS_AFTER }, () => {
  it('of a source that cannot be fetched, read or understood', async (context) => {
    const host = await serveHttp(context, ({ url = '' }, response) => {
      if (url.includes('302')) response.writeHead(302, { Location: `http://${USER}:${PASSWORD}@[/${PASSKEY}` }).end();
      else if (url.includes('ftp')) response.writeHead(302, { Location: secretUrl('h', 'ftp') }).end();
      else if (url.includes('html')) response.end('<html>');
      else response.writeHead(404, `no ${PASSKEY}`).end(`no ${PASSKEY}`);
    });
    const dead = `127.0.0.1:${await closedPort()}`;
    const sources: readonly string[] = [
      secretUrl(host),
      secretUrl(dead),
      secretUrl(dead, 'https'),
      secretUrl(host, 'ftp'),
      secretUrl(host, 'udp'),
      `${secretUrl(host)}&to=302`,
      `${secretUrl(host)}&to=ftp`,
      `${secretUrl(host)}&to=html`,
      secretUrl('bad host'),
      secretUrl('[::'),
      `http://${USER}:${PASSWORD}`,
      `http://${USER}:pa/${PASSWORD}@${host}/x`,
      `http://${USER}:pa ${PASSWORD}@${host}/x`,
      `ftp://${USER}:pa ${PASSWORD}@${host}/x`,
      `http:/${USER}:${PASSWORD}@${host}/${PASSKEY}`,
      `${USER}:${PASSWORD}@${host}/x.torrent`,
      `"${secretUrl(dead)}"`,
      `magnet:?xt=urn:btih:nothing&tr=${encodeURIComponent(secretUrl(host))}`,
      `magnet:?dn=x&tr=${secretUrl(host)}`,
      `magnet:?xt=urn:btih:${HASH}&xt=urn:btih:${'cd'.repeat(20)}&tr=${encodeURIComponent(secretUrl(host))}`,
      encodeURIComponent(`magnet:?xt=urn:btih:nothing&tr=${encodeURIComponent(secretUrl(host))}`),
    ];
    const check = async (...args: readonly string[]): Promise<void> =>
      assertSilent(args.join(' '), await runBtget(context, dir, args));
    writeFileSync(join(dir, 'list'), sources.join('\n'));
    await check('download', ...SHORT, '--json', '--verbose', '-i', 'list');
    await check('download', ...SHORT, '-i', 'list');
    await check('show', '--json', ...SHORT, '-i', 'list');
    await check('verify', '--json', '-i', 'list');
    for (const source of sources.slice(0, 2)) await check('doctor', ...OFFLINE.slice(0, 5), '--json', source);
  });

  it('of an option whose value cannot be used', async (context) => {
    for (const bad of [secretUrl('h', 'gopher'), secretUrl('bad host'), `${USER}:${PASSWORD}@h/announce`]) {
      for (const args of [
        ['--tracker', bad, 'x.torrent'],
        ['create', '--web-seed', bad, '.'],
        [`--trackre=${bad}`],
        ['--json', `--tracker=${bad}`, 'x.torrent'],
        ['help', bad],
      ])
        assertSilent(args.join(' '), await runBtget(context, dir, args));
    }
  });

  it('of a tracker that fails, warns, redirects, or quotes what it was asked', async (context) => {
    const echoes: Readonly<Record<string, string>> = {
      fail: `d14:failure reason${'%'}e`,
      warn: `d8:intervali60e15:warning message${'%'}5:peers0:e`,
    };
    const host = await serveHttp(context, ({ url = '', headers }, response) => {
      const said = `no ${PASSKEY} at ${url} of ${headers.authorization} ${USER} ${PASSWORD} ${'x'.repeat(700)}`;
      const echo = echoes[/do=(\w+)/.exec(url)?.[1] ?? ''];
      if (echo === undefined) response.writeHead(302, { Location: secretUrl('127.0.0.1:6379') }).end();
      else response.end(echo.replace('%', `${Buffer.byteLength(said)}:${said}`));
    });
    const dead = `127.0.0.1:${await closedPort()}`;
    const trackers = [
      ...[secretUrl(dead), secretUrl(dead, 'https'), secretUrl(dead, 'udp'), `${secretUrl(host)}&do=redirect`],
      ...[`${secretUrl(host)}&do=fail`, `${secretUrl(host)}&do=warn`],
    ];
    writeFileSync(join(dir, 'named.torrent'), torrentOf(trackers, secretUrl(dead)));
    const named = trackers.flatMap((url) => ['--tracker', url]);
    const link = `magnet:?xt=urn:btih:${HASH}&${trackers.map((url) => `tr=${encodeURIComponent(url)}`).join('&')}`;
    // Nobody tells us that a datagram was not taken, and `doctor` waits for long.
    const soon = trackers.filter((url) => !url.startsWith('udp')).flatMap((url) => ['--tracker', url]);
    const runs: readonly (readonly string[])[] = [
      ['download', ...SHORT, '--json', '--verbose', 'named.torrent'],
      ['download', ...SHORT, '--json', '--verbose', '--no-trackers', ...named, 'named.torrent'],
      ['download', ...SHORT, '--stop-timeout', '1s', '--no-trackers', ...named, 'named.torrent'],
      ['download', ...SHORT, '--json', '--verbose', link, link],
      ['show', ...SHORT, '--json', ...named, link],
      ['doctor', ...OFFLINE.slice(0, 5), '--no-trackers', ...soon, 'named.torrent'],
      ['doctor', ...OFFLINE.slice(0, 5), '--no-trackers', '--json', ...soon, 'named.torrent'],
    ];
    for (const args of runs) assertSilent(args.slice(0, 9).join(' '), await runBtget(context, dir, args));
  });

  it('of a torrent that is shown, unless they are asked for', async (context) => {
    const url = secretUrl('t.example');
    writeFileSync(join(dir, 'shown.torrent'), torrentOf([url], url));
    const seen = await runBtget(context, dir, ['show', 'shown.torrent']);
    assertSilent('show', seen);
    assert.match(seen.err, /^keys and passwords in URLs are left out: --secrets shows them$/m);
    const hidden = await runBtget(context, dir, ['show', '--json', 'shown.torrent']);
    assertSilent('show --json', hidden);
    const shown = 'http://t.example/0f1e…/announce?authkey=0f1e…';
    const described = JSON.parse(hidden.out);
    assert.deepEqual([described.trackers, described.webSeeds, described.comment], [[[shown]], [shown], `see ${shown}`]);
    const { out } = await runBtget(context, dir, ['show', '--json', '--secrets', 'shown.torrent']);
    const whole = JSON.parse(out);
    assert.deepEqual([whole.trackers, whole.webSeeds, whole.comment], [[[url]], [url], `see ${url}`]);
    assert.ok(whole.magnet.includes(PASSWORD));
    const all = await runBtget(context, dir, ['show', '--secrets', 'shown.torrent']);
    assert.match(all.out, new RegExp(PASSWORD));
    assert.equal(all.err, '');
    const host = await serveHttp(context, (_request, response) => response.end(torrentOf([url], url)));
    for (const command of ['show', 'verify']) {
      const fetched = await runBtget(context, dir, [command, '--json', secretUrl(host)]);
      assertSilent(`${command} --json of a URL`, fetched);
      assert.equal(JSON.parse(fetched.out).input, `http://${host}/0f1e…/announce?authkey=0f1e…`);
    }
  });
});

test('what is asked and what is written has the whole URL', { timeout: HANGS_AFTER }, async (context) => {
  const asked: string[] = [];
  const host = await serveHttp(context, ({ url = '', headers }, response) => {
    asked.push(`${url.split('&info_hash')[0]} ${headers.authorization}`);
    response.end('d8:intervali60e5:peers0:e');
  });
  const url = secretUrl(host);
  writeFileSync(join(dir, 'content'), 'hello');
  await runBtget(context, dir, ['create', '--tracker', url, '-o', 'whole.torrent', 'content']);
  assert.ok(readFileSync(join(dir, 'whole.torrent')).includes(url));
  const btget = new BtgetProcess(context, dir, [
    ...OFFLINE,
    '-d',
    'there',
    '--verbose',
    '--tracker',
    url,
    'whole.torrent',
  ]);
  await btget.says(/0 peers/);
  assert.equal(asked[0], `/${PASSKEY}/announce?authkey=${PASSKEY} Basic ${BASIC}`);
});
