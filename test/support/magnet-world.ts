import { sha1 } from '../../src/base/digest.js';
import { encodeBencode } from '../../src/bencode/encode.js';
import { parseMetadata } from '../../src/metainfo/parse-metadata.js';
import type { PeerAddress } from '../../src/net/raw-server.js';
import type { V1MagnetLink } from '../../src/torrent/metadata-torrent.js';
import { decodeExtensionHandshake, encodeExtensionHandshake } from '../../src/wire/extended.js';
import type { PeerMessage } from '../../src/wire/message.js';
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  METADATA_PIECE_LENGTH,
  UT_METADATA,
} from '../../src/wire/metadata-message.js';
import { encodeReserved } from '../../src/wire/reserved.js';
import { FakePeer } from './fake-peer.js';
import type { FakeTalk } from './fake-talk.js';
import { type SampleTorrent, sampleTorrent } from './sample-torrent.js';
import type { SimulatedSwarm } from './simulated-swarm.js';
import { dictionary, type Fields } from './torrent-bytes.js';

const PLAIN = sampleTorrent([{ path: 'sample', length: 417 * 1024 + 5 }], 32 * 1024);

/** A torrent of one file whose info dictionary is really there; its padding makes several pieces of metadata. */
export function magnetSample(more: Fields = {}): SampleTorrent {
  const { length, pieceLength, pieces } = PLAIN.metainfo;
  const fields = { length, name: 'sample', 'piece length': pieceLength, pieces, 'x-padding': Buffer.alloc(70_000, 7) };
  return {
    ...PLAIN,
    metainfo: parseMetadata(encodeBencode(dictionary({ ...fields, ...more })), linkTo(Buffer.alloc(20))),
  };
}

export function linkTo(infoHash: Buffer, more: Partial<V1MagnetLink> = {}): V1MagnetLink {
  return {
    infoHash,
    infoHashV2: null,
    name: null,
    length: null,
    trackers: [],
    webSeeds: [],
    peers: [],
    nodes: [],
    selected: null,
    ...more,
  };
}

/** A peer that has metadata to offer, `info`, right or wrong, and nothing else. */
export function metadataPeer(swarm: SimulatedSwarm, host: string, infoHash: Buffer, info: Buffer): FakePeer {
  const ids = new WeakMap<FakeTalk, number>();
  const gotMessage = (talk: FakeTalk, message: PeerMessage): void => {
    if (message.type !== 'extended') return;
    if (message.id === 0) {
      ids.set(talk, decodeExtensionHandshake(message.payload)?.ids.get(UT_METADATA) ?? 0);
      return;
    }
    const asked = decodeMetadataMessage(message.payload);
    if (asked?.type !== 'request') return;
    const { piece } = asked;
    const data = info.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH);
    const payload = encodeMetadataMessage({ type: 'data', piece, totalSize: info.length, data });
    talk.sayMessages({ type: 'extended', id: ids.get(talk) ?? 0, payload });
  };
  const peerId = sha1(Buffer.from(host));
  const peer = new FakePeer(
    swarm.network.host(host, { timeout: 1e12 }),
    { infoHash, peerId },
    {
      gotHandshake: (talk) => {
        talk.say(talk.handshake(encodeReserved(['extended'])));
        talk.sayMessages({ type: 'extended', id: 0, payload: offerOf(info.length) });
      },
      gotMessage,
    },
  );
  peer.listen(6881);
  return peer;
}

export function addressOf(host: string): PeerAddress {
  return { host, port: 6881 };
}

function offerOf(metadataSize: number): Buffer {
  return encodeExtensionHandshake({
    ids: new Map([[UT_METADATA, 3]]),
    version: 'fake',
    port: null,
    requestQueue: null,
    metadataSize,
    uploadOnly: false,
    yourIp: null,
  });
}
