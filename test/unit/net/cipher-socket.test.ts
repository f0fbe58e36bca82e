import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { adoptSocket, CipherSocket } from '../../../src/net/cipher-socket.js';
import {
  type PeerAddress,
  SILENT_HANDLER,
  type SingleSocket,
  type SocketHandler,
} from '../../../src/net/raw-server.js';
import { Rc4 } from '../../../src/wire/mse/rc4.js';
import { nodeWorld } from '../../support/contract/node-world.js';
import { Pair as ContractPair } from '../../support/contract/raw-server-world.js';
import { LoggingHandler } from '../../support/fakes/logging-handler.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import type { SimulatedHost } from '../../support/simulation/simulated-host.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { Timeline } from '../../support/simulation/timeline.js';

const HERE: PeerAddress = { host: '10.0.0.1', port: 6881 };
const KiB = 1024;

const keyed = (name: string): Rc4 => new Rc4(Buffer.from(name));

/** A cipher socket around `socket`, as the handshakes make it. */
function around(socket: SingleSocket, side: 'dialler' | 'acceptor', handler: SocketHandler): CipherSocket {
  const [sending, receiving] = side === 'dialler' ? ['one', 'other'] : ['other', 'one'];
  return new CipherSocket(socket, keyed(sending as string), keyed(receiving as string), handler);
}

/** Two hosts of a simulated network with one connection, a cipher socket at each end. */
class Pair {
  readonly timeline = new Timeline();
  readonly log: string[] = [];
  readonly dialling = new LoggingHandler('dialler', this.log);
  readonly accepting = new LoggingHandler('acceptor', this.log);
  readonly hosts: readonly [SimulatedHost, SimulatedHost];
  readonly dialler: CipherSocket;
  readonly acceptor: CipherSocket;
  /** What went over the wire to the acceptor. */
  readonly wire: Buffer[] = [];

  constructor() {
    const network = new SimulatedNetwork(this.timeline, seededRandom(1));
    const hosts = [network.host(HERE.host), network.host('10.0.0.2')] as const;
    this.hosts = hosts;
    let accepted: CipherSocket | null = null;
    let dialled: CipherSocket | null = null;
    for (const handler of [this.dialling, this.accepting]) handler.logsTraffic = false;
    const acceptsConnection = (): boolean => true;
    const externalConnectionMade = (socket: SingleSocket): SocketHandler => {
      const cipher = around(socket, 'acceptor', this.accepting);
      accepted = cipher;
      return {
        ...SILENT_HANDLER,
        dataCameIn: (inner, data) => {
          this.wire.push(Buffer.from(data));
          cipher.dataCameIn(inner, data);
        },
        connectionFlushed: (inner) => cipher.connectionFlushed(inner),
        connectionLost: (inner, failure) => cipher.connectionLost(inner, failure),
      };
    };
    hosts[0].listen(HERE, { acceptsConnection, externalConnectionMade }, () => undefined);
    this.timeline.run(1);
    const context = hosts[1].createContext((error) => assert.fail(`${error}`));
    context.startConnection(HERE, {
      ...SILENT_HANDLER,
      connectionMade: (inner) => {
        dialled = around(inner, 'dialler', this.dialling);
        context.adopt(inner, dialled);
      },
    });
    this.timeline.run(100);
    this.dialler = dialled ?? assert.fail('not connected');
    this.acceptor = accepted ?? assert.fail('not accepted');
  }
}

test('what one end writes arrives at the other, for all lengths and chunks, and no chunk is changed by it', () => {
  const random = seededRandom(2);
  const pair = new Pair();
  const said: [Buffer[], Buffer[]] = [[], []];
  for (const length of [0, 1, 17, 2 * KiB, 2 * KiB + 1, 64 * KiB, 64 * KiB + 1, 128 * KiB, 300 * KiB]) {
    for (const most of [16 * KiB + 13, 300 * KiB]) {
      for (const [end, socket] of [pair.dialler, pair.acceptor].entries()) {
        const chunks: Buffer[] = [];
        for (let left = length; left > 0; ) {
          // An empty chunk now and then.
          const chunk = random.bytes(Math.min(left, random.below(most)));
          chunks.push(chunk);
          left -= chunk.length;
        }
        const copies = chunks.map((chunk) => Buffer.from(chunk));
        socket.write(chunks);
        assert.deepEqual(chunks, copies);
        said[end as 0 | 1].push(...copies);
        if (random.below(2) === 0) pair.timeline.run(5);
      }
    }
  }
  pair.timeline.run(60_000);
  const [fromDialler, fromAcceptor] = said.map((chunks) => Buffer.concat(chunks));
  assert.ok(Buffer.concat(pair.accepting.received).equals(fromDialler as Buffer));
  assert.ok(Buffer.concat(pair.dialling.received).equals(fromAcceptor as Buffer));
  assert.deepEqual([pair.dialler.unsentLength, pair.dialler.isFlushed()], [0, true]);
  assert.ok(pair.dialling.flushedCount > 0 && pair.accepting.flushedCount > 0);
  assert.deepEqual(pair.log, []);
  const wire = Buffer.concat(pair.wire);
  assert.equal(wire.length, fromDialler?.length);
  assert.ok(wire.equals(keyed('one').copy(fromDialler as Buffer)));
});

test('over sockets of the system too, while the memory for what is sent is used again and again', async () => {
  const world = nodeWorld(() => ({ host: '127.0.0.1', port: 0 }));
  try {
    const random = seededRandom(3);
    const { a, b, dialler, listening } = await new ContractPair(world).connect();
    const log: string[] = [];
    const [one, other] = [new LoggingHandler('one', log), new LoggingHandler('other', log)];
    for (const handler of [one, other]) handler.logsTraffic = false;
    const ends = [around(a.socket, 'dialler', one), around(b.socket, 'acceptor', other)] as const;
    for (const [end, rawServer] of [dialler, listening].entries()) {
      const context = rawServer.createContext((error) => assert.fail(`${error}`));
      context.adopt(end === 0 ? a.socket : b.socket, ends[end as 0 | 1]);
    }
    const said: [Buffer[], Buffer[]] = [[], []];
    const block = random.bytes(300 * KiB);
    for (let round = 0; round < 120; round += 1) {
      for (const [end, socket] of ends.entries()) {
        const begin = random.below(block.length);
        const chunks = [block.subarray(begin), block.subarray(0, random.below(begin + 1))];
        socket.write(chunks);
        said[end as 0 | 1].push(...chunks);
      }
      if (random.below(3) === 0) await world.until(() => ends.every((socket) => socket.isFlushed()));
    }
    const [fromOne, fromOther] = said.map((chunks) => Buffer.concat(chunks)) as [Buffer, Buffer];
    const lengthAt = ({ received }: LoggingHandler): number => received.reduce((sum, { length }) => sum + length, 0);
    await world.until(() => lengthAt(other) >= fromOne.length && lengthAt(one) >= fromOther.length);
    assert.ok(Buffer.concat(other.received).equals(fromOne));
    assert.ok(Buffer.concat(one.received).equals(fromOther));
    assert.ok(block.equals(seededRandom(3).bytes(block.length)), 'shared bytes stay as they are');
  } finally {
    world.close();
  }
});

describe('a cipher socket', () => {
  it('hands in nothing while it is paused, and goes on where it stopped', () => {
    const pair = new Pair();
    pair.acceptor.pauseReading();
    pair.dialler.write([Buffer.from('one'), Buffer.from('two')]);
    pair.timeline.run(1_000);
    assert.equal(pair.accepting.text, '');
    pair.acceptor.resumeReading();
    pair.dialler.write([Buffer.from('three')]);
    pair.timeline.run(1_000);
    assert.equal(pair.accepting.text, 'onetwothree');
  });

  it('says what is queued before it ends, and the other end hears of the end', () => {
    const pair = new Pair();
    const content = Buffer.alloc(200 * KiB, 'x');
    pair.dialler.write([content]);
    pair.dialler.end();
    pair.timeline.run(10_000);
    assert.ok(Buffer.concat(pair.accepting.received).equals(content));
    assert.ok(pair.log.includes('acceptor lost ended'));
    assert.deepEqual(
      pair.hosts.map((host) => host.socketCount),
      [0, 0],
    );
  });

  it('that is closed hears nothing more, and the other end hears of it', () => {
    const pair = new Pair();
    pair.dialler.write([Buffer.alloc(100 * KiB)]);
    pair.dialler.close();
    pair.dialler.close();
    pair.dialler.write([Buffer.from('late')]);
    pair.acceptor.write([Buffer.from('into the void')]);
    pair.timeline.run(10_000);
    assert.equal(pair.log.length, 1);
    assert.match(pair.log[0] as string, /^acceptor lost (ended|reset)$/);
    assert.deepEqual(pair.dialling.received, []);
  });

  it('passes on that the connection is lost, once', () => {
    const pair = new Pair();
    pair.dialler.write([Buffer.alloc(100 * KiB)]);
    pair.hosts[1].breakConnections();
    pair.timeline.run(1_000);
    assert.deepEqual(pair.log.sort(), ['acceptor lost reset', 'dialler lost reset']);
  });

  it('names itself in each event, and says of itself what the socket within says', () => {
    const pair = new Pair();
    const seen = new Set<SingleSocket>();
    pair.accepting.onData = (socket) => seen.add(socket);
    pair.dialler.write([Buffer.from('hello')]);
    pair.timeline.run(100);
    assert.deepEqual([...seen], [pair.acceptor]);
    assert.deepEqual([pair.dialler.remote, pair.dialler.locallyInitiated], [HERE, true]);
    assert.equal(pair.acceptor.locallyInitiated, false);
    assert.ok(pair.acceptor.lastHit > pair.dialler.lastHit);
  });

  it('that a context adopts belongs to it: its own handler hears on, and the end of the context is its end', () => {
    const pair = new Pair();
    pair.dialler.write([Buffer.from('before ')]);
    pair.timeline.run(100);
    const errors: unknown[] = [];
    const context = pair.hosts[0].createContext((error) => errors.push(error));
    const own = new LoggingHandler('own', pair.log);
    own.logsTraffic = false;
    own.onData = (socket) => {
      assert.equal(socket, pair.acceptor);
      if (own.text.includes('bad')) throw new Error('of this torrent alone');
    };
    adoptSocket(context, pair.acceptor, own);
    pair.dialler.write([Buffer.from('after')]);
    pair.timeline.run(100);
    assert.deepEqual([pair.accepting.text, own.text, errors], ['before ', 'after', []]);
    pair.dialler.write([Buffer.from('bad')]);
    pair.timeline.run(100);
    assert.equal(errors.length, 1);
    context.end();
    pair.timeline.run(100);
    assert.deepEqual([pair.hosts[0].socketCount, pair.log], [0, ['dialler lost ended']]);
  });
});

const NOTHING = (): void => undefined;

/** A socket whose kernel takes what was written when the test says so. */
class HeldSocket implements SingleSocket {
  readonly pauseReading = NOTHING;
  readonly resumeReading = NOTHING;
  readonly end = NOTHING;
  readonly close = NOTHING;
  readonly remote = HERE;
  readonly locallyInitiated = true;
  readonly lastHit = 0;
  readonly unsentLength = 0;
  /** The chunks themselves: the kernel reads from them until it has taken them. */
  readonly queue: Buffer[] = [];

  write(chunks: readonly Buffer[]): void {
    this.queue.push(...chunks);
  }

  isFlushed(): boolean {
    return this.queue.length === 0;
  }
}

/** Whether any memory of `chunks` is memory of `others`. */
function share(chunks: readonly Buffer[], others: readonly Buffer[]): boolean {
  const memory = new Set(others.map(({ buffer }) => buffer));
  return chunks.some(({ buffer }) => memory.has(buffer));
}

describe('the memory for what is sent', () => {
  const content = Buffer.alloc(100 * KiB, 7);
  const open = (): { held: HeldSocket; cipher: CipherSocket } => {
    const held = new HeldSocket();
    return { held, cipher: around(held, 'dialler', SILENT_HANDLER) };
  };

  it('is not used again before the kernel has taken everything, and is used again after that', () => {
    const [one, other] = [open(), open()];
    one.cipher.write([content]);
    one.cipher.write([content]);
    const expected = keyed('one').copy(Buffer.concat([content, content]));
    for (let round = 0; round < 10; round += 1) {
      const before = other.held.queue.length;
      other.cipher.write([content]);
      assert.ok(!share(other.held.queue.slice(before), [...one.held.queue, ...other.held.queue.slice(0, before)]));
    }
    assert.ok(Buffer.concat(one.held.queue).equals(expected));
    const taken = one.held.queue.splice(0);
    one.cipher.connectionFlushed(one.held);
    const before = other.held.queue.length;
    other.cipher.write([content]);
    assert.ok(share(other.held.queue.slice(before), taken));
  });

  it('of a socket that was closed or lost is not used again: the kernel may still read from it', () => {
    for (const ends of [
      ({ cipher }: ReturnType<typeof open>) => cipher.close(),
      ({ cipher, held }: ReturnType<typeof open>) => cipher.connectionLost(held, { code: 'reset' }),
    ]) {
      const [one, other] = [open(), open()];
      one.cipher.write([content]);
      ends(one);
      one.cipher.connectionFlushed(one.held);
      other.cipher.write([content]);
      assert.ok(!share(other.held.queue, one.held.queue));
    }
  });

  it('of many sockets is kept in part only', () => {
    const all = Array.from({ length: 100 }, open);
    for (const { cipher } of all) cipher.write([content]);
    const taken = all.flatMap(({ held }) => held.queue.splice(0));
    for (const { cipher, held } of all) cipher.connectionFlushed(held);
    for (const { cipher } of all) cipher.write([content]);
    const memory = new Set(taken.map(({ buffer }) => buffer));
    const again = all.flatMap(({ held }) => held.queue).filter(({ buffer }) => memory.has(buffer));
    assert.equal(again.length, 64);
  });
});
