import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type RawServerContext, SILENT_HANDLER, type SocketHandler } from '../../../src/net/raw-server.js';
import { type DialWay, Pair, type RawServerWorld } from './raw-server-world.js';

export function contextContract(name: string, createWorld: () => RawServerWorld, way: DialWay): void {
  describe(`contexts of the ${name}`, () => {
    let world: RawServerWorld;
    beforeEach(() => {
      world = createWorld();
    });
    afterEach(() => world.close());

    /** A pair whose listening side is a context, with the exceptions inside and outside of the context. */
    async function pairInContext() {
      const inside: unknown[] = [];
      const outside: unknown[] = [];
      const pair = new Pair(world, { gotException: (error) => outside.push(error) });
      const context = pair.listening.createContext((error) => inside.push(error));
      await pair.listen(pair.b, context);
      pair.dialler.startConnection(pair.address, pair.a);
      await world.until(() => pair.a.sockets.length === 1 && pair.b.sockets.length === 1);
      pair.log.length = 0;
      return { pair, context, inside, outside };
    }

    it('alone hear of the exceptions of their tasks', async () => {
      const { pair, context, inside, outside } = await pairInContext();
      const other = pair.listening.createContext(() => assert.fail('a stranger'));
      const fault = new Error('a bug');
      let ran = false;
      context.addTask(() => {
        throw fault;
      }, 0);
      other.addTask(() => {
        ran = true;
      }, 0);
      await world.until(() => ran);
      assert.deepEqual([inside, outside], [[fault], []]);
    });

    for (const event of ['connectionMade', 'dataCameIn', 'connectionFlushed', 'connectionLost'] as const) {
      it(`hear of an exception in ${event}, and the others go on`, async () => {
        const pair = new Pair(world);
        await pair.listen();
        const inside: unknown[] = [];
        const fault = new Error('a bug');
        const broken: SocketHandler = {
          ...SILENT_HANDLER,
          [event]: () => {
            throw fault;
          },
        };
        const context = pair.dialler.createContext((error) => inside.push(error));
        const socket = context.startConnection(pair.address, broken);
        socket.write([Buffer.from('x')]);
        await world.until(() => pair.b.text === 'x');
        pair.b.socket.write([Buffer.from('y')]);
        await world.settle();
        pair.b.socket.close();
        await world.until(() => inside.length === 1 && context.socketCount === 0);
        assert.deepEqual(inside, [fault]);
        pair.dialler.startConnection(pair.address, pair.a);
        await world.until(() => pair.a.sockets.length === 1);
      });
    }

    it('hear of exceptions while a connection is accepted, and the loop hears when that fails', async () => {
      const outside: unknown[] = [];
      const pair = new Pair(world, { gotException: (error) => outside.push(error) });
      const fault = new Error('a bug');
      const second = new Error('a bug in dealing with a bug');
      const context = pair.listening.createContext((error) => {
        assert.equal(error, fault);
        throw second;
      });
      await pair.listen(
        {
          acceptsConnection: () => true,
          externalConnectionMade: () => {
            throw fault;
          },
        },
        context,
      );
      pair.dialler.startConnection(pair.address, pair.a);
      await world.until(() => pair.a.lostCode() !== null);
      assert.deepEqual(outside, [second]);
    });

    it('run none of their tasks after their end, and close their sockets and listeners in silence', async () => {
      const { pair, context, inside } = await pairInContext();
      context.addTask(() => assert.fail('a task of a context that has ended'), 0);
      assert.equal(context.socketCount, 1);
      context.end();
      context.end();
      context.addTask(() => assert.fail('a task of a context that has ended'), 0).cancel();
      context.addTask(() => assert.fail('a task of a context that has ended'), 0);
      assert.equal(context.socketCount, 0);
      assert.equal(pair.listening.socketCount, 0);
      await world.until(() => pair.a.lostCode() !== null);
      const late = pair.handler('late');
      pair.dialler.startConnection(pair.address, late);
      await world.until(() => late.lostCode() !== null);
      assert.deepEqual(pair.log, ['a lost ended', `late lost ${way.refusal}`]);
      assert.deepEqual(inside, []);
    });

    it('can do nothing after their end', async () => {
      const { pair, context } = await pairInContext();
      context.end();
      const answers: unknown[] = [];
      context.listen(world.place(), pair.b, (outcome) => answers.push(outcome));
      const socket = context.startConnection(pair.address, pair.handler('late'));
      socket.write([Buffer.from('x')]);
      await world.until(() => pair.a.lostCode() !== null);
      await world.settle();
      assert.deepEqual(answers, []);
      assert.deepEqual(pair.log, ['a lost ended']);
      assert.equal(pair.listening.socketCount, 0);
    });

    it('may end within one of their events, and hear nothing more', async () => {
      const { pair, context } = await pairInContext();
      pair.b.onData = () => context.end();
      pair.a.socket.write([Buffer.alloc(1_000_000)]);
      await world.until(() => pair.a.lostCode() !== null);
      await world.settle();
      assert.equal(pair.b.received.length, 1);
      assert.equal(pair.log.length, 1);
    });

    it('do not disturb the loop and other contexts when they end', async () => {
      const pair = new Pair(world);
      const [ending, staying] = [0, 1].map(() => pair.listening.createContext((error) => assert.fail(`${error}`)));
      await pair.listen(pair.b, staying);
      pair.dialler.startConnection(pair.address, pair.a);
      await world.until(() => pair.a.sockets.length === 1 && pair.b.sockets.length === 1);
      const ran: string[] = [];
      (staying as RawServerContext).addTask(() => ran.push('staying'), 1);
      pair.listening.addTask(() => ran.push('loop'), 2);
      ending?.end();
      pair.a.socket.write([Buffer.from('x')]);
      await world.until(() => pair.b.text === 'x' && ran.length === 2);
      assert.deepEqual(ran, ['staying', 'loop']);
    });

    it('belong to the loop, even when a context makes them', async () => {
      const pair = new Pair(world);
      const outer = pair.dialler.createContext(() => assert.fail('not its fault'));
      const inside: unknown[] = [];
      const inner = outer.createContext((error) => inside.push(error));
      outer.end();
      inner.addTask(() => {
        throw new Error('a bug');
      }, 0);
      await world.until(() => inside.length === 1);
    });

    it('adopt a socket with a new handler, and hear of its exceptions from then on', async () => {
      const outside: unknown[] = [];
      const inside: unknown[] = [];
      const pair = await new Pair(world, { gotException: (error) => outside.push(error) }).connect();
      const torrent = pair.listening.createContext((error) => inside.push(error));
      const adopted = pair.handler('adopted');
      const fault = new Error('a bug');
      pair.b.onData = (socket, data) => {
        torrent.adopt(socket, adopted);
        adopted.dataCameIn(socket, data);
      };
      let isBroken = false;
      adopted.onData = () => {
        if (isBroken) throw fault;
      };
      pair.a.socket.write([Buffer.from('1')]);
      await world.until(() => adopted.text === '1');
      assert.equal(torrent.socketCount, 1);
      assert.equal(pair.listening.socketCount, 1);
      isBroken = true;
      pair.a.socket.write([Buffer.from('2')]);
      await world.until(() => inside.length === 1);
      assert.deepEqual([inside, outside], [[fault], []]);
      assert.equal(pair.b.text, '1');
      torrent.end();
      await world.until(() => pair.a.lostCode() !== null);
      assert.deepEqual(pair.log, ['a lost ended']);
    });

    it('hear of an exception in the event in which they adopt a socket', async () => {
      const inside: unknown[] = [];
      const pair = await new Pair(world).connect();
      const torrent = pair.listening.createContext((error) => inside.push(error));
      const fault = new Error('a bug');
      pair.b.onData = (socket) => {
        torrent.adopt(socket, SILENT_HANDLER);
        throw fault;
      };
      pair.a.socket.write([Buffer.from('x')]);
      await world.until(() => inside.length === 1);
      assert.deepEqual(inside, [fault]);
    });

    it('close a socket that they get after their end, and ignore one that is closed already', async () => {
      const pair = await new Pair(world).connect();
      const gone = pair.listening.createContext((error) => assert.fail(`${error}`));
      const alive = pair.listening.createContext((error) => assert.fail(`${error}`));
      gone.end();
      gone.adopt(pair.b.socket, pair.b);
      alive.adopt(pair.b.socket, pair.b);
      assert.equal(alive.socketCount, 0);
      await world.until(() => pair.a.lostCode() !== null);
      assert.deepEqual(pair.log, ['a lost ended']);
    });
  });
}
