import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  answerMetadata,
  decodeHandshake,
  EXTENDED,
  encodeGreeting,
  encodeHandshake,
  HANDSHAKE_LENGTH,
  INTERESTED,
  type LeanTorrent,
  metadataIdOf,
  plainMessage,
  REQUEST,
  UNCHOKE,
} from './lean-wire.js';
import type { WireImage } from './wire-image.js';

export interface LeanSeed {
  readonly port: number;
  readonly server: Server;
}

export interface LeanSeedOptions {
  /** The info dictionary, for who has only a link; empty: it is not offered. */
  readonly info: Buffer;
  /** A leech has asked for content, for the first time on its connection. */
  readonly asked: () => void;
  /** What it tells peers that it queues. It answers at once, so any number would be true; null: it does not tell. */
  readonly queued: number | null;
}

export const DEFAULT_LEAN_SEED_OPTIONS: LeanSeedOptions = {
  info: Buffer.alloc(0),
  asked: () => undefined,
  queued: 2000,
};

/** A seed that is never the bottleneck: it has everything, unchokes everybody, and answers all requests of a chunk at once. */
export async function startLeanSeed(
  torrent: LeanTorrent,
  image: WireImage,
  name: string,
  options: LeanSeedOptions = DEFAULT_LEAN_SEED_OPTIONS,
): Promise<LeanSeed> {
  const server = createServer({ noDelay: true }, (socket) => serve(socket, torrent, image, name, options));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, server };
}

/** What has been said over one connection. */
interface Talk {
  /** The leech's id of ut_metadata. */
  metadataId: number;
  asked: boolean;
}

function serve(socket: Socket, torrent: LeanTorrent, image: WireImage, name: string, options: LeanSeedOptions): void {
  const talk: Talk = { metadataId: 0, asked: false };
  let waiting: Buffer = Buffer.alloc(0);
  let shaken = false;
  // The leech is done, or was ended: nothing more can be done for it.
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    if (!shaken) {
      if (waiting.length < HANDSHAKE_LENGTH) return;
      const peer = decodeHandshake(waiting);
      if (!peer.infoHash.equals(torrent.infoHash)) return void socket.destroy();
      socket.write(encodeHandshake(torrent.infoHash, name, true));
      socket.write(encodeGreeting(peer, image.pieceCount, options.info.length, options.queued));
      waiting = waiting.subarray(HANDSHAKE_LENGTH);
      shaken = true;
    }
    waiting = answer(socket, waiting, image, talk, options);
  });
}

/** Answers the whole messages, runs of consecutive blocks in one write; returns the bytes of the unfinished one. */
function answer(socket: Socket, bytes: Buffer, image: WireImage, talk: Talk, options: LeanSeedOptions): Buffer {
  let at = 0;
  let first = -1;
  let last = -1;
  socket.cork();
  const flush = (): void => {
    if (first !== -1) socket.write(image.messages(first, last));
  };
  while (bytes.length - at >= 4) {
    const length = bytes.readUInt32BE(at);
    if (bytes.length - at - 4 < length) break;
    const id = length === 0 ? undefined : bytes[at + 4];
    if (id === INTERESTED) socket.write(plainMessage(UNCHOKE));
    else if (id === EXTENDED) {
      const message = bytes.subarray(at + 5, at + 4 + length);
      talk.metadataId = metadataIdOf(message) ?? talk.metadataId;
      const metadata = answerMetadata(message, talk.metadataId, options.info);
      if (metadata !== undefined) socket.write(metadata);
    } else if (id === REQUEST) {
      if (!talk.asked) options.asked();
      talk.asked = true;
      const block = image.blockOf(bytes.readUInt32BE(at + 5), bytes.readUInt32BE(at + 9), bytes.readUInt32BE(at + 13));
      // A leech that waits in vain would look slow; one whose connection breaks is seen to fail.
      if (block === undefined) {
        socket.destroy();
        return bytes;
      }
      if (block === last + 1 && first !== -1) last = block;
      else {
        flush();
        first = block;
        last = block;
      }
    }
    at += 4 + length;
  }
  flush();
  socket.uncork();
  return bytes.subarray(at);
}
