/** `btget tracker` behind nginx: whoever asks is known by the address that nginx saw, whatever it claims itself. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { closedPort } from '../support/fakes/http-server.js';
import { btget, HOSTS, isInstalled, nextHost, Program } from './support.js';

const INFO_HASH = '%01'.repeat(20);

/** nginx in front of `upstream`, as the one user that there is in the namespace; resolves to its `host:port` when it serves. */
async function startNginx(t: TestContext, dir: string, upstream: string): Promise<string> {
  const place = `${HOSTS.rival}:${await closedPort(HOSTS.rival)}`;
  for (const folder of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(dir, folder));
  const temporary = ['client_body_temp_path body', 'proxy_temp_path proxy', 'fastcgi_temp_path fastcgi']
    .concat(['uwsgi_temp_path uwsgi', 'scgi_temp_path scgi'])
    .map((each) => each.replace(/ (\w+)$/, ` ${dir}/$1;`))
    .join('\n');
  writeFileSync(
    join(dir, 'nginx.conf'),
    `user root root; daemon off; master_process off; pid ${dir}/pid; error_log stderr;
    events {}
    http {
      access_log off; ${temporary}
      server {
        listen ${place};
        location / {
          proxy_pass http://${upstream};
          proxy_bind ${HOSTS.rival};
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
      }
    }`,
  );
  const nginx = new Program(t, 'nginx', ['-p', dir, '-c', join(dir, 'nginx.conf')]);
  for (;;) {
    if (nginx.child.exitCode !== null) throw new Error(`nginx ended: ${nginx.stderr}`);
    try {
      await ask(place, HOSTS.rival, '/');
      return place;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The answer's body, each byte as a Latin-1 character. */
function ask(place: string, from: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(`http://${place}${path}`, { localAddress: from, agent: false, headers }, (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(body)).on('error', reject);
    });
    request.on('error', reject);
  });
}

/** Listens at `host` and notes that somebody called. */
async function listenForCalls(t: TestContext, host: string, port: number): Promise<{ called: Promise<void> }> {
  let note: () => void = () => undefined;
  const called = new Promise<void>((resolve) => {
    note = resolve;
  });
  const server = createServer((socket) => {
    note();
    socket.on('error', () => undefined).destroy();
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return { called };
}

const announce = (peer: string, port: number): string =>
  `/announce?info_hash=${INFO_HASH}&peer_id=${peer.repeat(20)}&port=${port}&uploaded=0&downloaded=0&left=1&compact=1`;

const compact = (host: string, port: number): string =>
  Buffer.from([...host.split('.').map(Number), port >> 8, port & 0xff]).toString('latin1');

async function startTracker(t: TestContext, ...more: readonly string[]): Promise<string> {
  const tracker = btget(t, 'tracker', '--bind', HOSTS.tracker, '--port', '0', '--trusted-proxy', HOSTS.rival, ...more);
  return tracker.until((output) => /http:\/\/(\S+)\/announce/.exec(output)?.[1]);
}

if (isInstalled('nginx', '-v')) {
  test('behind nginx an announcer has its own address, and what it claims does not count', {
    timeout: 30_000,
  }, async (t) => {
    const place = await startNginx(t, scratch(t), await startTracker(t));
    const [first, second] = [nextHost(), nextHost()];
    await ask(place, first, announce('a', 7001), { 'X-Forwarded-For': '192.0.2.7', Forwarded: 'for=192.0.2.8' });
    const answer = await ask(place, second, announce('b', 7002));
    assert.ok(answer.includes(`5:peers6:${compact(first, 7001)}`), answer);
  });

  test('behind nginx it is the announcer that is called back', { timeout: 30_000 }, async (t) => {
    const place = await startNginx(t, scratch(t), await startTracker(t, '--nat-check'));
    const [client, victim] = [nextHost(), nextHost()];
    const port = await closedPort(client);
    const { called } = await listenForCalls(t, client, port);
    let victimCalled = false;
    const other = await listenForCalls(t, victim, port);
    other.called.then(() => {
      victimCalled = true;
    });
    await ask(place, client, announce('a', port), { 'X-Forwarded-For': victim });
    await called;
    assert.equal(victimCalled, false);
  });
} else console.log('live tests with nginx skipped: it is not installed (Debian package nginx-light)');
