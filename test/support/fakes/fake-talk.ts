import type { Millis } from '../../../src/base/clock.js';
import type { RawServer, SingleSocket, SocketFailure, SocketHandler } from '../../../src/net/raw-server.js';
import { Framer, type Step } from '../../../src/wire/framer.js';
import { encodeHandshake, readHandshakeHead, readPeerId } from '../../../src/wire/handshake.js';
import { decodeMessage, encodeMessage, KEEP_ALIVE, type PeerMessage } from '../../../src/wire/message.js';
import { announces, encodeReserved, withV2 } from '../../../src/wire/reserved.js';

export interface FakeIdentity {
  readonly infoHash: Buffer;
  /** The second hash of a hybrid, 20 bytes: a peer that dials us as one that knows version 2 gets it for an answer. */
  readonly infoHashV2?: Buffer;
  readonly peerId: Buffer;
}

/** What a fake peer does by itself. The test does everything else. */
export interface FakeScript {
  /** Called when the connection is made. */
  readonly connected?: (talk: FakeTalk) => void;
  /** Called when the other side's handshake is complete. */
  readonly gotHandshake?: (talk: FakeTalk) => void;
  readonly gotMessage?: (talk: FakeTalk, message: PeerMessage) => void;
}

export interface Heard {
  readonly at: Millis;
  readonly what: string;
}

/** A fake peer's side of one connection. It sends any bytes, whole or one by one, and logs what it hears. */
export class FakeTalk implements SocketHandler {
  /** What came in, in words, with its time. */
  readonly heard: Heard[] = [];
  readonly #rawServer: RawServer;
  readonly #identity: FakeIdentity;
  readonly #script: FakeScript;
  /** The hash that we answer with; null for the main one. */
  #infoHash: Buffer | null = null;
  readonly #framer: Framer;
  readonly #chunks: Buffer[] = [];
  #socket: SingleSocket | null = null;
  #lost = false;

  constructor(rawServer: RawServer, identity: FakeIdentity, script: FakeScript) {
    this.#rawServer = rawServer;
    this.#identity = identity;
    this.#script = script;
    const { infoHashV2 } = identity;
    const first = readHandshakeHead((infoHash, reserved) => {
      const isV2 = infoHashV2 !== undefined && (infoHash.equals(infoHashV2) || announces(reserved, 'v2'));
      if (isV2) this.#infoHash = infoHashV2;
      else if (!infoHash.equals(identity.infoHash)) this.#note(`info-hash ${infoHash.toString('hex')}`);
      return readPeerId((peerId) => {
        this.#note(`handshake ${peerId.toString('latin1')}`);
        script.gotHandshake?.(this);
        return this.#readLength();
      });
    });
    this.#framer = new Framer(first.nextLen, first.nextFunc, (reason) => this.#note(`garbled: ${reason.code}`));
  }

  /** What came in, in words. */
  get log(): string[] {
    return this.heard.map(({ what }) => what);
  }

  /** Every byte that came in. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** True when the connection has ended, by either side or by the network. */
  get lost(): boolean {
    return this.#lost;
  }

  get socket(): SingleSocket {
    if (this.#socket === null) throw new Error('this fake peer has no socket yet');
    return this.#socket;
  }

  /** Hands in the socket. The fake peer that made the socket calls it. */
  attach(socket: SingleSocket): void {
    this.#socket = socket;
    if (!socket.locallyInitiated) this.#script.connected?.(this);
  }

  /** Writes each part in a write of its own, without a pause. */
  say(...parts: readonly Buffer[]): void {
    for (const part of parts) this.socket.write([Buffer.from(part)]);
  }

  /** Writes one byte now and one more after each `gap`, until the connection ends. */
  drip(bytes: Buffer, gap: Millis): void {
    if (bytes.length === 0 || this.#lost) return;
    this.say(bytes.subarray(0, 1));
    this.#rawServer.addTask(() => this.drip(bytes.subarray(1), gap), gap);
  }

  /** The whole handshake that `sayHandshake` sends. */
  handshake(reserved: Buffer = encodeReserved([])): Buffer {
    const { infoHash, infoHashV2, peerId } = this.#identity;
    const ours = this.#infoHash ?? infoHash;
    return encodeHandshake(ours, peerId, infoHashV2 !== undefined && ours === infoHash ? withV2(reserved) : reserved);
  }

  sayHandshake(): void {
    this.say(this.handshake());
  }

  sayMessages(...messages: readonly Parameters<typeof encodeMessage>[0][]): void {
    this.say(Buffer.concat(messages.map(encodeMessage)));
  }

  sayKeepAlive(): void {
    this.say(KEEP_ALIVE);
  }

  /** Closes the connection at once. */
  hangUp(): void {
    this.#lost = true;
    this.socket.close();
  }

  connectionMade(): void {
    this.#script.connected?.(this);
  }

  dataCameIn(_socket: SingleSocket, data: Buffer): void {
    this.#chunks.push(Buffer.from(data));
    this.#framer.dataCameIn(data);
  }

  connectionFlushed(): void {
    // A fake peer writes when the test tells it to, even while earlier bytes wait.
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    this.#lost = true;
    this.#note(`lost: ${failure.code}`);
  }

  #readLength(): Step {
    return { kind: 'read', nextLen: 4, nextFunc: (frame) => this.#gotLength(frame.readUInt32BE(0)) };
  }

  #gotLength(length: number): Step {
    if (length === 0) {
      this.#note('keepAlive');
      return this.#readLength();
    }
    return { kind: 'read', nextLen: length, nextFunc: (frame) => this.#gotFrame(frame) };
  }

  #gotFrame(frame: Buffer): Step {
    const outcome = decodeMessage(frame);
    if (!outcome.ok) return { kind: 'refuse', reason: outcome.refusal };
    this.#note(inWords(outcome.message));
    this.#script.gotMessage?.(this, outcome.message);
    return this.#readLength();
  }

  #note(what: string): void {
    this.heard.push({ at: this.#rawServer.now(), what });
  }
}

/** A message as a test writes it: `have 3`, `request 0 16384 16384`, `piece 0 0 (16384 bytes)`. */
function inWords(message: PeerMessage): string {
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
      return `${message.type} ${message.piece} ${message.begin} ${message.length}`;
    case 'piece':
      return `piece ${message.piece} ${message.begin} (${message.block.length} bytes)`;
    case 'unknown':
      return `unknown ${message.id}`;
    default:
      return message.type;
  }
}
