import type { Candidate, Storage } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';

export interface CandidateCopyParts {
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly layout: PieceLayout;
  readonly storage: Pick<Storage, 'copyCandidate'>;
  /** After this nothing more is done, and nothing is told. */
  readonly isStopped: () => boolean;
  /** Bytes of these pieces are written next. */
  readonly writes: (pieces: readonly PieceIndex[]) => void;
  /** Hashes those of the pieces that no other file shares, as they are on the disk now. */
  readonly check: (pieces: readonly PieceIndex[], checked: (isRight: boolean) => void) => void;
}

/** 'changed': the candidate is no longer what it was. 'failed': the disk does not take our own file. */
export type CopyEnd = 'copied' | 'changed' | 'failed';

/** Bytes of one run. The worker that writes for all torrents does nothing else meanwhile. */
const RUN_LENGTH = 4 * 1024 * 1024;
/** What was copied is hashed after so many bytes, so that a kill costs no more. */
const GROUP_LENGTH = 64 * 1024 * 1024;

interface Run {
  readonly begin: number;
  readonly length: number;
}

/**
 * Copies pieces of a candidate to a file of the torrent. The candidate may change meanwhile. So the pieces go in
 * groups, and each group is checked where it was copied to before the next one is copied. Runs once, then answers once.
 */
export class CandidateCopy {
  readonly #parts: CandidateCopyParts;
  readonly #file: number;
  readonly #candidate: Candidate;
  readonly #groups: readonly (readonly PieceIndex[])[];
  readonly #ended: (end: CopyEnd) => void;
  /** The file shares all bytes of the candidate on the disk, so that nothing is left to copy. */
  #isShared = false;

  /** `file`: its index. `pieces`: those that it lacks, in order. */
  constructor(
    parts: CandidateCopyParts,
    file: number,
    candidate: Candidate,
    pieces: readonly PieceIndex[],
    ended: (end: CopyEnd) => void,
  ) {
    this.#parts = parts;
    this.#file = file;
    this.#candidate = candidate;
    this.#groups = groupsOf(pieces, parts.layout);
    this.#ended = ended;
  }

  /** `mayShare`: the file holds nothing that is needed, and may share its room on the disk with the candidate. */
  begin(mayShare: boolean): void {
    this.#copyGroup(0, mayShare);
  }

  #copyGroup(at: number, mayShare: boolean): void {
    const group = this.#groups[at];
    if (group === undefined) {
      this.#ended('copied');
      return;
    }
    this.#parts.writes(group);
    const check = (): void =>
      this.#parts.check(group, (isRight) => {
        if (isRight) this.#copyGroup(at + 1, false);
        else this.#ended('changed');
      });
    if (this.#isShared) check();
    else this.#copyRuns(runsOf(group, this.#file, this.#parts), 0, mayShare, check);
  }

  #copyRuns(runs: readonly Run[], at: number, mayShare: boolean, copied: () => void): void {
    const { storage, isStopped } = this.#parts;
    const run = runs[at];
    if (run === undefined) {
      copied();
      return;
    }
    storage.copyCandidate({ file: this.#file, ...run }, this.#candidate, mayShare, (outcome) => {
      if (isStopped()) return;
      if (!outcome.ok) this.#ended('failed');
      else if (outcome.copied < run.length) this.#ended('changed');
      else {
        this.#isShared = mayShare && outcome.isShared;
        this.#copyRuns(this.#isShared ? [] : runs, at + 1, false, copied);
      }
    });
  }
}

/** Cuts the list of pieces, each part of about `GROUP_LENGTH` bytes. */
function groupsOf(pieces: readonly PieceIndex[], layout: PieceLayout): readonly (readonly PieceIndex[])[] {
  const count = Math.max(1, Math.floor(GROUP_LENGTH / layout.pieceLength));
  return Array.from({ length: Math.ceil(pieces.length / count) }, (_, at) =>
    pieces.slice(at * count, (at + 1) * count),
  );
}

/** The bytes of the file in these pieces, in runs of at most `RUN_LENGTH`. */
function runsOf(
  pieces: readonly PieceIndex[],
  index: number,
  { metainfo, layout }: Pick<CandidateCopyParts, 'metainfo' | 'layout'>,
): readonly Run[] {
  const file = metainfo.files[index] as TorrentFile;
  const runs: { begin: number; length: number }[] = [];
  for (const piece of pieces) {
    const begin = Math.max(0, layout.beginOf(piece) - file.begin);
    const end = Math.min(file.length, layout.beginOf(piece) + layout.pieceLength - file.begin);
    for (let at = begin; at < end; ) {
      const last = runs.at(-1);
      const joins = last !== undefined && last.begin + last.length === at && last.length < RUN_LENGTH;
      const length = Math.min(end - at, joins ? RUN_LENGTH - last.length : RUN_LENGTH);
      if (joins) last.length += length;
      else runs.push({ begin: at, length });
      at += length;
    }
  }
  return runs;
}
