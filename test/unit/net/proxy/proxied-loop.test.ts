import { behindProxy } from '../../../../src/net/proxy/proxied-loop.js';
import { rawServerContract } from '../../../support/contract/raw-server-contract.js';
import type { RawServerWorld } from '../../../support/contract/raw-server-world.js';
import { FakeProxy, type FakeProxyOptions } from '../../../support/fakes/fake-proxy.js';
import { TestAccess } from '../../../support/fakes/proxy-access.js';
import { simulatedWorld } from '../../../support/simulation/simulated-world.js';

/** A world whose RawServers dial by a proxy. They listen as they would without it. */
function proxiedWorld(options: Partial<FakeProxyOptions>): RawServerWorld {
  const world = simulatedWorld((index) => `10.0.0.${index + 1}`);
  const proxy = new FakeProxy(world.create(), options).start();
  const { kind, login } = proxy.options;
  return {
    ...world,
    create: (inner) => {
      const access = new TestAccess('10.0.0.1', { kind, credentials: login });
      return behindProxy(world.create(inner), { proxy: access, listens: true });
    },
  };
}

const LOGIN = { user: 'user', password: 'a pass:word' };

for (const kind of ['socks5', 'http'] as const) {
  // An HTTP proxy tells no more than that it did not reach the host.
  const way = { isStraight: false, refusal: kind === 'http' ? 'unreachable' : 'refused' } as const;
  rawServerContract(`loop behind a proxy of ${kind}`, () => proxiedWorld({ kind }), way);
  const slow = { kind, isSlow: true, login: LOGIN };
  rawServerContract(`loop behind a slow proxy of ${kind} with a password`, () => proxiedWorld(slow), way);
}
