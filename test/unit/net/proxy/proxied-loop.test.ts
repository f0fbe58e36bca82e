import assert from 'node:assert/strict';
import { it } from 'node:test';
import { behindProxy } from '../../../../src/net/proxy/proxied-loop.js';
import type { ListenOutcome } from '../../../../src/net/raw-server.js';
import { rawServerContract } from '../../../support/contract/raw-server-contract.js';
import type { RawServerWorld } from '../../../support/contract/raw-server-world.js';
import { FakeProxy, type FakeProxyOptions } from '../../../support/fakes/fake-proxy.js';
import { LoggingHandler } from '../../../support/fakes/logging-handler.js';
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

it('a loop behind a proxy listens for control alone, unless the user wants it in spite of the proxy', async () => {
  for (const listens of [true, false]) {
    const world = simulatedWorld((index) => `10.0.0.${index + 1}`);
    const access = new TestAccess('10.0.0.9');
    const loop = behindProxy(world.create(), { proxy: access, listens });
    const handler = new LoggingHandler('b', []);
    const outcomes: ListenOutcome[] = [];
    const context = loop.createContext((error) => assert.fail(`${error}`));
    for (const [name, from] of Object.entries({ loop, context })) {
      from.listen({ port: 0 }, handler, (outcome) => outcomes.push(outcome));
      from.listen({ path: `/run/${name}` }, handler, (outcome) => outcomes.push(outcome));
      assert.equal(outcomes.length % 2, 0, 'answered within the call');
      await world.until(() => outcomes.length % 2 === 0 && outcomes.length > 0);
      const [tcp, unix] = outcomes.splice(0);
      assert.equal(unix?.ok, true);
      if (listens) assert.equal(tcp?.ok, true);
      else assert.deepEqual(tcp, { ok: false, code: 'forbidden', cause: 'peers cannot come in by a proxy' });
    }
    context.end();
    context.listen({ port: 0 }, handler, () => assert.fail('answered after its end'));
    await world.settle();
    // What is dialled by a path is on this machine.
    const dialled = loop.startConnection({ path: '/run/loop' }, handler);
    await world.settle();
    assert.deepEqual([dialled.remote, handler.sockets.length], [{ path: '/run/loop' }, 2]);
  }
});

it('a loop without a proxy is the loop itself', () => {
  const loop = simulatedWorld(() => '10.0.0.1').create();
  assert.equal(behindProxy(loop, null), loop);
});
