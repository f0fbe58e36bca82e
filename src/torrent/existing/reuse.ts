/**
 * Takes files that lie elsewhere on the disk instead of fetching them. No name, length or date is believed: a candidate
 * of the right length is hashed, copied into the part of the file, and what was copied is hashed once more there, since
 * another program may change the candidate meanwhile. Candidates are only read.
 *
 * A file of version 2 is proven by its own hashes. Of a torrent of version 1 the pieces that lie wholly in the file
 * must be right. What it shares with its neighbours is copied too, and counts when the neighbours make those pieces
 * right.
 */
import type { Timers } from '../../base/clock.js';
import type { Candidate, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type PieceIndex, type PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import type { WantedContent } from '../content/wanted-content.js';
import type { TorrentOptions } from '../torrent-options.js';
import { CandidateCopy, type CopyEnd } from './candidate-copy.js';
import type { ExistingDataFound } from './existing-data.js';
import { FileSearch, type SearchEnd, type SearchLimits } from './file-search.js';

export interface ReuseParts {
  readonly timers: Pick<Timers, 'now'>;
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly layout: PieceLayout;
  readonly content: Pick<WantedContent, 'files' | 'hasPiece'>;
  readonly storage: Pick<Storage, 'findCandidates' | 'hashCandidate' | 'copyCandidate' | 'checkPiece'>;
  readonly options: Pick<TorrentOptions, 'dir' | 'reuse' | 'preallocate'>;
  /** The progress: bytes that were hashed or copied, and such bytes in all, as far as that is known. */
  readonly checking: (done: number, length: number) => void;
  readonly warned: (code: string, message: string) => void;
  /** The file with this index has been taken from `from`, an absolute path. */
  readonly fileReused: (file: number, from: string) => void;
}

/** How much is done to find candidates. */
export interface ReuseLimits extends SearchLimits {
  /** First pieces are hashed until so many bytes are. */
  readonly maxHashed: number;
}

/** For folders that the user names. */
const NAMED_LIMITS: ReuseLimits = { maxDepth: 32, maxNames: 500_000, maxTime: 30_000, maxHashed: 2 ** 32 };
/** For the download folder, where nobody asked for a search: it must not be felt. */
const HERE_LIMITS: ReuseLimits = { maxDepth: 6, maxNames: 20_000, maxTime: 2000, maxHashed: 2 ** 28 };

/** The most candidates that are looked at for a file of version 1: each costs a hash of its own. */
const CANDIDATES_OF_V1 = 1000;
/** How many pieces of a candidate are given to the disk at once. */
const AT_ONCE = 64;
/** How many files are taken at once. */
const WANTS_AT_ONCE = 8;
/** Files with the same bytes that are wanted. */
interface Want {
  /** By index in the metainfo. */
  readonly files: number[];
  /** The pieces of the first of them that hold bytes of no other file: at least one. */
  readonly pieces: readonly PieceIndex[];
  /** Whether its hashes tell nothing but its own bytes, so that one hash of a candidate speaks for many files. */
  readonly isRooted: boolean;
}

interface Match {
  readonly want: Want;
  readonly candidate: Candidate;
}

/** Runs once, then answers once with all that is verified now, unless it is stopped. No failure here ends a torrent. */
export class Reuse {
  readonly #parts: ReuseParts;
  readonly #found: ExistingDataFound;
  readonly #answered: (found: ExistingDataFound) => void;
  readonly #verified: Set<PieceIndex>;
  readonly #unfinished: Map<PieceIndex, ReadonlyMap<number, number>>;
  /** Whether pieces are proven by the hash trees of their files. */
  readonly #hasTrees: boolean;
  /** By piece: the only file with bytes in it; else `SHARED` or `NO_FILE`. */
  #owners: Int32Array = new Int32Array(0);
  /** Pieces that several files share, and that bytes were copied to. */
  readonly #shared = new Set<PieceIndex>();
  readonly #reused = new Set<number>();
  #search: FileSearch | null = null;
  #done = 0;
  #length = 0;
  #stopped = false;

  constructor(parts: ReuseParts, found: ExistingDataFound, answered: (found: ExistingDataFound) => void) {
    this.#parts = parts;
    this.#found = found;
    this.#answered = answered;
    this.#verified = new Set(found.verified);
    this.#unfinished = new Map(found.unfinished);
    const first = parts.layout.pieceIndex(0);
    this.#hasTrees = first !== undefined && parts.layout.proofOf(first).root !== null;
  }

  begin(): void {
    const { metainfo, layout, options } = this.#parts;
    const { dir, reuse } = options;
    // Most downloads need nothing of this, and their files may be very many.
    if (reuse.length === 0 && !metainfo.files.some(({ piecesRoot }) => piecesRoot !== undefined)) {
      this.#answer();
      return;
    }
    this.#owners = ownersOfPieces(metainfo.files, layout);
    const here = (): void => this.#searchIn([dir], HERE_LIMITS, () => this.#checkShared());
    if (reuse.length === 0) here();
    else this.#searchIn(reuse, NAMED_LIMITS, here);
  }

  stop(): void {
    this.#stopped = true;
    this.#search?.stop();
  }

  /** `searched` is called when all that was found there has been tried. */
  #searchIn(folders: readonly string[], limits: ReuseLimits, searched: () => void): void {
    const { metainfo, warned } = this.#parts;
    const isNamed = limits === NAMED_LIMITS;
    // Nothing but a root tells a file of another torrent from thousands of others. So version 1 must be asked for.
    const mayUse = (index: number): boolean => isNamed || this.#isRooted(index);
    const lengths = new Set<number>();
    for (const index of this.#wanted()) if (mayUse(index)) lengths.add((metainfo.files[index] as TorrentFile).length);
    if (lengths.size === 0) {
      searched();
      return;
    }
    this.#search = new FileSearch(this.#parts, lengths, limits, ({ found, unreadable, isCut }: SearchEnd) => {
      for (const message of isNamed ? unreadable : []) warned('not-reused', `nothing is reused from there: ${message}`);
      // Mostly nothing is found. To group very many files by their roots would take long.
      const wants = found.length === 0 ? [] : this.#wants().filter(({ isRooted }) => isRooted || isNamed);
      const looks = looksFor(wants, found, metainfo.files);
      this.#lookAt(looks, limits.maxHashed, (matches, isLeftOut) => {
        if (isNamed && (isCut || isLeftOut))
          warned('not-reused', `not everything below ${folders.join(', ')} was looked at: there is too much of it`);
        this.#tryAll(matches, searched);
      });
    });
    this.#search.begin(folders);
  }

  /** The files that lack a piece which no other file shares, so that it could prove them. */
  *#wanted(): Iterable<number> {
    const { metainfo, layout, content } = this.#parts;
    for (const index of content.files) {
      const file = metainfo.files[index] as TorrentFile;
      if (file.padding || this.#reused.has(index)) continue;
      const { first, end } = piecesOfFile(file, layout);
      let piece = first;
      while (piece < end && (this.#owners[piece] !== index || this.#verified.has(piece as PieceIndex))) piece += 1;
      if (piece < end) yield index;
    }
  }

  /** Whether the file's hashes tell nothing but its own bytes. */
  #isRooted(index: number): boolean {
    return this.#hasTrees && this.#parts.metainfo.files[index]?.piecesRoot !== undefined;
  }

  /** What is missing and could be proven. */
  #wants(): Want[] {
    const { metainfo } = this.#parts;
    const byRoot = new Map<string, Want>();
    const wants: Want[] = [];
    for (const index of this.#wanted()) {
      const file = metainfo.files[index] as TorrentFile;
      const pieces = this.#piecesOf(index).filter((piece) => this.#owners[piece] === index);
      const isRooted = this.#isRooted(index);
      const root = isRooted ? (file.piecesRoot?.toString('latin1') ?? '') : '';
      const same = isRooted ? byRoot.get(root) : undefined;
      if (same !== undefined) {
        same.files.push(index);
        continue;
      }
      const want = { files: [index], pieces, isRooted };
      if (isRooted) byRoot.set(root, want);
      wants.push(want);
    }
    return wants;
  }

  #piecesOf(index: number): PieceIndex[] {
    const { metainfo, layout } = this.#parts;
    const { first, end } = piecesOfFile(metainfo.files[index] as TorrentFile, layout);
    return Array.from({ length: end - first }, (_, at) => layout.pieceIndex(first + at) as PieceIndex);
  }

  /**
   * Hashes the first piece of each candidate, which tells nearly all that are something else. `matched` gets what may
   * be right, and whether something was left out.
   */
  #lookAt(
    looks: Iterable<Look>,
    maxHashed: number,
    matched: (matches: readonly Match[], isLeftOut: boolean) => void,
  ): void {
    const { layout, storage } = this.#parts;
    const matches: Match[] = [];
    let hashed = 0;
    let isLeftOut = false;
    const within = function* (): Iterable<Look> {
      for (const look of looks) {
        hashed += layout.lengthOf(look.piece);
        isLeftOut = hashed > maxHashed;
        if (isLeftOut) return;
        yield look;
      }
    };
    this.#each(
      within(),
      ({ piece, candidate, wants }, next) => {
        storage.hashCandidate(piece, candidate, (outcome) => {
          const hash = outcome.ok ? outcome.hash : null;
          for (const want of hash === null ? [] : wants)
            if (this.#isRight(want.pieces[0] as PieceIndex, hash)) matches.push({ want, candidate });
          next(true);
        });
      },
      () => matched(matches, isLeftOut),
    );
  }

  #isRight(piece: PieceIndex, hash: Buffer | null): boolean {
    const { sha1, root } = this.#parts.layout.proofOf(piece);
    return hash !== null && (root ?? sha1)?.equals(hash) === true;
  }

  /** Tries the candidates of some wants at once, since each step waits for a worker, and those of one want in turn. */
  #tryAll(matches: readonly Match[], tried: () => void): void {
    const byWant = new Map<Want, Candidate[]>();
    for (const { want, candidate } of matches) {
      const candidates = byWant.get(want);
      if (candidates === undefined) byWant.set(want, [candidate]);
      else candidates.push(candidate);
    }
    const inOrder = [...byWant].sort(([a], [b]) => (a.files[0] as number) - (b.files[0] as number));
    this.#each(
      inOrder,
      ([want, candidates], next) => this.#tryNext(want, candidates, 0, () => next(true)),
      tried,
      WANTS_AT_ONCE,
    );
  }

  #tryNext(want: Want, candidates: readonly Candidate[], at: number, tried: () => void): void {
    const candidate = candidates[at];
    const files = want.files.filter((file) => !this.#reused.has(file));
    if (candidate === undefined || files.length === 0) {
      tried();
      return;
    }
    const goOn = (): void => this.#tryNext(want, candidates, at + 1, tried);
    this.#prove(want, candidate, (isRight) => {
      if (isRight) this.#copyAll(files, candidate, goOn);
      else goOn();
    });
  }

  /** Hashes what has not been hashed yet of the candidate. */
  #prove(want: Want, candidate: Candidate, proven: (isRight: boolean) => void): void {
    const { layout, storage } = this.#parts;
    const rest = want.pieces.slice(1);
    this.#length += lengthOf(rest, layout);
    this.#each(
      rest,
      (piece, next) => {
        storage.hashCandidate(piece, candidate, (outcome) => {
          this.#progress(layout.lengthOf(piece));
          next(outcome.ok && this.#isRight(piece, outcome.hash));
        });
      },
      proven,
    );
  }

  /** Copies the candidate to each of the files in turn. */
  #copyAll(files: readonly number[], candidate: Candidate, copied: () => void): void {
    const [file, ...others] = files;
    if (file === undefined) {
      copied();
      return;
    }
    this.#copy(file, candidate, (end) => {
      if (end === 'copied') {
        this.#reused.add(file);
        this.#parts.fileReused(file, candidate.path);
      }
      // The download meets the same failure of the disk, and has its own rules for it.
      if (end === 'failed') this.#answer();
      // A candidate that has changed is of no use to the other files either.
      else if (end === 'changed') copied();
      else this.#copyAll(others, candidate, copied);
    });
  }

  #copy(index: number, candidate: Candidate, ended: (end: CopyEnd) => void): void {
    const { layout, options } = this.#parts;
    const all = this.#piecesOf(index);
    const missing = all.filter((piece) => !this.#verified.has(piece));
    this.#length += 2 * lengthOf(missing, layout);
    const copy = new CandidateCopy(
      {
        ...this.#parts,
        isStopped: () => this.#stopped,
        writes: (pieces) => {
          for (const piece of pieces) {
            this.#unfinished.delete(piece);
            if (this.#owners[piece] === SHARED) this.#shared.add(piece);
          }
        },
        check: (pieces, checked) => {
          this.#progress(lengthOf(pieces, layout));
          const own = pieces.filter((piece) => this.#owners[piece] === index);
          this.#each(own, (piece, next) => this.#check(piece, next), checked);
        },
      },
      index,
      candidate,
      missing,
      ended,
    );
    // The user who wants the room to be taken wants no shared room.
    const isEmpty = missing.length === all.length && !all.some((piece) => this.#unfinished.has(piece));
    copy.begin(isEmpty && !options.preallocate);
  }

  #check(piece: PieceIndex, checked: (isRight: boolean) => void): void {
    const { layout, storage } = this.#parts;
    storage.checkPiece(piece, (outcome) => {
      const isRight = outcome.ok && outcome.matches;
      if (isRight) this.#verified.add(piece);
      this.#progress(layout.lengthOf(piece));
      checked(isRight);
    });
  }

  /** Hashes the pieces that several files share. Such a piece may be right now, when all its files were taken. */
  #checkShared(): void {
    const { content, layout } = this.#parts;
    const pieces = [...this.#shared].filter((piece) => content.hasPiece(piece) && !this.#verified.has(piece));
    this.#length += lengthOf(pieces, layout);
    this.#each(
      pieces,
      (piece, next) => this.#check(piece, () => next(true)),
      () => this.#answer(),
    );
  }

  #progress(length: number): void {
    this.#done += length;
    this.#parts.checking(Math.min(this.#done, this.#length), this.#length);
  }

  /**
   * Does `work` for each item, some at once. After the first `next(false)` no other is begun. `ended` is told whether
   * all went well, when none is under way.
   */
  #each<T>(
    items: Iterable<T>,
    work: (item: T, next: (goesOn: boolean) => void) => void,
    ended: (allWell: boolean) => void,
    atOnce: number = AT_ONCE,
  ): void {
    const left = items[Symbol.iterator]();
    let underWay = 0;
    let isWell = true;
    let hasEnded = false;
    const begin = (): void => {
      while (isWell && underWay < atOnce) {
        const item = left.next();
        if (item.done === true) break;
        underWay += 1;
        work(item.value, (goesOn) => {
          if (this.#stopped) return;
          underWay -= 1;
          isWell &&= goesOn;
          begin();
        });
      }
      if (underWay > 0 || hasEnded) return;
      hasEnded = true;
      ended(isWell);
    };
    begin();
  }

  #answer(): void {
    if (this.#stopped) return;
    this.stop();
    this.#answered({ ...this.#found, verified: [...this.#verified], unfinished: this.#unfinished });
  }
}

/** A piece of a candidate to hash, and the files that the hash tells something of. */
interface Look {
  readonly piece: PieceIndex;
  readonly candidate: Candidate;
  readonly wants: readonly Want[];
}

function* looksFor(
  wants: readonly Want[],
  candidates: readonly Candidate[],
  files: readonly TorrentFile[],
): Iterable<Look> {
  const lengthOfWant = (want: Want): number => (files[want.files[0] as number] as TorrentFile).length;
  const rooted = grouped(
    wants.filter(({ isRooted }) => isRooted),
    lengthOfWant,
  );
  for (const candidate of candidates) {
    const same = rooted.get(candidate.length);
    if (same?.[0] !== undefined) yield { piece: same[0].pieces[0] as PieceIndex, candidate, wants: same };
  }
  const byLength = grouped(candidates, ({ length }) => length);
  for (const want of wants) {
    if (want.isRooted) continue;
    for (const candidate of (byLength.get(lengthOfWant(want)) ?? []).slice(0, CANDIDATES_OF_V1))
      yield { piece: want.pieces[0] as PieceIndex, candidate, wants: [want] };
  }
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => number): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

const NO_FILE = -1;
const SHARED = -2;

function ownersOfPieces(files: readonly TorrentFile[], layout: PieceLayout): Int32Array {
  const owners = new Int32Array(layout.pieceCount).fill(NO_FILE);
  for (const [index, file] of files.entries()) {
    if (file.padding) continue;
    const { first, end } = piecesOfFile(file, layout);
    for (let piece = first; piece < end; piece += 1) owners[piece] = owners[piece] === NO_FILE ? index : SHARED;
  }
  return owners;
}

function lengthOf(pieces: readonly PieceIndex[], layout: PieceLayout): number {
  return pieces.reduce((sum, piece) => sum + layout.lengthOf(piece), 0);
}
