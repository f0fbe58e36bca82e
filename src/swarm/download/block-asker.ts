import type { BlockSpan } from '../../disk/storage.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import type { PeerConnection } from '../connections/peer-connection.js';

/** A source of blocks that is no peer. It judges itself what a wrong piece costs it. */
export interface OtherSender {
  /** It has sent wrong bytes of this piece, beyond doubt. Called in a task of its own. */
  sentWrong(piece: PieceIndex): void;
}

/** Who sends us blocks, and bears the blame for them. */
export type BlockSender = PeerConnection | OtherSender;

/** Who asks a sender for blocks. One sender may have several. */
export interface BlockAsker {
  readonly sender: BlockSender;
  /** Bytes of useful blocks that came. */
  readonly total: number;
  /** Another sender has sent a block that this one was asked for too. */
  blockCameFromElsewhere(span: BlockSpan): void;
}

/** The sources of blocks besides the peers, as the Downloader sees them. */
export interface OtherSources {
  /** There may be something to ask for, or room for what was asked for. */
  requestMore(): void;
  /**
   * A peer that has the pieces `has` finds nothing to ask for. Gives back what will not come soon. False when nothing
   * was given back.
   */
  giveWay(has: PieceSet): boolean;
  /** Pieces have lost their deadlines. What fetches only such pieces ends. */
  endUndue(isDue: (piece: PieceIndex) => boolean): void;
}

/** Some of the torrent's pieces. */
export interface PieceSet {
  has(piece: number): boolean;
}
