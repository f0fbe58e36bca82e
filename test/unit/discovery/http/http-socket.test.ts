import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type ConnectTcp, HttpSocket } from '../../../../src/discovery/http/http-socket.js';
import { Authorities } from '../../../../src/discovery/http/http-tls.js';
import { CERTIFICATE } from '../../../support/fakes/certificate.js';
import { closedPort, serveHttp, serveHttps, serveTcp } from '../../../support/fakes/http-server.js';
import { HANGS_AFTER } from '../../../support/hang.js';

/** A relay that is told in a line where to lead, and says `+` when the way is open. Resolves to its port. */
async function serveRelay(t: TestContext): Promise<number> {
  const host = await serveTcp(t, (socket) => {
    socket.once('data', (line) => {
      const [name = '', port = ''] = line.toString().trim().split(' ');
      const far = connect({ host: name, port: Number(port) }, () => {
        socket.write('+');
        socket.pipe(far).pipe(socket);
      });
      far.on('error', () => socket.destroy());
    });
  });
  return Number(host.split(':')[1]);
}

/** Leads by the relay at `port`. */
const byRelay =
  (port: number): ConnectTcp =>
  (place, onread, opened) => {
    let isOpen = false;
    const socket = connect({
      host: '127.0.0.1',
      port,
      onread: {
        ...onread,
        callback: (length, buffer) => {
          if (isOpen) return onread.callback(length, buffer);
          isOpen = true;
          opened();
          return true;
        },
      },
    });
    return socket.once('connect', () => socket.write(`${place.host} ${place.port}\n`));
  };

/** What a socket to `url` tells, when it asks for `/` as soon as it can. */
function talk(url: string, connectTcp?: ConnectTcp): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const log: string[] = [];
    let text = '';
    const socket = new HttpSocket(
      {
        url: new URL(url),
        destination: { host: '127.0.0.1', localAddress: '127.0.0.1' },
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
          resolve([...log, text.split('\r\n').at(-1) ?? '', error === null ? 'ended' : `${error.code}`]),
      },
      connectTcp,
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

  it('goes by whatever way its `connect` opens, TLS too', async (t) => {
    const relay = byRelay(await serveRelay(t));
    const plain = await serveHttp(t, (_request, response) => response.setHeader('Content-Length', 5).end('hello'));
    const secure = await serveHttps(t, (_request, response) => response.setHeader('Content-Length', 5).end('hello'));
    assert.deepEqual(await talk(`http://${plain}/`, relay), ANSWERED);
    assert.deepEqual(await talk(`https://${secure}/`, relay), ANSWERED);
    assert.deepEqual(await talk(`http://127.0.0.1:${await closedPort()}/`, relay), ['', 'ended']);
  });
});
