import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { gunzip, type InputType, inflate, inflateRaw, type ZlibOptions } from 'node:zlib';
import type { Millis, Timers } from '../base/clock.js';
import type { Destination } from './http-destination.js';
import { type Authorities, explainTls } from './http-tls.js';

const MAX_HEADER_LENGTH = 32 * 1024;

/** One GET, or POST, at one address. */
export interface ExchangeRequest {
  readonly url: URL;
  readonly destination: Destination;
  /** Value of the Authorization header, or null. */
  readonly authorization: string | null;
  /** Value of the Cookie header, or null. */
  readonly cookie: string | null;
  readonly userAgent: string;
  /** Bytes of the body, before and after inflating. */
  readonly maxLength: number;
  /** How long connecting may take, TLS included. */
  readonly connectLimit: Millis;
  /** How long the head of the answer may take, connecting included; null: as long as the caller waits. */
  readonly answerLimit: Millis | null;
  /** Who is trusted besides the well-known certificate authorities, or null. */
  readonly authorities: Authorities | null;
  /** What is posted; null: it is a GET. */
  readonly post: { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } | null;
}

export type ExchangeOutcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly reason: string;
      readonly body: Buffer;
      readonly retryAfter: number | null;
    }
  | { readonly kind: 'redirected'; readonly location: string; readonly setCookies: readonly string[] }
  /** `connected` tells whether another address of the same host is worth a try. */
  | {
      readonly kind: 'failed';
      readonly code: 'unreachable' | 'bad-answer';
      readonly message: string;
      readonly connected: boolean;
    };

/** Sends the request; answers once, later, unless it is cancelled. Its socket is closed by then. */
export function exchange(
  {
    url,
    destination,
    authorization,
    cookie,
    userAgent,
    maxLength,
    connectLimit,
    answerLimit,
    authorities,
    post,
  }: ExchangeRequest,
  timers: Timers,
  answered: (outcome: ExchangeOutcome) => void,
): { cancel(): void } {
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = url.protocol === 'https:';
  let connected = false;
  let answer: IncomingMessage | null = null;
  let finished = false;
  const limit = timers.addTask(() => fail('unreachable', `no connection to ${destination.host} in time`), connectLimit);
  const silence =
    answerLimit === null
      ? null
      : timers.addTask(() => fail('unreachable', `no answer from ${destination.host} in time`), answerLimit);
  const finish = (outcome: ExchangeOutcome) => {
    if (finished) return;
    end();
    answered(outcome);
  };
  const fail = (code: 'unreachable' | 'bad-answer', message: string) =>
    finish({ kind: 'failed', code, message, connected });
  const end = () => {
    finished = true;
    limit.cancel();
    silence?.cancel();
    request.destroy();
  };

  const request = (secure ? requestHttps : requestHttp)({
    host: destination.host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    ...(destination.localAddress === undefined ? {} : { localAddress: destination.localAddress }),
    ...(secure ? { servername: isIP(name) === 0 ? name : '' } : {}),
    ...(secure && authorities !== null ? { secureContext: authorities.context } : {}),
    method: post === null ? 'GET' : 'POST',
    agent: false,
    maxHeaderSize: MAX_HEADER_LENGTH,
    // Bare line feeds, folded headers, blanks before the colon: curl reads them too. What makes them insecure is that two
    // who read one connection may disagree where a message ends, and here each connection has one message and one reader.
    insecureHTTPParser: true,
    headers: {
      Host: url.host,
      'User-Agent': userAgent,
      'Accept-Encoding': 'gzip, deflate',
      Connection: 'close',
      ...(cookie === null ? {} : { Cookie: cookie }),
      ...(authorization === null ? {} : { Authorization: authorization }),
      ...(post === null ? {} : { ...post.headers, 'Content-Length': post.body.length }),
    },
  });
  request.on('socket', (socket: Socket) => {
    socket.once('connect', () => {
      connected = true;
    });
    socket.once(secure ? 'secureConnect' : 'connect', () => limit.cancel());
  });
  request.on('response', (response) => {
    answer = response;
    silence?.cancel();
    const location = response.headers.location;
    if (isRedirect(response.statusCode ?? 0) && location !== undefined) {
      finish({ kind: 'redirected', location, setCookies: response.headers['set-cookie'] ?? [] });
    } else readBody(response, maxLength, fail, (body) => finish(answerOf(response, body)));
  });
  request.on('error', (error: NodeJS.ErrnoException) => {
    const badAnswer = error.code?.startsWith('HPE_') === true;
    // What follows the whole body is no part of the answer, which its own end hands on.
    if (badAnswer && answer?.complete === true) return;
    fail(
      badAnswer ? 'bad-answer' : 'unreachable',
      badAnswer ? `not an HTTP answer: ${error.code}` : explain(error, secure ? name : null),
    );
  });
  request.on('close', () => {
    // With an answer under way, its own end decides.
    if (answer === null) fail('unreachable', 'the connection was closed without an answer');
  });
  request.end(post?.body);
  return { cancel: end };
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function answerOf(response: IncomingMessage, body: Buffer): ExchangeOutcome {
  const status = response.statusCode ?? 0;
  const retryAfter = parseRetryAfter(response.headers['retry-after']);
  return { kind: 'answered', status, reason: response.statusMessage ?? '', body, retryAfter };
}

function readBody(
  response: IncomingMessage,
  maxLength: number,
  fail: (code: 'unreachable' | 'bad-answer', message: string) => void,
  gotBody: (body: Buffer) => void,
): void {
  const tooLong = () => fail('bad-answer', `the answer is longer than ${maxLength} bytes`);
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxLength) tooLong();
    else chunks.push(chunk);
  });
  response.on('error', (error) => fail('unreachable', explain(error, null)));
  response.on('close', () => {
    if (response.complete)
      unpack(Buffer.concat(chunks), response.headers['content-encoding'], maxLength, fail, gotBody);
    else fail('unreachable', 'the answer was cut short');
  });
  if (Number(response.headers['content-length'] ?? 0) > maxLength) tooLong();
}

function unpack(
  body: Buffer,
  encoding: string | undefined,
  maxLength: number,
  fail: (code: 'bad-answer', message: string) => void,
  gotBody: (body: Buffer) => void,
): void {
  const unpacker = unpackerFor(encoding, body);
  if (unpacker === null) gotBody(body);
  else if (unpacker === 'unknown') fail('bad-answer', 'the answer is packed in a way that was not asked for');
  else {
    unpacker(body, { maxOutputLength: maxLength }, (error, unpacked) => {
      if (error === null) gotBody(unpacked);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        fail('bad-answer', `the answer is longer than ${maxLength} bytes`);
      } else fail('bad-answer', `the answer does not unpack: ${error.message}`);
    });
  }
}

type Unpacker = (body: InputType, options: ZlibOptions, done: (error: Error | null, unpacked: Buffer) => void) => void;

function unpackerFor(encoding: string | undefined, body: Buffer): Unpacker | null | 'unknown' {
  switch (encoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return null;
    case 'gzip':
    case 'x-gzip':
      return gunzip;
    case 'deflate':
      // RFC 9110 means the zlib format; some servers send the bare stream. A zlib header's low bits are always 8.
      return ((body[0] ?? 0) & 0x0f) === 8 ? inflate : inflateRaw;
    default:
      return 'unknown';
  }
}

const MAX_RETRY_AFTER = 86_400;

/** Seconds, from a number of them or from a date; null when it is neither. */
function parseRetryAfter(value: string | undefined): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  // Of HTTP's three forms of a date, asctime's alone does not name its zone, which is GMT all the same.
  const date = Date.parse(/^[a-z]{3} [a-z]{3} [ \d]\d [\d:]{8} \d{4}$/i.test(text) ? `${text} GMT` : text);
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((date - Date.now()) / 1000);
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER);
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed early',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  EADDRNOTAVAIL: 'the bound address is not ours',
};

/** `host` is the name that a certificate must be for; null when none is asked for. */
function explain(error: NodeJS.ErrnoException, host: string | null): string {
  const known = EXPLANATIONS[error.code ?? ''];
  if (known !== undefined) return known;
  // What the system refused names its call; of all else on the way to the answer TLS is to blame.
  const isTls = error.code === 'EPROTO' || (host !== null && error.syscall === undefined);
  return isTls ? explainTls(error, host ?? '') : error.message;
}
