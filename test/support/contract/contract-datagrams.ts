import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  type DatagramHandler,
  type DatagramOptions,
  type DatagramOutcome,
  type DatagramSocket,
  MAX_DATAGRAM,
  type PeerAddress,
  type RawServer,
  type SocketFailure,
} from '../../../src/net/raw-server.js';
import type { RawServerWorld } from './raw-server-world.js';

/** A world whose RawServers send datagrams of one family. */
export interface DatagramWorld extends RawServerWorld {
  readonly family: 4 | 6;
  /** The address of the RawServer that was created as the `index`-th, from 0. */
  hostOf(index: number): string;
}

/** Writes what happens to a socket into a log. */
class Mailbox implements DatagramHandler {
  readonly log: string[];
  readonly #name: string;
  readonly received: Buffer[] = [];
  readonly senders: PeerAddress[] = [];
  readonly failures: SocketFailure[] = [];
  onDatagram: (socket: DatagramSocket, data: Buffer, from: PeerAddress) => void = () => undefined;

  constructor(name: string, log: string[]) {
    this.#name = name;
    this.log = log;
  }

  datagramCameIn(socket: DatagramSocket, data: Buffer, from: PeerAddress): void {
    this.log.push(`${this.#name} got ${data.length}`);
    this.received.push(Buffer.from(data));
    this.senders.push(from);
    this.onDatagram(socket, data, from);
  }

  sendFailed(_socket: DatagramSocket, to: PeerAddress, failure: SocketFailure): void {
    this.log.push(`${this.#name} failed ${to.host} ${failure.code}`);
    this.failures.push(failure);
  }
}

/** Tests every sentence of the contract of UDP sockets of one family, with the implementation of `createWorld`. */
export function datagramContract(name: string, family: 4 | 6, createWorld: () => DatagramWorld): void {
  describe(`UDP sockets of the ${name}`, () => {
    let world: DatagramWorld;
    let log: string[];
    beforeEach(() => {
      world = createWorld();
      log = [];
    });
    afterEach(() => world.close());

    async function outcomeOf(server: RawServer, options: DatagramOptions, handler: DatagramHandler) {
      let outcome: DatagramOutcome | null = null;
      server.openDatagram(options, handler, (answer) => {
        outcome = answer;
      });
      assert.equal(outcome, null, 'answered within the call');
      await world.until(() => outcome !== null);
      return outcome as unknown as DatagramOutcome;
    }

    async function open(server: RawServer, index: number, mailbox: Mailbox, port = 0): Promise<DatagramSocket> {
      const outcome = await outcomeOf(server, { family: world.family, host: world.hostOf(index), port }, mailbox);
      assert.ok(outcome.ok, JSON.stringify(outcome));
      return outcome.socket;
    }

    /** Two sockets of two loops. */
    async function pair() {
      const servers = [world.create(), world.create()] as const;
      const a = new Mailbox('a', log);
      const b = new Mailbox('b', log);
      return { a, b, servers, left: await open(servers[0], 0, a), right: await open(servers[1], 1, b) };
    }

    it('send whole datagrams, and tell where they came from', async () => {
      const { b, left, right } = await pair();
      assert.ok(left.local.port > 0 && right.local.port > 0);
      const datagrams = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(MAX_DATAGRAM, 0xab)];
      for (const data of datagrams) {
        left.send(data, right.local);
        await world.until(() => b.received.length === datagrams.indexOf(data) + 1);
      }
      assert.deepEqual(b.received, datagrams);
      for (const from of b.senders) assert.deepEqual(from, left.local);
    });

    it('can answer the sender within the event', async () => {
      const { a, b, left, right } = await pair();
      b.onDatagram = (socket, data, from) => socket.send(Buffer.concat([Buffer.from('re: '), data]), from);
      left.send(Buffer.from('hello'), right.local);
      await world.until(() => a.received.length === 1);
      assert.equal(a.received.join(), 're: hello');
      assert.deepEqual(a.senders, [right.local]);
    });

    it('are heard at every address when none is named', async () => {
      const servers = [world.create(), world.create()] as const;
      const [a, b] = [new Mailbox('a', log), new Mailbox('b', log)];
      const outcome = await outcomeOf(servers[0], { family: world.family, port: 0 }, a);
      assert.ok(outcome.ok);
      assert.equal(outcome.socket.local.host, world.family === 4 ? '0.0.0.0' : '::');
      const other = await open(servers[1], 1, b);
      const target = { host: world.hostOf(0), port: outcome.socket.local.port };
      b.onDatagram = (_socket, _data, from) => assert.deepEqual(from, target);
      other.send(Buffer.from('x'), target);
      await world.until(() => a.received.length === 1);
      outcome.socket.send(Buffer.from('y'), other.local);
      await world.until(() => b.received.length === 1);
    });

    it('say that a port is in use, until it is closed', async () => {
      const { servers, left } = await pair();
      const mailbox = new Mailbox('c', log);
      const { family } = world;
      const again = await outcomeOf(servers[0], { family, ...left.local }, mailbox);
      assert.equal(again.ok === false && again.code, 'in-use');
      left.close();
      await world.settle();
      const free = await outcomeOf(servers[0], { family, ...left.local }, mailbox);
      assert.ok(free.ok);
      assert.deepEqual(free.socket.local, left.local);
    });

    if (family === 6) {
      it('leave the same port of IPv4 to others', async () => {
        const server = world.create();
        const mailbox = new Mailbox('a', log);
        const first = await outcomeOf(server, { family: 6, port: 0 }, mailbox);
        assert.ok(first.ok);
        const second = await outcomeOf(server, { family: 4, port: first.socket.local.port }, mailbox);
        assert.ok(second.ok, JSON.stringify(second));
      });
    }

    it('are not opened where they cannot be', async () => {
      const server = world.create();
      const mailbox = new Mailbox('a', log);
      const { family } = world;
      const other = family === 4 ? '::1' : '127.0.0.1';
      for (const options of [
        { family, host: 'tracker.example', port: 0 },
        { family, host: other, port: 0 },
        { family, host: family === 4 ? '203.0.113.9' : '2001:db8::9', port: 0 },
        { family, port: 0, group: world.hostOf(0) },
        { family, port: 0, group: family === 4 ? 'ff15::1' : '239.192.152.143' },
        { family, port: 0, asks: world.hostOf(0) },
        { family, port: 0, asks: family === 4 ? 'ff15::1' : '239.192.152.143' },
      ]) {
        const outcome = await outcomeOf(server, options, mailbox);
        assert.equal(outcome.ok === false && outcome.code, 'failed', JSON.stringify(options));
      }
    });

    it('tell later what cannot be sent, and send the rest', async () => {
      const { a, b, left, right } = await pair();
      const { host, port } = right.local;
      const x = Buffer.from('x');
      left.send(x, { host: 'tracker.example', port });
      left.send(x, { host, port: 0 });
      left.send(x, { host, port: 65_536 });
      left.send(x, { host: world.family === 4 ? '::1' : '127.0.0.1', port });
      left.send(x, { host: world.family === 4 ? '239.192.152.143' : 'ff15::1', port });
      left.send(x, { host: world.family === 4 ? '255.255.255.255' : '::', port });
      left.send(Buffer.alloc(MAX_DATAGRAM + 1), right.local);
      assert.deepEqual(log, []);
      left.send(Buffer.from('good'), right.local);
      await world.until(() => a.failures.length === 7 && b.received.length === 1);
      assert.deepEqual(
        a.failures.map(({ code }) => code),
        ['failed', 'failed', 'failed', 'unreachable', 'forbidden', 'forbidden', 'failed'],
      );
      assert.deepEqual(a.failures.at(-1), { code: 'failed', cause: 'EMSGSIZE' });
      assert.equal(b.received.join(), 'good');
    });

    it('do not tell that a datagram arrived nowhere', async () => {
      const { left, right } = await pair();
      right.close();
      await world.settle();
      left.send(Buffer.from('x'), right.local);
      left.send(Buffer.from('x'), right.local);
      await world.settle();
      assert.deepEqual(log, []);
    });

    it('close in silence, within an event too, and can do nothing afterwards', async () => {
      const { a, b, left, right } = await pair();
      b.onDatagram = (socket) => socket.close();
      for (let count = 0; count < 5; count += 1) left.send(Buffer.from('x'), right.local);
      await world.until(() => b.received.length === 1);
      left.send(Buffer.from('x'), { host: 'nowhere', port: 1 });
      left.close();
      left.close();
      right.send(Buffer.from('x'), left.local);
      left.send(Buffer.from('x'), { host: 'nowhere', port: 1 });
      await world.settle();
      assert.deepEqual(log, ['b got 1']);
      assert.equal(a.failures.length, 0);
    });

    it('do not count towards the limit on sockets', async () => {
      const { servers } = await pair();
      assert.equal(servers[0].socketCount, 0);
    });

    it('belong to a context, which is told of exceptions and closes them', async () => {
      const outside: unknown[] = [];
      const inside: unknown[] = [];
      const server = world.create({ gotException: (error) => outside.push(error) });
      const context = server.createContext((error) => inside.push(error));
      const a = new Mailbox('a', log);
      const socket = await open(context, 0, a);
      const fault = new Error('a bug');
      const broken = (): never => {
        throw fault;
      };
      a.onDatagram = broken;
      a.sendFailed = broken;
      const b = new Mailbox('b', log);
      const sender = await open(world.create(), 1, b);
      sender.send(Buffer.from('x'), socket.local);
      await world.until(() => inside.length === 1);
      socket.send(Buffer.from('x'), { host: 'nowhere', port: 1 });
      await world.until(() => inside.length === 2);
      assert.deepEqual([inside, outside], [[fault, fault], []]);

      log.length = 0;
      socket.send(Buffer.from('x'), { host: 'nowhere', port: 1 });
      context.openDatagram({ family: world.family, port: 0 }, a, () => assert.fail('answered after its end'));
      context.end();
      context.openDatagram({ family: world.family, port: 0 }, a, () => assert.fail('opened after its end'));
      sender.send(Buffer.from('y'), socket.local);
      socket.send(Buffer.from('z'), sender.local);
      await world.settle();
      assert.deepEqual(log, []);
      assert.equal(inside.length, 2);
      const again = await open(server, 0, a, socket.local.port);
      assert.equal(again.local.port, socket.local.port);
    });

    it('send and hear nothing beyond the fence', async () => {
      const loopback = world.family === 4 ? '127.0.0.1' : '::1';
      const bindAddresses = world.family === 4 ? { ipv4: loopback } : { ipv6: loopback };
      const server = world.create({ bindAddresses });
      const a = new Mailbox('a', log);
      const { family } = world;
      const anywhere = family === 4 ? '0.0.0.0' : '::';
      const elsewhere = family === 4 ? ['192.0.2.1', '127.0.0.2'] : ['2001:db8::1', '::2'];
      for (const options of [
        ...elsewhere.map((host) => ({ family, host, port: 0 })),
        { family: family === 4 ? 6 : 4, port: 0 } as const,
        { family, port: 0, group: family === 4 ? '239.192.152.143' : 'ff15::efc0:988f' },
        { family, port: 0, asks: family === 4 ? '239.192.152.143' : 'ff15::efc0:988f' },
      ]) {
        const outcome = await outcomeOf(server, options, a);
        assert.deepEqual(outcome, { ok: false, code: 'forbidden' }, JSON.stringify(options));
      }
      for (const host of [undefined, anywhere, loopback]) {
        const outcome = await outcomeOf(server, { family, port: 0, ...(host === undefined ? {} : { host }) }, a);
        assert.ok(outcome.ok);
        assert.equal(outcome.socket.local.host, loopback);
        const hosts = ['192.0.2.1', '2001:db8::1', '0.0.0.0', '::', '239.192.152.143', '255.255.255.255'];
        for (const to of hosts) outcome.socket.send(Buffer.from('x'), { host: to, port: 9 });
        await world.until(() => a.failures.length === hosts.length);
        assert.deepEqual(
          a.failures.splice(0).map(({ code }) => code),
          hosts.map(() => 'forbidden'),
        );
        outcome.socket.send(Buffer.from('self'), outcome.socket.local);
        await world.until(() => a.received.length === 1);
        assert.deepEqual(a.senders.splice(0), [outcome.socket.local]);
        a.received.length = 0;
      }
    });
  });
}
