/**
 * Reads one HTTP/1 answer (RFC 9112) from a stream of bytes, as tolerantly as curl. Tolerance is dangerous where two
 * programs read one connection and may disagree on where a message ends. Here a connection leads to one server and has
 * one reader at a time. An answer whose own end is in doubt is refused.
 */
import { withoutEnd } from '../../base/without-end.js';

export interface HttpResponseHead {
  /** Three digits. Of the 1xx only 101 comes here. */
  readonly status: number;
  /** One Latin-1 character for each byte; often empty. */
  readonly reason: string;
  /** The values of each header, in the order in which they came. Names are in lower case, values are Latin-1 text. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** The reader tells its owner of the answer. The last call is either `ended` or `failed`. */
export interface HttpResponseOwner {
  /** Called once, before `gotBody` and `ended`, when it is clear where the answer ends. */
  gotHead(head: HttpResponseHead): void;
  /** The bytes are valid during the call. */
  gotBody(bytes: Buffer): void;
  /** The answer is whole. */
  ended(): void;
  /** `cut`: the connection was closed before the answer's end. `bad`: the answer is wrong, and `message` says why. */
  failed(why: 'cut' | 'bad', message: string): void;
}

/** The most bytes of the head, and of the trailers. Interim answers count towards the head. */
const MAX_HEAD_LENGTH = 64 * 1024;
/** The most lines of the head, and of the trailers. */
const MAX_HEADER_LINES = 1000;
/** The most bytes of a line with a chunk's size, its extensions included. */
const MAX_CHUNK_LINE_LENGTH = 4096;

const PROTOCOL = 'http/';
const STATUS_LINE = /^http\/(?:1\.[01]|[23](?:\.0)?)[ \t]+(\d{3})(?!\d)[ \t]*([\s\S]*)$/i;

type State = 'status' | 'header' | 'body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'over';

/** A line machine. It keeps only the current line and the headers, within the limits above, and passes the body on. */
export class HttpResponseReader {
  readonly #owner: HttpResponseOwner;
  readonly #maxLength: number;
  #state: State = 'status';
  #line = '';
  /** How many more bytes and lines this part of the answer may have. */
  #lineRoom = MAX_HEAD_LENGTH;
  #linesLeft = MAX_HEADER_LINES;
  #status = 0;
  #reason = '';
  #isVersion11 = false;
  #headers = new Map<string, string[]>();
  /** The values of the header that a folded line continues. */
  #last: string[] | null = null;
  /** Bytes up to the end of the body or of the chunk; infinite when the body ends with the connection. */
  #left = 0;
  /** Bytes of the body so far. */
  #length = 0;

  /** `maxLength`: the most bytes of the body. */
  constructor(owner: HttpResponseOwner, maxLength: number) {
    this.#owner = owner;
    this.#maxLength = maxLength;
  }

  /** Whether the owner has heard `ended` or `failed`. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Whether the server will read another request on the connection. Right once `ended` was called. */
  get keepsConnection(): boolean {
    const wishes = this.#listOf('connection');
    const isKept = this.#isVersion11 ? !wishes.includes('close') : wishes.includes('keep-alive');
    return isKept && this.#status !== 101 && this.#left !== Number.POSITIVE_INFINITY;
  }

  /**
   * Takes the next bytes of the connection. Returns how many of them belong to the answer; bytes after its end are
   * ignored.
   */
  feed(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'over') {
      at = this.#state === 'body' || this.#state === 'chunk' ? this.#takeBody(bytes, at) : this.#takeLine(bytes, at);
    }
    return at;
  }

  /** Takes the end of the connection. */
  end(): void {
    if (this.#state === 'body' && this.#left === Number.POSITIVE_INFINITY) this.#finish();
    else this.#fail('cut', 'the connection was closed early');
  }

  /** Takes bytes from `at` on, and returns where it stops. */
  #takeBody(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#length += end - at;
    if (this.#length > this.#maxLength) {
      this.#tooLong();
      return at;
    }
    this.#left -= end - at;
    this.#owner.gotBody(bytes.subarray(at, end));
    if (this.#left === 0) {
      if (this.#state === 'chunk') this.#expect('chunk-end', MAX_CHUNK_LINE_LENGTH);
      else this.#finish();
    }
    return end;
  }

  /** Takes bytes from `at` on, and returns where it stops. */
  #takeLine(bytes: Buffer, at: number): number {
    const feedAt = bytes.indexOf(0x0a, at);
    const end = feedAt === -1 ? bytes.length : feedAt + 1;
    const begun = this.#line.length;
    this.#line += bytes.toString('latin1', at, Math.min(end, at + this.#lineRoom));
    this.#lineRoom -= end - at;
    // A server of another protocol may never end its line.
    if (this.#state === 'status' && begun < PROTOCOL.length && !mayBeStatusLine(this.#line)) {
      this.#bad('it does not begin with HTTP/');
    } else if (this.#lineRoom < 0) this.#bad('a line, or all of its headers, are too long');
    else if (feedAt !== -1) {
      const line = withoutEnd(this.#line.slice(0, -1), '\r');
      this.#line = '';
      this.#gotLine(line);
    }
    return end;
  }

  #gotLine(line: string): void {
    switch (this.#state) {
      case 'status':
        // Some servers send the line break of an earlier message first.
        if (line !== '') this.#gotStatusLine(line);
        else this.#countLine();
        return;
      case 'header':
        if (line === '') this.#gotHeaders();
        else this.#gotHeader(line);
        return;
      case 'chunk-size':
        this.#gotChunkSize(line);
        return;
      case 'chunk-end':
        if (line === '') this.#expect('chunk-size', MAX_CHUNK_LINE_LENGTH);
        else this.#bad('a chunk is longer than its size');
        return;
      case 'trailer':
        if (line === '') this.#finish();
        else this.#countLine();
        return;
    }
  }

  #gotStatusLine(line: string): void {
    const [, status, reason = ''] = STATUS_LINE.exec(line) ?? [];
    if (status === undefined || line.includes('\0')) {
      this.#bad(`its first line is ${JSON.stringify(line.slice(0, 100))}`);
      return;
    }
    this.#status = Number(status);
    this.#isVersion11 = line.slice(PROTOCOL.length).startsWith('1.1');
    this.#reason = reason.trim();
    this.#headers = new Map();
    this.#last = null;
    this.#state = 'header';
  }

  #gotHeader(line: string): void {
    if (!this.#countLine()) return;
    const colon = line.indexOf(':');
    const isFolded = /^[ \t]/.test(line);
    if (line.includes('\0')) this.#bad('a header has a NUL byte');
    else if (isFolded) {
      // A folded line without a header before it is ignored.
      const value = this.#last?.pop();
      const more = line.trim();
      // Both are trimmed. To trim the whole would copy it, once for each line.
      if (value !== undefined) this.#last?.push(value === '' || more === '' ? value + more : `${value} ${more}`);
    } else if (colon === -1) this.#bad('a header has no colon');
    else {
      const name = line.slice(0, colon).trim().toLowerCase();
      this.#last = this.#headers.get(name) ?? [];
      this.#last.push(line.slice(colon + 1).trim());
      this.#headers.set(name, this.#last);
    }
  }

  #gotHeaders(): void {
    const status = this.#status;
    if (status >= 100 && status <= 199 && status !== 101) {
      // An interim answer: the final one follows, within the room that is left.
      this.#state = 'status';
      return;
    }
    const codings = this.#listOf('transfer-encoding').filter((coding) => coding !== 'identity');
    const isChunked = codings.length > 0;
    const hasBody = status !== 101 && status !== 204 && status !== 304;
    // RFC 9112, 6.3: chunks override a Content-Length.
    const length = hasBody && !isChunked ? this.#readLength() : null;
    if (hasBody && codings.some((coding) => coding !== 'chunked')) this.#bad('its transfer coding was not asked for');
    if (this.#state === 'over') return;
    this.#owner.gotHead({ status, reason: this.#reason, headers: this.#headers });
    if (!hasBody || length === 0) this.#finish();
    else if (isChunked) this.#expect('chunk-size', MAX_CHUNK_LINE_LENGTH);
    else if (length !== null && length > this.#maxLength) this.#tooLong();
    else {
      this.#left = length ?? Number.POSITIVE_INFINITY;
      this.#state = 'body';
    }
  }

  /**
   * The Content-Length; null when there is none. Proxies may repeat it, as a second header or in a list. Two different
   * lengths leave the end in doubt.
   */
  #readLength(): number | null {
    if (!this.#headers.has('content-length')) return null;
    // Like curl, we ignore what follows the digits.
    const lengths = this.#listOf('content-length').map((text) =>
      Number(/^\+?(\d+)(?![\d.])/.exec(text)?.[1] ?? Number.NaN),
    );
    const [length] = lengths;
    if (length === undefined || lengths.includes(Number.NaN)) this.#bad('its Content-Length is no number');
    else if (lengths.some((each) => each !== length)) this.#bad('it has two lengths');
    else return length;
    return null;
  }

  #gotChunkSize(line: string): void {
    const digitsEnd = line.search(/[^0-9a-f]/i);
    const digits = digitsEnd === -1 ? line : line.slice(0, digitsEnd);
    const size = Number.parseInt(digits, 16);
    if (digits === '') this.#bad('a chunk has no size');
    else if (this.#length + size > this.#maxLength) this.#tooLong();
    else if (size === 0) {
      this.#expect('trailer', MAX_HEAD_LENGTH);
      this.#linesLeft = MAX_HEADER_LINES;
    } else {
      this.#left = size;
      this.#state = 'chunk';
    }
  }

  /** The items of a header whose value is a list, in lower case. */
  #listOf(name: string): string[] {
    const items = (this.#headers.get(name) ?? []).flatMap((value) => value.split(','));
    return items.map((item) => item.trim().toLowerCase()).filter((item) => item !== '');
  }

  /** Goes on to a part of the answer that may have `room` bytes. */
  #expect(state: State, room: number): void {
    this.#state = state;
    this.#lineRoom = room;
  }

  #countLine(): boolean {
    this.#linesLeft -= 1;
    if (this.#linesLeft < 0) this.#bad(`it has more than ${MAX_HEADER_LINES} lines of headers`);
    return this.#linesLeft >= 0;
  }

  #finish(): void {
    this.#state = 'over';
    this.#owner.ended();
  }

  #tooLong(): void {
    this.#fail('bad', answerTooLong(this.#maxLength));
  }

  #bad(why: string): void {
    this.#fail('bad', `not an HTTP answer: ${why}`);
  }

  #fail(why: 'cut' | 'bad', message: string): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#line = '';
    this.#owner.failed(why, message);
  }
}

/** What is said of a body that has more than `maxLength` bytes. */
export function answerTooLong(maxLength: number): string {
  return `the answer is longer than ${maxLength} bytes`;
}

/** Whether a line that begins like this can still become a status line, or is an empty line before one. */
function mayBeStatusLine(begun: string): boolean {
  const text = begun.slice(0, PROTOCOL.length).toLowerCase();
  return /^[\r\n]*$/.test(text) || PROTOCOL.startsWith(text);
}
