import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { behindProxy } from '../../../../src/net/proxy/proxied-loop.js';
import {
  type DatagramHandler,
  type DatagramOptions,
  type DatagramOutcome,
  type DatagramSocket,
  MAX_DATAGRAM,
  type PeerAddress,
  type RawServer,
  SILENT_HANDLER,
  type SingleSocket,
  type SocketFailure,
} from '../../../../src/net/raw-server.js';
import { FakeProxy, type FakeProxyOptions, type FakeRelay, reply } from '../../../support/fakes/fake-proxy.js';
import { TestAccess } from '../../../support/fakes/proxy-access.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../../support/simulation/simulated-network.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const [PROXY, OURS, THEIRS] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
const NODE = { host: THEIRS, port: 6881 };
const SHOWN = 'proxy:1080';
const MINUTE = 60_000;

class Mailbox implements DatagramHandler {
  readonly log: string[];
  onDatagram: (socket: DatagramSocket, from: PeerAddress) => void = () => undefined;
  readonly #name: string;

  constructor(name: string, log: string[]) {
    this.#name = name;
    this.log = log;
  }

  datagramCameIn(socket: DatagramSocket, data: Buffer, from: PeerAddress): void {
    this.log.push(`${this.#name} got ${data} of ${from.host}:${from.port}`);
    this.onDatagram(socket, from);
  }

  sendFailed(_socket: DatagramSocket, to: PeerAddress, { code }: SocketFailure): void {
    this.log.push(`${this.#name} failed ${to.host} ${code}`);
  }
}

/** A node that answers `re`, a client, and a proxy between them. A packet takes a millisecond. */
class World {
  readonly timeline = new Timeline();
  readonly network = new SimulatedNetwork(this.timeline, seededRandom(1), 1);
  readonly log: string[] = [];
  readonly access: TestAccess;
  readonly proxy: FakeProxy;
  readonly loop: RawServer;
  readonly a = new Mailbox('a', this.log);
  readonly b = new Mailbox('b', this.log);
  node: DatagramSocket | null = null;

  constructor(options: Partial<FakeProxyOptions> = {}, proxyHost: string = PROXY, found: string | null = proxyHost) {
    this.proxy = new FakeProxy(this.network.host(proxyHost, { timeout: 24 * 60 * MINUTE }), options).start();
    this.access = new TestAccess(found, { kind: this.proxy.options.kind });
    this.loop = behindProxy(this.network.host(OURS), { proxy: this.access, listens: false });
    this.b.onDatagram = (socket, from) => socket.send(Buffer.from('re'), from);
    this.network.host(THEIRS).openDatagram({ family: 4, port: NODE.port }, this.b, (outcome) => {
      if (outcome.ok) this.node = outcome.socket;
    });
    this.run(5);
  }

  run(span = 50): void {
    this.timeline.run(span);
  }

  /** Opens a socket; the answer has come or not when the time `span` is over. */
  ask(span = 50, options: Partial<DatagramOptions> = {}, from = this.loop): { outcome: DatagramOutcome | null } {
    const asked: { outcome: DatagramOutcome | null } = { outcome: null };
    from.openDatagram({ family: 4, port: 0, ...options }, this.a, (outcome) => {
      assert.equal(asked.outcome, null, 'answered twice');
      asked.outcome = outcome;
    });
    assert.equal(asked.outcome, null, 'answered within the call');
    this.run(span);
    return asked;
  }

  open(span = 50): DatagramSocket {
    const { outcome } = this.ask(span);
    assert.ok(outcome?.ok, JSON.stringify(outcome));
    return outcome.socket;
  }

  get relay(): FakeRelay {
    const [relay, ...others] = [...this.proxy.relays];
    assert.ok(relay !== undefined && others.length === 0, `${others.length}`);
    return relay;
  }

  /** What is in the log since it was asked last. */
  taken(): string[] {
    return this.log.splice(0);
  }
}

describe('a UDP socket behind a SOCKS5 proxy', () => {
  it('sends and hears by the relay of the proxy, and by nothing else', () => {
    const login = { user: 'u', password: 'p' };
    for (const isSlow of [true, false]) {
      const world = new World({ isSlow });
      const socket = world.open();
      assert.deepEqual(socket.local, { host: PROXY, port: world.relay.port });
      world.proxy.options = { ...world.proxy.options, names: { 'node.example': THEIRS }, login };
      socket.send(Buffer.from('one'), NODE);
      socket.send(Buffer.alloc(0), { ...NODE, host: `::ffff:${THEIRS}` });
      socket.send(Buffer.from('two'), { ...NODE, host: 'node.example' });
      world.run();
      const at = `${PROXY}:${world.relay.port}`;
      const heard = `a got re of ${THEIRS}:6881`;
      const got = ['one', '', 'two'].map((data) => `b got ${data} of ${at}`);
      assert.deepEqual(world.taken().sort(), [heard, heard, heard, ...got.sort()]);
      assert.deepEqual(world.proxy.log, [
        'associate 0.0.0.0:0',
        `datagram ${THEIRS}:6881`,
        `datagram ${THEIRS}:6881`,
        'datagram node.example:6881',
      ]);
      assert.deepEqual(world.network.host(OURS).contacted, [PROXY]);
      assert.deepEqual(world.access.troubles, [null]);
    }
  });

  it('can answer within the event, and close there', () => {
    const world = new World();
    world.b.onDatagram = () => undefined;
    const socket = world.open();
    socket.send(Buffer.from('x'), NODE);
    world.run();
    world.taken();
    const relayed = { host: PROXY, port: world.relay.port };
    world.a.onDatagram = (_socket, from) => {
      assert.equal(_socket, socket);
      socket.send(Buffer.from('answer'), from);
      socket.close();
      socket.send(Buffer.from('too late'), from);
    };
    for (const data of ['one', 'two']) world.node?.send(Buffer.from(data), relayed);
    world.run();
    const port = relayed.port;
    assert.deepEqual(world.taken(), [`a got one of ${THEIRS}:6881`, `b got answer of ${PROXY}:${port}`]);
    assert.deepEqual([world.proxy.relays.size, world.network.host(OURS).socketCount], [0, 0]);
  });

  it('tells later what cannot be sent, and sends the rest', () => {
    const world = new World();
    const socket = world.open();
    const x = Buffer.from('x');
    const to = ['tracker example', '', 'n'.repeat(256), '::1', '239.192.152.143', '255.255.255.255'];
    for (const host of to) socket.send(x, { host, port: 1 });
    for (const port of [0, -1, 65_536]) socket.send(x, { host: THEIRS, port });
    socket.send(Buffer.alloc(MAX_DATAGRAM - 9), NODE);
    socket.send(Buffer.alloc(MAX_DATAGRAM - 10, '.'), { host: '10.0.9.9', port: 1 });
    socket.send(Buffer.from('good'), NODE);
    assert.deepEqual(world.log, []);
    world.b.onDatagram = () => undefined;
    world.run();
    const codes = ['failed', 'failed', 'failed', 'unreachable', 'forbidden', 'forbidden'];
    assert.deepEqual(world.taken(), [
      ...to.map((host, index) => `a failed ${host} ${codes[index]}`),
      ...[1, 2, 3, 4].map(() => `a failed ${THEIRS} failed`),
      `b got good of ${PROXY}:${world.relay.port}`,
    ]);
    assert.deepEqual(world.proxy.log.slice(1), ['datagram 10.0.9.9:1', `datagram ${THEIRS}:6881`]);
    // What fails is not told after the end.
    socket.send(x, { host: '', port: 1 });
    socket.close();
    world.run();
    assert.deepEqual(world.log, []);
  });

  it('hears nothing but whole datagrams of its family by the relay', () => {
    const world = new World();
    const socket = world.open();
    world.b.onDatagram = () => undefined;
    socket.send(Buffer.from('x'), NODE);
    world.run();
    world.taken();
    const { relay } = world;
    const from4 = [1, 10, 0, 0, 3, 0x1a, 0xe1];
    const bad = [
      [],
      [0],
      [0, 0, 0],
      [0, 0, 0, 1, 10, 0, 0, 3, 0x1a],
      [0, 0, 1, ...from4, 120],
      [0, 0, 0x81, ...from4, 120],
      [0, 0, 0, 2, 10, 0, 0, 3, 0x1a, 0xe1, 120],
      [0, 0, 0, 4, 0x20, 1, 0xd, 0xb8, ...new Array(12).fill(1), 0x1a, 0xe1, 120],
      [0, 0, 0, 3, 4, 104, 111, 115, 116, 0x1a, 0xe1, 120],
      [0, 0, 0, 1, 10, 0, 0, 3, 0, 0, 120],
    ];
    for (const bytes of bad) relay.say(Buffer.from(bytes));
    relay.say(Buffer.from([0, 0, 0, ...from4]));
    relay.say(Buffer.from([7, 7, 0, 4, ...new Array(10).fill(0), 255, 255, 10, 0, 0, 9, 0, 9, 121]));
    // A name may be found at an address of the other family, which answers.
    const six = Buffer.from([0, 0, 0, 4, 0x20, 1, 0xd, 0xb8, ...new Array(12).fill(0), 0x1a, 0xe1, 122]);
    relay.say(six);
    world.run();
    assert.deepEqual(world.taken(), [`a got  of ${THEIRS}:6881`, 'a got y of 10.0.0.9:9']);
    socket.send(Buffer.from('x'), { host: 'tracker.example', port: 6881 });
    world.run();
    relay.say(six);
    // A stranger finds our port, and says what the relay would. So does another port of the proxy.
    const forged = Buffer.from([0, 0, 0, ...from4, 120]);
    for (const host of [THEIRS, PROXY])
      world.network.host(host).openDatagram({ family: 4, port: 0 }, new Mailbox('stranger', world.log), (outcome) => {
        if (outcome.ok)
          for (let port = 49_152; port < 49_172; port += 1) outcome.socket.send(forged, { host: OURS, port });
      });
    world.run();
    assert.deepEqual(world.taken(), ['a got z of 2001:db8:::6881']);
  });

  it('is forbidden when the proxy relays nothing, and that is said', () => {
    const says = (code: number, words: string): void => {
      const world = new World({ refusesRelay: code });
      const { outcome } = world.ask();
      assert.deepEqual(outcome, { ok: false, code: 'forbidden', cause: `the proxy ${SHOWN} ${words}` });
      assert.deepEqual([world.access.troubles, world.loop.socketCount], [[null], 0]);
      assert.deepEqual(world.access.silences, [`the proxy ${SHOWN} ${words} (it was asked to carry UDP)`]);
      world.run(10 * MINUTE);
      assert.deepEqual([world.proxy.clients, world.timeline.pending], [1, 0]);
    };
    says(7, 'does not do that');
    says(2, 'does not allow it');
    says(1, 'failed');
    const portless = new World({ says: { request: reply(0) } });
    const cause = `the proxy ${SHOWN} names no port for datagrams`;
    assert.deepEqual(portless.ask().outcome, { ok: false, code: 'forbidden', cause });
    const locked = new World({ login: { user: 'u', password: 'p' } });
    const wants = `the proxy ${SHOWN} wants a user name and a password`;
    assert.deepEqual(locked.ask().outcome, { ok: false, code: 'forbidden', cause: wants });
    assert.deepEqual(locked.access.troubles, [wants]);
  });

  it('is forbidden behind an HTTP proxy, and so are groups behind any', () => {
    for (const [kind, options] of [
      ['http', {}],
      ['socks5', { group: '239.192.152.143' }],
      ['socks5', { asks: '239.255.255.250' }],
    ] as const) {
      const world = new World({ kind });
      const { outcome } = world.ask(0, options);
      assert.equal(outcome?.ok === false && outcome.code, 'forbidden');
      assert.deepEqual([world.proxy.clients, world.network.host(OURS).datagramTotals.opened], [0, 0]);
      const why = [`the proxy ${SHOWN} carries no UDP, as HTTP proxies do not`];
      assert.deepEqual(world.access.silences, kind === 'http' ? why : []);
    }
  });

  it('sends to the relay where the proxy is, unless it names an address that we can mean', () => {
    const at = (host: string): Buffer => Buffer.from([1, ...host.split('.').map(Number)]);
    const named = (name: string): Buffer => Buffer.from([3, name.length, ...Buffer.from(name)]);
    const v6 = (hex: string): Buffer => Buffer.from(`04${hex.padStart(32, '0')}`, 'hex');
    const rows: readonly (readonly [string, Buffer, string])[] = [
      [PROXY, at('0.0.0.0'), PROXY],
      [PROXY, v6('0'), PROXY],
      [PROXY, at('127.0.0.1'), PROXY],
      [PROXY, v6('1'), PROXY],
      [PROXY, at('169.254.1.1'), PROXY],
      [PROXY, at('239.192.152.143'), PROXY],
      [PROXY, at('255.255.255.255'), PROXY],
      [PROXY, named('localhost'), PROXY],
      [PROXY, named(''), PROXY],
      [PROXY, at('192.168.7.7'), '192.168.7.7'],
      [PROXY, v6(`ffff${Buffer.from([192, 168, 7, 7]).toString('hex')}`), '192.168.7.7'],
      [PROXY, at('8.8.4.4'), '8.8.4.4'],
      ['8.8.8.8', at('10.0.0.9'), '8.8.8.8'],
      ['8.8.8.8', at('127.0.0.1'), '8.8.8.8'],
      ['8.8.8.8', named('10.0.0.9'), '8.8.8.8'],
      ['8.8.8.8', at('8.8.4.4'), '8.8.4.4'],
    ];
    for (const [proxyHost, namesRelay, relayHost] of rows) {
      const world = new World({ namesRelay }, proxyHost);
      const socket = world.open();
      assert.equal(socket.local.host, relayHost, namesRelay.toString('hex'));
      socket.send(Buffer.from('x'), NODE);
      world.run();
      assert.deepEqual(world.network.host(OURS).contacted, [...new Set([proxyHost, relayHost])]);
    }
    // The address at which the proxy was found may be spelled in another way.
    const spelled = new World({}, PROXY, `::FFFF:${PROXY}`);
    spelled.open().send(Buffer.from('x'), NODE);
    spelled.run();
    assert.deepEqual(spelled.taken().at(-1), `a got re of ${THEIRS}:6881`);
  });
});

describe('a UDP socket whose proxy comes and goes', () => {
  it('opens while the proxy is away, carries nothing, and asks again', () => {
    const world = new World();
    world.proxy.die();
    const socket = world.open();
    assert.deepEqual(socket.local, { host: '0.0.0.0', port: 0 });
    socket.send(Buffer.from('lost'), NODE);
    assert.deepEqual(world.log, []);
    world.run(1);
    assert.deepEqual(world.taken(), [`a failed ${THEIRS} unreachable`]);
    assert.equal(world.network.host(OURS).datagramTotals.opened, 0);
    world.proxy.start();
    world.run(6000);
    assert.deepEqual(world.access.troubles, [`the proxy ${SHOWN} refuses connections`, null]);
    assert.deepEqual(socket.local, { host: PROXY, port: world.relay.port });
    socket.send(Buffer.from('x'), NODE);
    world.run();
    assert.equal(world.taken().at(-1), `a got re of ${THEIRS}:6881`);
  });

  it('asks less and less often, two minutes apart at last', () => {
    const world = new World();
    world.proxy.die();
    const asked: number[] = [];
    world.access.told = () => asked.push(world.timeline.now());
    const socket = world.open();
    world.run(60 * MINUTE);
    const gaps = asked.slice(1).map((at, index) => Math.round((at - (asked[index] ?? 0)) / 500) / 2);
    assert.deepEqual(gaps.slice(0, 4), [5.5, 7, 9.5, 13]);
    assert.deepEqual(gaps.slice(-3), [125, 125, 125]);
    socket.close();
    world.run(10 * MINUTE);
    assert.equal(world.timeline.pending, 0);
  });

  it('opens after half a minute when the proxy hangs, wherever it does', () => {
    const login = { user: 'u', password: 'p' };
    for (const step of ['greeting', 'login', 'request', 'name'] as const) {
      const world = new World({ login, says: step === 'name' ? {} : { [step]: Buffer.alloc(0) } });
      const { loop } = world;
      Object.assign(world.access, { server: { ...world.access.server, credentials: login } });
      if (step === 'name') world.access.host = null;
      const asked = world.ask(29_900);
      const early = asked.outcome;
      world.run(200);
      assert.equal(early, null);
      assert.ok(asked.outcome?.ok);
      const troubles = [`the proxy ${SHOWN} does not answer`];
      assert.deepEqual([world.access.troubles, loop.socketCount], [troubles, 0]);
      assert.equal(world.access.cancelled, step === 'name' ? 1 : 0);
      world.access.host = { ok: true, host: PROXY };
      world.proxy.options = { ...world.proxy.options, says: {} };
      world.run(6000);
      asked.outcome.socket.send(Buffer.from('x'), NODE);
      world.run();
      assert.equal(world.taken().at(-1), `a got re of ${THEIRS}:6881`);
    }
  });

  it('opens when the name of the proxy is not found, and tries again', () => {
    const world = new World();
    world.access.host = { ok: false, message: 'not found' };
    const socket = world.open();
    assert.deepEqual(world.access.troubles, ['not found']);
    world.access.host = { ok: true, host: PROXY };
    world.run(6000);
    assert.equal(socket.local.port, world.relay.port);
  });

  it('gets another relay when it has lost one, and is silent in between', () => {
    for (const death of ['killed', 'control', 'denied'] as const) {
      const world = new World();
      const socket = world.open();
      const first = world.relay.port;
      socket.send(Buffer.from('x'), NODE);
      world.run();
      const port = world.relay.client?.port ?? 0;
      world.taken();
      if (death === 'killed') world.proxy.die();
      else world.network.host(PROXY).breakConnections();
      world.run();
      // The port of this machine is given back.
      const free: DatagramOutcome[] = [];
      world.network.host(OURS).openDatagram({ family: 4, port }, world.a, (outcome) => free.push(outcome));
      world.run(1);
      assert.equal(free[0]?.ok, true);
      // Others may get through: that the relay is gone is no trouble of the proxy.
      assert.deepEqual(world.access.troubles, [null]);
      socket.send(Buffer.from('lost'), NODE);
      world.run();
      assert.deepEqual(world.taken(), [`a failed ${THEIRS} unreachable`]);
      assert.deepEqual(world.network.host(OURS).contacted, [PROXY]);
      if (death === 'killed') world.proxy.start();
      if (death === 'denied') {
        world.proxy.options = { ...world.proxy.options, refusesRelay: 2 };
        world.run(6000);
        assert.deepEqual([world.access.troubles, world.loop.socketCount], [[null, null], 0]);
        world.proxy.options = { ...world.proxy.options, refusesRelay: 0 };
        world.run(2000);
      }
      world.run(6000);
      assert.notEqual(world.relay.port, first);
      assert.equal(socket.local.port, world.relay.port);
      socket.send(Buffer.from('x'), NODE);
      world.run();
      assert.equal(world.taken().at(-1), `a got re of ${THEIRS}:6881`);
    }
  });

  it('waits as short as ever after a relay that it had', () => {
    const world = new World();
    world.open();
    for (let loss = 0; loss < 20; loss += 1) {
      world.network.host(PROXY).breakConnections();
      world.run(5400);
      assert.equal(world.proxy.clients, 1 + loss);
      world.run(200);
      assert.equal(world.proxy.clients, 2 + loss);
    }
  });

  it('holds nothing of a proxy that grants a relay and closes at once', () => {
    const world = new World();
    world.proxy.die();
    const grant = Buffer.concat([Buffer.from([5, 0]), reply(0, null, 99)]);
    const hasty = {
      acceptsConnection: () => true,
      externalConnectionMade: (made: SingleSocket) => {
        made.write([grant]);
        made.end();
        return SILENT_HANDLER;
      },
    };
    world.network.host(PROXY).listen({ port: 1080 }, hasty, () => undefined);
    const socket = world.open();
    assert.equal(world.network.host(OURS).datagramTotals.opened, 1);
    assert.deepEqual([socket.local.port, world.loop.socketCount], [0, 0]);
    socket.send(Buffer.from('lost'), NODE);
    world.run();
    assert.deepEqual(world.taken(), [`a failed ${THEIRS} unreachable`]);
    assert.equal(world.network.host(OURS).datagramTotals.sent, 0);
  });

  it('keeps its relay for as long as datagrams come by it, though the proxy says nothing more', () => {
    const world = new World();
    const socket = world.open();
    const { port } = world.relay;
    for (let minute = 0; minute < 30; minute += 1) {
      socket.send(Buffer.from('x'), NODE);
      world.run(MINUTE);
    }
    assert.equal(world.proxy.clients, 1);
    assert.equal(socket.local.port, port);
    // Then the proxy may have gone: its machine is off, and no one is told.
    world.network.silence(PROXY);
    for (let minute = 0; minute < 10; minute += 1) {
      socket.send(Buffer.from('x'), NODE);
      world.run(MINUTE);
    }
    assert.equal(socket.local.port, 0);
    world.network.restore(PROXY);
    world.run(3 * MINUTE);
    assert.notEqual(socket.local.port, 0);
  });

  it('is silent after its end and that of its context, at every moment', () => {
    for (const end of ['socket', 'context'] as const) {
      for (let moment = 0; moment <= 14; moment += 0.5) {
        const world = new World({}, PROXY, moment === 0 ? null : PROXY);
        const context = world.loop.createContext((error) => assert.fail(`${error}`));
        const asked = world.ask(moment, {}, context);
        if (end === 'socket' && asked.outcome?.ok !== true) continue;
        if (end === 'context') context.end();
        else if (asked.outcome?.ok) asked.outcome.socket.close();
        const before = asked.outcome;
        if (moment === 0) world.access.found({ ok: true, host: PROXY });
        if (before?.ok) before.socket.send(Buffer.from('x'), NODE);
        world.run(10 * MINUTE);
        assert.deepEqual([asked.outcome, world.log], [before, []]);
        assert.deepEqual([world.loop.socketCount, world.network.host(PROXY).socketCount], [0, 0], `${moment}`);
        assert.deepEqual([world.proxy.relays.size, world.timeline.pending], [0, 0]);
        context.openDatagram({ family: 4, port: 0 }, world.a, () => assert.equal(end, 'socket'));
        world.run(1);
      }
    }
  });

  it('tells its context of exceptions', () => {
    const world = new World();
    const inside: unknown[] = [];
    const context = world.loop.createContext((error) => inside.push(error));
    const fault = new Error('a bug');
    const broken = (): never => {
      throw fault;
    };
    const { outcome } = world.ask(50, {}, context);
    assert.ok(outcome?.ok);
    world.a.datagramCameIn = broken;
    world.a.sendFailed = broken;
    outcome.socket.send(Buffer.from('x'), NODE);
    outcome.socket.send(Buffer.from('x'), { host: '', port: 1 });
    world.run();
    assert.deepEqual(inside, [fault, fault]);
  });
});
