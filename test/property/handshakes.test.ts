import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { InfoHash, WireHashes } from '../../src/metainfo/info-hash.js';
import { encodeHandshake, HANDSHAKE_LENGTH } from '../../src/wire/handshake.js';
import { announces } from '../../src/wire/reserved.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { splits } from '../support/splits.js';
import { at, EncoderWorld, idOf, USER } from '../support/worlds/encoder-world.js';

const A = '10.0.0.1';
const B = '10.0.0.2';
const V1: InfoHash = Buffer.alloc(20, 0x31);
const V2: InfoHash = Buffer.alloc(20, 0x32);
const TORRENTS: readonly WireHashes[] = [
  { infoHash: V1, infoHashV2: null },
  { infoHash: V2, infoHashV2: V2 },
  { infoHash: V1, infoHashV2: V2 },
];

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((all) => Buffer.from(all));
const torrent = fc.constantFrom(...TORRENTS);
/** One of the two hashes, perhaps with a wrong byte, or any other. */
const hash = fc.oneof(
  fc.constantFrom(V1, V2),
  fc.tuple(fc.constantFrom(V1, V2), fc.nat(19), fc.nat(255)).map(([right, at, byte]) => {
    const changed = Buffer.from(right);
    changed[at] = byte;
    return changed;
  }),
  bytes(20),
);
const handshake = fc
  .tuple(hash, bytes(20), bytes(8))
  .map(([infoHash, peerId, reserved]) => encodeHandshake(infoHash, peerId, reserved));

/** Which hash and which bit a handshake has. */
function partsOf(said: Buffer) {
  return { hash: said.subarray(28, 48), bit: announces(said.subarray(20, 28), 'v2') };
}

describe('a handshake of a stranger', () => {
  it('makes a connection exactly when it names the torrent, and both sides then know of which version it is', () => {
    fc.assert(
      fc.property(torrent, handshake, fc.nat(6), fc.boolean(), fc.nat(100), (hashes, said, way, weDial, seed) => {
        const world = new EncoderWorld(1);
        const client = world.client(A, 'a', { hashes });
        const peer = world.fake(B, 'b');
        if (weDial) client.encoder.startConnection(at(B), USER, null, 'v1');
        else peer.dial(at(A));
        world.run(10);
        for (const part of splits(said, seededRandom(seed))[way] ?? assert.fail()) {
          if (!peer.talk.lost) peer.talk.say(part);
          world.run(3);
        }
        world.run(10);
        const { hash: named, bit } = partsOf(said);
        const isOurs = named.equals(hashes.infoHash) || hashes.infoHashV2?.equals(named) === true;
        assert.equal(client.connections.length, isOurs && !said.subarray(48).equals(idOf('a')) ? 1 : 0);
        if (!isOurs) {
          if (!weDial) assert.equal(peer.talk.bytes.length, 0, 'it hears nothing');
          return;
        }
        const answer = peer.talk.bytes;
        assert.equal(answer.length, HANDSHAKE_LENGTH);
        const ours = partsOf(answer);
        const isHybrid = hashes.infoHashV2 !== null && !hashes.infoHashV2.equals(hashes.infoHash);
        // The last hash that was said counts.
        const last = weDial ? named : ours.hash;
        assert.equal(client.connections[0]?.isV2 ?? last.equals(V2), last.equals(V2));
        assert.equal(ours.bit, isHybrid && ours.hash.equals(V1), 'the bit goes with the v1 hash of a hybrid alone');
        if (!weDial) assert.equal(ours.hash.equals(V2), named.equals(V2) || (isHybrid && bit));
      }),
    );
  });
});
