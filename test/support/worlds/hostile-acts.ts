import type { SessionOptions } from '../../../src/session/session-options.js';
import type { RefusalCode } from '../../../src/wire/refusal.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import { BLOCK, type HostileWorld, PORT } from './hostile-world.js';

/** What a peer does to be refused for one reason. */
export interface HostileAct {
  /** What the victim's user wants. */
  readonly session?: Partial<SessionOptions>;
  /** Done while the victim downloads. */
  readonly provoke: (world: HostileWorld) => void;
  /** Done when the victim is complete. */
  readonly afterwards?: (world: HostileWorld) => void;
}

function lengthPrefix(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/**
 * These are no peer's doing: the disk's (test/simulation/lost-files.test.ts, disk-faults.test.ts), that of the metadata
 * (test/unit/swarm/connections/encoder-hashes.test.ts), or the user's (test/simulation/blocklist.test.ts).
 */
type NoPeersDoing = 'pieces-lost' | 'cannot-serve' | 'info-hash-changed' | 'listed';
/** Only a torrent of version 2 has this one (test/simulation/hash-liars.test.ts). */
type OfVersion2 = 'unasked-hashes';
/** One peer for each other reason there is to refuse one: whoever adds a reason has to say how it comes about. */
export const HOSTILE_ACTS: Readonly<Record<Exclude<RefusalCode, NoPeersDoing | OfVersion2>, HostileAct>> = {
  'not-bittorrent': {
    // Else it may be the beginning of an encrypted handshake.
    session: { encryption: 'off' },
    provoke: (world) => {
      world.peer().dial(world.victim.address).say(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    },
  },
  'malformed-encryption': {
    provoke: (world) => {
      world.peer().dial(world.victim.address).say(Buffer.alloc(96));
    },
  },
  'not-encrypted': {
    session: { encryption: 'require' },
    provoke: (world) => {
      const talk = world.peer().dial(world.victim.address);
      talk.say(talk.handshake());
    },
  },
  'unknown-info-hash': {
    provoke: (world) => {
      const talk = world.peer().dial(world.victim.address);
      const handshake = talk.handshake();
      handshake.fill('x', 28, 48);
      talk.say(handshake);
    },
  },
  'own-peer-id': {
    provoke: (world) => {
      const talk = world.peer().dial(world.victim.address);
      talk.say(talk.handshake().subarray(0, 48));
      world.run(60);
      // The answer has our own id in it: a mirror.
      talk.say(talk.bytes.subarray(48, 68));
    },
  },
  'duplicate-peer': {
    provoke: (world) => {
      for (let twin = 0; twin < 4; twin += 1) world.guest({}, '10.200.0.1', Buffer.alloc(20, 'twin'));
    },
  },
  'connect-timeout': {
    provoke: (world) => {
      world.peer({}, '10.200.0.1');
      world.swarm.network.silence('10.200.0.1');
      world.name({ host: '10.200.0.1', port: PORT });
    },
  },
  'handshake-timeout': {
    provoke: (world) => {
      const talk = world.peer().dial(world.victim.address);
      talk.say(talk.handshake().subarray(0, 67));
    },
  },
  idle: {
    provoke: (world) => {
      world.guest();
    },
  },
  'takes-nothing': {
    provoke: (world) => {
      const talk = world.guest();
      talk.socket.pauseReading();
      talk.sayMessages({ type: 'interested' });
      world.run(30_000);
      // More than the kernels of both sides hold, and a sign of life now and then.
      for (const piece of world.sample.layout.pieceIndices()) {
        talk.sayMessages({ type: 'request', piece, begin: 0, length: world.sample.layout.lengthOf(piece) });
      }
      const live = (): void => {
        if (world.refusalsFor('takes-nothing') > 0) return;
        talk.sayKeepAlive();
        world.swarm.timeline.addTask(live, 100_000);
      };
      live();
    },
  },
  'table-full': {
    provoke: (world) => {
      // A whole household is welcome, but not more.
      for (let guest = 0; guest < 17; guest += 1) world.guest({}, '10.200.0.1');
    },
  },
  useless: {
    provoke: (world) => {
      // All the places that strangers may have, by default, and one more stranger.
      for (let guest = 0; guest < 60; guest += 1) world.guest();
      world.run(61_000);
      world.guest();
    },
  },
  banned: {
    provoke: (world) => {
      world.falseSeed((talk, message) => {
        if (message.type !== 'request') return;
        talk.sayMessages({ ...message, type: 'piece', block: Buffer.alloc(message.length, 'garbage') });
      });
    },
  },
  'message-too-long': {
    provoke: (world) => {
      world.guest().say(lengthPrefix(0xffffffff));
    },
  },
  'malformed-message': {
    provoke: (world) => {
      // A choke with something behind it.
      world.guest().say(lengthPrefix(2), Buffer.of(0, 0));
    },
  },
  'malformed-extension': {
    provoke: (world) => {
      const talk = world.peer().dial(world.victim.address);
      talk.say(talk.handshake(encodeReserved(['extended'])));
      talk.sayMessages({ type: 'extended', id: 0, payload: Buffer.from('no dictionary') });
    },
  },
  'malformed-bitfield': {
    provoke: (world) => {
      world.guest().sayMessages({ type: 'bitfield', bits: Buffer.alloc(1) });
    },
  },
  'piece-out-of-range': {
    provoke: (world) => {
      world.guest().sayMessages({ type: 'have', piece: world.sample.layout.pieceCount });
    },
  },
  'block-out-of-range': {
    provoke: (world) => {
      world.guest().sayMessages({ type: 'request', piece: 0, begin: 0x80000000, length: BLOCK });
    },
  },
  'request-too-long': {
    provoke: (world) => {
      world.guest().sayMessages({ type: 'request', piece: 0, begin: 0, length: 0x40000000 });
    },
  },
  'fast-not-announced': {
    provoke: (world) => {
      world.guest().sayMessages({ type: 'haveAll' });
    },
  },
  'hashes-not-announced': {
    provoke: (world) => {
      const range = { root: Buffer.alloc(32, 7), base: 0, index: 0, length: 2, proof: 0 };
      world.guest().sayMessages({ type: 'hashRequest', range });
    },
  },
  'too-many-rejects': {
    provoke: (world) => {
      const talk = world.fastGuest();
      talk.sayMessages({ type: 'haveNone' });
      for (let count = 0; count < 51; count += 1) {
        talk.sayMessages({ type: 'reject', piece: 0, begin: 0, length: BLOCK });
      }
    },
  },
  'too-much-junk': {
    provoke: (world) => {
      const talk = world.guest();
      for (let count = 0; count < 2_500; count += 1) talk.say(lengthPrefix(1), Buffer.of(200));
    },
  },
  'too-many-flaps': {
    provoke: (world) => {
      const talk = world.guest();
      for (let count = 0; count < 150; count += 1) talk.sayMessages({ type: 'interested' }, { type: 'notInterested' });
    },
  },
  'too-much-work': {
    provoke: (world) => {
      // Keep-alives, and nothing else.
      world.guest().say(Buffer.alloc(4 * 400_000));
    },
  },
  'both-complete': {
    provoke: () => undefined,
    afterwards: (world) => {
      world.falseSeed();
      world.run(3_000);
    },
  },
  'shutting-down': {
    provoke: () => undefined,
    afterwards: (world) => {
      world.run(3_000);
      world.guest();
      world.victim.session.stop(() => undefined);
      world.run(3_000);
    },
  },
};
