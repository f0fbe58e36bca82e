import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import { fullBitfield } from '../../../src/wire/bitfield.js';
import type { PeerMessage } from '../../../src/wire/message.js';
import type { SampleTorrent } from '../sample-torrent.js';
import type { FakeScript, FakeTalk } from './fake-talk.js';
import { type HashLiarKind, type HashLiarParts, withHashes } from './hash-liars.js';

export interface PoisonerOptions extends HashLiarParts {
  readonly torrent: SampleTorrent;
  /** What it sends, of the length of the torrent's own content. */
  readonly content: Buffer;
  /** Bytes a second. */
  readonly rate: number;
  /** How it answers hash requests; truly when null. */
  readonly hashes: HashLiarKind | null;
}

/** A peer that says it has everything, and sends `content` to whoever asks, one block after another. */
export function poisonerScript(options: PoisonerOptions): FakeScript {
  const { torrent, content, rate, timers } = options;
  const everything = fullBitfield(torrent.layout.pieceCount).toWire();
  const freeAt = new Map<FakeTalk, number>();
  const cancelled = new Map<FakeTalk, Set<string>>();
  const send = (talk: FakeTalk, { piece, begin, length }: Extract<PeerMessage, { type: 'request' }>): void => {
    const key = `${piece} ${begin}`;
    const at = Math.max(timers.now(), freeAt.get(talk) ?? 0) + (length / rate) * 1_000;
    freeAt.set(talk, at);
    cancelled.get(talk)?.delete(key);
    timers.addTask(() => {
      if (talk.lost || cancelled.get(talk)?.delete(key) === true) return;
      const from = piece * torrent.layout.pieceLength + begin;
      // Behind the end of the content it sends zeros, as libtorrent does.
      const block = Buffer.alloc(Math.min(length, BLOCK_LENGTH));
      content.copy(block, 0, from, from + block.length);
      talk.sayMessages({ type: 'piece', piece, begin, block });
    }, at - timers.now());
  };
  const ofBlocks: FakeScript = {
    gotHandshake: (talk) => {
      talk.sayHandshake();
      talk.sayMessages({ type: 'bitfield', bits: everything }, { type: 'unchoke' });
    },
    gotMessage: (talk, message) => {
      if (message.type === 'request') send(talk, message);
      if (message.type !== 'cancel') return;
      const known = cancelled.get(talk) ?? new Set();
      cancelled.set(talk, known.add(`${message.piece} ${message.begin}`));
    },
  };
  return withHashes(ofBlocks, options.hashes, options);
}
