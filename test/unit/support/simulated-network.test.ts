import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SingleSocket } from '../../../src/net/raw-server.js';
import { LoggingHandler } from '../../support/fakes/logging-handler.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import type { SimulatedHost } from '../../support/simulation/simulated-host.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { Timeline } from '../../support/simulation/timeline.js';

function world(seed = 1) {
  const timeline = new Timeline();
  const log: string[] = [];
  return { timeline, log, network: new SimulatedNetwork(timeline, seededRandom(seed), 10) };
}

function listens(timeline: Timeline, host: SimulatedHost, handler: LoggingHandler): void {
  host.listen({ port: 6881 }, handler, (outcome) => assert.ok(outcome.ok));
  timeline.run(0);
}

describe('SimulatedNetwork', () => {
  it('takes a round trip for a dial, and half of one for bytes that are written', () => {
    const { timeline, network, log } = world();
    const timed: string[] = [];
    const b = new LoggingHandler('b', log);
    listens(timeline, network.host('10.0.0.2', { chunking: 'whole' }), b);
    const a = new LoggingHandler('a', log);
    b.onData = () => timed.push(`data at ${timeline.now()}`);
    network
      .host('10.0.0.1')
      .startConnection({ host: '10.0.0.2', port: 6881 }, a)
      .write([Buffer.from('hello')]);
    timeline.run(19);
    assert.deepEqual(log, ['b accepted']);
    timeline.run(1000);
    assert.deepEqual(log, ['b accepted', 'a made', 'a flushed', 'b data 5']);
    assert.deepEqual(timed, ['data at 30']);
  });

  it('fails a dial after a round trip, as refused if no process listens and as unreachable if no host is there', () => {
    const { timeline, network, log } = world();
    const a = network.host('10.0.0.1');
    network.host('10.0.0.2');
    a.startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('refused', log));
    a.startConnection({ host: '10.0.0.3', port: 6881 }, new LoggingHandler('nobody', log));
    assert.equal(a.socketCount, 2);
    timeline.run(20);
    assert.deepEqual(log, ['nobody lost unreachable', 'refused lost refused']);
    assert.equal(a.socketCount, 0);
  });

  it('lets a dial to a silent host fail only after 127 s, and delivers what was sent once the host is restored', () => {
    const { timeline, network, log } = world();
    const b = new LoggingHandler('b', log);
    listens(timeline, network.host('10.0.0.2'), b);
    const a = network.host('10.0.0.1');
    const socket = a.startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('a', log));
    timeline.run(100);
    network.silence('10.0.0.2');
    socket.write([Buffer.from('x')]);
    a.startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('late', log));
    timeline.run(126_999);
    assert.deepEqual(log, ['b accepted', 'a made', 'a flushed']);
    timeline.run(1);
    network.restore('10.0.0.2');
    timeline.run(1);
    assert.deepEqual(log.slice(3), ['late lost unreachable', 'b data 1']);
  });

  it('carries as many bytes per second as the slower of the two lines', () => {
    const { timeline, network, log } = world();
    const b = new LoggingHandler('b', log);
    listens(timeline, network.host('10.0.0.2', { download: 500_000 }), b);
    const a = network.host('10.0.0.1', { upload: 100_000 });
    a.startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('a', log)).write([Buffer.alloc(1_000_000)]);
    timeline.run(5_000);
    const half = Buffer.concat(b.received).length;
    assert.ok(half > 450_000 && half <= 500_000, `${half}`);
    timeline.run(5_100);
    assert.equal(Buffer.concat(b.received).length, 1_000_000);
  });

  it('lets the connections on one line take turns', () => {
    const { timeline, network, log } = world();
    const b = new LoggingHandler('b', log);
    const c = new LoggingHandler('c', log);
    listens(timeline, network.host('10.0.0.2'), b);
    listens(timeline, network.host('10.0.0.3'), c);
    const a = network.host('10.0.0.1', { upload: 100_000 });
    a.startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('ab', log)).write([Buffer.alloc(1_000_000)]);
    timeline.run(1_000);
    a.startConnection({ host: '10.0.0.3', port: 6881 }, new LoggingHandler('ac', log)).write([Buffer.from('short')]);
    timeline.run(400);
    assert.equal(c.text, 'short');
  });

  it('makes a writer wait for a reader that does not read', () => {
    const { timeline, network, log } = world();
    const b = new LoggingHandler('b', log);
    listens(timeline, network.host('10.0.0.2'), b);
    const a = network.host('10.0.0.1', { window: 1000 });
    const socket = a.startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('a', log));
    timeline.run(50);
    (b.sockets[0] as SingleSocket).pauseReading();
    socket.write([Buffer.alloc(1500)]);
    timeline.run(60_000);
    assert.equal(socket.unsentLength, 500);
    assert.equal(socket.isFlushed(), false);
    assert.deepEqual(log, ['b accepted', 'a made']);
    (b.sockets[0] as SingleSocket).resumeReading();
    timeline.run(1000);
    assert.equal(socket.isFlushed(), true);
    assert.equal(Buffer.concat(b.received).length, 1500);
  });

  it('overwrites the bytes that a handler was given as soon as the call is over', () => {
    const { timeline, network, log } = world();
    const b = new LoggingHandler('b', log);
    listens(timeline, network.host('10.0.0.2', { chunking: 'whole' }), b);
    const kept: Buffer[] = [];
    b.onData = (_socket, data) => kept.push(data);
    const socket = network
      .host('10.0.0.1')
      .startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('a', log));
    socket.write([Buffer.from('hello')]);
    timeline.run(100);
    assert.equal(b.text, 'hello');
    assert.notEqual(kept[0]?.toString(), 'hello');
  });

  it('sends the changed bytes of a chunk that is changed before it is flushed', () => {
    const { timeline, network, log } = world();
    const b = new LoggingHandler('b', log);
    listens(timeline, network.host('10.0.0.2'), b);
    const chunk = Buffer.from('before');
    network
      .host('10.0.0.1')
      .startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('a', log))
      .write([chunk]);
    chunk.write('after!');
    timeline.run(100);
    assert.equal(b.text, 'after!');
  });

  it('has Unix sockets within a host, but not between hosts', () => {
    const { timeline, network, log } = world();
    const host = network.host('10.0.0.1');
    const control = new LoggingHandler('control', log);
    host.listen({ path: '/run/btget' }, control, (outcome) => assert.ok(outcome.ok));
    timeline.run(0);
    host.startConnection({ path: '/run/btget' }, new LoggingHandler('a', log)).write([Buffer.from('status')]);
    network.host('10.0.0.2').startConnection({ path: '/run/btget' }, new LoggingHandler('b', log));
    timeline.run(100);
    assert.equal(control.text, 'status');
    assert.deepEqual(control.socket.remote, { path: '' });
    assert.ok(log.includes('b lost refused'));
  });

  it('breaks every connection of a host, for both sides', () => {
    const { timeline, network, log } = world();
    const host = network.host('10.0.0.2');
    listens(timeline, host, new LoggingHandler('b', log));
    network.host('10.0.0.1').startConnection({ host: '10.0.0.2', port: 6881 }, new LoggingHandler('a', log));
    timeline.run(100);
    host.breakConnections();
    timeline.run(100);
    assert.deepEqual(log, ['b accepted', 'a made', 'b lost reset', 'a lost reset']);
  });

  it('gives the same log for the same seed, and leaves no task behind', () => {
    const [first, again, other] = [7, 7, 8].map((seed) => {
      const { timeline, network, log } = world(seed);
      const hosts = Array.from({ length: 10 }, (_, index) => network.host(`10.0.0.${index + 1}`, { upload: 1e6 }));
      for (const [index, host] of hosts.entries()) {
        const handler = new LoggingHandler(`${index}`, log);
        handler.onData = (socket, data) => {
          if (timeline.now() < 5000) socket.write([Buffer.from(data)]);
        };
        listens(timeline, host, handler);
        for (let target = 1; target <= 10; target += 1) {
          if (target === index + 1) continue;
          host.startConnection({ host: `10.0.0.${target}`, port: 6881 }, handler).write([Buffer.alloc(5000)]);
        }
      }
      timeline.run(6000);
      for (const host of hosts) host.close();
      timeline.run(1000);
      assert.equal(timeline.pending, 0);
      return log;
    });
    assert.ok((first ?? []).length > 1000);
    assert.deepEqual(first, again);
    assert.notDeepEqual(first, other);
  });
});
