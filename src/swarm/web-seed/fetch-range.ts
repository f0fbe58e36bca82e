import type { Timers } from '../../base/clock.js';
import type { SourcedUrl } from '../../net/url-rule.js';

/** A part of a file on a server. */
export interface RangeRequest extends SourcedUrl {
  /** The first byte, and the byte behind the last one. */
  readonly begin: number;
  readonly end: number;
}

/** The head of an answer that is no redirect. A header that is not there is null. */
export interface RangeHead {
  /** Who answered, `host:port` as the URL has it: after redirects another one than the seed. */
  readonly host: string;
  readonly status: number;
  readonly contentRange: string | null;
  /** Bytes. */
  readonly contentLength: number | null;
  readonly contentEncoding: string | null;
  /** Seconds. */
  readonly retryAfter: number | null;
}

/**
 * How a fetch ended. 'whole': the answer has come to its end. 'cut': the connection broke, or was silent for too long.
 * The others came before a head: no server, no such host, no name server that answers, no way through our own proxy, a
 * place where the URL may not lead, or what is no HTTP.
 */
export interface RangeEnd {
  /** Who was asked, as in `RangeHead`. */
  readonly host: string;
  readonly kind: 'whole' | 'cut' | 'unreachable' | 'no-host' | 'no-answer' | 'no-proxy' | 'forbidden' | 'bad-answer';
  /** Why, in a sentence without secrets. */
  readonly message: string;
}

/** What is told of a fetch: its head, then bytes, then its end. No call comes within one of ours. */
export interface RangeEvents {
  gotHead(head: RangeHead): void;
  /** The bytes are valid during the call. */
  gotData(bytes: Buffer): void;
  ended(end: RangeEnd): void;
}

/** A fetch under way. */
export interface RangeFetch {
  /** No more bytes come than are under way already. The silence of a paused fetch is no fault of the server. */
  pause(): void;
  resume(): void;
  /** Ends it. Nothing is told any more. */
  cancel(): void;
}

/**
 * Fetches a part of a file. It tells nothing within the call. What a listener throws is thrown by a task of `timers`.
 */
export type FetchRange = (request: RangeRequest, timers: Timers, events: RangeEvents) => RangeFetch;
