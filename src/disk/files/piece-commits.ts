/** Has pieces that came in judged and written. All torrents of a process share it, as they share the threads. */
import type { CommitProof, FileWrite, Judged, StoragePlace, Told } from '../protocol.js';
import type { HashQueue } from './hash-queue.js';
import type { WorkerThread } from './worker-thread.js';

export interface CommittedPiece {
  readonly place: StoragePlace;
  readonly data: Uint8Array;
  readonly proof: CommitProof;
  /** Where its bytes belong. Asked when they are given to the thread that writes. */
  readonly writes: () => readonly FileWrite[];
}

export interface PieceCommitsOptions {
  /** When the thread that writes owes this many bytes of pieces, a hashing thread judges the next one. */
  readonly behindFrom: number;
}

/**
 * The most that one torrent lets wait (`maxSettling`) is a little more. So another thread is begun only where the one
 * that writes cannot keep up: its start costs more than it saves else.
 */
export const DEFAULT_PIECE_COMMITS_OPTIONS: PieceCommitsOptions = { behindFrom: 12 * 1024 * 1024 };

export class PieceCommits {
  readonly #writer: Pick<WorkerThread, 'ask'>;
  readonly #hashing: Pick<HashQueue, 'judge'>;
  readonly #options: PieceCommitsOptions;
  /** Bytes of the pieces that the writer was given and has not answered for. */
  #owed = 0;
  /** Bytes of the pieces that the other thread judges. */
  #judged = 0;

  constructor(writer: Pick<WorkerThread, 'ask'>, hashing: Pick<HashQueue, 'judge'>, options: PieceCommitsOptions) {
    this.#writer = writer;
    this.#hashing = hashing;
    this.#options = options;
  }

  /** Judges a piece, and writes it when it is right. `answered` is called once, later. */
  commit(piece: CommittedPiece, answered: (told: Told<Judged>) => void): void {
    if (this.#owed < this.#options.behindFrom || this.#judged > this.#owed || !this.#judge(piece, answered))
      this.#commit(piece, answered);
  }

  #judge(piece: CommittedPiece, answered: (told: Told<Judged>) => void): boolean {
    const { data, proof } = piece;
    const isTaken = this.#hashing.judge({ data, proof }, (told) => {
      this.#judged -= data.length;
      // The thread may have been ended in the middle of its work. What it could not judge the writer can.
      if (!told.ok) this.#commit(piece, answered);
      else if (told.value.verdict !== 'right') answered(told);
      else this.#write(piece, (written) => answered(written.ok ? told : written));
    });
    if (isTaken) this.#judged += data.length;
    return isTaken;
  }

  #commit({ place, data, proof, writes }: CommittedPiece, answered: (told: Told<Judged>) => void): void {
    const paid = this.#owe(data);
    this.#writer.ask('commit', { place, writes: writes(), data, proof }, [], (told) => {
      paid();
      answered(told);
    });
  }

  #write({ place, data, writes }: CommittedPiece, answered: (told: Told<null>) => void): void {
    const paid = this.#owe(data);
    this.#writer.ask('write', { place, writes: writes(), data }, [], (told) => {
      paid();
      answered(told);
    });
  }

  #owe({ length }: Uint8Array): () => void {
    this.#owed += length;
    return () => {
      this.#owed -= length;
    };
  }
}
