/** Reads blocks for uploading, on the main thread and without blocking. */
import { BtgetError } from '../base/failure.js';
import type { PieceLayout } from '../metainfo/piece-layout.js';
import { fileFailure } from './file-failure.js';
import type { FileMap, FileSegment } from './file-map.js';
import type { ReadOperations } from './file-operations.js';
import type { FileAddress, FileReadPool, HeldFile } from './file-read-pool.js';
import type { BlockSpan, ReadOutcome } from './storage.js';

// Reading 256 KiB to 1 MiB at a time costs a quarter of what 16 KiB reads cost.
const RUN_LENGTH = 1024 * 1024;

/** Spans that follow one another in the torrent. */
interface Run {
  readonly begin: number;
  length: number;
  readonly spans: BlockSpan[];
}

export interface FileReaderParts {
  readonly layout: PieceLayout;
  readonly map: FileMap;
  readonly pool: FileReadPool;
  readonly operations: ReadOperations;
  readonly addressOf: (file: number) => FileAddress;
}

/** Reads all of `spans`, or fails with the first failure. Answers at any time, possibly within the call. */
export function readBlocks(
  parts: FileReaderParts,
  spans: readonly BlockSpan[],
  answered: (outcome: ReadOutcome) => void,
): void {
  const runs = joinSpans(parts.layout, spans);
  const blocks: Buffer[] = [];
  const next = (index: number): void => {
    const run = runs[index];
    if (run === undefined) {
      answered({ ok: true, blocks });
      return;
    }
    // Not from Node's pool: a run is handed to sockets block by block, and has memory of its own.
    const bytes = Buffer.allocUnsafeSlow(run.length);
    readSegments(parts, parts.map.segments(run.begin, run.length), bytes, (failure) => {
      if (failure !== null) {
        answered({ ok: false, failure });
        return;
      }
      let begin = 0;
      for (const span of run.spans) {
        blocks.push(bytes.subarray(begin, begin + span.length));
        begin += span.length;
      }
      next(index + 1);
    });
  };
  next(0);
}

function joinSpans(layout: PieceLayout, spans: readonly BlockSpan[]): readonly Run[] {
  const runs: Run[] = [];
  for (const span of spans) {
    const begin = layout.beginOf(span.piece) + span.begin;
    const last = runs.at(-1);
    if (last !== undefined && last.begin + last.length === begin && last.length + span.length <= RUN_LENGTH) {
      last.length += span.length;
      last.spans.push(span);
    } else runs.push({ begin, length: span.length, spans: [span] });
  }
  return runs;
}

function readSegments(
  parts: FileReaderParts,
  segments: readonly FileSegment[],
  bytes: Buffer,
  answered: (failure: BtgetError | null) => void,
): void {
  let into = 0;
  const next = (index: number): void => {
    const segment = segments[index];
    if (segment === undefined) {
      answered(null);
      return;
    }
    const target = bytes.subarray(into, into + segment.length);
    into += segment.length;
    if (segment.kind === 'zeros') {
      target.fill(0);
      next(index + 1);
      return;
    }
    const address = parts.addressOf(segment.file);
    parts.pool.open(address, (opened) => {
      if (!opened.ok) {
        answered(opened.failure);
        return;
      }
      readFully(parts.operations, opened.file, target, segment.begin, (failure) => {
        parts.pool.release(address, opened.file);
        if (failure === null) next(index + 1);
        else answered(failure);
      });
    });
  };
  next(0);
}

function readFully(
  operations: ReadOperations,
  { name, descriptor }: HeldFile,
  target: Buffer,
  position: number,
  answered: (failure: BtgetError | null) => void,
): void {
  let done = 0;
  const more = (): void => {
    operations.read(descriptor, target, done, target.length - done, position + done, (error, count) => {
      if (error !== null) answered(fileFailure(error, name));
      else if (count === 0) answered(new BtgetError('io', `cannot read ${name}: it ends at byte ${position + done}`));
      else {
        done += count;
        if (done === target.length) answered(null);
        else more();
      }
    });
  };
  more();
}
