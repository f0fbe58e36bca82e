import { gunzip, type InputType, inflate, inflateRaw, type ZlibOptions } from 'node:zlib';
import type { Millis, Timers } from '../../base/clock.js';
import { encodeRequest, heardFromProxy } from './http-request.js';
import { answerTooLong, type HttpResponseHead, HttpResponseReader } from './http-response.js';
import { explain, type HttpPlace, HttpSocket, hostOf } from './http-socket.js';

/** One GET or POST to one address. */
export interface ExchangeRequest extends HttpPlace {
  /** Value of the Authorization header, or null. */
  readonly authorization: string | null;
  /** Value of the Cookie header, or null. */
  readonly cookie: string | null;
  readonly userAgent: string;
  /** The most bytes of the answer's body, before and after unpacking. */
  readonly maxLength: number;
  /** How long connecting may take, TLS included. */
  readonly connectLimit: Millis;
  /** How long the head of the answer may take, connecting included. Null: as long as the caller waits. */
  readonly answerLimit: Millis | null;
  /** The body of a POST and its headers; null for a GET. */
  readonly post: { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } | null;
}

/** A redirect is an answer whose status and Location say so; its body is not read. */
export type ExchangeOutcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly reason: string;
      readonly body: Buffer;
      readonly retryAfter: number | null;
    }
  | { readonly kind: 'redirected'; readonly location: string; readonly setCookies: readonly string[] }
  /** `connected`: whether the address accepted the connection. */
  | {
      readonly kind: 'failed';
      readonly code: 'unreachable' | 'bad-answer';
      readonly message: string;
      readonly connected: boolean;
    };

/** Sends the request. Answers once, later, when its socket is closed; never after `cancel()`. */
export function exchange(
  request: ExchangeRequest,
  timers: Timers,
  answered: (outcome: ExchangeOutcome) => void,
): { cancel(): void } {
  const { url, destination, authorization, cookie, userAgent, maxLength, connectLimit, answerLimit, post } = request;
  const secure = url.protocol === 'https:';
  const message = encodeRequest(post === null ? 'GET' : 'POST', request, post?.body ?? null, {
    Host: url.host,
    'User-Agent': userAgent,
    'Accept-Encoding': 'gzip, deflate',
    Connection: 'close',
    ...(cookie === null ? {} : { Cookie: cookie }),
    ...(authorization === null ? {} : { Authorization: authorization }),
    ...(post === null ? {} : { ...post.headers, 'Content-Length': `${post.body.length}` }),
  });
  let connected = false;
  let head: HttpResponseHead | null = null;
  let finished = false;
  const { host, by } = destination;
  const asked = by === null ? host : `${host} by the proxy ${by.access.server.shown}`;
  const connectDeadline = timers.addTask(() => fail('unreachable', `no connection to ${asked} in time`), connectLimit);
  const answerDeadline =
    answerLimit === null
      ? null
      : timers.addTask(() => fail('unreachable', `no answer from ${asked} in time`), answerLimit);
  const finish = (outcome: ExchangeOutcome) => {
    if (finished) return;
    end();
    answered(outcome);
  };
  const fail = (code: 'unreachable' | 'bad-answer', message: string) =>
    finish({ kind: 'failed', code, message, connected });
  const end = () => {
    finished = true;
    connectDeadline.cancel();
    answerDeadline?.cancel();
    socket.destroy();
  };

  const body = new GrowingBuffer();
  const reader = new HttpResponseReader(
    {
      gotHead: (told) => {
        if (finished) return;
        head = told;
        answerDeadline?.cancel();
        const refusal = heardFromProxy(request, told);
        if (refusal !== null) {
          fail('unreachable', refusal);
          return;
        }
        const location = told.headers.get('location')?.[0];
        if (isRedirect(told.status) && location !== undefined) {
          finish({ kind: 'redirected', location, setCookies: told.headers.get('set-cookie') ?? [] });
        }
      },
      gotBody: (bytes) => {
        if (!finished) body.add(bytes);
      },
      ended: () => {
        if (head === null || finished) return;
        const { status, reason, headers } = head;
        const retryAfter = parseRetryAfter(headers.get('retry-after')?.[0]);
        socket.destroy();
        unpack(body.bytes, headers.get('content-encoding')?.join(', '), maxLength, (unpacked) => {
          // What a status other than success says counts, whatever its body is.
          const isRefusal = status < 200 || status > 299;
          if (unpacked.ok) finish({ kind: 'answered', status, reason, body: unpacked.body, retryAfter });
          else if (isRefusal) finish({ kind: 'answered', status, reason, body: Buffer.alloc(0), retryAfter });
          else fail('bad-answer', unpacked.message);
        });
      },
      failed: (why, message) => fail(why === 'cut' ? 'unreachable' : 'bad-answer', message),
    },
    maxLength,
  );
  const socket = new HttpSocket(request, {
    connected: () => {
      connected = true;
    },
    ready: () => {
      connectDeadline.cancel();
      socket.write(message);
    },
    dataCameIn: (bytes) => reader.feed(bytes),
    ended: (error) => {
      // Once the answer is whole, only its unpacking can fail.
      if (error === null) reader.end();
      else if (!reader.isOver) fail('unreachable', explain(error, secure && head === null ? hostOf(url) : null));
    },
  });
  return { cancel: end };
}

/** Copies the bytes that it gets, so that a million parts of one byte take no more room than one part of a million. */
class GrowingBuffer {
  #room = Buffer.alloc(0);
  #length = 0;

  add(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#room.length) {
      const room = Buffer.alloc(Math.max(length, 2 * this.#room.length));
      this.#room.copy(room, 0, 0, this.#length);
      this.#room = room;
    }
    bytes.copy(this.#room, this.#length);
    this.#length = length;
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

type Unpacked = { readonly ok: true; readonly body: Buffer } | { readonly ok: false; readonly message: string };

/**
 * Undoes the answer's Content-Encoding; an answer that unpacks to more than `maxLength` bytes fails. Nothing is packed
 * into no bytes: a server may name a packing where it sends no body.
 */
function unpack(
  body: Buffer,
  encoding: string | undefined,
  maxLength: number,
  answered: (outcome: Unpacked) => void,
): void {
  const unpacker = body.length === 0 ? null : unpackerFor(encoding, body);
  const failed = (message: string): void => answered({ ok: false, message });
  if (unpacker === null) answered({ ok: true, body });
  else if (unpacker === 'unknown') failed('the answer is packed in a way that was not asked for');
  else {
    unpacker(body, { maxOutputLength: maxLength }, (error, unpacked) => {
      if (error === null) answered({ ok: true, body: unpacked });
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        failed(answerTooLong(maxLength));
      } else failed(`the answer does not unpack: ${error.message}`);
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
      // RFC 9110 means the zlib format, but some servers send the bare stream. A zlib header's low four bits are 8.
      return ((body[0] ?? 0) & 0x0f) === 8 ? inflate : inflateRaw;
    default:
      return 'unknown';
  }
}

/** Seconds. */
const MAX_RETRY_AFTER = 86_400;

/** The value of Retry-After in seconds: it is a number of seconds or a date. Null when it is neither. */
export function parseRetryAfter(value: string | undefined): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  // HTTP has three forms of a date. Only the form of asctime does not name its zone, which is GMT too.
  const date = Date.parse(/^[a-z]{3} [a-z]{3} [ \d]\d [\d:]{8} \d{4}$/i.test(text) ? `${text} GMT` : text);
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((date - Date.now()) / 1000);
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER);
}
