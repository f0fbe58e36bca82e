import type { Millis, Timers } from '../../../src/base/clock.js';
import { decodeExtensionHandshake, encodeExtensionHandshake, SILENT_HANDSHAKE } from '../../../src/wire/extended.js';
import { encodeExtendedHead } from '../../../src/wire/message.js';
import {
  decodeMetadataMessage,
  encodeDataHead,
  encodeMetadataMessage,
  METADATA_PIECE_LENGTH,
  UT_METADATA,
} from '../../../src/wire/metadata-message.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import type { FakeScript, FakeTalk } from './fake-talk.js';

/** What a liar knows. */
export interface LiarParts {
  readonly timers: Timers;
  /** The right metadata. */
  readonly info: Buffer;
  /** The liar's number. Liars whose lies differ from each other derive the lie from it. */
  readonly number: number;
}

/** A request for `piece` to a liar: the `nth` of this talk, counted from 0. */
interface Asked extends LiarParts {
  readonly talk: FakeTalk;
  readonly piece: number;
  readonly nth: number;
  readonly isLast: boolean;
  /** Sends `bytes` as `piece`; without `bytes` it sends the right ones. */
  readonly send: (piece: number, bytes?: Buffer, totalSize?: number) => void;
}

interface Lie {
  /** The size that it claims; without this it claims the right one. */
  readonly size?: (parts: LiarParts) => number;
  /** The step after which it says nothing more. */
  readonly silentAfter?: 'connecting' | 'handshake';
  readonly answer: (asked: Asked) => void;
}

const HUGE = 32 * 1024 * 1024;
const silence = (): void => undefined;

/** Answers request n after n + 1 times `gap`. */
function drip(gap: Millis): Lie['answer'] {
  return ({ talk, piece, nth, send, timers }) => {
    timers.addTask(
      () => {
        if (!talk.lost) send(piece);
      },
      gap * (nth + 1),
    );
  };
}

const ownFills = new Map<number, Buffer>();

/** The same bytes for each piece: a liar that pours must not work more for a byte than we do. */
function ownBytes({ info, number, piece }: Asked): Buffer {
  const fill = 1 + (number % 255);
  const whole = ownFills.get(fill) ?? Buffer.alloc(METADATA_PIECE_LENGTH, fill);
  ownFills.set(fill, whole);
  return whole.subarray(0, info.length - piece * METADATA_PIECE_LENGTH);
}

function differing(bytes: Buffer, number: number): Buffer {
  const at = number % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

const LIES = {
  'rejects all requests': {
    answer: ({ talk, piece }) => say(talk, encodeMetadataMessage({ type: 'reject', piece })),
  },
  'answers no request': { answer: silence },
  'says nothing after the handshake': { silentAfter: 'handshake', answer: silence },
  'accepts the connection and says nothing': { silentAfter: 'connecting', answer: silence },
  'sends a piece each three seconds': { answer: drip(3_000) },
  'sends a piece each 400 ms': { answer: drip(400) },
  'sends a wrong piece each 400 ms': {
    answer: (asked) => drip(400)({ ...asked, send: (piece) => asked.send(piece, ownBytes(asked)) }),
  },
  'keeps the last piece': { answer: ({ piece, isLast, send }) => (isLast ? undefined : send(piece)) },
  'keeps the first piece': { answer: ({ piece, send }) => (piece === 0 ? undefined : send(piece)) },
  'leaves before the last piece': {
    answer: ({ talk, piece, isLast, send }) => (isLast ? talk.hangUp() : send(piece)),
  },
  'sends wrong bytes of its own': { answer: (asked) => asked.send(asked.piece, ownBytes(asked)) },
  'sends the wrong bytes that all others send': {
    answer: ({ info, piece, send }) => send(piece, differing(bytesOf(info, piece), 0)),
  },
  'sends one wrong piece': {
    answer: ({ info, number, piece, send }) => {
      const isWrong = piece === number % Math.ceil(info.length / METADATA_PIECE_LENGTH);
      send(piece, isWrong ? differing(bytesOf(info, piece), number) : undefined);
    },
  },
  'sends wrong bytes and keeps the last piece': {
    answer: (asked) => (asked.isLast ? undefined : asked.send(asked.piece, ownBytes(asked))),
  },
  'claims a negative size': { size: () => -1, answer: silence },
  'claims no bytes': { size: () => 0, answer: silence },
  'claims two gigabytes': { size: () => 2 ** 31, answer: silence },
  'claims 32 MiB and keeps the last piece': {
    size: ({ number }) => HUGE - number,
    answer: ({ number, piece, send }) => {
      if (piece < HUGE / METADATA_PIECE_LENGTH - 1)
        send(piece, Buffer.alloc(METADATA_PIECE_LENGTH, number), HUGE - number);
    },
  },
  'claims a byte more': {
    size: ({ info }) => info.length + 1,
    answer: ({ info, piece, isLast, send }) => {
      const bytes = bytesOf(info, piece);
      send(piece, isLast ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes, info.length + 1);
    },
  },
  'changes the size with each answer': {
    answer: ({ talk, info, piece, nth, send }) => {
      sayOffer(talk, info.length + 1 + nth);
      send(piece, undefined, info.length + 1 + nth);
    },
  },
  'sends pieces of another size than it claims': {
    answer: ({ info, piece, send }) => send(piece, undefined, info.length + 1),
  },
  'sends one piece again and again': { answer: ({ send }) => send(0) },
} satisfies Record<string, Lie>;

export type LiarKind = keyof typeof LIES;
export const LIAR_KINDS = Object.keys(LIES) as readonly LiarKind[];

/** The script of a peer that lies about the metadata; of an honest peer when `kind` is null. */
export function metadataScript(kind: LiarKind | null, parts: LiarParts): FakeScript {
  const lie: Lie = kind === null ? { answer: ({ piece, send }) => send(piece) } : LIES[kind];
  const { info } = parts;
  const last = Math.ceil(info.length / METADATA_PIECE_LENGTH) - 1;
  const counts = new WeakMap<FakeTalk, number>();
  return {
    gotHandshake: (talk) => {
      if (lie.silentAfter === 'connecting') return;
      talk.say(talk.handshake(encodeReserved(['extended'])));
      if (lie.silentAfter !== 'handshake') sayOffer(talk, lie.size?.(parts) ?? info.length);
    },
    gotMessage: (talk, message) => {
      if (message.type !== 'extended') return;
      if (message.id === 0) {
        ids.set(talk, decodeExtensionHandshake(message.payload)?.ids.get(UT_METADATA) ?? 0);
        return;
      }
      const asked = decodeMetadataMessage(message.payload);
      if (asked?.type !== 'request') return;
      const nth = counts.get(talk) ?? 0;
      counts.set(talk, nth + 1);
      const send = (piece: number, bytes = viewOf(info, piece), totalSize = info.length): void => {
        const head = encodeDataHead(piece, totalSize);
        const frame = encodeExtendedHead(ids.get(talk) ?? 0, head.length + bytes.length);
        talk.socket.write([frame, head, bytes]);
      };
      lie.answer({ ...parts, talk, piece: asked.piece, nth, isLast: asked.piece === last, send });
    },
  };
}

/** The id under which the other side of a talk wants metadata. */
const ids = new WeakMap<FakeTalk, number>();

function say(talk: FakeTalk, payload: Buffer): void {
  talk.sayMessages({ type: 'extended', id: ids.get(talk) ?? 0, payload });
}

function sayOffer(talk: FakeTalk, metadataSize: number): void {
  const payload = encodeExtensionHandshake({ ...SILENT_HANDSHAKE, ids: new Map([[UT_METADATA, 3]]), metadataSize });
  talk.sayMessages({ type: 'extended', id: 0, payload });
}

/** A copy of the piece. */
function bytesOf(info: Buffer, piece: number): Buffer {
  return Buffer.from(viewOf(info, piece));
}

function viewOf(info: Buffer, piece: number): Buffer {
  return info.subarray(piece * METADATA_PIECE_LENGTH, (piece + 1) * METADATA_PIECE_LENGTH);
}
