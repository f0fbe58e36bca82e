import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type DialWay, Pair, type RawServerWorld } from './raw-server-world.js';

const MUCH = 16 * 1024 * 1024;

export function endingContract(name: string, createWorld: () => RawServerWorld, way: DialWay): void {
  describe(`endings of the ${name}`, () => {
    let world: RawServerWorld;
    beforeEach(() => {
      world = createWorld();
    });
    afterEach(() => world.close());

    for (const side of ['a', 'b'] as const) {
      it(`when ${side} closes, it hears nothing, and the other side hears of it once`, async () => {
        const pair = await new Pair(world).connect();
        const other = side === 'a' ? 'b' : 'a';
        pair[side].socket.close();
        assert.equal((side === 'a' ? pair.dialler : pair.listening).socketCount, 0);
        pair[side].socket.close();
        await world.until(() => pair[other].lostCode() !== null);
        await world.settle();
        assert.deepEqual(pair.log, [`${other} lost ended`]);
        assert.equal(pair.dialler.socketCount + pair.listening.socketCount, 0);
      });
    }

    it('every call on a socket that is gone does nothing', async () => {
      const pair = await new Pair(world).connect();
      pair.a.socket.close();
      await world.until(() => pair.b.lostCode() !== null);
      for (const { socket } of [pair.a, pair.b]) {
        socket.write([Buffer.from('too late')]);
        socket.pauseReading();
        socket.resumeReading();
        socket.end();
        socket.close();
        assert.equal(socket.unsentLength, 0);
        assert.equal(socket.isFlushed(), true);
      }
      await world.settle();
      assert.deepEqual(pair.log, ['b lost ended']);
      assert.equal(pair.a.flushedCount + pair.b.flushedCount, 0);
    });

    it('nothing follows a dial that we close ourselves', async () => {
      const pair = new Pair(world);
      await pair.listen();
      const socket = pair.dialler.startConnection(pair.address, pair.a);
      socket.write([Buffer.from('x')]);
      socket.close();
      assert.equal(pair.dialler.socketCount, 0);
      await world.settle();
      assert.deepEqual(
        pair.log.filter((line) => line.startsWith('a')),
        [],
      );
      assert.equal(pair.listening.socketCount, 0);
    });

    it('no event follows a close within an event, though more data has come', async () => {
      const pair = await new Pair(world).connect();
      pair.b.onData = (socket) => socket.close();
      pair.a.socket.write([Buffer.alloc(MUCH / 8)]);
      await world.until(() => pair.b.received.length > 0 && pair.a.lostCode() !== null);
      await world.settle();
      assert.equal(pair.b.received.length, 1);
      assert.equal(pair.log.length, 1);
    });

    it('a side that closes with bytes unread resets the connection', async () => {
      const pair = await new Pair(world).connect();
      pair.b.socket.pauseReading();
      pair.a.socket.write([Buffer.alloc(MUCH)]);
      await world.settle();
      pair.b.socket.close();
      await world.until(() => pair.a.lostCode() !== null);
      await world.settle();
      assert.deepEqual(pair.log, ['a lost reset']);
      assert.equal(pair.a.flushedCount, 0);
    });

    it('end sends what is queued, and reading goes on until the other side ends', async () => {
      const pair = await new Pair(world).connect();
      pair.b.socket.pauseReading();
      pair.a.socket.write([Buffer.alloc(MUCH, 'x')]);
      pair.a.socket.end();
      pair.a.socket.end();
      pair.a.socket.write([Buffer.from('not sent')]);
      pair.b.socket.write([Buffer.from('still read')]);
      await world.until(() => pair.a.text === 'still read');
      assert.deepEqual(pair.log, []);
      pair.b.socket.resumeReading();
      await world.until(() => pair.b.lostCode() !== null && pair.a.lostCode() !== null);
      await world.settle();
      assert.equal(
        pair.b.received.reduce((sum, part) => sum + part.length, 0),
        MUCH,
      );
      assert.deepEqual([...pair.log].sort(), ['a lost ended', 'b lost ended']);
      assert.equal(pair.a.flushedCount, 1);
    });

    it('end before the connection is up sends what is queued', async () => {
      const pair = new Pair(world);
      await pair.listen();
      const socket = pair.dialler.startConnection(pair.address, pair.a);
      socket.write([Buffer.from('all there is')]);
      socket.end();
      await world.until(() => pair.b.lostCode() !== null && pair.a.lostCode() !== null);
      assert.equal(pair.b.text, 'all there is');
    });

    it('a socket from which nothing comes is lost as idle, though we write to it', async () => {
      const pair = await new Pair(world, { timeout: 60, checkInterval: 10 }).connect();
      const started = pair.listening.now();
      const keepAlive = (): void => {
        pair.b.socket.write([Buffer.from('.')]);
        if (pair.b.lostCode() === null) pair.listening.addTask(keepAlive, 5);
      };
      keepAlive();
      await world.until(() => pair.a.lostCode() !== null);
      assert.deepEqual(pair.log, ['b lost idle', 'a lost ended']);
      assert.ok(pair.listening.now() - started >= 50);
    });

    it('a socket on which data comes is not idle, nor is one that we do not read', async () => {
      // A busy machine may keep us from writing for a good while.
      const timeout = 1000;
      const pair = new Pair(world, { timeout, checkInterval: 10 });
      await pair.connect();
      const paused = pair.handler('paused');
      pair.dialler.startConnection(pair.address, paused);
      await world.until(() => pair.b.sockets.length === 2 && paused.sockets.length === 1);
      pair.b.sockets[1]?.pauseReading();
      const started = pair.listening.now();
      const beat = (): void => {
        pair.a.socket.write([Buffer.from('.')]);
        pair.dialler.addTask(beat, 5);
      };
      beat();
      await world.until(() => pair.listening.now() - started > timeout + 100);
      assert.equal(pair.b.lostCode(), null);
      const resumed = pair.listening.now();
      pair.b.sockets[1]?.resumeReading();
      await world.until(() => paused.lostCode() !== null);
      assert.ok(pair.listening.now() - resumed >= timeout);
      assert.equal(pair.b.lostCode(), 'idle');
    });

    it('an exception in an event is reported, and the loop and the socket go on', async () => {
      const reported: unknown[] = [];
      const pair = await new Pair(world, { gotException: (error) => reported.push(error) }).connect();
      const fault = new Error('a bug');
      let isBroken = true;
      pair.b.onData = () => {
        if (isBroken) throw fault;
      };
      pair.a.socket.write([Buffer.from('1')]);
      await world.until(() => reported.length === 1);
      assert.deepEqual(reported, [fault]);
      isBroken = false;
      pair.a.socket.write([Buffer.from('2')]);
      await world.until(() => pair.b.text === '12');
      assert.deepEqual(pair.log, []);
    });

    if (!way.isStraight) return;

    it('when both sides end, the queued data of both arrives', async () => {
      const pair = await new Pair(world).connect();
      for (const handler of [pair.a, pair.b]) {
        handler.socket.write([Buffer.alloc(MUCH / 2)]);
        handler.socket.end();
      }
      await world.until(() => pair.b.lostCode() !== null && pair.a.lostCode() !== null);
      await world.settle();
      for (const handler of [pair.a, pair.b]) {
        assert.equal(
          handler.received.reduce((sum, part) => sum + part.length, 0),
          MUCH / 2,
        );
        assert.equal(handler.flushedCount, 1);
      }
      assert.deepEqual([...pair.log].sort(), ['a lost ended', 'b lost ended']);
    });
  });
}
