import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ListenOutcome, RawServer, SingleSocket } from '../../../src/net/raw-server.js';
import type { Taker } from '../../../src/session/incoming-handshake.js';
import {
  DEFAULT_PORT_LISTENER_OPTIONS,
  PortListener,
  type PortListenerOptions,
} from '../../../src/session/port-listener.js';
import type { Incoming } from '../../../src/swarm/connections/connection.js';
import { encodeHandshake } from '../../../src/wire/handshake.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import { FakePeer } from '../../support/fakes/fake-peer.js';
import type { FakeTalk } from '../../support/fakes/fake-talk.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { splits } from '../../support/splits.js';
import { at, EncoderWorld, INFO_HASH, idOf, PORT } from '../../support/worlds/encoder-world.js';

const A = '10.0.0.1';
const B = '10.0.0.2';
const OTHER_HASH = Buffer.alloc(20, 'o');

/** Takes a connection, and notes the bytes that came with it and after it. */
class NotingTaker implements Taker {
  readonly #rawServer: RawServer;
  readonly taken: { host: string; at: number; reserved: string }[] = [];
  received = Buffer.alloc(0);

  constructor(rawServer: RawServer) {
    this.#rawServer = rawServer;
  }

  externalConnectionMade(socket: SingleSocket, incoming: Incoming): void {
    this.taken.push({
      host: incoming.address.host,
      at: incoming.acceptedAt,
      reserved: incoming.reserved.toString('hex'),
    });
    this.#note(incoming.rest);
    const context = this.#rawServer.createContext((error) => assert.fail(`${error}`));
    context.adopt(socket, {
      connectionMade: () => undefined,
      dataCameIn: (_socket, data) => this.#note(data),
      connectionFlushed: () => undefined,
      connectionLost: () => undefined,
    });
  }

  #note(data: Buffer): void {
    this.received = Buffer.concat([this.received, data]);
  }
}

class World extends EncoderWorld {
  readonly taker = new NotingTaker(this.host(A));

  listener(options: Partial<PortListenerOptions> = {}): PortListener {
    const rawServer = this.host(A);
    const listener = new PortListener({
      rawServer,
      encoderFor: (infoHash) => (infoHash.equals(INFO_HASH) ? this.taker : undefined),
      encryption: null,
      options: { ...DEFAULT_PORT_LISTENER_OPTIONS, ...options },
    });
    listener.listen({ first: PORT, last: PORT }, null, (outcome) => assert.equal(outcome.ok, true));
    this.run(0);
    return listener;
  }

  dialFrom(host: string): FakeTalk {
    const talk = new FakePeer(this.host(host), { infoHash: INFO_HASH, peerId: idOf('b') }).dial(at(A));
    this.run(100);
    return talk;
  }
}

describe('the listening socket of all torrents', () => {
  it('hands a connection over once its info-hash is known, with every byte that came after it', () => {
    const behind = Buffer.from('peer id, and whatever follows it, up to the last byte');
    const head = encodeHandshake(INFO_HASH, idOf('b'), encodeReserved(['extended'])).subarray(0, 48);
    for (const parts of splits(Buffer.concat([head, behind]), seededRandom(4))) {
      const world = new World();
      const listener = world.listener();
      const talk = world.dialFrom(B);
      for (const part of parts) {
        talk.say(part);
        world.run(1);
      }
      world.run(100);
      assert.deepEqual(world.taker.taken, [{ host: B, at: 10, reserved: '0000000000100000' }]);
      assert.equal(world.taker.received.toString(), behind.toString());
      assert.equal(listener.unfinishedCount, 0);
      assert.deepEqual([...listener.refusals], []);
    }
  });

  it('refuses an unknown info-hash, and a peer that does not speak BitTorrent', () => {
    for (const [stream, why] of [
      [encodeHandshake(OTHER_HASH, idOf('b'), encodeReserved([])), 'unknown-info-hash'],
      [Buffer.from('GET /announce HTTP/1.1\r\nHost: x\r\n\r\n'), 'not-bittorrent'],
      [Buffer.from('\x13BitTorrent Protocol--------', 'latin1'), 'not-bittorrent'],
      [Buffer.alloc(100), 'not-bittorrent'],
    ] as const) {
      for (const parts of splits(stream, seededRandom(5))) {
        const world = new World();
        const listener = world.listener();
        const talk = world.dialFrom(B);
        for (const part of parts) {
          talk.say(part);
          world.run(1);
        }
        world.run(100);
        assert.deepEqual([...listener.refusals], [[why, 1]]);
        assert.deepEqual([talk.lost, talk.bytes.length], [true, 0], 'it hears nothing from us');
        assert.equal(listener.unfinishedCount, 0);
      }
    }
  });

  it('ends a connection that has not named its torrent after 30 seconds, even when bytes trickle in', () => {
    const world = new World(0);
    const listener = world.listener();
    const silent = world.dialFrom(B);
    const slow = world.dialFrom(B);
    slow.drip(slow.handshake(), 9_000);
    const at = (moment: number): readonly unknown[] => {
      world.run(moment - world.timeline.now());
      return [...listener.refusals, silent.lost, slow.lost, listener.unfinishedCount];
    };
    assert.deepEqual(at(29_999), [false, false, 2]);
    assert.deepEqual(at(30_000), [['handshake-timeout', 1], true, false, 1]);
    assert.deepEqual(at(30_099), [['handshake-timeout', 1], true, false, 1]);
    assert.deepEqual(at(30_100), [['handshake-timeout', 2], true, true, 0]);
    assert.deepEqual(at(400_000), [['handshake-timeout', 2], true, true, 0]);
  });

  it('forgets a connection that is lost before it has named its torrent', () => {
    const world = new World();
    const listener = world.listener();
    const talk = world.dialFrom(B);
    talk.say(talk.handshake().subarray(0, 30));
    world.run(100);
    assert.equal(listener.unfinishedCount, 1);
    talk.hangUp();
    world.run(100);
    assert.equal(listener.unfinishedCount, 0);
    assert.deepEqual([...listener.refusals], []);
  });

  it('keeps a bounded number of silent connections, and still lets an honest peer through', () => {
    const world = new World();
    const listener = world.listener({ maxUnfinished: 50, maxUnfinishedPerHost: 4 });
    let most = 0;
    for (let knock = 0; knock < 2_000; knock += 1) {
      new FakePeer(world.host(`10.0.9.${knock % 250}`), { infoHash: INFO_HASH, peerId: idOf('x') }).dial(at(A));
      if (knock % 100 === 0) world.run(50);
      most = Math.max(most, listener.unfinishedCount);
    }
    const honest = new FakePeer(world.host(B), { infoHash: INFO_HASH, peerId: idOf('b') }).dial(at(A));
    honest.sayHandshake();
    world.run(100);
    assert.equal(most, 50);
    assert.deepEqual(
      world.taker.taken.map(({ host }) => host),
      [B],
    );
    world.run(60_000);
    assert.equal(listener.unfinishedCount, 0);
  });

  it('keeps a bounded number of silent connections of one host', () => {
    const world = new World();
    const listener = world.listener({ maxUnfinishedPerHost: 2 });
    const talks = [B, B, B, '10.0.0.3'].map((host) => world.dialFrom(host));
    assert.deepEqual(
      talks.map(({ lost }) => lost),
      [false, false, true, false],
    );
    talks[0]?.sayHandshake();
    world.run(100);
    assert.deepEqual([world.dialFrom(B).lost, world.dialFrom(B).lost], [false, true]);
    assert.deepEqual([...listener.refusals], [['table-full', 2]]);
  });

  it('counts a /64 of IPv6 as one host', () => {
    const world = new EncoderWorld();
    const here = at('2001:db8:9::1');
    const { listener } = world.client(here.host, 'a');
    for (let number = 1; number <= 18; number += 1) {
      world.fake(`2001:db8:${number < 18 ? 1 : 2}::${number}`, 'b').dial(here);
    }
    world.run(1_000);
    assert.deepEqual([listener.unfinishedCount, ...listener.refusals], [17, ['table-full', 1]]);
  });

  it('listens on the first free port of the range, and reports when there is none', () => {
    const world = new EncoderWorld();
    const outcomes: ListenOutcome[] = [];
    for (let count = 0; count < 4; count += 1) {
      const listener = new PortListener({
        rawServer: world.host(A),
        encoderFor: () => undefined,
        encryption: null,
        options: DEFAULT_PORT_LISTENER_OPTIONS,
      });
      listener.listen({ first: 6881, last: 6883 }, null, (outcome) => outcomes.push(outcome));
      world.run(100);
    }
    assert.deepEqual(
      outcomes.map((outcome) =>
        outcome.ok ? 'port' in outcome.listener.address && outcome.listener.address.port : outcome.code,
      ),
      [6881, 6882, 6883, 'in-use'],
    );
  });

  it('ends unfinished handshakes when it is closed, and accepts no connection after that', () => {
    const world = new World();
    const listener = world.listener();
    const talk = world.dialFrom(B);
    listener.close();
    world.run(100);
    const late = world.dialFrom(B);
    world.run(100);
    assert.deepEqual([talk.lost, late.lost, listener.unfinishedCount], [true, true, 0]);
    assert.deepEqual([...listener.refusals], [['shutting-down', 1]]);
  });

  it('when the port opens only after it was closed, closes the port at once', () => {
    const world = new EncoderWorld();
    const listener = new PortListener({
      rawServer: world.host(A),
      encoderFor: () => undefined,
      encryption: null,
      options: DEFAULT_PORT_LISTENER_OPTIONS,
    });
    listener.listen({ first: PORT, last: PORT }, null, () => undefined);
    listener.close();
    world.run(100);
    const talk = new FakePeer(world.host(B), { infoHash: INFO_HASH, peerId: idOf('b') }).dial(at(A));
    world.run(100);
    assert.deepEqual(talk.log, ['lost: refused']);
  });
});
