import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sha1 } from '../../../src/base/digest.js';
import { seededRandom } from '../simulation/seeded-random.js';
import { splits } from '../splits.js';
import { Pair, type RawServerWorld } from './raw-server-world.js';

/** More than any kernel takes at once. */
const MUCH = 16 * 1024 * 1024;

export function dataContract(name: string, createWorld: () => RawServerWorld): void {
  describe(`data over the ${name}`, () => {
    let world: RawServerWorld;
    beforeEach(() => {
      world = createWorld();
    });
    afterEach(() => world.close());

    it('waits when it is written before the connection is up, and arrives', async () => {
      const pair = new Pair(world);
      await pair.listen();
      const socket = pair.dialler.startConnection(pair.address, pair.a);
      socket.write([Buffer.from('writ'), Buffer.from('ten ')]);
      socket.write([Buffer.from('early')]);
      assert.equal(socket.unsentLength, 13);
      assert.equal(socket.isFlushed(), false);
      await world.until(() => pair.b.text === 'written early' && pair.a.flushedCount > 0);
      assert.equal(socket.isFlushed(), true);
    });

    it('arrives in order and whole, however it is cut', async () => {
      const random = seededRandom(3);
      const stream = random.bytes(700);
      for (const parts of splits(stream, random)) {
        const pair = await new Pair(world).connect();
        for (const part of parts) pair.a.socket.write([part]);
        pair.b.socket.write(parts);
        await world.until(() => pair.b.text.length === stream.length && pair.a.text.length === stream.length);
        assert.ok(Buffer.concat(pair.b.received).equals(stream));
        assert.ok(Buffer.concat(pair.a.received).equals(stream));
      }
    });

    it('arrives in order and whole when it is more than the kernel takes, both ways at once', async () => {
      const pair = await new Pair(world).connect();
      const there = seededRandom(1).bytes(MUCH / 8);
      const back = seededRandom(2).bytes(MUCH / 8);
      pair.a.socket.write([there]);
      pair.b.socket.write([back.subarray(0, 100_000), back.subarray(100_000)]);
      const received = (handler: { received: Buffer[] }) =>
        handler.received.reduce((sum, part) => sum + part.length, 0);
      await world.until(() => received(pair.b) === there.length && received(pair.a) === back.length);
      assert.ok(sha1(Buffer.concat(pair.b.received)).equals(sha1(there)));
      assert.ok(sha1(Buffer.concat(pair.a.received)).equals(sha1(back)));
    });

    it('reports its flush after a small write, later, and again after the next', async () => {
      const pair = await new Pair(world).connect();
      pair.a.socket.write([Buffer.from('x')]);
      assert.equal(pair.a.flushedCount, 0);
      await world.until(() => pair.a.flushedCount > 0);
      await world.settle();
      assert.equal(pair.a.flushedCount, 1);
      assert.equal(pair.a.socket.unsentLength, 0);
      pair.a.socket.write([Buffer.from('y'), Buffer.alloc(0), Buffer.from('z')]);
      await world.until(() => pair.a.flushedCount > 1);
      await world.settle();
      assert.equal(pair.a.flushedCount, 2);
      assert.equal(pair.b.text, 'xyz');
    });

    it('reports one flush for writes in one go', async () => {
      const pair = await new Pair(world).connect();
      for (const text of ['one', 'two', 'three']) pair.a.socket.write([Buffer.from(text)]);
      await world.until(() => pair.a.flushedCount > 0);
      await world.settle();
      assert.equal(pair.a.flushedCount, 1);
      assert.equal(pair.b.text, 'onetwothree');
    });

    it('without any bytes is no data', async () => {
      const pair = await new Pair(world).connect();
      pair.a.socket.write([]);
      pair.a.socket.write([Buffer.alloc(0)]);
      await world.settle();
      assert.equal(pair.a.flushedCount, 0);
      pair.a.socket.write([Buffer.from('some'), Buffer.alloc(0)]);
      await world.until(() => pair.a.flushedCount === 1 && pair.b.text === 'some');
    });

    it('is not read while reading is paused, and the writer has to wait', async () => {
      const pair = await new Pair(world).connect();
      pair.b.socket.pauseReading();
      pair.b.socket.pauseReading();
      pair.a.socket.write([Buffer.alloc(MUCH, 'x')]);
      await world.settle();
      assert.equal(pair.b.text, '');
      assert.ok(pair.a.socket.unsentLength > 0);
      assert.equal(pair.a.socket.isFlushed(), false);
      assert.equal(pair.a.flushedCount, 0);
      pair.b.socket.resumeReading();
      pair.b.socket.resumeReading();
      const received = () => pair.b.received.reduce((sum, part) => sum + part.length, 0);
      await world.until(() => received() === MUCH && pair.a.flushedCount === 1);
      assert.equal(pair.a.socket.unsentLength, 0);
    });

    it('is not read any more after reading was paused within an event, on either side', async () => {
      const pair = await new Pair(world).connect();
      for (const [writer, reader] of [
        [pair.a, pair.b],
        [pair.b, pair.a],
      ] as const) {
        reader.onData = (socket) => socket.pauseReading();
        writer.socket.write([Buffer.alloc(MUCH / 8, 'x')]);
        await world.until(() => reader.received.length > 0);
        await world.settle();
        assert.equal(reader.received.length, 1);
        reader.onData = () => undefined;
        reader.socket.resumeReading();
        await world.until(() => reader.received.reduce((sum, part) => sum + part.length, 0) === MUCH / 8);
      }
    });

    it('can be paused before the connection is up, by either side', async () => {
      const pair = new Pair(world);
      await pair.listen({
        acceptsConnection: () => true,
        externalConnectionMade: (socket) => {
          socket.pauseReading();
          socket.write([Buffer.from('from b')]);
          return pair.b.externalConnectionMade(socket);
        },
      });
      const dialled = pair.dialler.startConnection(pair.address, pair.a);
      dialled.pauseReading();
      dialled.write([Buffer.from('from a')]);
      await world.until(() => pair.b.sockets.length === 1 && pair.a.sockets.length === 1);
      await world.settle();
      assert.deepEqual([pair.a.text, pair.b.text], ['', '']);
      dialled.resumeReading();
      pair.b.socket.resumeReading();
      await world.until(() => pair.a.text === 'from b' && pair.b.text === 'from a');
    });

    it('goes to the handler that adopt names, from the next event on', async () => {
      const pair = await new Pair(world).connect();
      const next = pair.handler('next');
      const context = pair.listening.createContext((error) => assert.fail(`${error}`));
      pair.b.onData = (socket) => context.adopt(socket, next);
      pair.a.socket.write([Buffer.from('1')]);
      await world.until(() => pair.b.text === '1');
      pair.a.socket.write([Buffer.from('2')]);
      await world.until(() => next.text === '2');
      pair.b.socket.write([Buffer.from('x')]);
      await world.until(() => next.flushedCount === 1);
      pair.a.socket.close();
      await world.until(() => next.lostCode() !== null);
      assert.deepEqual(pair.log, ['next lost ended']);
      assert.equal(pair.b.text, '1');
      assert.equal(pair.b.flushedCount, 0);
    });

    it('moves lastHit when it comes in, and at no other time', async () => {
      const pair = await new Pair(world).connect();
      const made = pair.b.socket.lastHit;
      assert.ok(made <= pair.listening.now());
      await new Promise<void>((resolve, reject) => {
        let ran = false;
        pair.listening.addTask(() => {
          ran = true;
        }, 5);
        world.until(() => ran).then(resolve, reject);
      });
      pair.b.socket.write([Buffer.from('out')]);
      await world.until(() => pair.a.text === 'out');
      assert.equal(pair.b.socket.lastHit, made);
      pair.a.socket.write([Buffer.from('in')]);
      await world.until(() => pair.b.text === 'in');
      assert.ok(pair.b.socket.lastHit >= made + 5);
    });

    it('comes in at one time, which goes on after the event, also after one that fails', async () => {
      const errors: unknown[] = [];
      const pair = await new Pair(world, { gotException: (error) => errors.push(error) }).connect();
      const took: number[] = [];
      pair.b.onData = (socket) => {
        const real = performance.now();
        while (performance.now() < real + 2);
        took.push(pair.listening.now() - socket.lastHit);
        if (took.length > 1) throw new Error('of the handler');
      };
      for (const count of [1, 2]) {
        // One byte: more may come in several events.
        pair.a.socket.write([Buffer.from('x')]);
        await world.until(() => took.length === count);
        const { lastHit } = pair.b.socket;
        let ranAt = lastHit;
        pair.listening.addTask(() => {
          ranAt = pair.listening.now();
        }, 5);
        await world.until(() => ranAt > lastHit);
        assert.ok(ranAt >= lastHit + 5);
      }
      assert.deepEqual([took, errors.length], [[0, 0], 1]);
    });
  });
}
