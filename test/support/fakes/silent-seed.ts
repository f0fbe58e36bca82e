import type { RawServer, SingleSocket, SocketHandler } from '../../../src/net/raw-server.js';
import { fullBitfield } from '../../../src/wire/bitfield.js';
import { Framer, type Step } from '../../../src/wire/framer.js';
import { encodeHandshake } from '../../../src/wire/handshake.js';
import { decodeMessage, encodeMessage, type PeerMessage } from '../../../src/wire/message.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import type { SampleTorrent } from '../sample-torrent.js';

type Request = Extract<PeerMessage, { type: 'request' }>;

export interface SilentSeedOptions {
  /** How many requests it queues. It drops further ones. */
  readonly queueLength: number;
  /** Takes the requests that it answers next out of the queue. By default this is the oldest one. */
  readonly choose: (queue: Request[]) => Request[];
}

const HANDSHAKE_LENGTH = 68;
/** Bytes. It writes no more while so many wait in its socket. */
const MAX_UNSENT = 256 * 1024;

/** A seed like an old client: it speaks no extension, states no queue, and says nothing when it drops a request. */
export class SilentSeed {
  readonly #rawServer: RawServer;
  readonly #torrent: SampleTorrent;
  readonly #options: SilentSeedOptions;
  /** How many requests it has dropped. */
  dropped = 0;
  cancels = 0;

  constructor(rawServer: RawServer, torrent: SampleTorrent, options: Partial<SilentSeedOptions>) {
    this.#rawServer = rawServer;
    this.#torrent = torrent;
    this.#options = { queueLength: 500, choose: (queue) => queue.splice(0, 1), ...options };
  }

  listen(port: number): void {
    const externalConnectionMade = (socket: SingleSocket) => this.#serve(socket);
    this.#rawServer.listen({ port }, { acceptsConnection: () => true, externalConnectionMade }, () => undefined);
  }

  #serve(socket: SingleSocket): SocketHandler {
    const queue: Request[] = [];
    /** Requests that were chosen, in the order of the answers. */
    let chosen: Request[] = [];
    const serve = () => {
      while (socket.unsentLength < MAX_UNSENT) {
        if (chosen.length === 0) chosen = this.#options.choose(queue);
        const next = chosen.shift();
        if (next === undefined) return;
        const { piece, begin, length } = next;
        const block = this.#torrent.bytesOf(piece).subarray(begin, begin + length);
        socket.write([encodeMessage({ type: 'piece', piece, begin, block })]);
      }
    };
    const gotMessage = (message: PeerMessage) => {
      if (message.type === 'interested') socket.write([encodeMessage({ type: 'unchoke' })]);
      if (message.type === 'cancel') this.cancels += 1;
      if (message.type !== 'request') return;
      if (queue.length < this.#options.queueLength) queue.push(message);
      else this.dropped += 1;
    };
    const readLength: Step = {
      kind: 'read',
      nextLen: 4,
      nextFunc: (head) => {
        const nextLen = head.readUInt32BE(0);
        return nextLen === 0 ? readLength : { kind: 'read', nextLen, nextFunc: gotFrame };
      },
    };
    const gotFrame = (frame: Buffer): Step => {
      const outcome = decodeMessage(frame);
      if (outcome.ok) gotMessage(outcome.message);
      return readLength;
    };
    const { metainfo, layout } = this.#torrent;
    const greet = (): Step => {
      socket.write([
        encodeHandshake(metainfo.infoHash, Buffer.from('-XX0001-silent------'), encodeReserved([])),
        encodeMessage({ type: 'bitfield', bits: fullBitfield(layout.pieceCount).toWire() }),
      ]);
      return readLength;
    };
    const framer = new Framer(HANDSHAKE_LENGTH, greet, () => socket.close());
    return {
      connectionMade: () => undefined,
      dataCameIn: (_socket, data) => {
        framer.dataCameIn(data);
        serve();
      },
      connectionFlushed: serve,
      connectionLost: () => queue.splice(0),
    };
  }
}
