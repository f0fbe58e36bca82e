/** Has pieces that came in judged and written. All torrents of a process share it, as they share the threads. */
import type { CommitProof, FileWrite, Judged, StoragePlace, Told } from '../protocol.js';
import type { HashQueue } from './hash-queue.js';
import type { WorkerThread } from './worker-thread.js';

export interface CommittedPiece {
  readonly place: StoragePlace;
  readonly data: Uint8Array;
  readonly proof: CommitProof;
  /** Where its bytes belong. */
  readonly writes: readonly FileWrite[];
}

export interface PieceCommitsOptions {
  /** When the thread that writes owes this many bytes of pieces, a hashing thread judges the next one. */
  readonly behindFrom: number;
}

/**
 * The most that one torrent lets wait (`maxSettling`) is more, and leaves the other thread a share. So much waits only
 * where the one that writes cannot keep up. Elsewhere the start of another thread costs more than it saves.
 */
export const DEFAULT_PIECE_COMMITS_OPTIONS: PieceCommitsOptions = { behindFrom: 14 * 1024 * 1024 };

/** A piece that the other thread judges. */
interface JudgedPiece {
  readonly place: StoragePlace;
  /** What was asked of the writer since, and must come after the piece. In order. */
  readonly next: (() => void)[];
}

/**
 * A piece that another thread judges comes to the writer later. Other pieces may overtake it, since each piece has
 * bytes of its own. All else that is asked for the same torrent keeps its order, as if the writer judged every piece:
 * what is flushed, closed, given another name or forgotten has all pieces that were committed before.
 */
export class PieceCommits {
  readonly #writer: Pick<WorkerThread, 'ask'>;
  readonly #hashing: Pick<HashQueue, 'judge'>;
  readonly #options: PieceCommitsOptions;
  /** Bytes of the pieces that the writer was given and has not answered for. */
  #owed = 0;
  /** Bytes of the pieces that the other thread judges. */
  #judged = 0;
  /** These pieces, in the order in which that thread answers. */
  readonly #judging: JudgedPiece[] = [];

  constructor(writer: Pick<WorkerThread, 'ask'>, hashing: Pick<HashQueue, 'judge'>, options: PieceCommitsOptions) {
    this.#writer = writer;
    this.#hashing = hashing;
    this.#options = options;
  }

  /** Judges a piece, and writes it when it is right. `answered` is called once, later. */
  commit(piece: CommittedPiece, answered: (told: Told<Judged>) => void): void {
    const isBehind = this.#owed >= this.#options.behindFrom && this.#judged <= this.#owed;
    if (isBehind && this.#judge(piece, answered)) return;
    const { id } = piece.place;
    const waiting = this.#judging.findLast(({ place, next }) => place.id === id && next.length > 0);
    if (waiting === undefined) this.#commit(piece, answered);
    else waiting.next.push(() => this.#commit(piece, answered));
  }

  /** Calls `ask` when the writer has been given all pieces of the torrent that were committed before. */
  afterPieces({ id }: StoragePlace, ask: () => void): void {
    const last = this.#judging.findLast(({ place }) => place.id === id);
    if (last === undefined) ask();
    else last.next.push(ask);
  }

  #judge(piece: CommittedPiece, answered: (told: Told<Judged>) => void): boolean {
    const { place, data, proof } = piece;
    const judged: JudgedPiece = { place, next: [] };
    const isTaken = this.#hashing.judge({ data, proof }, (told) => {
      this.#judged -= data.length;
      this.#judging.splice(this.#judging.indexOf(judged), 1);
      // The thread may have been ended in the middle of its work. What it could not judge the writer can.
      if (!told.ok) this.#commit(piece, answered);
      else if (told.value.verdict !== 'right') answered(told);
      else this.#write(piece, (written) => answered(written.ok ? told : written));
      for (const ask of judged.next) ask();
    });
    if (!isTaken) return false;
    this.#judged += data.length;
    this.#judging.push(judged);
    return true;
  }

  #commit({ place, data, proof, writes }: CommittedPiece, answered: (told: Told<Judged>) => void): void {
    const paid = this.#owe(data);
    this.#writer.ask('commit', { place, writes, data, proof }, [], (told) => {
      paid();
      answered(told);
    });
  }

  #write({ place, data, writes }: CommittedPiece, answered: (told: Told<null>) => void): void {
    const paid = this.#owe(data);
    this.#writer.ask('write', { place, writes, data }, [], (told) => {
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
