import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CipherSocket } from '../../../../src/net/cipher-socket.js';
import type {
  Listener,
  PeerAddress,
  SingleSocket,
  SocketFailure,
  SocketHandler,
} from '../../../../src/net/raw-server.js';
import { DialWays } from '../../../../src/swarm/connections/dial-ways.js';
import { HalfOpen } from '../../../../src/swarm/connections/half-open.js';
import {
  type DialTry,
  type DialWay,
  PeerDial,
  type PeerDialOwner,
} from '../../../../src/swarm/connections/peer-dial.js';
import { encodeHandshake } from '../../../../src/wire/handshake.js';
import { acceptedCipher, CRYPTO, type CryptoMethod, VC } from '../../../../src/wire/mse/mse-keys.js';
import type { Refusal } from '../../../../src/wire/refusal.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../../support/simulation/simulated-network.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { at, EncoderWorld, idOf, USER } from '../../../support/worlds/encoder-world.js';
import { accepting, type MseSide, makeKeyPair, SKEY } from '../../../support/worlds/mse-pair.js';

const PEER: PeerAddress = { host: '10.0.0.2', port: 6881 };
const HANDSHAKE = encodeHandshake(SKEY, idOf('a'), Buffer.alloc(8));
const ANSWER = encodeHandshake(SKEY, idOf('b'), Buffer.alloc(8));
const DEADLINE = 5_000;
const LATENCY = 10;
const ROUND_TRIP = 2 * LATENCY;
const EITHER: DialWay = { provide: 3 };
const RC4: DialWay = { provide: CRYPTO.rc4 };
const PLAINTEXT: DialWay = { provide: CRYPTO.plaintext };

/** What the peer does with one connection when bytes have come; `side` is that of an accepting peer. */
interface Accepted {
  readonly socket: SingleSocket;
  readonly side: MseSide;
  /** Everything that came over this connection. */
  bytes: Buffer;
}
type Act = (accepted: Accepted) => void;

const answersPlain: Act = ({ socket, bytes }) => {
  if (bytes.length === HANDSHAKE.length) socket.write([ANSWER]);
};
const hangsUp: Act = ({ socket, bytes }) => {
  if (bytes.length >= HANDSHAKE.length) socket.close();
};
const isSilent: Act = () => undefined;
const saysZeros: Act = ({ socket, bytes }) => {
  if (bytes.length >= 96) socket.write([Buffer.alloc(96)]);
};
/** Its padding has no end. */
const saysNoConstant: Act = ({ socket, side }) => {
  if (side.sent.length === 1) socket.write([...side.sent.splice(0), Buffer.alloc(1_200, 1)]);
};
/** Answers as it should, with the handshake behind it. */
const agrees: Act = ({ socket, side }) => {
  for (const bytes of side.sent.splice(0)) socket.write([Buffer.from(bytes)]);
  const { agreement } = side;
  if (agreement === null) return;
  socket.write([agreement.method === CRYPTO.rc4 ? agreement.sending.copy(ANSWER) : ANSWER]);
};

/** A host that dials, and a peer that does with the first connection what the first act says, and so on. */
class World implements PeerDialOwner {
  readonly timeline = new Timeline();
  readonly log: string[] = [];
  readonly accepted: Accepted[] = [];
  readonly worked: DialWay[] = [];
  /** Sockets that were opened. */
  dials = 0;
  /** What came in at the owner. */
  heard = Buffer.alloc(0);
  socket: SingleSocket;
  /** What the owner does when its dial is through. */
  whenMade: () => void = () => undefined;
  readonly dial: PeerDial;
  readonly #network = new SimulatedNetwork(this.timeline, seededRandom(1), LATENCY);
  readonly #host = this.#network.host('10.0.0.1', { timeout: 1e12 });
  readonly #peer = this.#network.host(PEER.host, { timeout: 1e12 });
  readonly #idleTasks: number;
  #listener: Listener | null = null;

  constructor(ways: readonly DialWay[], acts: readonly Act[], select: CryptoMethod = CRYPTO.rc4) {
    const externalConnectionMade = (socket: SingleSocket): SocketHandler => {
      const act = acts[this.accepted.length] ?? assert.fail('one dial too many');
      const side = accepting(seededRandom(this.accepted.length), { select: () => select });
      const accepted: Accepted = { socket, side, bytes: Buffer.alloc(0) };
      this.accepted.push(accepted);
      return {
        connectionMade: () => undefined,
        connectionFlushed: () => undefined,
        connectionLost: () => undefined,
        dataCameIn: (_socket, data) => {
          accepted.bytes = Buffer.concat([accepted.bytes, data]);
          if (accepted.bytes.indexOf('\x13BitTorrent') !== 0) accepted.side.dataCameIn(data);
          act(accepted);
        },
      };
    };
    if (acts.length > 0)
      this.#peer.listen(PEER, { acceptsConnection: () => true, externalConnectionMade }, (outcome) => {
        this.#listener = outcome.ok ? outcome.listener : null;
      });
    this.timeline.run(0);
    this.#idleTasks = this.timeline.pending;
    const context = this.#host.createContext((error) => {
      throw error;
    });
    const start = context.startConnection.bind(context);
    context.startConnection = (address, handler) => {
      this.dials += 1;
      return start(address, handler);
    };
    const greeting = { infoHash: SKEY, bytes: HANDSHAKE };
    this.dial = new PeerDial(
      {
        rawServer: context,
        random: seededRandom(7),
        makeKeyPair,
        address: PEER,
        tries: ways.map((way) => ({ way, greeting })) as [DialTry, ...DialTry[]],
        handshakeLimit: DEADLINE,
        worked: (way) => this.worked.push(way),
      },
      this,
    );
    this.socket = this.dial;
  }

  run(span: number): void {
    this.timeline.run(span);
  }

  /** Breaks every connection of the dialling side. */
  breakConnections(): void {
    this.#host.breakConnections();
  }

  /** Nobody listens at the peer any more. */
  stopListening(): void {
    this.#listener?.close();
  }

  /** Sockets of the dialling side, and tasks that nobody has cancelled. */
  get left(): readonly [number, number] {
    this.run(1_000);
    return [this.#host.socketCount, this.timeline.pending - this.#idleTasks];
  }

  connectionMade(socket: SingleSocket): void {
    assert.equal(socket, this.dial);
    this.log.push(`made ${this.timeline.now()}`);
    this.whenMade();
  }

  dialled(socket: SingleSocket): void {
    this.log.push(socket instanceof CipherSocket ? 'dialled encrypted' : 'dialled plain');
    assert.notEqual(socket, this.dial);
    this.socket = socket;
  }

  dataCameIn(socket: SingleSocket, data: Buffer): void {
    assert.equal(socket, this.socket);
    this.heard = Buffer.concat([this.heard, data]);
  }

  connectionFlushed(): void {
    // How often is not of these tests.
  }

  connectionLost(socket: SingleSocket, { code }: SocketFailure): void {
    assert.equal(socket, this.socket);
    this.log.push(`lost ${code}`);
  }

  refuse(reason: Refusal): void {
    this.log.push(`refused ${reason.code === 'malformed-encryption' ? reason.what : reason.code}`);
  }
}

const MADE = `made ${ROUND_TRIP}`;

/** Nothing of one try stands in the other, in plain or as a key. */
function assertNothingShared(one: Buffer, other: Buffer): void {
  for (let begin = 0; begin + 8 <= one.length; begin += 1)
    assert.equal(other.indexOf(one.subarray(begin, begin + 8)), -1, `byte ${begin}`);
}

describe('a dial by several ways', () => {
  it('leaves the plain socket to its owner when the peer answers in plain', () => {
    const world = new World(['plain', EITHER], [answersPlain]);
    world.run(1_000);
    assert.deepEqual([world.log, world.worked], [[MADE, 'dialled plain'], ['plain']]);
    assert.deepEqual([world.heard, world.accepted[0]?.bytes], [ANSWER, HANDSHAKE]);
    world.accepted[0]?.socket.close();
    assert.deepEqual(world.left, [0, 0]);
    assert.deepEqual(world.log.slice(2), ['lost ended']);
    assert.equal(world.accepted.length, 1, 'no other way is tried after an answer');
  });

  it('puts a cipher around the socket when both agree on RC4, and nothing when they agree on plaintext', () => {
    for (const [method, word] of [
      [CRYPTO.rc4, 'encrypted'],
      [CRYPTO.plaintext, 'plain'],
    ] as const) {
      const world = new World([EITHER, 'plain'], [agrees], method);
      world.run(1_000);
      assert.deepEqual([world.log, world.worked], [[MADE, `dialled ${word}`], [EITHER]]);
      assert.deepEqual(world.heard, ANSWER);
      const [accepted] = world.accepted;
      assert.deepEqual(accepted?.side.first, HANDSHAKE);
      world.socket.write([Buffer.from('first message')]);
      world.run(DEADLINE);
      const rest = accepted?.side.rest as Buffer;
      const said = method === CRYPTO.rc4 ? accepted?.side.agreement?.receiving.copy(rest) : rest;
      assert.equal(said?.toString(), 'first message');
      world.socket.close();
      assert.deepEqual(world.left, [0, 0]);
      assert.equal(world.log.length, 2);
    }
  });

  it('takes the answer byte by byte', () => {
    const drips: Act = ({ socket, side, bytes }) => {
      const said: Buffer[] = [];
      const real = { write: (chunks: readonly Buffer[]) => void said.push(...chunks) } as unknown as SingleSocket;
      agrees({ socket: real, side, bytes });
      for (const byte of Buffer.concat(said)) socket.write([Buffer.of(byte)]);
    };
    const world = new World([RC4], [drips]);
    world.run(1_000);
    assert.deepEqual([world.log, world.heard], [[MADE, 'dialled encrypted'], ANSWER]);
  });

  it('tries the ways in order when the peer hangs up, and says that it is connected once', () => {
    const world = new World([RC4, 'plain', EITHER], [hangsUp, hangsUp, agrees]);
    world.run(1_000);
    assert.deepEqual(world.log, [MADE, 'dialled encrypted']);
    assert.deepEqual(world.worked, [EITHER]);
    const [first, second, third] = world.accepted.map(({ bytes }) => bytes) as [Buffer, Buffer, Buffer];
    assert.deepEqual(second, HANDSHAKE);
    assert.equal(first.length >= 96 && third.length >= 96, true);
    assertNothingShared(first, third);
    assertNothingShared(second, third);
    assertNothingShared(first, second);
  });

  it('tries the next way when the peer breaks the rules of the handshake', () => {
    for (const act of [saysZeros, saysNoConstant]) {
      const world = new World([EITHER, 'plain'], [act, answersPlain]);
      world.run(1_000);
      assert.deepEqual([world.log, world.worked, world.heard], [[MADE, 'dialled plain'], ['plain'], ANSWER]);
      assert.deepEqual(world.accepted[1]?.bytes, HANDSHAKE);
    }
  });

  it('tries the next way when the peer has not finished the handshake by the deadline, and not before', () => {
    const world = new World([EITHER, 'plain'], [isSilent, answersPlain]);
    world.run(ROUND_TRIP + DEADLINE - 1);
    assert.equal(world.accepted.length, 1);
    world.run(1 + LATENCY);
    assert.equal(world.accepted.length, 2);
    world.run(1_000);
    assert.deepEqual([world.log, world.heard], [[MADE, 'dialled plain'], ANSWER]);
  });

  it('gives each encrypted try a deadline of its own', () => {
    const world = new World([RC4, EITHER], [isSilent, isSilent]);
    world.run(ROUND_TRIP + DEADLINE + ROUND_TRIP + DEADLINE - 1);
    assert.deepEqual(world.log, [MADE]);
    world.run(1);
    assert.deepEqual(
      [world.log, world.left],
      [
        [MADE, 'refused handshake-timeout'],
        [0, 0],
      ],
    );
  });

  it('leaves a peer that is silent in plain to the deadlines of its owner', () => {
    const world = new World(['plain', EITHER], [isSilent]);
    world.run(100_000);
    assert.deepEqual([world.log, world.accepted.length], [[MADE], 1]);
  });

  it('tries no other way when nobody listens', () => {
    const world = new World([RC4, 'plain'], []);
    world.run(1_000);
    assert.deepEqual([world.log, world.dials, world.left], [['lost refused'], 1, [0, 0]]);
  });

  it('tries no other way when the connection breaks before it is made', () => {
    const world = new World([RC4, 'plain'], [answersPlain, answersPlain]);
    world.run(ROUND_TRIP - 1);
    world.breakConnections();
    world.run(1_000);
    assert.deepEqual([world.log, world.dials, world.left], [['lost reset'], 1, [0, 0]]);
  });

  it('tells its owner of the loss when the peer is gone before the second try', () => {
    const stopped: World[] = [];
    const act: Act = ({ socket }) => {
      socket.close();
      stopped[0]?.stopListening();
    };
    const world = new World([RC4, 'plain', EITHER], [act]);
    stopped.push(world);
    world.run(1_000);
    assert.deepEqual([world.log, world.dials, world.left], [[MADE, 'lost refused'], 2, [0, 0]]);
  });

  it('tells of the last refusal or the last loss, once', () => {
    for (const [ways, acts, last] of [
      [[RC4, EITHER], [hangsUp, hangsUp], /^lost (ended|reset)$/],
      [['plain', RC4], [hangsUp, saysZeros], /^refused public-key$/],
      [[RC4, EITHER], [saysNoConstant, saysNoConstant], /^refused no-sync$/],
      [[RC4], [isSilent], /^refused handshake-timeout$/],
      [[RC4, 'plain'], [isSilent, hangsUp], /^lost (ended|reset)$/],
    ] as const) {
      const world = new World(ways, acts);
      world.run(30_000);
      const [made, ended, ...more] = world.log;
      assert.match(ended ?? '', last);
      assert.deepEqual([made, more, world.worked, world.left], [MADE, [], [], [0, 0]]);
    }
  });

  it('refuses a method that it has not offered', () => {
    const forges: Act = ({ socket, bytes, side }) => {
      if (side.sent.length !== 1 || bytes.length < 96) return;
      side.sent.splice(0);
      const own = makeKeyPair(Buffer.alloc(20, 3));
      const secret = own.secretWith(bytes.subarray(0, 96));
      const answer = Buffer.concat([VC, Buffer.of(0, 0, 0, CRYPTO.rc4, 0, 0)]);
      socket.write([own.publicKey, acceptedCipher(secret, SKEY).copy(answer)]);
    };
    const world = new World([PLAINTEXT], [forges]);
    world.run(1_000);
    assert.deepEqual(world.log, [MADE, 'refused method']);
  });

  it('that is closed leaves no socket and no task, and tells nothing more, whenever that is', () => {
    const runs: readonly (readonly [readonly DialWay[], readonly Act[]])[] = [
      [
        [RC4, 'plain'],
        [hangsUp, answersPlain],
      ],
      [
        [RC4, EITHER, 'plain'],
        [saysZeros, saysNoConstant, answersPlain],
      ],
      [
        ['plain', EITHER],
        [hangsUp, agrees],
      ],
      [[EITHER], [isSilent]],
    ];
    for (const [ways, acts] of runs) {
      for (let moment = 0; moment <= 200; moment += 5) {
        const world = new World(ways, acts);
        world.run(moment);
        world.socket.close();
        world.socket.close();
        const said = world.log.length;
        const accepted = world.accepted.length;
        assert.deepEqual(world.left, [0, 0], `closed after ${moment} ms`);
        world.run(20_000);
        assert.deepEqual(world.log.slice(said), [], `closed after ${moment} ms`);
        assert.ok(world.accepted.length <= accepted + 1, 'a dial that is on its way may arrive');
      }
      const world = new World(ways, acts);
      world.whenMade = () => world.dial.close();
      world.run(20_000);
      assert.deepEqual([world.log, world.left], [[MADE], [0, 0]], 'closed when it is connected');
    }
  });
});

/** Counts the places that are given and given back. */
class CountedPlaces extends HalfOpen {
  entered = 0;
  leftCount = 0;

  override enter(...args: Parameters<HalfOpen['enter']>): boolean {
    const isGiven = super.enter(...args);
    if (isGiven) this.entered += 1;
    return isGiven;
  }

  override leave(...args: Parameters<HalfOpen['leave']>): void {
    this.leftCount += 1;
    super.leave(...args);
  }
}

describe('the place of a dial by several ways', () => {
  for (const policy of ['allow', 'prefer', 'require'] as const)
    it(`is given back once, when the peer is there: ${policy}`, () => {
      const world = new EncoderWorld();
      const halfOpen = new CountedPlaces(4);
      const encryption = { ways: new DialWays(policy), makeKeyPair, random: seededRandom(1) };
      const client = world.client('10.0.0.1', 'a', { halfOpen, encryption });
      const peer = world.fake('10.0.0.2', 'b', { connected: (talk) => talk.hangUp() });
      world.fake('10.0.0.3', 'c');
      for (const host of ['10.0.0.2', '10.0.0.3', '10.0.0.5']) client.encoder.startConnection(at(host), USER, null);
      world.run(15);
      assert.equal(halfOpen.count, halfOpen.entered - halfOpen.leftCount);
      world.run(2_000);
      assert.deepEqual([halfOpen.entered, halfOpen.leftCount, halfOpen.count], [3, 3, 0]);
      assert.equal(peer.talks.length, policy === 'require' ? 1 : 2);
      client.encoder.close();
      world.run(1_000);
      assert.deepEqual([halfOpen.entered, halfOpen.leftCount, halfOpen.count], [3, 3, 0]);
    });

  it('is not taken for a second way', () => {
    const world = new EncoderWorld();
    const halfOpen = new CountedPlaces(1);
    const encryption = { ways: new DialWays('allow'), makeKeyPair, random: seededRandom(1) };
    const client = world.client('10.0.0.1', 'a', { halfOpen, encryption });
    let hangUps = 0;
    world.fake('10.0.0.2', 'b', {
      connected: (talk) => {
        hangUps += 1;
        if (hangUps === 1) talk.hangUp();
      },
    });
    client.encoder.startConnection(at('10.0.0.2'), USER, null);
    world.run(200);
    assert.deepEqual([hangUps, halfOpen.entered, halfOpen.leftCount], [2, 1, 1]);
  });
});
