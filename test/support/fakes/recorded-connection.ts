import { hostKey } from '../../../src/net/host-key.js';
import type { PeerAddress } from '../../../src/net/raw-server.js';
import type { PeerConnection } from '../../../src/swarm/connections/peer-connection.js';
import { Framer, type Step } from '../../../src/wire/framer.js';
import { decodeMessage, type PeerMessage } from '../../../src/wire/message.js';
import type { Refusal } from '../../../src/wire/refusal.js';
import { type AnnouncedExtension, encodeReserved } from '../../../src/wire/reserved.js';

/** A connection without a network, after the handshake. It logs in words what our side sends. */
export class RecordedConnection implements PeerConnection {
  readonly address: PeerAddress;
  readonly hostKey: string;
  readonly peerId: Buffer;
  readonly locallyInitiated: boolean;
  readonly reserved: Buffer;
  isV2 = false;
  /** A line for each send, with commas between the messages of one send. */
  readonly log: string[] = [];
  unsentLength = 0;
  /** The work that the peer was charged with. */
  work = 0;
  /** The part of `work` that was of no use. */
  idleWork = 0;
  /** Bytes of the peer's blocks that were of use. */
  earned = 0;
  refusal: Refusal | null = null;
  /** Called when our side refuses the connection. It stands for the table of connections. */
  gotRefusal: () => void = () => undefined;

  constructor(
    name = 'peer',
    extensions: readonly AnnouncedExtension[] = [],
    host = '10.0.0.1',
    locallyInitiated = true,
  ) {
    this.locallyInitiated = locallyInitiated;
    this.address = { host, port: 6881 };
    this.hostKey = hostKey(host);
    this.reserved = encodeReserved(extensions);
    this.peerId = Buffer.from(name.padEnd(20, '-'));
  }

  get closed(): boolean {
    return this.refusal !== null;
  }

  send(chunks: readonly Buffer[]): void {
    if (this.closed) return;
    const words: string[] = [];
    const readLength = (): Step => ({
      kind: 'read',
      nextLen: 4,
      nextFunc: (frame) => ({ kind: 'read', nextLen: frame.readUInt32BE(0), nextFunc: readMessage }),
    });
    const readMessage = (frame: Buffer): Step => {
      const decoded = decodeMessage(frame);
      words.push(decoded.ok ? inWords(decoded.message) : 'malformed');
      return readLength();
    };
    const framer = new Framer(
      4,
      (frame) => ({ kind: 'read', nextLen: frame.readUInt32BE(0), nextFunc: readMessage }),
      () => words.push('refused'),
    );
    framer.dataCameIn(Buffer.concat(chunks));
    this.log.push(words.join(', '));
  }

  /** The lines since the last call. */
  said(): string[] {
    return this.log.splice(0);
  }

  readonly isEncrypted: boolean = false;

  isFlushed(): boolean {
    return this.unsentLength === 0;
  }

  pauseReading(): void {
    this.log.push('(paused)');
  }

  resumeReading(): void {
    this.log.push('(resumed)');
  }

  earn(length: number): void {
    this.earned += length;
  }

  charge(work: number, idle: boolean): void {
    this.work += work;
    if (idle) this.idleWork += work;
  }

  refuse(reason: Refusal): void {
    if (this.closed) return;
    this.refusal = reason;
    this.gotRefusal();
  }
}

/** `have 3`, `request 0:16384+16384` (piece, begin and length), `piece 0:0+16384`. */
export function inWords(message: PeerMessage): string {
  switch (message.type) {
    case 'have':
    case 'suggest':
    case 'allowedFast':
      return `${message.type} ${message.piece}`;
    case 'bitfield':
      return `bitfield ${message.bits.toString('hex')}`;
    case 'request':
    case 'cancel':
    case 'reject':
      return `${message.type} ${message.piece}:${message.begin}+${message.length}`;
    case 'piece':
      return `piece ${message.piece}:${message.begin}+${message.block.length}`;
    case 'hashRequest':
    case 'hashes':
    case 'hashReject': {
      const { base, index, length, proof } = message.range;
      return `${message.type} ${base}:${index}+${length}^${proof}`;
    }
    case 'port':
      return `port ${message.port}`;
    case 'unknown':
      return `unknown ${message.id}`;
    default:
      return message.type;
  }
}
