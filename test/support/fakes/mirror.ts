import type { Millis, Task, Timers } from '../../../src/base/clock.js';
import type {
  FetchRange,
  RangeEnd,
  RangeEvents,
  RangeHead,
  RangeRequest,
} from '../../../src/swarm/web-seed/fetch-range.js';
import { fileUrl } from '../../../src/swarm/web-seed/file-url.js';
import type { SampleTorrent } from '../sample-torrent.js';

/** How a mirror answers one request. What is left out is as an honest server has it. */
export interface MirrorAnswer {
  readonly head?: Partial<RangeHead>;
  readonly body?: Buffer;
  /** How the answer ends, once the body is sent. Null: it never does. */
  readonly end?: RangeEnd | null;
  /** There is no head: the fetch fails with `end`. */
  readonly fails?: boolean;
}

const CHUNK = 16 * 1024;
const LATENCY: Millis = 20;
const HOST = 'mirror.test';
const WHOLE: RangeEnd = { host: HOST, kind: 'whole', message: 'over' };

/** A web server with the files of a torrent, in simulated time. */
export class Mirror {
  readonly asked: RangeRequest[] = [];
  /** Bytes that went out. */
  sent = 0;
  answer: (request: RangeRequest, count: number) => MirrorAnswer = () => ({});
  readonly #torrent: SampleTorrent;
  readonly #url: string;
  readonly #rate: number;
  readonly #latency: Millis;
  readonly #chunk: number;

  /** `rate`: bytes a second of each connection. `chunk`: so many come at once. */
  constructor(torrent: SampleTorrent, url: string, rate: number, latency: Millis = LATENCY, chunk = CHUNK) {
    this.#torrent = torrent;
    this.#url = url;
    this.#rate = rate;
    this.#latency = latency;
    this.#chunk = chunk;
  }

  /** The file at a URL of ours, by index; −1 for another URL. */
  fileAt(url: string): number {
    const { files, isFolder } = this.#torrent.metainfo;
    return files.findIndex((file) => !file.padding && fileUrl(this.#url, isFolder, file) === url);
  }

  readonly fetch: FetchRange = (request, timers, events) => {
    this.asked.push(request);
    const file = this.fileAt(request.url.whole);
    const content = file < 0 ? Buffer.alloc(0) : this.#torrent.fileBytes(file);
    const { begin, end } = request;
    const answer = this.answer(request, this.asked.length);
    const head: RangeHead = {
      host: HOST,
      ...(file < 0
        ? { status: 404, contentRange: null }
        : { status: 206, contentRange: `bytes ${begin}-${end - 1}/${content.length}` }),
      ...{ contentLength: null, contentEncoding: null, retryAfter: null },
      ...answer.head,
    };
    const body =
      answer.body ??
      (head.status === 206 ? content.subarray(begin, end) : head.status === 200 ? content : Buffer.alloc(0));
    const ending = answer.end === undefined ? WHOLE : answer.end;
    // A slow line gives something each second.
    const chunk = Math.max(1, Math.min(this.#chunk, Math.floor(this.#rate)));
    return new MirrorFetch(timers, events, answer.fails === true ? null : head, body, ending, {
      latency: this.#latency,
      ...{ chunk, interval: (chunk * 1000) / this.#rate },
      sent: (length) => {
        this.sent += length;
      },
    });
  };
}

interface Line {
  readonly latency: Millis;
  /** So many bytes come at once, and the time from one such part to the next. */
  readonly chunk: number;
  readonly interval: Millis;
  readonly sent: (length: number) => void;
}

class MirrorFetch {
  readonly #timers: Timers;
  readonly #events: RangeEvents;
  readonly #ending: RangeEnd | null;
  readonly #line: Line;
  #body: Buffer;
  #isPaused = false;
  #task: Task | null;

  constructor(
    timers: Timers,
    events: RangeEvents,
    head: RangeHead | null,
    body: Buffer,
    ending: RangeEnd | null,
    line: Line,
  ) {
    this.#timers = timers;
    this.#events = events;
    this.#body = body;
    this.#ending = ending;
    this.#line = line;
    this.#task = timers.addTask(() => {
      this.#task = null;
      if (head === null) {
        events.ended(ending ?? WHOLE);
        return;
      }
      events.gotHead(head);
      this.#sendLater();
    }, line.latency);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#sendLater();
  }

  cancel(): void {
    this.#task?.cancel();
    this.#isPaused = true;
    this.#body = Buffer.alloc(0);
    this.#events.gotData = () => undefined;
    this.#events.ended = () => undefined;
  }

  #sendLater(): void {
    if (this.#task !== null || this.#isPaused) return;
    this.#task = this.#timers.addTask(
      () => {
        this.#task = null;
        if (this.#isPaused) return;
        if (this.#body.length === 0) {
          if (this.#ending !== null) this.#events.ended(this.#ending);
          return;
        }
        const chunk = Buffer.from(this.#body.subarray(0, this.#line.chunk));
        this.#body = this.#body.subarray(chunk.length);
        this.#line.sent(chunk.length);
        this.#events.gotData(chunk);
        // The bytes are valid during the call only.
        chunk.fill(0xff);
        this.#sendLater();
      },
      this.#body.length === 0 ? 0 : this.#line.interval,
    );
  }
}
