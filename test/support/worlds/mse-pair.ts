import type { Random } from '../../../src/base/random.js';
import { diffieHellmanGroup } from '../../../src/base/system-diffie-hellman.js';
import { type DialEncryption, DialWays } from '../../../src/swarm/connections/dial-ways.js';
import { Framer, type Step } from '../../../src/wire/framer.js';
import { PRIME, PRIVATE_KEY_LENGTH } from '../../../src/wire/mse/key-exchange.js';
import { acceptMse, type MseAcceptParts } from '../../../src/wire/mse/mse-accept.js';
import { dialMse, type MseDialParts } from '../../../src/wire/mse/mse-dial.js';
import { CRYPTO, type MseAgreement, req2 } from '../../../src/wire/mse/mse-keys.js';
import type { Refusal } from '../../../src/wire/refusal.js';
import { seededRandom } from '../simulation/seeded-random.js';

export const SKEY = Buffer.alloc(20, 7);
export const makeKeyPair = diffieHellmanGroup(PRIME);

/** One side of a handshake: what it has sent, how it ended, and what came after the handshake. */
export class MseSide {
  readonly sent: Buffer[] = [];
  refused: Refusal | null = null;
  agreement: MseAgreement | null = null;
  /** What came with the handshake (to the acceptor), and then the stream as it came, still encrypted. */
  first = Buffer.alloc(0);
  rest = Buffer.alloc(0);
  readonly #framer: Framer;

  constructor(begin: (side: MseSide) => Step) {
    const step = begin(this);
    if (step.kind === 'refuse') throw new Error('refused at once');
    this.#framer = new Framer(step.nextLen, step.nextFunc, (reason) => {
      this.refused = reason;
    });
  }

  dataCameIn(bytes: Buffer): void {
    if (this.agreement !== null) this.rest = Buffer.concat([this.rest, bytes]);
    else {
      const read = this.#framer.dataCameIn(bytes);
      if (read < bytes.length) this.rest = Buffer.concat([this.rest, bytes.subarray(read)]);
    }
  }

  /** What has been sent since the last call. */
  take(): Buffer {
    return Buffer.concat(this.sent.splice(0));
  }

  agreed(agreement: MseAgreement, first: Buffer): Step {
    this.agreement = agreement;
    this.first = Buffer.from(first);
    this.#framer.pause();
    return { kind: 'read', nextLen: 1, nextFunc: () => ({ kind: 'refuse', reason: { code: 'not-bittorrent' } }) };
  }
}

export function dialling(random: Random, parts: Partial<MseDialParts> = {}): MseSide {
  return new MseSide((side) =>
    dialMse({
      pair: makeKeyPair(random.bytes(PRIVATE_KEY_LENGTH)),
      random,
      skey: SKEY,
      provide: CRYPTO.plaintext | CRYPTO.rc4,
      first: Buffer.alloc(68, 1),
      send: (bytes) => side.sent.push(bytes),
      agreed: (agreement) => side.agreed(agreement, Buffer.alloc(0)),
      ...parts,
    }),
  );
}

export function accepting(random: Random, parts: Partial<MseAcceptParts> = {}): MseSide {
  return new MseSide((side) =>
    acceptMse({
      pair: () => makeKeyPair(random.bytes(PRIVATE_KEY_LENGTH)),
      random,
      torrentOf: (hash) => (hash.equals(req2(SKEY)) ? SKEY : undefined),
      select: (provide) => ((provide & CRYPTO.rc4) === 0 ? CRYPTO.plaintext : CRYPTO.rc4),
      send: (bytes) => side.sent.push(bytes),
      agreed: (agreement, first) => side.agreed(agreement, first),
      ...parts,
    }),
  );
}

/** For worlds in which peers speak in plain alone. */
export const NO_ENCRYPTION: DialEncryption = {
  ways: new DialWays('off'),
  makeKeyPair,
  random: seededRandom(1),
};
