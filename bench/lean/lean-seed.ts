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
  /** The info dictionary, for a leech that has only a link. When it is empty, the seed offers no metadata. */
  readonly info: Buffer;
  /** Called when a leech asks for content for the first time on its connection. */
  readonly asked: () => void;
  /** How many requests it says that it queues (`reqq`); null to say nothing. It answers at once: any number is true. */
  readonly queued: number | null;
}

export const DEFAULT_LEAN_SEED_OPTIONS: LeanSeedOptions = {
  info: Buffer.alloc(0),
  asked: () => undefined,
  queued: 2000,
};

/**
 * A seed that is never the bottleneck: it has all pieces, unchokes every peer, and answers all requests of a chunk at
 * once. `name`: how its peer id begins.
 */
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

/** What the leech has told on one connection. */
interface Talk {
  /** The id under which the leech wants ut_metadata. */
  metadataId: number;
  /** It has asked for content. */
  asked: boolean;
}

function serve(socket: Socket, torrent: LeanTorrent, image: WireImage, name: string, options: LeanSeedOptions): void {
  const talk: Talk = { metadataId: 0, asked: false };
  let waiting: Buffer = Buffer.alloc(0);
  let handshakeDone = false;
  // The leech has what it wants, or was ended.
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    if (!handshakeDone) {
      if (waiting.length < HANDSHAKE_LENGTH) return;
      const peer = decodeHandshake(waiting);
      if (!peer.infoHash.equals(torrent.infoHash)) return void socket.destroy();
      socket.write(encodeHandshake(torrent.infoHash, name, true));
      socket.write(encodeGreeting(peer, image.pieceCount, options.info.length, options.queued));
      waiting = waiting.subarray(HANDSHAKE_LENGTH);
      handshakeDone = true;
    }
    waiting = answer(socket, waiting, image, talk, options);
  });
}

/** Answers all whole messages, with one write for a run of blocks. Returns the bytes of the unfinished message. */
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
      // A leech that gets no answer would look slow. When its connection breaks, it fails, and that is seen.
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
