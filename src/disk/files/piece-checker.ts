/** Has pieces hashed where they lie on the disk, and compares what comes of it with what the torrent tells of them. */
import { bufferOf } from '../../base/bytes.js';
import { BtgetError } from '../../base/failure.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { PLACE_RULES, type PlaceRule } from '../content-map.js';
import { decodeFailure } from '../failure.js';
import type { HashAnswer, HashJob, Judged } from '../protocol.js';
import {
  type Candidate,
  type CandidateHashOutcome,
  type CheckOutcome,
  InconsistentHashes,
  type LeavesOutcome,
} from '../storage.js';
import { fromTop } from '../system/guard.js';
import { verdictOf } from '../verdict.js';
import type { FilePlaces } from './places.js';

export interface PieceCheckerParts {
  readonly layout: PieceLayout;
  readonly places: FilePlaces;
  /** Has a worker do the job. */
  readonly hash: (job: HashJob, answered: (answer: HashAnswer) => void) => void;
}

type Failed = { readonly ok: false; readonly failure: BtgetError };

export class PieceChecker {
  readonly #layout: PieceLayout;
  readonly #places: FilePlaces;
  readonly #hash: PieceCheckerParts['hash'];

  constructor({ layout, places, hash }: PieceCheckerParts) {
    this.#layout = layout;
    this.#places = places;
    this.#hash = hash;
  }

  /** Looks for the piece in each of the places where it may lie, until it is right in one of them. */
  check(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void {
    const mayDiffer = this.#places.map.mayDiffer(piece);
    const checkBy = (rule: PlaceRule, ...others: readonly PlaceRule[]): void => {
      this.#checkBy(rule, piece, (outcome) => {
        const [next, ...rest] = others;
        if (!outcome.ok || outcome.matches || next === undefined || !mayDiffer) answered(outcome);
        else checkBy(next, ...rest);
      });
    };
    checkBy(...PLACE_RULES);
  }

  #checkBy(rule: PlaceRule, piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void {
    const { sha1, root, width } = this.#layout.proofOf(piece);
    const job: HashJob = {
      sources: this.#places.sources(rule, piece, this.#layout.lengthOf(piece)),
      pieceLength: this.#layout.pieceLength,
      sha1: sha1 !== null,
      tree: root === null ? null : { width, leaves: true },
    };
    this.#ask<CheckOutcome>(job, answered, (answer) => {
      if (answer.kind === 'missing')
        return { ok: true, matches: false, ...(answer.isUnreadable === true ? { isUnreadable: true } : {}) };
      const verdict = verdictOf(sha1?.equals(answer.hashes) ?? null, root?.equals(answer.roots) ?? null);
      if (verdict === 'right') this.#places.map.settle(piece, rule);
      return judgedOutcome(piece, { verdict, leaves: root === null ? null : answer.leaves });
    });
  }

  /** Does what `Storage.hashBlocks` asks. */
  hashBlocks(piece: PieceIndex, answered: (outcome: LeavesOutcome) => void): void {
    const { root, width } = this.#layout.proofOf(piece);
    if (root === null) throw new Error(`piece ${piece} has no hash tree`);
    const job: HashJob = {
      // No piece with a hash tree spans files, so it lies in its file, whatever the rule.
      sources: this.#places.sources('kept', piece, this.#layout.contentLengthOf(piece)),
      pieceLength: this.#layout.pieceLength,
      sha1: false,
      tree: { width, leaves: true },
    };
    this.#ask(job, answered, (answer) =>
      answer.kind === 'hashed' && root.equals(answer.roots)
        ? { ok: true, leaves: bufferOf(answer.leaves) }
        : { ok: false, failure: new BtgetError('io', `piece ${piece} is not on the disk any more`) },
    );
  }

  /** Does what `Storage.hashCandidate` asks. */
  hashCandidate(piece: PieceIndex, { path, id }: Candidate, answered: (outcome: CandidateHashOutcome) => void): void {
    const { root, width } = this.#layout.proofOf(piece);
    const length = root === null ? this.#layout.lengthOf(piece) : this.#layout.contentLengthOf(piece);
    const job: HashJob = {
      sources: this.#places.sourcesIn({ ...fromTop(path), id }, piece, length),
      pieceLength: this.#layout.pieceLength,
      sha1: root === null,
      tree: root === null ? null : { width, leaves: false },
    };
    this.#ask(job, answered, (answer) => {
      if (answer.kind === 'missing') return { ok: true, hash: null };
      return { ok: true, hash: bufferOf(root === null ? answer.hashes : answer.roots) };
    });
  }

  #ask<T>(
    job: HashJob,
    answered: (outcome: T | Failed) => void,
    outcomeOf: (answer: Exclude<HashAnswer, { kind: 'failed' }>) => T | Failed,
  ): void {
    this.#hash(job, (answer) => {
      if (answer.kind === 'failed') answered({ ok: false, failure: decodeFailure(answer.failure) });
      else answered(outcomeOf(answer));
    });
  }
}

/** What a worker's judgement of the piece means to those who asked. */
export function judgedOutcome(piece: PieceIndex, { verdict, leaves }: Judged): CheckOutcome {
  if (verdict === 'inconsistent') return { ok: false, failure: new InconsistentHashes(piece) };
  if (verdict === 'right' || leaves === null) return { ok: true, matches: verdict === 'right' };
  return { ok: true, matches: false, leaves: bufferOf(leaves) };
}
