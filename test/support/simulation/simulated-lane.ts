import type { LinkSource, SimulatedLink } from './simulated-link.js';

/** What travels along a stream: bytes, or the way in which the stream ends. */
export type Segment =
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'ended' }
  | { readonly kind: 'reset' };

/**
 * On a limited line segments are small, so that connections take turns, but they have room for a block and its header.
 * On an unlimited line segments are large, so that there are few events.
 */
const LIMITED_SEGMENT_LENGTH = 17 * 1024;
const SEGMENT_LENGTH = 64 * 1024;

/** The segments of one direction of a connection that wait for one link, in order. Small ones leave together. */
export class SimulatedLane implements LinkSource {
  readonly #link: SimulatedLink;
  readonly #sent: (segment: Segment) => void;
  readonly #segmentLength: number;
  readonly #segments: Segment[] = [];

  constructor(link: SimulatedLink, sent: (segment: Segment) => void) {
    this.#link = link;
    this.#sent = sent;
    this.#segmentLength = link.rate === null ? SEGMENT_LENGTH : LIMITED_SEGMENT_LENGTH;
  }

  push(segment: Segment): void {
    this.#segments.push(segment);
    this.#link.send(this);
  }

  /** Forgets all segments that have not left yet. */
  clear(): void {
    this.#segments.length = 0;
  }

  nextLength(): number | undefined {
    const first = this.#segments[0];
    if (first?.kind !== 'data') return first === undefined ? undefined : 0;
    if (first.bytes.length >= this.#segmentLength) return this.#segmentLength;
    let length = 0;
    for (const segment of this.#segments) {
      // Only whole segments are joined. A segment that leaves alone is then handed on without a copy.
      if (segment.kind !== 'data' || length + segment.bytes.length > this.#segmentLength) break;
      length += segment.bytes.length;
    }
    return length;
  }

  segmentSent(length: number): void {
    const first = this.#segments[0];
    if (first === undefined) return;
    if (first.kind === 'data' && first.bytes.length !== length) {
      this.#sent({ kind: 'data', bytes: takeBytes(this.#segments, length) });
    } else {
      this.#segments.shift();
      this.#sent(first);
    }
  }
}

/** Takes at most `length` bytes off the front of `segments`. It stops at the first segment that is not data. */
function takeBytes(segments: Segment[], length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, moveBytes(segments, bytes));
}

/**
 * Moves bytes from the front of `segments` to `target`, as many as fit, and returns how many. It stops at the first
 * segment that is not data.
 */
export function moveBytes(segments: Segment[], target: Buffer): number {
  let moved = 0;
  let emptied = 0;
  for (const segment of segments) {
    if (segment.kind !== 'data' || moved === target.length) break;
    const copied = segment.bytes.copy(target, moved);
    moved += copied;
    if (copied < segment.bytes.length) {
      segments[emptied] = { kind: 'data', bytes: segment.bytes.subarray(copied) };
      break;
    }
    emptied += 1;
  }
  segments.splice(0, emptied);
  return moved;
}
