import { encodeMessage } from '../../../src/wire/message.js';
import type { AnnouncedExtension } from '../../../src/wire/reserved.js';
import type { SwarmMember } from '../worlds/swarm-member.js';
import { RecordedConnection } from './recorded-connection.js';

const BLOCK = 16 * 1024;

/** A peer that a test drives, without a network. It speaks to the Connecter of a member and hears the answers. */
export class TalkingPeer {
  readonly connection: RecordedConnection;
  readonly #member: SwarmMember;

  constructor(member: SwarmMember, name: string, ...extensions: readonly AnnouncedExtension[]) {
    this.#member = member;
    this.connection = new RecordedConnection(name, extensions);
    this.connection.gotRefusal = () => member.connecter.connectionLost(this.connection);
    member.connecter.connectionMade(this.connection);
  }

  /** Why the member has refused the connection, or null. */
  get refusal(): string | null {
    return this.connection.refusal?.code ?? null;
  }

  say(...messages: readonly Parameters<typeof encodeMessage>[0][]): void {
    for (const message of messages) this.sayFrame(encodeMessage(message).subarray(4));
  }

  sayFrame(frame: Buffer): void {
    if (!this.connection.closed) this.#member.connecter.gotFrame(this.connection, frame);
  }

  /** Sends the bitfield of a picture: '*' is a piece that this peer has. */
  has(picture: string): void {
    const bits = Buffer.alloc(Math.ceil(picture.length / 8));
    for (const [index, mark] of [...picture].entries()) {
      if (mark === '*') bits[index >> 3] = (bits[index >> 3] as number) | (0x80 >> (index & 7));
    }
    this.say({ type: 'bitfield', bits });
  }

  /** Sends a block with the right bytes. `block`: its number in the piece. */
  deliver(content: Buffer, pieceLength: number, piece: number, block: number): void {
    const begin = piece * pieceLength + block * BLOCK;
    const end = Math.min(begin + BLOCK, (piece + 1) * pieceLength, content.length);
    this.say({ type: 'piece', piece, begin: block * BLOCK, block: content.subarray(begin, end) });
  }

  /** Sends all blocks that it was asked for since the last call, with the right bytes. Returns how many. */
  answer(content: Buffer, pieceLength: number): number {
    const requests = this.heard()
      .flatMap((line) => line.split(', '))
      .filter((word) => word.startsWith('request'));
    for (const word of requests) {
      const [piece, begin] = word.slice('request '.length).split(/[:+]/).map(Number);
      this.deliver(content, pieceLength, piece ?? 0, (begin ?? 0) / BLOCK);
    }
    return requests.length;
  }

  /** What it heard since the last call. */
  heard(): string[] {
    return this.connection.said();
  }

  hangUp(): void {
    this.#member.connecter.connectionLost(this.connection);
  }
}
