import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { behindGate } from '../../../src/net/listed-gate.js';
import type { DatagramSocket, PeerAddress, SocketFailure } from '../../../src/net/raw-server.js';
import { blocklistOf, tablesOf } from '../../support/blocklist-of.js';
import { rawServerContract } from '../../support/contract/raw-server-contract.js';
import { LoggingHandler } from '../../support/fakes/logging-handler.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { simulatedWorld } from '../../support/simulation/simulated-world.js';
import { Timeline } from '../../support/simulation/timeline.js';

// For addresses that are not listed the gate is a loop like any other.
rawServerContract('loop behind the gate of a blocklist', () => {
  const world = simulatedWorld((index) => `10.0.0.${index + 1}`);
  return { ...world, create: (options) => behindGate(world.create(options), blocklistOf('192.0.2.0/24')) };
});

const [OURS, LISTED, OTHER] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];

function setUp() {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(1), 1);
  const blocklist = blocklistOf(LISTED);
  const gate = behindGate(network.host(OURS), blocklist);
  const log: string[] = [];
  const handler = (name: string): LoggingHandler => new LoggingHandler(name, log);
  return { timeline, network, blocklist, gate, log, handler };
}

/** Opens a UDP socket at port 1 that notes in `log` what it hears. */
function openAt(rawServer: ReturnType<typeof behindGate>, log: string[]): () => DatagramSocket {
  let opened: DatagramSocket | null = null;
  const heard = new Set<DatagramSocket>();
  rawServer.openDatagram(
    { family: 4, port: 1 },
    {
      datagramCameIn: (socket, data, from) => {
        heard.add(socket);
        log.push(`${from.host}: ${data}`);
      },
      sendFailed: (socket: DatagramSocket, to: PeerAddress, { code, cause }: SocketFailure) => {
        heard.add(socket);
        log.push(`to ${to.host}: ${code} ${cause}`);
      },
    },
    (outcome) => {
      if (outcome.ok) opened = outcome.socket;
    },
  );
  return () => {
    // The socket that was answered is the one that its handler hears of.
    for (const each of heard) assert.equal(each, opened);
    return opened ?? assert.fail('it is not open');
  };
}

describe('the gate of a blocklist', () => {
  it('lets no connection in from a listed address, nor asks its handler', () => {
    const { timeline, network, blocklist, gate, log, handler } = setUp();
    const asked: string[] = [];
    const b = handler('b');
    const listening = {
      acceptsConnection: (from: PeerAddress) => asked.push(from.host) > 0,
      externalConnectionMade: () => b,
    };
    gate.listen({ port: 1 }, listening as never, () => undefined);
    timeline.run(5);
    const dials = [LISTED, OTHER].map((host) => {
      const mine: string[] = [];
      const socket = network.host(host).startConnection({ host: OURS, port: 1 }, new LoggingHandler('a', mine));
      socket.write([Buffer.from(host)]);
      return mine;
    });
    timeline.run(100);
    assert.deepEqual(asked, [OTHER]);
    assert.ok(log.some((line) => line.includes('b')) && !log.some((line) => line.includes(LISTED)), log.join());
    assert.ok(
      dials[0]?.some((line) => /lost/.test(line)),
      dials[0]?.join(),
    );
    assert.equal(blocklist.status.refusedIn, 1);
  });

  it('loses a dial to a listed address in a task of its own, also in a context, and silently when it is closed', () => {
    const { timeline, network, blocklist, gate, log, handler } = setUp();
    const knocks: number[] = [];
    const context = gate.createContext(() => assert.fail());
    network
      .host(LISTED)
      .listen(
        { port: 1 },
        { acceptsConnection: () => knocks.push(1) > 0, externalConnectionMade: () => handler('b') },
        () => undefined,
      );
    timeline.run(5);
    const to = { host: LISTED, port: 1 };
    for (const [name, rawServer] of Object.entries({ gate, context })) {
      const socket = rawServer.startConnection(to, handler(name));
      socket.write([Buffer.from('x')]);
      assert.deepEqual(socket.remote, to);
    }
    gate.startConnection(to, handler('closed')).close();
    const ended = gate.createContext(() => assert.fail());
    ended.startConnection(to, handler('ended'));
    ended.end();
    assert.deepEqual(log, []);
    timeline.run(100);
    assert.equal(log.length, 2, log.join());
    assert.ok(
      log.every((line) => /^(gate|context) lost forbidden/.test(line)),
      log.join(),
    );
    assert.deepEqual(knocks, []);
    assert.equal(blocklist.status.refusedOut, 4);
    // In another spelling it is the same address.
    gate.startConnection({ host: `::ffff:${LISTED}`, port: 1 }, handler('mapped'));
    timeline.run(100);
    assert.deepEqual(knocks, []);
  });

  it('neither sends datagrams to a listed address nor hears any from it', () => {
    const { timeline, network, blocklist, gate, log } = setUp();
    const ours = openAt(gate, log);
    const [theirs, others]: [string[], string[]] = [[], []];
    const listed = openAt(network.host(LISTED), theirs);
    const other = openAt(network.host(OTHER), others);
    timeline.run(5);
    const us = { host: OURS, port: 1 };
    listed().send(Buffer.from('hello'), us);
    other().send(Buffer.from('hello'), us);
    for (const host of [LISTED, OTHER]) ours().send(Buffer.from('there'), { host, port: 1 });
    timeline.run(100);
    assert.deepEqual(log.sort(), [`${OTHER}: hello`, `to ${LISTED}: forbidden on the blocklist`]);
    assert.deepEqual([theirs, others], [[], [`${OURS}: there`]]);
    assert.deepEqual(blocklist.status, { ranges: 1, refusedIn: 1, refusedOut: 1 });
    ours();
  });

  it('knows a new list at once', () => {
    const { timeline, blocklist, gate, log, network } = setUp();
    const ours = openAt(gate, log);
    const theirs: string[] = [];
    openAt(network.host(LISTED), theirs);
    timeline.run(5);
    blocklist.replace(tablesOf(OTHER));
    for (const host of [LISTED, OTHER]) ours().send(Buffer.from('there'), { host, port: 1 });
    timeline.run(100);
    assert.deepEqual([theirs, log], [[`${OURS}: there`], [`to ${OTHER}: forbidden on the blocklist`]]);
  });

  it('is no gate at all without a list', () => {
    const host = new SimulatedNetwork(new Timeline(), seededRandom(1), 1).host(OURS);
    assert.equal(behindGate(host, null), host);
  });
});
