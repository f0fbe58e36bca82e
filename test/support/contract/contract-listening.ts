import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ListenHandler, ListenOutcome, StreamAddress } from '../../../src/net/raw-server.js';
import { type DialWay, Pair, type RawServerWorld } from './raw-server-world.js';

export function listenContract(name: string, createWorld: () => RawServerWorld, way: DialWay): void {
  describe(`listening and dialling with the ${name}`, () => {
    let world: RawServerWorld;
    beforeEach(() => {
      world = createWorld();
    });
    afterEach(() => world.close());

    it('tells both sides of a connection who made it and where the other side is', async () => {
      const pair = new Pair(world);
      await pair.listen();
      const dialled = pair.dialler.startConnection(pair.address, pair.a);
      assert.deepEqual(pair.log, []);
      assert.equal(pair.dialler.socketCount, 1);
      assert.equal(dialled.locallyInitiated, true);
      assert.deepEqual(dialled.remote, pair.address);
      await world.until(() => pair.a.sockets.length === 1 && pair.b.sockets.length === 1);
      assert.deepEqual([...pair.log].sort(), ['a made', 'b accepted']);
      assert.equal(pair.a.socket, dialled);
      assert.equal(pair.b.socket.locallyInitiated, false);
      assert.equal(pair.listening.socketCount, 1);
      const { remote } = pair.b.socket;
      if ('path' in pair.address) assert.deepEqual(remote, { path: '' });
      else assert.ok('host' in remote && remote.port > 0);
    });

    it('answers a request to listen later, with the place that was found', async () => {
      const server = world.create();
      const place = world.place();
      const outcomes: ListenOutcome[] = [];
      server.listen(place, new Pair(world).b, (outcome) => outcomes.push(outcome));
      assert.equal(outcomes.length, 0);
      await world.until(() => outcomes.length === 1);
      const [outcome] = outcomes;
      assert.ok(outcome?.ok);
      if ('path' in place) assert.deepEqual(outcome.listener.address, place);
      else assert.ok('port' in outcome.listener.address && outcome.listener.address.port > 0);
    });

    it('says that a place is in use', async () => {
      const pair = new Pair(world);
      await pair.listen();
      const outcomes: ListenOutcome[] = [];
      pair.listening.listen(pair.address, pair.b, (outcome) => outcomes.push(outcome));
      await world.until(() => outcomes.length === 1);
      assert.equal(outcomes[0]?.ok === false && outcomes[0].code, 'in-use');
    });

    it('asks before the first byte, and closes the connections that the handler refuses', async () => {
      const pair = new Pair(world);
      const asked: StreamAddress[] = [];
      const handler: ListenHandler = {
        acceptsConnection: (address) => {
          asked.push(address);
          return false;
        },
        externalConnectionMade: () => assert.fail('a connection that was turned down'),
      };
      await pair.listen(handler);
      const socket = pair.dialler.startConnection(pair.address, pair.a);
      await world.until(() => pair.a.lostCode() !== null);
      assert.deepEqual(pair.log, ['a made', `a lost ${pair.a.lostCode()}`]);
      assert.equal(asked.length, 1);
      assert.equal(pair.listening.socketCount, 0);
      socket.close();
    });

    it('lets the listener choose a handler for each connection', async () => {
      const pair = new Pair(world);
      const handlers = [pair.handler('first'), pair.handler('second')];
      const waiting = [...handlers];
      await pair.listen({
        acceptsConnection: () => true,
        externalConnectionMade: (socket) => waiting.shift()!.externalConnectionMade(socket),
      });
      pair.dialler.startConnection(pair.address, pair.a).write([Buffer.from('one')]);
      await world.until(() => handlers[0]!.text === 'one');
      pair.dialler.startConnection(pair.address, pair.handler('c')).write([Buffer.from('two')]);
      await world.until(() => handlers[1]!.text === 'two');
      assert.equal(handlers[0]!.text, 'one');
    });

    it('gives each listening socket its own handler', async () => {
      const pair = new Pair(world);
      await pair.listen();
      const first = pair.address;
      const other = pair.handler('other');
      await pair.listen(other);
      pair.dialler.startConnection(pair.address, pair.a).write([Buffer.from('to other')]);
      pair.dialler.startConnection(first, pair.handler('c')).write([Buffer.from('to b')]);
      await world.until(() => other.text !== '' && pair.b.text !== '');
      assert.deepEqual([other.text, pair.b.text], ['to other', 'to b']);
    });

    it('accepts no more on a listening socket that is closed, and keeps the connections that came through it', async () => {
      const pair = new Pair(world);
      const listener = await pair.listen();
      pair.dialler.startConnection(pair.address, pair.a);
      await world.until(() => pair.b.sockets.length === 1 && pair.a.sockets.length === 1);
      listener.close();
      listener.close();
      const late = pair.handler('late');
      pair.dialler.startConnection(pair.address, late);
      await world.until(() => late.lostCode() !== null);
      assert.equal(late.lostCode(), way.refusal);
      pair.b.socket.write([Buffer.from('still here')]);
      await world.until(() => pair.a.text === 'still here');
    });

    it('closes connections from outside beyond the limit, counted over all handlers and both directions', async () => {
      const pair = new Pair(world, { maxConnections: 3 });
      await pair.listen(pair.handler('own'), pair.listening);
      pair.listening.startConnection(pair.address, pair.handler('self'));
      await world.until(() => pair.listening.socketCount === 2);
      await pair.listen();
      pair.dialler.startConnection(pair.address, pair.a);
      await world.until(() => pair.b.sockets.length === 1);
      const late = pair.handler('late');
      pair.dialler.startConnection(pair.address, late);
      await world.until(() => late.lostCode() !== null);
      assert.equal(pair.b.sockets.length, 1);
      assert.equal(pair.listening.socketCount, 3);
      assert.equal(pair.a.lostCode(), null);
      pair.a.socket.close();
      await world.until(() => pair.listening.socketCount === 2);
      pair.dialler.startConnection(pair.address, pair.handler('again'));
      await world.until(() => pair.b.sockets.length === 2);
    });

    it('closes a connection whose handler cannot be made, reports it, and goes on', async () => {
      const reported: unknown[] = [];
      const pair = new Pair(world, { gotException: (error) => reported.push(error) });
      const fault = new Error('a bug');
      let isBroken = true;
      await pair.listen({
        acceptsConnection: () => true,
        externalConnectionMade: (socket) => {
          if (isBroken) throw fault;
          return pair.b.externalConnectionMade(socket);
        },
      });
      pair.dialler.startConnection(pair.address, pair.a);
      await world.until(() => pair.a.lostCode() !== null);
      assert.deepEqual(reported, [fault]);
      assert.equal(pair.listening.socketCount, 0);
      isBroken = false;
      pair.dialler.startConnection(pair.address, pair.handler('c'));
      await world.until(() => pair.b.sockets.length === 1);
    });

    it('closes a connection when acceptsConnection throws', async () => {
      const reported: unknown[] = [];
      const pair = new Pair(world, { gotException: (error) => reported.push(error) });
      await pair.listen({
        acceptsConnection: () => {
          throw new Error('a bug');
        },
        externalConnectionMade: () => assert.fail('nobody said yes'),
      });
      pair.dialler.startConnection(pair.address, pair.a);
      await world.until(() => pair.a.lostCode() !== null);
      assert.equal(reported.length, 1);
    });

    it('loses a dial to a place without a listener, later and once', async () => {
      const pair = new Pair(world);
      const listener = await pair.listen();
      listener.close();
      await world.settle();
      pair.dialler.startConnection(pair.address, pair.a).write([Buffer.from('never sent')]);
      assert.deepEqual(pair.log, []);
      await world.until(() => pair.a.lostCode() !== null);
      await world.settle();
      assert.deepEqual(pair.log, [`a lost ${way.refusal}`]);
      assert.equal(pair.dialler.socketCount, 0);
    });

    it('loses a dial to something that is no address, later and once', async () => {
      const pair = new Pair(world);
      for (const address of [
        { host: way.isStraight ? 'tracker.example' : 'tracker example', port: 80 },
        { host: '', port: 80 },
        { host: '127.0.0.1', port: 65_536 },
        { host: '127.0.0.1', port: -1 },
      ]) {
        const handler = pair.handler(`${address.host}:${address.port}`);
        pair.dialler.startConnection(address, handler);
        assert.equal(handler.lostCode(), null);
        await world.until(() => handler.lostCode() !== null);
        assert.equal(handler.lostCode(), 'failed');
      }
      assert.equal(pair.log.length, 4);
    });

    if (!way.isStraight) return;

    it('opens nothing beyond the fence', async () => {
      const log: string[] = [];
      const pair = new Pair(world);
      const server = world.create({ bindAddresses: { ipv4: '127.0.0.1' } });
      for (const host of ['192.0.2.1', '::ffff:192.0.2.1', '0.0.0.0', '::1', '2001:db8::1', '127.0.0.1']) {
        const handler = pair.handler(host);
        server.startConnection({ host, port: 1 }, handler);
        assert.equal(handler.lostCode(), null);
        await world.until(() => handler.lostCode() !== null);
        log.push(`${host} ${handler.lostCode()}`);
      }
      for (const host of ['192.0.2.1', '::', '::1', '127.0.0.2']) {
        const outcomes: ListenOutcome[] = [];
        server.listen({ host, port: 0 }, pair.b, (outcome) => outcomes.push(outcome));
        await world.until(() => outcomes.length === 1);
        assert.deepEqual(outcomes, [{ ok: false, code: 'forbidden' }]);
      }
      assert.deepEqual(log, [
        '192.0.2.1 forbidden',
        '::ffff:192.0.2.1 forbidden',
        '0.0.0.0 forbidden',
        '::1 forbidden',
        '2001:db8::1 forbidden',
        '127.0.0.1 refused',
      ]);
    });

    it('dials from the bound address and listens at it', async () => {
      const pair = new Pair(world);
      const server = world.create({ bindAddresses: { ipv4: '127.0.0.1' } });
      const listened: ListenOutcome[] = [];
      server.listen({ port: 0 }, pair.b, (outcome) => listened.push(outcome));
      await world.until(() => listened.length === 1);
      const [outcome] = listened;
      assert.ok(outcome?.ok && 'host' in outcome.listener.address);
      assert.equal(outcome.listener.address.host, '127.0.0.1');
      server.startConnection(outcome.listener.address, pair.a);
      await world.until(() => pair.b.sockets.length === 1);
      assert.ok('host' in pair.b.socket.remote);
      assert.equal(pair.b.socket.remote.host, '127.0.0.1');
    });
  });
}
