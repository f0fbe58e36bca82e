/** A request to the tracker's HTTP side, and its answer. */
import type { PeerAddress } from '../net/raw-server.js';
import type { ForwardedHeaders } from './trusted-proxies.js';

export interface HttpRequest {
  /** The part before the `?`, still escaped. */
  readonly path: string;
  /** The part after the `?`, still escaped: one Latin-1 character for each byte. */
  readonly query: string;
  /** The other end of the connection, which may be a proxy. */
  readonly remote: PeerAddress;
  readonly headers: ForwardedHeaders;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** Other headers, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a request within the call. */
export type HttpGet = (request: HttpRequest) => HttpAnswer;
