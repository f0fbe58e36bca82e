/** Fetches parts of files for web seeds: many requests to few servers, over connections that are kept. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import type { Millis, Task, Timers } from '../../base/clock.js';
import { SecretUrl } from '../../base/secret-url.js';
import { urlOf } from '../../base/url.js';
import type { BindAddresses } from '../../net/fence.js';
import type { Redirect, SourcedUrl } from '../../net/url-rule.js';
import { parseHttpUrl, printable } from '../trackers/announce-url.js';
import { type Destination, findDestinations } from './http-destination.js';
import { parseRetryAfter } from './http-exchange.js';
import { authorizationOf } from './http-fetch.js';
import { type HttpProxies, NO_PROXIES } from './http-proxies.js';
import { explain, portOf } from './http-socket.js';
import type { Authorities } from './http-tls.js';

export interface RangeFetchOptions {
  /** The User-Agent header. */
  readonly userAgent: string;
  readonly bind: BindAddresses | null;
  readonly authorities: Authorities | null;
  /** The time for connecting to one address and for its head. */
  readonly headLimit: Millis;
  /** A server that sends nothing for this long is given up, unless we have paused it. */
  readonly silenceLimit: Millis;
  readonly maxRedirects: number;
  /** The proxies that carry requests. */
  readonly proxies: HttpProxies;
  /** Finds the addresses of a host, for requests that no proxy carries. */
  readonly findDestinations: typeof findDestinations;
}

/** The caller gives `userAgent`, `bind` and `authorities`. */
export const DEFAULT_RANGE_FETCH_OPTIONS: Omit<RangeFetchOptions, 'userAgent' | 'bind' | 'authorities'> = {
  headLimit: 20_000,
  silenceLimit: 20_000,
  maxRedirects: 5,
  proxies: NO_PROXIES,
  findDestinations,
};

interface RangeTarget extends SourcedUrl {
  readonly begin: number;
  readonly end: number;
}

interface HeadFacts {
  readonly status: number;
  readonly contentRange: string | null;
  readonly contentLength: number | null;
  readonly contentEncoding: string | null;
  readonly retryAfter: number | null;
}

interface EndFacts {
  readonly kind: 'whole' | 'cut' | 'unreachable' | 'no-host' | 'forbidden' | 'bad-answer';
  readonly message: string;
}

interface RangeListener {
  gotHead(head: HeadFacts): void;
  gotData(bytes: Buffer): void;
  ended(end: EndFacts): void;
}

/** Where a file was found, after its redirects. */
interface Place {
  readonly url: URL;
  readonly authorization: string | null;
  readonly redirect: Redirect | null;
}

/** So many files are remembered with the place where redirects led. */
const MAX_PLACES = 10_000;

/**
 * Fetches ranges of files by HTTP. It keeps connections for the next request, and remembers where a file's redirects
 * led. Each connection goes to an address that was checked for the request: the address is dialled, not the name.
 */
export class HttpRangeFetcher {
  readonly #options: RangeFetchOptions;
  readonly #plain = new HttpAgent({ keepAlive: true, maxFreeSockets: 8, scheduling: 'lifo' });
  readonly #secure = new HttpsAgent({ keepAlive: true, maxFreeSockets: 8, scheduling: 'lifo' });
  readonly #places = new Map<string, Place>();
  readonly #underWay = new Set<RangeFetch>();

  constructor(options: RangeFetchOptions) {
    this.#options = options;
  }

  /**
   * Fetches bytes `begin` to `end` − 1 of the file at `target.url`. What the listener throws is thrown by a task of
   * `timers`.
   */
  fetch(target: RangeTarget, timers: Timers, listener: RangeListener): RangeFetch {
    const key = `${target.source} ${target.url.whole}`;
    const fetch = new RangeFetch(target, this.#options, timers, listener, {
      agentFor: (secure) => (secure ? this.#secure : this.#plain),
      known: this.#places.get(key) ?? null,
      found: (place) => {
        this.#places.delete(key);
        if (place === null) return;
        this.#places.set(key, place);
        for (const oldest of this.#places.keys()) {
          if (this.#places.size <= MAX_PLACES) break;
          this.#places.delete(oldest);
        }
      },
      over: () => this.#underWay.delete(fetch),
    });
    this.#underWay.add(fetch);
    fetch.begin();
    return fetch;
  }

  /** Ends what is under way, and every connection. */
  close(): void {
    for (const fetch of [...this.#underWay]) fetch.cancel();
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

interface RangeFetchParts {
  readonly agentFor: (secure: boolean) => HttpAgent | HttpsAgent;
  /** Where the file was found before; null when that is not known. */
  readonly known: Place | null;
  /** The file was found there; null when it is not where it was. */
  readonly found: (place: Place | null) => void;
  readonly over: () => void;
}

/** One request, with its redirects. */
class RangeFetch {
  readonly #target: RangeTarget;
  readonly #options: RangeFetchOptions;
  readonly #timers: Timers;
  readonly #listener: RangeListener;
  readonly #parts: RangeFetchParts;
  readonly #urls: SecretUrl[];
  #search: { cancel(): void } | null = null;
  #request: ClientRequest | null = null;
  #response: IncomingMessage | null = null;
  #limit: Task | null = null;
  #lastAt: Millis = 0;
  #redirects = 0;
  /** We ask where the file was before, and ask anew when it is not there. */
  #isStale = false;
  #isPaused = false;
  #isEnding = false;
  #isOver = false;

  constructor(
    target: RangeTarget,
    options: RangeFetchOptions,
    timers: Timers,
    listener: RangeListener,
    parts: RangeFetchParts,
  ) {
    this.#target = target;
    this.#options = options;
    this.#timers = timers;
    this.#listener = listener;
    this.#parts = parts;
    this.#urls = [target.url];
  }

  begin(): void {
    const { known } = this.#parts;
    if (known !== null) {
      this.#isStale = true;
      this.#urls.push(new SecretUrl(known.url.href));
      this.#visit(known);
    } else this.#beginAnew();
  }

  /** Where the redirects of the file led may no longer be right: many such places are good for a short time. */
  #beginAnew(): void {
    this.#isStale = false;
    const outcome = parseHttpUrl(this.#target.url.whole);
    if (!outcome.ok) this.#end('forbidden', outcome.message);
    else this.#visit({ url: outcome.url, authorization: authorizationOf(outcome.url), redirect: null });
  }

  pause(): void {
    this.#isPaused = true;
    this.#response?.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#lastAt = this.#timers.now();
    this.#response?.resume();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#search?.cancel();
    this.#limit?.cancel();
    this.#request?.destroy();
    this.#parts.over();
  }

  #visit(place: Place): void {
    const { url, redirect } = place;
    const { source } = this.#target;
    const step = { source, port: portOf(url), path: url.pathname, query: url.search, redirect };
    let isAnswered = false;
    const { bind, proxies } = this.#options;
    const find = proxies.findFor(url) ?? this.#options.findDestinations;
    const search = find(url.hostname, bind, step, (outcome) => {
      isAnswered = true;
      this.#search = null;
      if (this.#isOver) return;
      if (outcome.ok) this.#dial(place, outcome.destinations);
      else this.#end(outcome.code === 'unreachable' ? 'no-host' : 'forbidden', outcome.message);
    });
    if (!isAnswered) this.#search = search;
  }

  #dial(place: Place, [destination, ...others]: readonly [Destination, ...Destination[]]): void {
    const { url, authorization } = place;
    const { userAgent, authorities, headLimit } = this.#options;
    const secure = url.protocol === 'https:';
    const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const options: RequestOptions = {
      host: destination.host,
      port: portOf(url),
      path: `${url.pathname}${url.search}`,
      agent: this.#parts.agentFor(secure),
      headers: {
        Host: url.host,
        'User-Agent': userAgent,
        'Accept-Encoding': 'identity',
        Range: `bytes=${this.#target.begin}-${this.#target.end - 1}`,
        ...(authorization === null ? {} : { Authorization: authorization }),
      },
      ...(destination.localAddress === undefined ? {} : { localAddress: destination.localAddress }),
      ...(secure ? { servername: isIP(name) === 0 ? name : '' } : {}),
      ...(secure && authorities !== null ? { secureContext: authorities.context } : {}),
    };
    const request = secure ? httpsRequest(options) : httpRequest(options);
    this.#request = request;
    let isDropped = false;
    const drop = (): void => {
      isDropped = true;
      this.#limit?.cancel();
      request.destroy();
    };
    const goOn = (kind: 'unreachable' | 'bad-answer', message: string): void => {
      if (isDropped || this.#isOver || this.#isEnding) return;
      drop();
      const [next, ...rest] = others;
      if (this.#isStale) this.#beginAnew();
      else if (next !== undefined && kind === 'unreachable') this.#dial(place, [next, ...rest]);
      else this.#end(kind, message);
    };
    this.#limit = this.#timers.addTask(
      () => goOn('unreachable', `no answer from ${destination.host} in time`),
      headLimit,
    );
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (isDropped) return;
      // A server may close a kept connection at the moment when we use it again.
      if (this.#response !== null) this.#end('cut', 'the connection was closed early');
      else if (request.reusedSocket && !this.#isOver && !this.#isEnding) {
        drop();
        this.#dial(place, [destination, ...others]);
      } else if (error.code?.startsWith('HPE_') === true) goOn('bad-answer', 'not an HTTP answer');
      else goOn('unreachable', explain(error, secure ? name : null));
    });
    request.on('response', (response) => {
      response.on('error', () => {
        if (!isDropped) this.#end('cut', 'the connection was closed early');
      });
      if (isDropped || this.#isOver) return;
      this.#limit?.cancel();
      const status = response.statusCode ?? 0;
      const { location } = response.headers;
      if (this.#isStale && status >= 400) {
        drop();
        this.#beginAnew();
      } else if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
        // The body of a redirect is not read, so its connection is of no use any more.
        drop();
        this.#follow(place, destination.host, location);
      } else this.#gotResponse(place, response);
    });
    request.end();
  }

  #gotResponse(place: Place, response: IncomingMessage): void {
    const status = response.statusCode ?? 0;
    this.#parts.found((status === 200 || status === 206) && place.redirect !== null ? place : null);
    this.#response = response;
    this.#lastAt = this.#timers.now();
    const { headers } = response;
    const length = Number(headers['content-length'] ?? Number.NaN);
    const head: HeadFacts = {
      status,
      contentRange: headers['content-range'] ?? null,
      contentLength: Number.isNaN(length) ? null : length,
      contentEncoding: headers['content-encoding'] ?? null,
      retryAfter: parseRetryAfter(headers['retry-after']),
    };
    this.#watch();
    this.#tell(() => {
      this.#listener.gotHead(head);
      if (this.#isOver) return;
      response.on('data', (bytes: Buffer) => this.#gotData(bytes));
      response.on('end', () => this.#end('whole', 'the answer is over'));
      if (this.#isPaused) response.pause();
    });
  }

  /**
   * Tells of the bytes at once: kept for a task, they would outlive the next round of the garbage collector. What the
   * listener throws is thrown on the timeline.
   */
  #gotData(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#lastAt = this.#timers.now();
    try {
      this.#listener.gotData(bytes);
    } catch (error) {
      this.cancel();
      this.#timers.addTask(() => {
        throw error;
      }, 0);
    }
  }

  #follow({ url: from, authorization }: Place, host: string, location: string): void {
    this.#redirects += 1;
    const to = urlOf(Buffer.from(location, 'latin1').toString('utf8'), from.href)?.href ?? location;
    const outcome = parseHttpUrl(to);
    if (this.#redirects > this.#options.maxRedirects) {
      this.#parts.found(null);
      this.#end('bad-answer', `more than ${this.#options.maxRedirects} redirects`);
    } else if (!outcome.ok) this.#end('forbidden', `redirected: ${outcome.message}`);
    else if (from.protocol === 'https:' && outcome.url.protocol !== 'https:')
      this.#end('forbidden', 'redirected from https to http');
    else {
      const { url } = outcome;
      // A password is for one server only.
      const kept = url.origin === from.origin ? authorization : null;
      url.hash = '';
      this.#urls.push(new SecretUrl(url.href));
      this.#visit({ url, authorization: authorizationOf(url) ?? kept, redirect: { host, query: from.search } });
    }
  }

  /** Gives the server up when it is silent. */
  #watch(): void {
    const left = this.#lastAt + this.#options.silenceLimit - this.#timers.now();
    this.#limit = this.#timers.addTask(
      () => {
        if (this.#isPaused) this.#lastAt = this.#timers.now();
        if (this.#timers.now() - this.#lastAt < this.#options.silenceLimit) this.#watch();
        else {
          this.#request?.destroy();
          this.#end('cut', 'the server sends nothing any more');
        }
      },
      Math.max(100, left),
    );
  }

  #end(kind: EndFacts['kind'], message: string): void {
    if (this.#isEnding || this.#isOver) return;
    this.#isEnding = true;
    this.#limit?.cancel();
    const hidden = this.#urls.reduce((text, url) => url.hide(text), printable(message, 1024));
    this.#tell(() => {
      this.#isOver = true;
      this.#parts.over();
      this.#listener.ended({ kind, message: hidden });
    });
  }

  /** Sockets speak outside the timeline, where no context catches the listener's exceptions. */
  #tell(event: () => void): void {
    this.#timers.addTask(() => {
      if (!this.#isOver) event();
    }, 0);
  }
}
