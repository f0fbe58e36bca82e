import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DestinationProxy } from '../../../../src/discovery/http/http-destination.js';
import { explain, HttpSocket } from '../../../../src/discovery/http/http-socket.js';
import { Authorities } from '../../../../src/discovery/http/http-tls.js';
import type { ProxyAccess } from '../../../../src/net/proxy/proxy-access.js';
import { parseProxy } from '../../../../src/net/proxy/proxy-server.js';
import { CERTIFICATE } from '../../../support/fakes/certificate.js';
import { closedPort, serveHttp, serveHttps, serveTcp } from '../../../support/fakes/http-server.js';
import { serveHttpProxy, serveSocks5 } from '../../../support/fakes/proxy-server.js';
import { HANGS_AFTER } from '../../../support/hang.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { splits } from '../../../support/splits.js';

/** A proxy, and what was told of it. */
function proxyAt(url: string): { readonly by: DestinationProxy; readonly told: (string | null)[] } {
  const server = parseProxy(url, 'proxy');
  const told: (string | null)[] = [];
  const access: ProxyAccess = {
    server,
    findHost: () => ({ cancel: () => undefined }),
    told: (trouble) => told.push(trouble),
    carriesNoDatagrams: () => undefined,
  };
  return { by: { access, host: server.host }, told };
}

/** What a socket to `url` tells, when it asks for `/` as soon as it can. */
function talk(url: string, by: DestinationProxy | null = null): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const log: string[] = [];
    let text = '';
    const socket = new HttpSocket(
      {
        url: new URL(url),
        destination: { host: '127.0.0.1', localAddress: '127.0.0.1', by },
        authorities: new Authorities(CERTIFICATE),
      },
      {
        connected: () => log.push('connected'),
        ready: () => {
          log.push('ready');
          socket.write(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
        },
        dataCameIn: (bytes) => {
          text += bytes.toString();
        },
        ended: (error) =>
          resolve([
            ...log,
            text.split('\r\n').at(-1) ?? '',
            error === null ? 'ended' : (error.code ?? explain(error, null)),
          ]),
      },
    );
  });
}

describe('a socket for HTTP', { timeout: HANGS_AFTER }, () => {
  const ANSWERED = ['connected', 'ready', 'hello', 'ended'];

  it('speaks TCP or TLS, as the scheme says', async (t) => {
    const plain = await serveHttp(t, (_request, response) => response.setHeader('Content-Length', 5).end('hello'));
    const secure = await serveHttps(t, (_request, response) => response.setHeader('Content-Length', 5).end('hello'));
    assert.deepEqual(await talk(`http://${plain}/`), ANSWERED);
    assert.deepEqual(await talk(`https://${secure}/`), ANSWERED);
  });

  it('says why there is none, before or behind the handshake', async (t) => {
    const closed = `127.0.0.1:${await closedPort()}`;
    assert.deepEqual(await talk(`http://${closed}/`), ['', 'ECONNREFUSED']);
    assert.deepEqual(await talk(`https://${closed}/`), ['', 'ECONNREFUSED']);
    const secure = await serveHttps(t, (_request, response) => response.end());
    const wrong = await talk(`https://${secure.replace('127.0.0.1', 'other.test')}/`);
    assert.deepEqual(wrong, ['connected', '', 'ERR_TLS_CERT_ALTNAME_INVALID']);
  });

  for (const [kind, serve] of [
    ['socks5', serveSocks5],
    ['http', serveHttpProxy],
  ] as const)
    it(`goes by a proxy, TLS too, and says what the proxy says: ${kind}`, async (t) => {
      const proxy = await serve(t);
      const { by, told } = proxyAt(`${kind}://${proxy.place}`);
      const secure = await serveHttps(t, (_request, response) => response.setHeader('Content-Length', 5).end('hello'));
      assert.deepEqual(await talk(`https://${secure}/`, by), ANSWERED);
      const refusing = proxyAt(`${kind}://${(await serve(t, { refusal: kind === 'http' ? 502 : 5 })).place}`);
      const says = kind === 'http' ? 'did not reach it (HTTP status 502)' : 'was refused the connection';
      const refused = await talk(`https://${secure}/`, refusing.by);
      assert.deepEqual(refused, ['', `the proxy ${refusing.by.access.server.shown} ${says}`]);
      const dead = proxyAt(`${kind}://127.0.0.1:${await closedPort()}`);
      const trouble = `the proxy ${dead.by.access.server.shown}: the connection was refused`;
      assert.deepEqual(await talk(`https://${secure}/`, dead.by), ['', trouble]);
      assert.deepEqual([told, refusing.told, dead.told], [[null], [null], [trouble]]);
    });

  it('hears what the server has sent together with the answer of the proxy, and waits for an answer in parts', async (t) => {
    const ANSWER = Buffer.from([5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 0, 80]);
    const early = Buffer.from('HTTP/1.1 200 OK\r\n\r\nhello');
    for (const parts of splits(Buffer.concat([ANSWER, early]), seededRandom(1))) {
      const place = await serveTcp(t, (socket) => {
        socket.setNoDelay().once('data', async () => {
          for (const part of parts) await new Promise((resolve) => socket.write(part, resolve));
          socket.end();
        });
      });
      assert.deepEqual(await talk('http://192.0.2.1/', proxyAt(`socks5://${place}`).by), ANSWERED);
    }
  });
});
