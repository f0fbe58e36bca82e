import type { Task, Timers } from '../base/clock.js';
import type { PeerAddress, SingleSocket, SocketHandler } from '../net/raw-server.js';
import { parseRequestTarget } from '../net/request-target.js';
import type { HttpAnswer, HttpGet } from './http-message.js';
import type { HttpOptions } from './tracker-options.js';

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  414: 'URI Too Long',
  431: 'Request Header Fields Too Large',
  505: 'HTTP Version Not Supported',
};

/** The most header lines, the empty line after them included. Real clients send far fewer, and each line costs time. */
const MAX_HEADER_LINES = 200;

/** Takes a line without its end. Returns the function that takes the next line; null when we read no more. */
type NextFunc = (line: string) => NextFunc | null;

/**
 * One client's request and its answer. It is a line machine: `#nextFunc` takes each line. The client has `requestLimit`
 * for the whole request, even if its bytes keep coming, and `answerLimit` to read the answer and close the connection.
 */
export class HttpConnection implements SocketHandler {
  readonly #socket: SingleSocket;
  readonly #timers: Timers;
  readonly #get: HttpGet;
  readonly #options: HttpOptions;
  readonly #forget: () => void;
  #deadline: Task;
  #nextFunc: NextFunc | null = (line) => this.#readRequestLine(line);
  #line = '';
  #length = 0;
  #headOnly = false;
  #headerLines = 0;
  #path = '';
  #query = '';
  readonly #forwardedFor: string[] = [];
  readonly #forwarded: string[] = [];

  /** `forget` is called once, when the connection is over. */
  constructor(socket: SingleSocket, timers: Timers, get: HttpGet, options: HttpOptions, forget: () => void) {
    this.#socket = socket;
    this.#timers = timers;
    this.#get = get;
    this.#options = options;
    this.#forget = forget;
    this.#deadline = timers.addTask(() => this.#refuse(408), options.requestLimit);
  }

  /** Never called: this side does not dial. */
  connectionMade(): void {
    throw new Error('a connection of the tracker was dialled');
  }

  dataCameIn(_: SingleSocket, data: Buffer): void {
    this.#length += data.length;
    let begin = 0;
    while (this.#nextFunc !== null && begin < data.length) {
      const found = data.indexOf(0x0a, begin);
      const end = found === -1 ? data.length : found;
      const room = this.#options.maxLineLength - this.#line.length;
      this.#line += data.toString('latin1', begin, Math.min(end, begin + room));
      if (end - begin > room) this.#refuse(this.#path === '' ? 414 : 431);
      begin = end + 1;
      if (found === -1 || this.#nextFunc === null) break;
      const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
      this.#line = '';
      this.#nextFunc = this.#nextFunc(line);
    }
    if (this.#length <= this.#options.maxRequestLength) return;
    // The client has its answer and still sends: we do not listen for ever.
    if (this.#nextFunc === null) this.close();
    else this.#refuse(431);
  }

  connectionFlushed(): void {
    // Nothing to do: `end()` closes the connection after the answer.
  }

  connectionLost(): void {
    this.#deadline.cancel();
    this.#nextFunc = null;
    this.#forget();
  }

  close(): void {
    this.#socket.close();
    this.connectionLost();
  }

  #readRequestLine(line: string): NextFunc | null {
    const [method = '', text = '', version = '', ...rest] = line.split(' ');
    // A tracker does not know by which names it is reached, so it answers by every one.
    const target = parseRequestTarget(text);
    if (rest.length > 0 || target === null) return this.#refuse(400);
    if (!version.startsWith('HTTP/1.')) return this.#refuse(505);
    if (method !== 'GET' && method !== 'HEAD') return this.#refuse(405);
    this.#headOnly = method === 'HEAD';
    this.#path = target.path;
    this.#query = target.query;
    return (header) => this.#readHeader(header);
  }

  /** A tracker needs only the headers in which a proxy names its client. */
  #readHeader(line: string): NextFunc | null {
    this.#headerLines += 1;
    if (this.#headerLines > MAX_HEADER_LINES) return this.#refuse(431);
    if (line !== '') {
      const [, name = '', value = ''] = /^(x-forwarded-for|forwarded):(.*)$/i.exec(line) ?? [];
      if (name !== '') (name.length > 9 ? this.#forwardedFor : this.#forwarded).push(value);
      return (next) => this.#readHeader(next);
    }
    const remote = this.#socket.remote as PeerAddress;
    const headers = { forwardedFor: this.#forwardedFor, forwarded: this.#forwarded };
    return this.#answer(this.#get({ path: this.#path, query: this.#query, remote, headers }));
  }

  #refuse(status: number): null {
    return this.#answer({ status, contentType: 'text/plain', body: Buffer.from(`${REASONS[status]}\n`) });
  }

  #answer({ status, contentType, body, headers = {} }: HttpAnswer): null {
    this.#nextFunc = null;
    this.#deadline.cancel();
    this.#deadline = this.#timers.addTask(() => this.close(), this.#options.answerLimit);
    const head = [
      `HTTP/1.1 ${status} ${REASONS[status] ?? ''}`,
      `Content-Type: ${contentType}`,
      `Content-Length: ${body.length}`,
      ...(status === 405 ? ['Allow: GET, HEAD'] : []),
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      'Connection: close',
      '\r\n',
    ].join('\r\n');
    this.#socket.write(this.#headOnly ? [Buffer.from(head)] : [Buffer.from(head), body]);
    this.#socket.end();
    return null;
  }
}
