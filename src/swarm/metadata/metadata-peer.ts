import type { Millis } from '../../base/clock.js';
import { encodeMessage, type PeerMessage } from '../../wire/message.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';
import { LeakyCounter, type LeakyCounterOptions } from '../leaky-counter.js';

/** What we bear of one peer, and keep of it. */
export interface MetadataPeerOptions {
  /** How many messages of no use we forgive a peer. */
  readonly junk: LeakyCounterOptions;
  /** We keep at most this many messages of one peer. */
  readonly maxKept: number;
  /**
   * We keep at most this many bytes for one peer, with what it takes to keep a message beside its bytes. The bitfield
   * of the largest torrent has 256 KiB.
   */
  readonly maxKeptLength: number;
  /** We keep at most this many messages of one peer that suggest a piece, and as many that allow one. */
  readonly maxHints: number;
}

/** Of the messages of one group only the last one still holds. */
const GROUP_OF: Readonly<Partial<Record<Said['type'], string>>> = {
  choke: 'choking',
  unchoke: 'choking',
  interested: 'interest',
  notInterested: 'interest',
  bitfield: 'pieces',
  haveAll: 'pieces',
  haveNone: 'pieces',
};

/** We keep this many extension handshakes: the first, and those that came last. An honest peer sends one or two. */
const MAX_HANDSHAKES = 8;
/** A frame comes without it. */
const LENGTH_PREFIX = 4;
/** The bits of a `bitfield` message begin behind its id. */
const BITS_AT = 1;

/** About how many bytes it takes to keep a message, beside those of its frame. */
const LENGTH_OF_KEEPING = 150;
/** As many for a piece that a peer has. */
const LENGTH_OF_HAVE = 50;

/** In these a peer says something of itself. */
type Said = Extract<
  PeerMessage,
  {
    readonly type:
      | 'choke'
      | 'unchoke'
      | 'interested'
      | 'notInterested'
      | 'have'
      | 'bitfield'
      | 'haveAll'
      | 'haveNone'
      | 'suggest'
      | 'allowedFast'
      | 'extended';
  }
>;
/** One that is kept without its frame: a small buffer may be part of a large one, and keep all of that. */
type Brief = Exclude<Said, { readonly type: 'bitfield' | 'extended' }>;
type Hint = Extract<Said, { readonly type: 'suggest' | 'allowedFast' }>;
/** One message, or the pieces of all haves that we keep. */
type Kept = Buffer | Brief | Set<number>;

/**
 * What one peer of a torrent without metadata has said of itself, for the successor. To keep a message makes no more
 * work than its price pays for, however much was kept before.
 */
export class MetadataPeer {
  readonly madeAt: Millis;
  readonly junk: LeakyCounter;
  readonly #options: MetadataPeerOptions;
  /** What we keep, by what it is about, in the order in which it came. */
  readonly #kept = new Map<string, Kept>();
  /** The type of the last message that spoke of all pieces of the peer. */
  #pieces: Said['type'] | null = null;
  #handshakeCount = 0;
  readonly #hintCounts = { suggest: 0, allowedFast: 0 };
  /** How many messages we keep, each have for itself, and how many bytes they take. */
  #count = 0;
  #length = 0;

  constructor(options: MetadataPeerOptions, now: Millis) {
    this.madeAt = now;
    this.junk = new LeakyCounter(options.junk, now);
    this.#options = options;
  }

  /** The messages that we keep, in order. */
  get said(): readonly Buffer[] {
    return [...this.#kept.values()].flatMap((kept) => {
      if (Buffer.isBuffer(kept)) return [kept];
      if (kept instanceof Set) return [...kept].map((piece) => frameOf({ type: 'have', piece }));
      return [frameOf(kept)];
    });
  }

  keep(message: Said, frame: Buffer): Judgement {
    switch (message.type) {
      case 'have':
        return this.#keepHave(message.piece);
      case 'suggest':
      case 'allowedFast':
        return this.#keepHint(message);
      case 'extended':
        return this.#keepHandshake(frame);
      case 'bitfield':
        this.#speaksOfAll(message.type);
        return this.#put('pieces', Buffer.from(frame));
      case 'haveAll':
      case 'haveNone':
        this.#speaksOfAll(message.type);
        break;
    }
    return this.#put(GROUP_OF[message.type] ?? message.type, message);
  }

  /** When we keep a bitfield, a have becomes a bit of it, so that one message says both. */
  #keepHave(piece: number): Judgement {
    if (this.#pieces === 'haveAll') return JUNK;
    const bitfield = this.#pieces === 'bitfield' ? this.#kept.get('pieces') : undefined;
    if (!Buffer.isBuffer(bitfield)) return this.#addHave(piece);
    const at = BITS_AT + Math.floor(piece / 8);
    const byte = bitfield[at];
    if (byte === undefined) return this.#addHave(piece);
    const bit = 0x80 >> (piece % 8);
    bitfield[at] = byte | bit;
    return (byte & bit) === 0 ? FINE : JUNK;
  }

  /** All haves stand where the first came: an unchoke must follow what the peer has said of its pieces before it. */
  #addHave(piece: number): Judgement {
    const known = this.#kept.get('haves');
    const haves = known instanceof Set ? known : new Set<number>();
    if (haves.has(piece)) return JUNK;
    if (haves !== known) this.#kept.set('haves', haves);
    haves.add(piece);
    return this.#grown(1, LENGTH_OF_HAVE) ?? FINE;
  }

  #keepHint(hint: Hint): Judgement {
    const key = `${hint.type} ${hint.piece}`;
    if (!this.#kept.has(key)) {
      if (this.#hintCounts[hint.type] >= this.#options.maxHints) return JUNK;
      this.#hintCounts[hint.type] += 1;
    }
    return this.#put(key, hint);
  }

  #keepHandshake(frame: Buffer): Judgement {
    const count = this.#handshakeCount;
    this.#handshakeCount += 1;
    const key = `handshake ${count === 0 ? 0 : 1 + ((count - 1) % (MAX_HANDSHAKES - 1))}`;
    return this.#put(key, Buffer.from(frame));
  }

  /** What the peer has said of single pieces does not hold any more. */
  #speaksOfAll(type: Said['type']): void {
    this.#pieces = type;
    const haves = this.#kept.get('haves');
    if (!(haves instanceof Set)) return;
    this.#kept.delete('haves');
    this.#grown(-haves.size, -haves.size * LENGTH_OF_HAVE);
  }

  #put(key: string, kept: Buffer | Brief): Judgement {
    const before = this.#kept.get(key);
    // Deleted first, the key goes to the end: an unchoke must follow what the peer has said of its pieces before it.
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const isNew = before === undefined;
    const length = lengthOf(kept) - lengthOf(before) + (isNew ? LENGTH_OF_KEEPING : 0);
    return this.#grown(isNew ? 1 : 0, length) ?? (isNew ? FINE : JUNK);
  }

  /** Returns the refusal when we would keep too much. */
  #grown(count: number, length: number): Judgement | undefined {
    this.#count += count;
    this.#length += length;
    const { maxKept, maxKeptLength } = this.#options;
    if (this.#count <= maxKept && this.#length <= maxKeptLength) return undefined;
    return refuse({ code: 'too-much-junk', count: this.#count });
  }
}

function lengthOf(kept: Kept | undefined): number {
  return Buffer.isBuffer(kept) ? kept.length : 0;
}

function frameOf(message: Brief): Buffer {
  return encodeMessage(message).subarray(LENGTH_PREFIX);
}
