import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeBencode } from '../../src/bencode/encode.js';
import { encodePexMessage } from '../../src/swarm/extensions/peer-exchange.js';
import { encodeExtensionHandshake, SILENT_HANDSHAKE } from '../../src/wire/extended.js';
import { encodeMessage } from '../../src/wire/message.js';
import { encodeMetadataMessage } from '../../src/wire/metadata-message.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { addressOf, linkTo, magnetSample } from '../support/worlds/magnet-world.js';

const SAMPLE = magnetSample();
const { infoHash, info } = SAMPLE.metainfo;
const PIECES = SAMPLE.layout.pieceCount;

type Message = Parameters<typeof encodeMessage>[0];
const said = (message: fc.Arbitrary<Message>): fc.Arbitrary<Buffer> => message.map(encodeMessage);
const extended = (id: number, payload: Buffer): Message => ({ type: 'extended', id, payload });

/** Lengths that are right, nearly right, and far from right. */
const size = fc.constantFrom(info.length, info.length, info.length + 1, 1, 16_384, 2 ** 25, 2 ** 31, 2 ** 52);
const piece = fc.oneof(fc.nat(6), fc.constantFrom(2 ** 31, 2 ** 52));
const id = fc.constantFrom(0, 1, 1, 1, 2, 2, 3, 255);
const handshake = fc
  .tuple(size, fc.dictionary(fc.constantFrom('ut_metadata', 'ut_pex', 'lt_donthave', '__proto__'), fc.nat(255)))
  .map(([metadataSize, ids]) => {
    const all = { ...SILENT_HANDSHAKE, ids: new Map([['ut_metadata', 3], ...Object.entries(ids)]), metadataSize };
    return extended(0, encodeExtensionHandshake(all));
  });
const metadata = fc
  .tuple(
    id,
    fc.constantFrom('request', 'reject', 'data'),
    piece,
    size,
    fc.constantFrom(1, 16_384, info.length % 16_384),
  )
  .map(([to, type, at, totalSize, length]) => {
    const data = Buffer.alloc(length, 0x64);
    return extended(
      to,
      encodeMetadataMessage(
        type === 'data' ? { type, piece: at, totalSize, data } : { type: type as 'request', piece: at },
      ),
    );
  });
const exchange = fc.tuple(id, fc.nat(255)).map(([to, last]) => {
  const added = [
    { address: { host: `10.9.9.${last}`, port: 6881 }, isSeed: false, isReachable: true, prefersEncryption: false },
  ];
  return extended(to, encodePexMessage({ added, dropped: [] }));
});
const index = fc.nat(PIECES + 1);
const frame = fc.oneof(
  said(handshake),
  said(metadata),
  said(metadata),
  said(exchange),
  said(
    fc
      .tuple(id, fc.dictionary(fc.string(), fc.nat()))
      .map(([to, any]) => extended(to, encodeBencode(new Map(Object.entries(any))))),
  ),
  said(
    fc.constantFrom<Message[]>(
      { type: 'choke' },
      { type: 'unchoke' },
      { type: 'interested' },
      { type: 'haveAll' },
      { type: 'haveNone' },
    ),
  ),
  said(
    fc
      .tuple(fc.constantFrom('have', 'suggest', 'allowedFast'), index)
      .map(([type, at]) => ({ type: type as 'have', piece: at })),
  ),
  said(index.map((at) => ({ type: 'reject', piece: at, begin: 0, length: 16_384 }))),
  said(index.map((at) => ({ type: 'piece', piece: at, begin: 0, block: Buffer.alloc(16_384) }))),
  fc.uint8Array({ minLength: 1, maxLength: 30 }).map((bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  }),
);
/** What one peer says, and how many milliseconds after its handshake. It begins anew when it is dialled again. */
const script = fc.array(fc.tuple(frame, fc.nat(4_000)), { maxLength: 30 });

describe('peers of a magnet link that say anything in any order', () => {
  it('end neither of its lives, and keep it from nothing that an honest peer has', () => {
    fc.assert(
      fc.property(fc.array(script, { minLength: 1, maxLength: 4 }), fc.nat(3_000), (scripts, seedAfter) => {
        const swarm = new SimulatedSwarm(SAMPLE, 1);
        const hosts = scripts.map((_, number) => `10.2.${number}.1`);
        for (const [number, lines] of scripts.entries()) {
          const peerId = Buffer.alloc(20, String(number));
          const peer = new FakePeer(
            swarm.network.host(hosts[number]!, { timeout: 1e12 }),
            { infoHash, peerId },
            {
              gotHandshake: (talk) => {
                talk.say(talk.handshake(encodeReserved(['extended', 'fast'])));
                for (const [bytes, after] of lines) {
                  swarm.timeline.addTask(() => {
                    if (!talk.lost) talk.say(bytes);
                  }, after);
                }
              },
            },
          );
          peer.listen(6881);
        }
        const torrent = { trackers: [], peers: hosts.map(addressOf) };
        const client = swarm.startMagnet(linkTo(infoHash), { torrent });
        swarm.timeline.run(seedAfter);
        swarm.start({ seed: true, torrent: { trackers: [], peers: [client.address] } });
        swarm.untilAllDone(300_000);
        assert.equal(client.failure, null);
        assert.deepEqual(client.storage()?.contents(), SAMPLE.content);
        swarm.stop();
      }),
      { numRuns: 60 },
    );
  });
});
