import type { Random } from '../../base/random.js';
import type { Step } from '../framer.js';
import { isPublicKey, type KeyPair, PUBLIC_KEY_LENGTH } from './key-exchange.js';
import { padding, uint32, withLength } from './mse-dial.js';
import {
  acceptedCipher,
  broken,
  type CryptoMethod,
  type CryptoMethods,
  dialledCipher,
  HASH_LENGTH,
  MAX_PADDING,
  type MseAgreement,
  nextBytes,
  req1,
  req3,
  skipTo,
  VC,
  xor,
} from './mse-keys.js';

/** Bytes that may come along encrypted. A handshake has 68; some clients send their first messages with it. */
const MAX_FIRST = 4096;

/** What the accepting side needs. */
export interface MseAcceptParts {
  /** Makes our keys. Called when the other side's whole public key is there: it costs a tenth of a millisecond. */
  readonly pair: () => KeyPair;
  readonly random: Random;
  /** The info-hash, 20 bytes, whose `req2` this is; undefined when we have no such torrent. */
  torrentOf(hash: Buffer): Buffer | undefined;
  /** What we take of `provide`; undefined when it offers nothing that we take. */
  select(provide: CryptoMethods): CryptoMethod | undefined;
  send(bytes: Buffer): void;
  /**
   * The handshake is over. `first`: the first bytes of the other side's stream, which came along encrypted, 0 to 4,096.
   * The next byte that comes follows them. Says what the reader does with it.
   */
  agreed(agreement: MseAgreement, first: Buffer): Step;
}

/** The accepting side of message stream encryption (see `dialMse`), as readers from the first byte that comes. */
export function acceptMse({ pair, random, torrentOf, select, send, agreed }: MseAcceptParts): Step {
  return nextBytes(PUBLIC_KEY_LENGTH, (other) => {
    if (!isPublicKey(other)) return broken('public-key');
    const own = pair();
    const secret = own.secretWith(other);
    send(Buffer.concat([own.publicKey, padding(random)]));
    return skipTo(req1(secret), MAX_PADDING, () =>
      nextBytes(HASH_LENGTH, (hidden) => {
        const skey = torrentOf(xor(hidden, req3(secret)));
        if (skey === undefined) return broken('unknown-torrent');
        const receiving = dialledCipher(secret, skey);
        const sending = acceptedCipher(secret, skey);
        return nextBytes(VC.length + 6, (bytes) => {
          const offer = receiving.copy(bytes);
          if (!offer.subarray(0, VC.length).equals(VC)) return broken('constant');
          const method = select(offer.readUInt32BE(VC.length));
          if (method === undefined) return broken('method');
          const padLength = offer.readUInt16BE(VC.length + 4);
          if (padLength > MAX_PADDING) return broken('padding');
          return nextBytes(padLength + 2, (tail) => {
            const length = receiving.copy(tail).readUInt16BE(padLength);
            if (length > MAX_FIRST) return broken('first-bytes');
            return nextBytes(length, (encrypted) => {
              const first = receiving.copy(encrypted);
              send(sending.copy(Buffer.concat([VC, uint32(method), withLength(padding(random))])));
              return agreed({ method, sending, receiving }, first);
            });
          });
        });
      }),
    );
  });
}
