import type { Millis } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { PeerAddress, RawServerContext, SingleSocket } from '../../net/raw-server.js';
import type { MakeKeyPair } from '../../wire/mse/key-exchange.js';
import { CRYPTO, type CryptoMethod, type CryptoMethods } from '../../wire/mse/mse-keys.js';
import type { Greeting } from './identity.js';
import { type DialTry, type DialWay, PeerDial, type PeerDialOwner } from './peer-dial.js';
import { addressKey } from './spares.js';

/**
 * How much the user wants encryption.
 *
 * - `off`: we speak plain BitTorrent alone, and take nothing else.
 * - `allow`: we take both. We dial plain, and encrypted when the peer ends that before its first byte.
 * - `prefer`: we take both, and dial encrypted first. Offered both, we choose RC4: providers that slow BitTorrent down
 *   look at what is in the packets, so that an encrypted handshake before a plain stream does not help.
 * - `require`: RC4 alone, in both directions.
 */
export type EncryptionPolicy = 'off' | 'allow' | 'prefer' | 'require';

export const ENCRYPTION_POLICIES: readonly EncryptionPolicy[] = ['off', 'allow', 'prefer', 'require'];

const BOTH: CryptoMethods = CRYPTO.plaintext | CRYPTO.rc4;
/** Addresses of which we remember something. The oldest is forgotten first. */
const MAX_KNOWN = 4_000;

/** What the torrents of a session share, to dial peers by message stream encryption. */
export interface DialEncryption {
  readonly ways: DialWays;
  readonly makeKeyPair: MakeKeyPair;
  readonly random: Random;
}

/** By which ways a peer is dialled: what the user wants, what worked the last time, what other peers say of it. */
export class DialWays {
  readonly #policy: EncryptionPolicy;
  /** Whether an address wants an encrypted handshake, by `addressKey`. */
  readonly #wantsEncryption = new Map<string, boolean>();

  constructor(policy: EncryptionPolicy) {
    this.#policy = policy;
  }

  /** What trackers are told of us. */
  get told(): 'none' | 'supported' | 'required' {
    if (this.#policy === 'off') return 'none';
    return this.#policy === 'require' ? 'required' : 'supported';
  }

  /** In the order in which they are to be tried. `key`: the peer's `addressKey`. */
  waysTo(key: string): readonly DialWay[] {
    if (this.#policy === 'off') return ['plain'];
    if (this.#policy === 'require') return [{ provide: CRYPTO.rc4 }];
    if (this.#policy === 'prefer') {
      return this.#wantsEncryption.get(key) === false ? ['plain', RC4] : [RC4, 'plain'];
    }
    return this.#wantsEncryption.get(key) === true ? [EITHER, 'plain'] : ['plain', EITHER];
  }

  /** The peer at `key` has answered when it was dialled this way. */
  worked(key: string, way: DialWay): void {
    this.#remember(key, way !== 'plain');
  }

  /** Another peer says that the peer at `key` likes encryption (BEP 11, flag 0x01). What worked counts for more. */
  said(key: string): void {
    if (!this.#wantsEncryption.has(key)) this.#remember(key, true);
  }

  #remember(key: string, wantsEncryption: boolean): void {
    this.#wantsEncryption.delete(key);
    this.#wantsEncryption.set(key, wantsEncryption);
    if (this.#wantsEncryption.size <= MAX_KNOWN) return;
    for (const oldest of this.#wantsEncryption.keys()) {
      this.#wantsEncryption.delete(oldest);
      return;
    }
  }
}

/** What we choose when a peer offers `provide`; undefined when nothing of it will do. */
export function chooseMethod(policy: EncryptionPolicy, provide: CryptoMethods): CryptoMethod | undefined {
  const mayBe = (method: CryptoMethod): boolean => (provide & method) !== 0;
  // A plain stream costs no work.
  if (policy === 'allow')
    return mayBe(CRYPTO.plaintext) ? CRYPTO.plaintext : mayBe(CRYPTO.rc4) ? CRYPTO.rc4 : undefined;
  if (mayBe(CRYPTO.rc4)) return CRYPTO.rc4;
  return policy === 'prefer' && mayBe(CRYPTO.plaintext) ? CRYPTO.plaintext : undefined;
}

const RC4: DialWay = { provide: CRYPTO.rc4 };
const EITHER: DialWay = { provide: BOTH };

/** What a dial needs of the torrent's Encoder. */
interface DialParts {
  readonly rawServer: RawServerContext;
  readonly encryption: DialEncryption;
  readonly options: { readonly encryptionLimit: Millis };
  readonly address: PeerAddress;
  /** What we say: the first of them by all ways, each other one by the likeliest way alone. */
  readonly greetings: readonly [Greeting, ...Greeting[]];
}

/**
 * Dials a peer by the ways that lead to it, and says our handshake. Where only the plain way does, nothing stands
 * around the socket.
 */
export function dialByWays(
  { rawServer, encryption, options, address, greetings }: DialParts,
  owner: PeerDialOwner,
): SingleSocket {
  const key = addressKey(address);
  const [greeting, ...others] = greetings;
  const [way = 'plain', ...otherWays] = encryption.ways.waysTo(key);
  if (way === 'plain' && otherWays.length === 0 && others.length === 0) {
    const socket = rawServer.startConnection(address, owner);
    socket.write([greeting.bytes]);
    return socket;
  }
  const tries: readonly [DialTry, ...DialTry[]] = [
    { way, greeting },
    ...otherWays.map((other) => ({ way: other, greeting })),
    ...others.map((other) => ({ way, greeting: other })),
  ];
  return new PeerDial(
    {
      ...encryption,
      rawServer,
      address,
      tries,
      handshakeLimit: options.encryptionLimit,
      worked: (way) => encryption.ways.worked(key, way),
    },
    owner,
  );
}
