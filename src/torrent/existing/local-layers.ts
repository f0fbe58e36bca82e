/**
 * Makes piece layers (BEP 52) from the files on the disk, for a torrent that does not tell them. The file's root, which
 * the torrent does tell, proves what is made.
 */
import type { CheckOutcome, FileSurvey, OpenStorage, Storage } from '../../disk/storage.js';
import { isLayerOf } from '../../metainfo/layers.js';
import { merkleRoot } from '../../metainfo/merkle.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { type PieceIndex, PieceLayout, piecesOfFile } from '../../metainfo/piece-layout.js';
import type { TorrentOptions } from '../torrent-options.js';

export interface LocalFindings {
  /** The layers that were made, by index of the file. */
  readonly layers: ReadonlyMap<number, Buffer>;
  /** The files of the torrent that have bytes on the disk, under any of their names and whatever they are, by index. */
  readonly present: ReadonlySet<number>;
}

/** How many pieces are hashed at the same time: more than the cores of most machines that serve files. */
const AT_ONCE = 8;

export class LocalLayers {
  readonly #metainfo: Metainfo;
  readonly #layout: PieceLayout;
  readonly #storage: Storage;
  readonly #answered: (found: LocalFindings) => void;
  readonly #layers = new Map<number, Buffer>();
  readonly #present = new Set<number>();
  /** The files that are still to be hashed, by index. */
  #files: number[];
  #checked = 0;
  #checkLength = 0;
  #stopped = false;

  /**
   * Hashes those of `files` that have their final name and their whole length. `files` are some of
   * `metainfo.missingLayers`. It writes nothing. Answers once, later, and not after `stop`. It never fails: a file that
   * cannot be read has no layer.
   */
  constructor(
    openStorage: OpenStorage,
    metainfo: Metainfo,
    files: readonly number[],
    options: TorrentOptions,
    answered: (found: LocalFindings) => void,
  ) {
    // Of a hybrid too, we want the leaves of the hash trees and nothing else. Roots of zeros give the leaves of each
    // piece, because no piece has such a root.
    const ofTrees: Metainfo = {
      ...metainfo,
      version: '2',
      pieces: Buffer.alloc(0),
      pieceRoots: Buffer.alloc(metainfo.pieceCount * 32),
    };
    this.#metainfo = ofTrees;
    this.#files = [...files];
    this.#layout = new PieceLayout(ofTrees);
    this.#answered = answered;
    const { dir, outputName: output, partNames } = options;
    const places = { dir, output, partNames, overwrite: false, selected: null };
    this.#storage = openStorage({ timers: null, metainfo: ofTrees, layout: this.#layout, ...places });
    this.#storage.survey(
      (outcome) => {
        if (outcome.ok) this.#chooseNames(outcome.files);
        else this.#end();
      },
      () => undefined,
    );
  }

  /** How many bytes are hashed so far, of how many. */
  get progress(): { readonly checked: number; readonly length: number } {
    return { checked: this.#checked, length: this.#checkLength };
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#storage.close(() => undefined);
  }

  /** When a file lies under both of its names, the one under the final name may be whole. */
  #chooseNames(found: readonly FileSurvey[]): void {
    if (this.#stopped) return;
    const both = this.#files.filter(
      (file) => found[file]?.hasFinalBeside === true || found[file]?.isPartTaken === true,
    );
    if (both.length === 0) {
      this.#begin(found);
      return;
    }
    this.#storage.passOverParts(both, (passed) => {
      if (this.#stopped) return;
      this.#notePresent(found);
      const finals = [...found];
      if (passed.ok) for (const [at, file] of both.entries()) finals[file] = passed.files[at] as FileSurvey;
      this.#begin(finals);
    });
  }

  #begin(found: readonly FileSurvey[]): void {
    const { files } = this.#metainfo;
    this.#notePresent(found);
    this.#files = this.#files.filter((file) => {
      const there = found[file];
      return there?.found === 'final' && there.length === files[file]?.length;
    });
    for (const file of this.#files) this.#checkLength += files[file]?.length ?? 0;
    this.#nextFile();
  }

  #notePresent(found: readonly FileSurvey[]): void {
    for (const [file, { length }] of found.entries()) if (length > 0) this.#present.add(file);
  }

  #nextFile(): void {
    if (this.#stopped) return;
    const index = this.#files.shift();
    const file = index === undefined ? undefined : this.#metainfo.files[index];
    if (index === undefined || file === undefined) {
      this.#end();
      return;
    }
    const { first, end } = piecesOfFile(file, this.#layout);
    const roots: Buffer[] = [];
    let next = first;
    let due = 0;
    let isHere = true;
    const check = (): void => {
      while (isHere && due < AT_ONCE && next < end) {
        const piece = next as PieceIndex;
        next += 1;
        due += 1;
        this.#storage.checkPiece(piece, (outcome) => {
          due -= 1;
          this.#checked += this.#layout.lengthOf(piece);
          const root = this.#rootOf(piece, outcome);
          if (root === null) isHere = false;
          else roots[piece - first] = root;
          check();
        });
      }
      if (due > 0) return;
      const layer = isHere ? Buffer.concat(roots) : null;
      if (layer !== null && isLayerOf(file, layer, this.#metainfo.pieceLength)) this.#layers.set(index, layer);
      this.#nextFile();
    };
    check();
  }

  /** Null when the bytes of the piece are not there. */
  #rootOf(piece: PieceIndex, outcome: CheckOutcome): Buffer | null {
    if (!outcome.ok || outcome.leaves === undefined || outcome.leaves.length === 0) return null;
    return merkleRoot(outcome.leaves, this.#layout.proofOf(piece).width, 0);
  }

  #end(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#storage.close(() => this.#answered({ layers: this.#layers, present: this.#present }));
  }
}
