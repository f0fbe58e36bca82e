import { behindProxy } from '../../src/net/proxy/proxied-loop.js';
import type { ProxyAccess } from '../../src/net/proxy/proxy-access.js';
import { nodeWorld } from '../support/contract/node-world.js';
import { rawServerContract } from '../support/contract/raw-server-contract.js';
import type { RawServerWorld } from '../support/contract/raw-server-world.js';
import { FakeProxy, type FakeProxyOptions } from '../support/fakes/fake-proxy.js';

const HOST = '127.0.0.1';

/** Real loops, each behind the same proxy on loopback. */
function proxiedWorld(options: Partial<FakeProxyOptions>): RawServerWorld {
  const world = nodeWorld(() => ({ host: HOST, port: 0 }));
  const proxy = new FakeProxy(world.create(), { ...options, port: 0 }).start();
  const { kind, login } = proxy.options;
  const access: ProxyAccess = {
    server: {
      kind,
      host: HOST,
      get port() {
        return proxy.port;
      },
      credentials: login,
      shown: 'proxy',
    },
    findHost: (answered) => {
      answered({ ok: true, host: HOST });
      return { cancel: () => undefined };
    },
    told: () => undefined,
    carriesNoDatagrams: () => undefined,
  };
  return { ...world, create: (inner) => behindProxy(world.create(inner), { proxy: access, listens: true }) };
}

const login = { user: 'user', password: 'password' };
rawServerContract('loop over TCP behind a proxy of SOCKS5', () => proxiedWorld({ login }), {
  isStraight: false,
  refusal: 'refused',
});
rawServerContract('loop over TCP behind an HTTP proxy', () => proxiedWorld({ kind: 'http', login }), {
  isStraight: false,
  refusal: 'unreachable',
});
