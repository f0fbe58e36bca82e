import type { Random } from '../../base/random.js';
import type { Step } from '../framer.js';
import { isPublicKey, type KeyPair, PUBLIC_KEY_LENGTH } from './key-exchange.js';
import {
  acceptedCipher,
  broken,
  CRYPTO,
  type CryptoMethods,
  dialledCipher,
  MAX_PADDING,
  type MseAgreement,
  nextBytes,
  req1,
  req2,
  req3,
  skipTo,
  VC,
  xor,
} from './mse-keys.js';

/** What the dialling side needs. */
export interface MseDialParts {
  readonly pair: KeyPair;
  readonly random: Random;
  /** The info-hash of the torrent, 20 bytes. */
  readonly skey: Buffer;
  /** What we offer: at least one method. */
  readonly provide: CryptoMethods;
  /**
   * The first bytes of our stream, which go along encrypted. Clients take exactly the 68 bytes of a handshake;
   * libtorrent takes no more.
   */
  readonly first: Buffer;
  send(bytes: Buffer): void;
  /** The handshake is over; the next byte that comes belongs to the stream. Says what the reader does with it. */
  agreed(agreement: MseAgreement): Step;
}

/**
 * The dialling side of message stream encryption, as readers from the first byte that the other side sends. Our first
 * message leaves within the call.
 *
 * A→B: Ya, PadA. B→A: Yb, PadB. A→B: HASH('req1', S), HASH('req2', SKEY) xor HASH('req3', S), ENC(VC, crypto_provide,
 * len(PadC), PadC, len(IA)), ENC(IA). B→A: ENC(VC, crypto_select, len(PadD), PadD). Then the streams.
 */
export function dialMse({ pair, random, skey, provide, first, send, agreed }: MseDialParts): Step {
  send(Buffer.concat([pair.publicKey, padding(random)]));
  return nextBytes(PUBLIC_KEY_LENGTH, (other) => {
    if (!isPublicKey(other)) return broken('public-key');
    const secret = pair.secretWith(other);
    const sending = dialledCipher(secret, skey);
    const receiving = acceptedCipher(secret, skey);
    const offer = Buffer.concat([VC, uint32(provide), withLength(padding(random)), withLength(first)]);
    send(Buffer.concat([req1(secret), xor(req2(skey), req3(secret)), sending.copy(offer)]));
    // We know how its encrypted constant looks, and find the end of its padding by that.
    return skipTo(receiving.copy(VC), MAX_PADDING, () =>
      nextBytes(6, (bytes) => {
        const answer = receiving.copy(bytes);
        const method = answer.readUInt32BE(0);
        if ((method !== CRYPTO.plaintext && method !== CRYPTO.rc4) || (method & provide) === 0) return broken('method');
        const length = answer.readUInt16BE(4);
        if (length > MAX_PADDING) return broken('padding');
        return nextBytes(length, (pad) => {
          receiving.copy(pad);
          return agreed({ method, sending, receiving });
        });
      }),
    );
  });
}

/** 0 to 512 bytes by chance: without them the lengths of the messages tell what they are. */
export function padding(random: Random): Buffer {
  return random.bytes(random.below(MAX_PADDING + 1));
}

/** The number in four bytes, big-endian. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** `bytes` with their number, two bytes, before them. */
export function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
