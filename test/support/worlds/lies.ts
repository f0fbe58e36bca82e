import type { Random } from '../../../src/base/random.js';
import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import type { PeerConnection } from '../../../src/swarm/connections/peer-connection.js';
import type { Downloader } from '../../../src/swarm/download/downloader.js';
import type { Evidence } from '../../../src/wire/refusal.js';
import type { SampleTorrent } from '../sample-torrent.js';

/** A block that came with wrong bytes and was taken. */
interface Lie {
  readonly taker: Downloader;
  readonly connection: PeerConnection;
  readonly piece: number;
  readonly block: number;
  readonly length: number;
}

/** The lies that the downloads of a torrent are told. */
export class Lies {
  readonly all: Lie[] = [];
  readonly #torrent: SampleTorrent;
  /** Bytes of blocks that came twice or unasked, by who got them. They count as wasted, but they are no lies. */
  readonly #twice = new Map<Downloader, number>();

  constructor(torrent: SampleTorrent) {
    this.#torrent = torrent;
  }

  get liars(): ReadonlySet<PeerConnection> {
    return new Set(this.all.map(({ connection }) => connection));
  }

  get takers(): ReadonlySet<Downloader> {
    return new Set(this.all.map(({ taker }) => taker));
  }

  /** Gives `taker` the block, as `blockCameIn` does, and takes note of it. */
  came(
    taker: Downloader,
    blockCameIn: Downloader['blockCameIn'],
    [asker, number, begin, block]: Parameters<Downloader['blockCameIn']>,
  ): ReturnType<Downloader['blockCameIn']> {
    const { layout, bytesOf } = this.#torrent;
    const piece = layout.pieceIndex(number);
    const content = block.subarray(0, piece === undefined ? 0 : layout.contentLengthOf(piece) - begin);
    // The taker may use the memory again, so we look before it does.
    const isWrong = !content.equals(bytesOf(number).subarray(begin, begin + content.length));
    const verdict = blockCameIn.call(taker, asker, number, begin, block);
    if (verdict !== 'wanted') this.#twice.set(taker, (this.#twice.get(taker) ?? 0) + block.length);
    else if (isWrong) {
      const connection = asker.sender as PeerConnection;
      this.all.push({ taker, connection, piece: number, block: begin / BLOCK_LENGTH, length: block.length });
    }
    return verdict;
  }

  /** Whether the peer has done what it is banned for. */
  prove(connection: PeerConnection, evidence: Evidence): boolean {
    return this.all.some((lie) => {
      if (lie.connection !== connection || !('piece' in evidence) || lie.piece !== evidence.piece) return false;
      return evidence.kind === 'wrong-piece' || (evidence.kind === 'wrong-block' && lie.block === evidence.block);
    });
  }

  /** What the lies have cost beyond their own blocks, in a sentence; nothing when they have not. */
  excess(taker: Downloader): readonly string[] {
    const lied = this.all.reduce((sum, lie) => sum + (lie.taker === taker ? lie.length : 0), 0);
    const wasted = taker.wasted - (this.#twice.get(taker) ?? 0);
    return wasted > lied ? [`${wasted} bytes were wasted for lies of ${lied} bytes`] : [];
  }
}

/** The content with a wrong byte in one block of so many. Padding stays right. */
export function poisonedContent({ content, metainfo }: SampleTorrent, oneIn: number, random: Random): Buffer {
  const wrong = Buffer.from(content);
  for (const { begin: from, length, padding } of metainfo.files) {
    if (padding) continue;
    for (let begin = from; begin < from + length; begin += BLOCK_LENGTH) {
      const at = begin + random.below(Math.min(BLOCK_LENGTH, from + length - begin));
      if (random.below(oneIn) === 0) wrong[at] = (wrong[at] as number) ^ (1 + random.below(255));
    }
  }
  return wrong;
}
