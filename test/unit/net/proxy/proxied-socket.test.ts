import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { behindProxy } from '../../../../src/net/proxy/proxied-loop.js';
import type { ProxyServer } from '../../../../src/net/proxy/proxy-server.js';
import type { RawServer, RawServerContext, SingleSocket } from '../../../../src/net/raw-server.js';
import { FakeProxy, type FakeProxyOptions, httpHead, reply } from '../../../support/fakes/fake-proxy.js';
import { LoggingHandler } from '../../../support/fakes/logging-handler.js';
import { TestAccess } from '../../../support/fakes/proxy-access.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import type { SimulatedHostOptions } from '../../../support/simulation/simulated-host-options.js';
import { SimulatedNetwork } from '../../../support/simulation/simulated-network.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const [PROXY, OURS, THEIRS] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
const TARGET = { host: THEIRS, port: 80 };
const KINDS = ['socks5', 'http'] as const;
const text = (data: string): Buffer => Buffer.from(data, 'latin1');

/** Two hosts and a proxy between them. A packet takes a millisecond. */
class World {
  readonly timeline = new Timeline();
  readonly network = new SimulatedNetwork(this.timeline, seededRandom(1), 1);
  readonly log: string[] = [];
  readonly access: TestAccess;
  readonly proxy: FakeProxy;
  readonly loop: RawServer;
  /** Listens at `TARGET`. */
  readonly b = this.handler('b');
  readonly a = this.handler('a');

  constructor(
    proxy: Partial<FakeProxyOptions> = {},
    own: Partial<SimulatedHostOptions> = {},
    server: Partial<ProxyServer> = {},
    host: string | null = PROXY,
  ) {
    this.proxy = new FakeProxy(this.network.host(PROXY), proxy).start();
    const shown = `${PROXY}:1080`;
    this.access = new TestAccess(host, { kind: this.proxy.options.kind, shown, ...server });
    const ours = this.network.host(OURS, { chunking: 'whole', ...own });
    this.loop = behindProxy(ours, { proxy: this.access, listens: false });
    this.network.host(THEIRS).listen({ port: 80 }, this.b, () => undefined);
    this.run(5);
  }

  handler(name: string): LoggingHandler {
    const handler = new LoggingHandler(name, this.log);
    handler.logsTraffic = false;
    return handler;
  }

  dial(from: RawServer = this.loop): SingleSocket {
    return from.startConnection(TARGET, this.a);
  }

  run(span = 100): void {
    this.timeline.run(span);
  }

  /** Runs until `what` is in the log. */
  until(what: string): void {
    this.timeline.runUntil(() => this.log.includes(what), 1000);
  }

  context(): RawServerContext {
    return this.loop.createContext((error) => assert.fail(`${error}`));
  }
}

describe('a connection by a proxy', () => {
  for (const kind of KINDS) {
    it(`sends what was written early before what is written when it is made, by ${kind}`, () => {
      const world = new World({ kind });
      const { a, b } = world;
      const socket = world.dial();
      assert.equal(socket.isFlushed(), true);
      socket.write([text('ear'), text('ly ')]);
      socket.write([text('too ')]);
      assert.deepEqual([socket.unsentLength, socket.isFlushed()], [10, false]);
      a.connectionMade = () => socket.write([text('late')]);
      world.run();
      assert.equal(b.text, 'early too late');
      assert.deepEqual([socket.unsentLength, socket.isFlushed(), a.flushedCount], [0, true, 1]);
      assert.deepEqual(world.access.troubles, [null]);
      assert.deepEqual(world.proxy.log, [`connect ${THEIRS}:80`]);
    });

    it(`tells nothing of the flushes of our messages to a proxy of ${kind}`, () => {
      const world = new World({ kind });
      world.dial();
      world.run();
      assert.deepEqual([world.log, world.a.flushedCount], [['b accepted', 'a made'], 0]);
    });

    it(`hands on what comes together with the answer of ${kind}, in an event after that it is made`, () => {
      const world = new World({ kind, joinsData: true });
      const { a, b } = world;
      a.logsTraffic = true;
      const socket = world.dial();
      world.until('b accepted');
      b.socket.write([text('welcome')]);
      world.until('a made');
      assert.equal(a.text, '');
      world.run();
      b.socket.write([text(' back')]);
      world.run();
      assert.deepEqual(world.log, ['b accepted', 'a made', 'a data 7', 'a data 5']);
      assert.equal(a.text, 'welcome back');
      socket.close();
    });
  }

  it('keeps what came with the answer while it is paused, and in order', () => {
    for (const pausesEarly of [true, false]) {
      const world = new World({ joinsData: true });
      const { a, b } = world;
      const socket = world.dial();
      if (pausesEarly) socket.pauseReading();
      else
        a.connectionMade = () => {
          world.log.push('a made');
          socket.pauseReading();
        };
      world.until('b accepted');
      b.socket.write([text('one ')]);
      world.until('a made');
      b.socket.write([text('two')]);
      world.run();
      assert.equal(a.text, '');
      a.onData = (_socket, data) => {
        if (`${data}` === 'one ') socket.pauseReading();
      };
      socket.resumeReading();
      socket.resumeReading();
      assert.equal(a.text, '');
      // It pauses and resumes again before the next event.
      socket.pauseReading();
      socket.resumeReading();
      world.run();
      assert.equal(a.text, 'one ');
      socket.resumeReading();
      world.run();
      assert.equal(a.text, 'one two');
      assert.deepEqual(
        a.received.map((data) => `${data}`),
        ['one ', 'two'],
      );
    }
  });

  it('goes on after its handler failed when it heard that it is made', () => {
    const reported: unknown[] = [];
    const world = new World({ joinsData: true }, { gotException: (error) => reported.push(error) });
    const { a, b } = world;
    const fault = new Error('a bug');
    a.connectionMade = () => {
      throw fault;
    };
    world.dial().write([text('early')]);
    world.until('b accepted');
    b.socket.write([text('welcome')]);
    world.run();
    assert.deepEqual([reported, a.text, b.text], [[fault], 'welcome', 'early']);
  });

  it('is silent after a close in any event, and the proxy is left', () => {
    for (const joinsData of [true, false]) {
      for (const event of ['connectionMade', 'dataCameIn', 'connectionFlushed'] as const) {
        const world = new World({ joinsData });
        const { a, b } = world;
        const socket = world.dial();
        const heard: string[] = [];
        for (const each of ['connectionMade', 'dataCameIn', 'connectionFlushed', 'connectionLost'] as const)
          a[each] = () => {
            heard.push(each);
            if (each === event) socket.close();
          };
        socket.write([text('x')]);
        world.until('b accepted');
        b.socket.write([text('welcome')]);
        world.run();
        assert.equal(heard.at(-1), event);
        assert.equal(heard.filter((each) => each === event).length, 1);
        assert.deepEqual([world.loop.socketCount, world.network.host(PROXY).socketCount], [0, 0]);
        assert.deepEqual([socket.unsentLength, socket.isFlushed()], [0, true]);
      }
    }
  });

  it('sends what was written before its end, and nothing that is written after it', () => {
    const world = new World();
    const socket = world.dial();
    socket.write([text('all')]);
    socket.end();
    socket.write([text('no more')]);
    world.run();
    assert.deepEqual([world.b.text, world.log], ['all', ['b accepted', 'a made', 'b lost ended', 'a lost ended']]);
  });

  it('names its host to the proxy as it is, and in its one spelling', () => {
    const world = new World({ names: { 'seed.example': THEIRS } });
    const dial = (host: string): SingleSocket => world.loop.startConnection({ host, port: 80 }, world.handler(host));
    const sockets = ['seed.example', `::ffff:${THEIRS}`, '2001:DB8:0::1'].map(dial);
    world.run();
    assert.deepEqual(world.proxy.log, [
      'connect seed.example:80',
      `connect ${THEIRS}:80`,
      'connect 2001:0db8:0000:0000:0000:0000:0000:0001:80',
    ]);
    assert.deepEqual(
      sockets.map(({ remote }) => remote),
      ['seed.example', THEIRS, '2001:db8::1'].map((host) => ({ host, port: 80 })),
    );
    assert.deepEqual(
      world.log.filter((line) => line.includes('lost')),
      ['2001:DB8:0::1 lost unreachable'],
    );
  });

  it('asks the proxy for no host that is none', () => {
    for (const kind of KINDS) {
      const world = new World({ kind });
      const hosts = ['', 'a b', 'x\r\nHost: y', 'n'.repeat(256), 'tracker.example:80'];
      for (const host of hosts) world.loop.startConnection({ host, port: 80 }, world.a).write([text('x')]);
      assert.deepEqual(world.log, []);
      world.run();
      assert.deepEqual(
        world.log,
        hosts.map(() => 'a lost failed'),
      );
      assert.deepEqual([world.proxy.clients, world.access.troubles], [0, []]);
    }
  });

  it('has been heard of last when something came of the proxy or of the host, else when it was dialled', () => {
    const world = new World({}, {}, {}, null);
    const socket = world.dial();
    const begun = world.timeline.now();
    world.run(50);
    assert.equal(socket.lastHit, begun);
    world.access.found({ ok: true, host: PROXY });
    world.until('a made');
    assert.equal(socket.lastHit, world.timeline.now());
  });
});

describe('the failure of a connection by a proxy', () => {
  /** What a dial to `TARGET` hears, with the cause, and what is told of the proxy. */
  function lossOf(world: World, from: RawServer = world.loop) {
    const socket = world.dial(from);
    socket.write([text('early')]);
    world.run(400_000);
    const { log, a, access, b } = world;
    assert.equal(b.text, '');
    assert.deepEqual(
      log.filter((line) => line.startsWith('a')),
      [`a lost ${a.lost?.code}`],
    );
    assert.deepEqual([socket.unsentLength, world.loop.socketCount], [0, 0]);
    return { ...a.lost, troubles: access.troubles };
  }

  it('is the fault of the proxy when it cannot be reached', () => {
    const killed = new World();
    killed.proxy.die();
    const refuses = `the proxy ${PROXY}:1080 refuses connections`;
    assert.deepEqual(lossOf(killed), { code: 'unreachable', cause: refuses, isOurs: true, troubles: [refuses] });
    const nowhere = new World({}, {}, {}, '10.0.9.9');
    const unreached = `the proxy ${PROXY}:1080 cannot be reached`;
    assert.deepEqual(lossOf(nowhere), { code: 'unreachable', cause: unreached, isOurs: true, troubles: [unreached] });
    const fenced = new World({}, { bindAddresses: { ipv4: '127.0.0.1' } });
    const outside = `the proxy ${PROXY}:1080 is outside of the addresses that we are bound to`;
    assert.deepEqual(lossOf(fenced), { code: 'forbidden', cause: outside, isOurs: true, troubles: [outside] });
  });

  it('is the fault of its name when that is not found, later and once', () => {
    const message = 'the proxy p has no address';
    const world = new World();
    world.access.host = { ok: false, message };
    const socket = world.dial();
    assert.deepEqual(world.log, []);
    world.run();
    assert.deepEqual(world.log, ['a lost unreachable']);
    assert.deepEqual(world.a.lost, { code: 'unreachable', cause: message, isOurs: true });
    assert.deepEqual(world.access.troubles, [message]);
    socket.close();
    // Closed before it is told.
    world.dial().close();
    world.run();
    assert.deepEqual(world.log.length, 1);
  });

  for (const kind of KINDS) {
    for (const step of kind === 'http' ? (['request'] as const) : (['greeting', 'login', 'request'] as const)) {
      const login = { user: 'u', password: 'p' };
      const server = { credentials: login };

      it(`is told as that it does not answer when a proxy of ${kind} hangs at its ${step}`, () => {
        const cause = `the proxy ${PROXY}:1080 does not answer`;
        const world = new World({ kind, login, says: { [step]: Buffer.alloc(0) } }, {}, server);
        assert.deepEqual(lossOf(world), { code: 'unreachable', cause, isOurs: true, troubles: [cause] });
      });

      it(`is told as that it closes when a proxy of ${kind} dies at its ${step}`, () => {
        const cause = `the proxy ${PROXY}:1080 closes connections`;
        const world = new World({ kind, login, diesAt: step }, {}, server);
        assert.deepEqual(lossOf(world), { code: 'unreachable', cause, isOurs: true, troubles: [cause] });
      });

      it(`is told as that it is none when a proxy of ${kind} says nonsense at its ${step}`, () => {
        const world = new World({ kind, login, says: { [step]: text('\x07\x07nonsense') } }, {}, server);
        const lost = lossOf(world);
        assert.equal(lost.code, 'failed');
        const word =
          step === 'login' ? /does not take the user name and the password$/ : /does not answer as an? .* does$/;
        assert.match(String(lost.cause), word);
        assert.deepEqual([lost.isOurs, lost.troubles], [true, [lost.cause]]);
      });
    }

    it(`is not the fault of a proxy of ${kind} that does not reach the host`, () => {
      const world = new World({ kind });
      world.network.host(THEIRS).close();
      const lost = lossOf(world);
      assert.deepEqual([lost.code, lost.troubles], [kind === 'http' ? 'unreachable' : 'refused', [null]]);
      assert.equal(lost.isOurs, undefined);
    });

    it(`comes to the handler when a proxy of ${kind} dies later, and is not told of the proxy`, () => {
      const world = new World({ kind });
      world.dial();
      world.until('a made');
      world.proxy.die();
      world.run();
      assert.deepEqual(world.log.sort(), ['a lost ended', 'a made', 'b accepted', 'b lost ended']);
      assert.deepEqual(world.access.troubles, [null]);
    });
  }

  it('is the fault of the proxy when nothing was heard of it for eight seconds', () => {
    const hangs = { greeting: Buffer.alloc(0), request: Buffer.alloc(0) };
    const heard = (world: World, span: number) => {
      const socket = world.dial();
      world.run(span);
      socket.close();
      world.run(20_000);
      const { log, a, access } = world;
      return { log: log.filter((line) => line.startsWith('a lost')), lost: a.lost, troubles: access.troubles };
    };
    const after = (cause: string) => ({
      log: ['a lost unreachable'],
      lost: { code: 'unreachable', cause, isOurs: true },
      troubles: [cause],
    });
    const nothing = { log: [], lost: null, troubles: [] };
    const silent = `the proxy ${PROXY}:1080 does not answer`;
    assert.deepEqual(heard(new World({ says: hangs }), 8_000), after(silent));
    assert.deepEqual(heard(new World({ says: hangs }), 7_999), nothing);
    for (const kind of KINDS) {
      const away = new World({ kind });
      away.network.silence(PROXY);
      assert.deepEqual(heard(away, 8_000), after(silent));
      // It may wait for the host.
      assert.deepEqual(heard(new World({ kind, says: { request: Buffer.alloc(0) } }), 20_000), nothing);
      assert.deepEqual(heard(new World({ kind }), 20_000), { ...nothing, troubles: [null] });
    }
    const unfound = `the proxy ${PROXY}:1080 is not found`;
    assert.deepEqual(heard(new World({}, {}, {}, null), 8_000), after(unfound));
  });

  it('comes in time to the context that has adopted the socket, though the one that dialled has ended', () => {
    const world = new World({ says: { greeting: Buffer.alloc(0) } });
    const [first, second] = [world.context(), world.context()];
    const socket = world.dial(first);
    world.run(3_000);
    second.adopt(socket, world.a);
    first.end();
    world.run(4_999);
    assert.deepEqual(world.access.troubles, []);
    world.run(1);
    assert.deepEqual(world.log, ['a lost unreachable']);
    assert.deepEqual(world.access.troubles, [`the proxy ${PROXY}:1080 does not answer`]);
  });

  it('is silent when it was closed, at every moment', () => {
    const login = { user: 'u', password: 'p' };
    for (const kind of KINDS) {
      for (let moment = 0; moment <= 20; moment += 0.5) {
        const world = new World({ kind, login, joinsData: true }, {}, { credentials: login });
        const socket = world.dial();
        socket.write([text('x')]);
        world.run(moment);
        world.log.length = 0;
        socket.close();
        socket.write([text('y')]);
        socket.pauseReading();
        socket.resumeReading();
        socket.end();
        assert.deepEqual([socket.unsentLength, socket.isFlushed(), world.loop.socketCount], [0, true, 0]);
        world.run();
        assert.deepEqual(
          world.log.filter((line) => line.startsWith('a')),
          [],
        );
        assert.equal(world.network.host(PROXY).socketCount, 0, `${kind} ${moment}`);
      }
    }
  });
});

describe('a context of a loop behind a proxy', () => {
  const login = { user: 'u', password: 'p' };

  it('gives its connection to another at every moment, whose handler hears all from then on', () => {
    for (const kind of KINDS) {
      for (let moment = 0; moment <= 20; moment += 0.5) {
        const joinsData = moment % 1 === 0;
        const world = new World({ kind, login, joinsData }, {}, { credentials: login }, null);
        const [first, second] = [world.context(), world.context()];
        const { a, b } = world;
        const next = world.handler('next');
        const socket = world.dial(first);
        socket.write([text('early')]);
        if (moment > 0) world.access.found({ ok: true, host: PROXY });
        world.run(moment);
        second.adopt(socket, next);
        first.end();
        if (moment === 0) world.access.found({ ok: true, host: PROXY });
        world.timeline.runUntil(() => b.sockets.length === 1, 1000);
        b.socket.write([text('welcome')]);
        world.run();
        assert.equal(a.sockets.length + next.sockets.length, 1, `${moment}`);
        assert.deepEqual([a.text, next.text, b.text], ['', 'welcome', 'early'], `${kind} ${moment}`);
        assert.deepEqual([first.socketCount, second.socketCount], [0, 1]);
        b.socket.close();
        world.run();
        assert.equal(world.log.at(-1), 'next lost ended');
        assert.equal(a.lost, null);
      }
    }
  });

  it('gives a connection away with what came beside the answer, and may end', () => {
    for (const when of ['within', 'after'] as const) {
      const world = new World({ joinsData: true });
      const [first, second] = [world.context(), world.context()];
      const { a, b } = world;
      const next = world.handler('next');
      const socket = world.dial(first);
      const adopt = (): void => {
        second.adopt(socket, next);
        first.end();
      };
      if (when === 'within') a.connectionMade = adopt;
      else a.connectionMade = () => world.log.push('a made');
      world.until('b accepted');
      b.socket.write([text('welcome')]);
      if (when === 'after') {
        world.until('a made');
        adopt();
      }
      world.run();
      assert.deepEqual([a.text, next.text], ['', 'welcome']);
    }
  });

  it('gives a dial that is to fail in the next event to another, which hears of it', () => {
    for (const host of ['', THEIRS]) {
      const world = new World();
      world.access.host = { ok: false, message: 'not found' };
      const [first, second] = [world.context(), world.context()];
      const socket = first.startConnection({ host, port: 80 }, world.a);
      const next = world.handler('next');
      second.adopt(socket, next);
      first.end();
      world.run();
      assert.deepEqual(world.log, [`next lost ${host === '' ? 'failed' : 'unreachable'}`]);
    }
  });

  it('ends in silence at every moment, also while the proxy is looked for', () => {
    for (const kind of KINDS) {
      for (let moment = 0; moment <= 20; moment += 0.5) {
        const world = new World({ kind, login, joinsData: true }, {}, { credentials: login }, null);
        const context = world.context();
        const socket = world.dial(context);
        socket.write([text('x')]);
        if (moment > 0) world.access.found({ ok: true, host: PROXY });
        world.run(moment);
        world.log.length = 0;
        context.end();
        if (moment === 0) world.access.found({ ok: true, host: PROXY });
        world.run();
        assert.deepEqual(
          world.log.filter((line) => line.startsWith('a')),
          [],
          `${kind} ${moment}`,
        );
        assert.deepEqual([world.loop.socketCount, world.network.host(PROXY).socketCount], [0, 0]);
        if (moment === 0) assert.equal(world.proxy.clients, 0);
        // Given to it now, a socket is closed.
        const late = world.dial();
        world.access.found({ ok: true, host: PROXY });
        context.adopt(late, world.a);
        world.run();
        assert.equal(world.loop.socketCount, 0);
      }
    }
  });

  it('gives the search for the proxy up when the connection is closed', () => {
    const world = new World({}, {}, {}, null);
    const socket = world.dial();
    socket.write([text('x')]);
    assert.equal(socket.unsentLength, 1);
    socket.close();
    assert.deepEqual([world.access.cancelled, socket.unsentLength], [1, 0]);
    world.access.found({ ok: true, host: PROXY });
    world.run();
    assert.deepEqual([world.log, world.proxy.clients], [[], 0]);
  });
});

describe('a hostile proxy', () => {
  it('may say everything at once before it is asked: then the connection is made', () => {
    const login = { user: 'u', password: 'p' };
    const all = Buffer.concat([Buffer.from([5, 2, 1, 0]), reply(0), text('data')]);
    for (const [kind, says] of [
      ['socks5', { greeting: all, login: Buffer.alloc(0), request: Buffer.alloc(0) }],
      ['http', { request: Buffer.concat([httpHead('102 x'), httpHead('200 x'), text('data')]) }],
    ] as const) {
      const world = new World({ kind, login, says }, {}, { credentials: login });
      world.dial();
      world.run();
      assert.equal(world.a.text, 'data');
      assert.deepEqual(
        world.log.filter((line) => line.startsWith('a')),
        ['a made'],
      );
    }
  });

  it('does not keep a dial for ever by answers that say nothing', () => {
    const world = new World({ kind: 'http', says: { request: text('HTTP/1.1 102 Processing\r\n\r\n'.repeat(5000)) } });
    world.dial();
    world.run();
    assert.deepEqual([world.a.lost?.code, world.loop.socketCount], ['failed', 0]);
  });
});
