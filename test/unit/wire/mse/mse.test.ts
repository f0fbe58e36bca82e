import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import type { Random } from '../../../../src/base/random.js';
import { PRIME } from '../../../../src/wire/mse/key-exchange.js';
import {
  acceptedCipher,
  CRYPTO,
  dialledCipher,
  MAX_PADDING,
  req1,
  req2,
  req3,
  VC,
  xor,
} from '../../../../src/wire/mse/mse-keys.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { splits } from '../../../support/splits.js';
import { accepting, dialling, type MseSide, makeKeyPair, SKEY } from '../../../support/worlds/mse-pair.js';

/** Chance whose padding has one length. */
const withPadding = (length: number, random: Random = seededRandom(5)): Random => ({
  below: () => length,
  bytes: (count) => random.bytes(count),
});

/** Lets both sides talk until they are silent; `cut` says in which parts a message arrives. */
function talk(dialler: MseSide, acceptor: MseSide, cut: (bytes: Buffer) => Buffer[]): void {
  for (let turn = 0; turn < 10; turn += 1) {
    for (const part of cut(dialler.take())) acceptor.dataCameIn(part);
    for (const part of cut(acceptor.take())) dialler.dataCameIn(part);
  }
}

test('two sides agree whatever their padding, their first bytes and the cuts of the stream are', () => {
  const random = seededRandom(1);
  for (const padding of [0, 1, 255, MAX_PADDING]) {
    for (const firstLength of [0, 68, 4096]) {
      for (const provide of [CRYPTO.plaintext, CRYPTO.rc4, 3, 0xffffffff]) {
        for (let way = 0; way < 3; way += 1) {
          const first = random.bytes(firstLength);
          const dialler = dialling(withPadding(padding), { first, provide });
          const acceptor = accepting(withPadding(padding, seededRandom(6)));
          talk(dialler, acceptor, (bytes) => splits(bytes, random, 1)[way] as Buffer[]);
          const method = provide === CRYPTO.plaintext ? CRYPTO.plaintext : CRYPTO.rc4;
          assert.deepEqual([dialler.refused, acceptor.refused], [null, null]);
          assert.equal(dialler.agreement?.method, method);
          assert.equal(acceptor.agreement?.method, method);
          assert.deepEqual(acceptor.first, first);
          const said = random.bytes(100);
          assert.deepEqual(acceptor.agreement?.receiving.copy(dialler.agreement?.sending.copy(said) as Buffer), said);
          assert.deepEqual(dialler.agreement?.receiving.copy(acceptor.agreement?.sending.copy(said) as Buffer), said);
        }
      }
    }
  }
});

test('what follows the handshake in one chunk is left for the stream', () => {
  const dialler = dialling(seededRandom(1));
  const acceptor = accepting(seededRandom(2));
  acceptor.dataCameIn(dialler.take());
  dialler.dataCameIn(acceptor.take());
  acceptor.dataCameIn(Buffer.concat([dialler.take(), Buffer.from('stream')]));
  assert.equal(acceptor.rest.toString(), 'stream');
  dialler.dataCameIn(Buffer.concat([acceptor.take(), Buffer.from('answer')]));
  assert.equal(dialler.rest.toString(), 'answer');
});

test('two handshakes have no byte in common where the padding and the keys stand', () => {
  const sent = [1, 2].map((seed) => dialling(seededRandom(seed)).take());
  assert.notDeepEqual(sent[0]?.subarray(0, 96), sent[1]?.subarray(0, 96));
  assert.notEqual(sent[0]?.length, sent[1]?.length);
});

/** A dialler that says what a test wants, by the rules where the test wants nothing else. */
interface Forged {
  readonly publicKey?: Buffer;
  readonly paddingA?: number;
  readonly req1?: Buffer;
  readonly skey?: Buffer;
  readonly vc?: Buffer;
  readonly provide?: number;
  readonly paddingC?: number;
  readonly firstLength?: number;
}

/** How the acceptor takes a forged handshake that arrives in parts. */
function fateOf(forged: Forged, cut: (bytes: Buffer) => Buffer[]): string {
  const acceptor = accepting(seededRandom(2), { select: (provide) => ((provide & 3) === 0 ? undefined : CRYPTO.rc4) });
  const own = makeKeyPair(Buffer.alloc(20, 9));
  const say = (bytes: Buffer): void => {
    for (const part of cut(bytes)) acceptor.dataCameIn(part);
  };
  say(Buffer.concat([forged.publicKey ?? own.publicKey, Buffer.alloc(forged.paddingA ?? 0)]));
  const answer = acceptor.take();
  if (answer.length > 0) {
    const secret = own.secretWith(answer.subarray(0, 96));
    const skey = forged.skey ?? SKEY;
    const numbers = Buffer.alloc(6);
    numbers.writeUInt32BE(forged.provide ?? 3);
    numbers.writeUInt16BE(forged.paddingC ?? 0, 4);
    const first = Buffer.alloc(2 + (forged.firstLength ?? 0));
    first.writeUInt16BE(forged.firstLength ?? 0);
    const offer = Buffer.concat([forged.vc ?? VC, numbers, Buffer.alloc(forged.paddingC ?? 0), first]);
    const hashes = [forged.req1 ?? req1(secret), xor(req2(skey), req3(secret))];
    say(Buffer.concat([...hashes, dialledCipher(secret, skey).copy(offer)]));
  }
  if (acceptor.agreement !== null) return 'agreed';
  return acceptor.refused?.code === 'malformed-encryption' ? acceptor.refused.what : 'waits';
}

describe('an acceptor', () => {
  const keyOf = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(192, '0'), 'hex');
  const p = BigInt(`0x${PRIME.toString('hex')}`);
  const table: readonly (readonly [string, Forged, string])[] = [
    ['takes a handshake by the rules', {}, 'agreed'],
    ['takes 512 bytes of padding', { paddingA: 512, paddingC: 512 }, 'agreed'],
    ['takes 4,096 first bytes', { firstLength: 4096 }, 'agreed'],
    ['takes methods that it does not know besides one that it knows', { provide: 0xffffffff }, 'agreed'],
    ['refuses the public key 0', { publicKey: keyOf(0n) }, 'public-key'],
    ['refuses the public key 1', { publicKey: keyOf(1n) }, 'public-key'],
    ['refuses the public key P − 1', { publicKey: keyOf(p - 1n) }, 'public-key'],
    ['refuses the public key P', { publicKey: keyOf(p) }, 'public-key'],
    ['refuses padding of more than 512 bytes before the hash', { paddingA: 513 }, 'no-sync'],
    ['refuses another hash', { req1: Buffer.alloc(20, 1), paddingC: 500 }, 'no-sync'],
    ['refuses a torrent that is not here', { skey: Buffer.alloc(20, 8) }, 'unknown-torrent'],
    ['refuses another constant', { vc: Buffer.alloc(8, 1) }, 'constant'],
    ['refuses an offer of nothing', { provide: 0 }, 'method'],
    ['refuses an offer of unknown methods alone', { provide: 4 }, 'method'],
    ['refuses padding of more than 512 bytes after the offer', { paddingC: 513 }, 'padding'],
    ['refuses 65,535 first bytes', { firstLength: 65_535 }, 'first-bytes'],
    ['refuses 4,097 first bytes', { firstLength: 4_097 }, 'first-bytes'],
  ];
  for (const [name, forged, verdict] of table)
    it(name, () => {
      for (const cut of [(bytes: Buffer) => [bytes], (bytes: Buffer) => Array.from(bytes, (byte) => Buffer.of(byte))])
        assert.equal(fateOf(forged, cut), verdict);
    });

  it('computes nothing before a whole public key is there', () => {
    let made = 0;
    const acceptor = accepting(seededRandom(2), {
      pair: () => {
        made += 1;
        return makeKeyPair(Buffer.alloc(20, 3));
      },
    });
    acceptor.dataCameIn(Buffer.alloc(95, 3));
    assert.equal(made, 0);
    acceptor.dataCameIn(Buffer.alloc(1, 3));
    assert.equal(made, 1);
  });
});

describe('a dialler', () => {
  /** How it takes an acceptor that selects `method` with `paddingD` bytes. */
  const fateWith = (method: number, padding: { readonly b?: number; readonly d?: number }, provide = 3): string => {
    const dialler = dialling(seededRandom(1), { provide });
    const own = makeKeyPair(Buffer.alloc(20, 9));
    const secret = own.secretWith(dialler.take().subarray(0, 96));
    dialler.dataCameIn(Buffer.concat([own.publicKey, Buffer.alloc(padding.b ?? 0)]));
    const numbers = Buffer.alloc(6);
    numbers.writeUInt32BE(method);
    numbers.writeUInt16BE(padding.d ?? 0, 4);
    const answer = Buffer.concat([VC, numbers, Buffer.alloc(padding.d ?? 0)]);
    dialler.dataCameIn(acceptedCipher(secret, SKEY).copy(answer));
    if (dialler.agreement !== null) return 'agreed';
    return dialler.refused?.code === 'malformed-encryption' ? dialler.refused.what : 'waits';
  };

  it('takes one method that it has offered', () => {
    assert.deepEqual(
      [fateWith(1, {}), fateWith(2, {}), fateWith(2, { b: 512, d: 512 })],
      ['agreed', 'agreed', 'agreed'],
    );
  });

  it('refuses no method, two, an unknown one, and one that it has not offered', () => {
    const verdicts = [fateWith(0, {}), fateWith(3, {}), fateWith(4, {}), fateWith(1, {}, 2), fateWith(2, {}, 1)];
    assert.deepEqual(verdicts, ['method', 'method', 'method', 'method', 'method']);
  });

  it('refuses padding of more than 512 bytes', () => {
    assert.deepEqual([fateWith(2, { b: 513 }), fateWith(2, { d: 513 })], ['no-sync', 'padding']);
  });
});
