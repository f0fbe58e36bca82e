import type { PeerAddress } from '../net/raw-server.js';
import type { ForwardedHeaders } from './trusted-proxies.js';

export interface HttpRequest {
  /** What stands before the `?`, as it came. */
  readonly path: string;
  /** What stands after the `?`, still escaped: one Latin-1 character a byte. */
  readonly query: string;
  /** The other end of the connection, which may be a proxy. */
  readonly remote: PeerAddress;
  readonly headers: ForwardedHeaders;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Answers a request, at once. */
export type HttpGet = (request: HttpRequest) => HttpAnswer;
