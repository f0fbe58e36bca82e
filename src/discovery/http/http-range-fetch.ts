/** Fetches parts of files for web seeds: many requests to few servers, over connections that are kept. */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { SecretUrl } from '../../base/secret-url.js';
import { urlOf } from '../../base/url.js';
import type { BindAddresses } from '../../net/fence.js';
import type { Redirect, SourcedUrl } from '../../net/url-rule.js';
import { parseHttpUrl, printable } from '../trackers/announce-url.js';
import { type HttpConnection, HttpConnections } from './http-connections.js';
import { HttpCookies } from './http-cookies.js';
import { type Destination, type DestinationFailure, findDestinations } from './http-destination.js';
import { parseRetryAfter } from './http-exchange.js';
import { authorizationOf } from './http-fetch.js';
import { escapedLocation } from './http-location.js';
import { type HttpProxies, NO_PROXIES } from './http-proxies.js';
import { encodeRequest, heardFromProxy } from './http-request.js';
import type { HttpResponseHead } from './http-response.js';
import { explain, hostOf, isOfProxy, portOf } from './http-socket.js';
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
  readonly host: string;
  readonly status: number;
  readonly contentRange: string | null;
  readonly contentLength: number | null;
  readonly contentEncoding: string | null;
  readonly retryAfter: number | null;
}

interface EndFacts {
  readonly host: string;
  readonly kind: 'whole' | 'cut' | 'unreachable' | 'no-host' | 'no-answer' | 'no-proxy' | 'forbidden' | 'bad-answer';
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

/** For this many files we remember where their redirects led. */
const MAX_PLACES = 10_000;

/**
 * Fetches ranges of files by HTTP. It keeps connections for the next request, and remembers where a file's redirects
 * led. Each connection goes to an address that was checked for the request: the address is dialled, not the name.
 */
export class HttpRangeFetcher {
  readonly #options: RangeFetchOptions;
  readonly #connections = new HttpConnections();
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
      connections: this.#connections,
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
    this.#connections.close();
  }
}

function kindOf({ code, fault }: DestinationFailure): EndFacts['kind'] {
  if (fault === 'proxy') return 'no-proxy';
  if (fault === 'unknown-name') return 'no-host';
  return code === 'forbidden' ? 'forbidden' : 'no-answer';
}

interface RangeFetchParts {
  readonly connections: HttpConnections;
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
  readonly #cookies = new HttpCookies();
  #search: { cancel(): void } | null = null;
  #connection: HttpConnection | null = null;
  /** The `host:port` that is asked, as the URL names it. */
  #host = '';
  #hasHead = false;
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
    if (this.#hasHead) this.#connection?.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#lastAt = this.#timers.now();
    this.#connection?.resume();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#search?.cancel();
    this.#limit?.cancel();
    this.#connection?.drop();
    this.#parts.over();
  }

  #visit(place: Place): void {
    const { url, redirect } = place;
    this.#host = url.host;
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
      else if (this.#isStale && outcome.fault !== 'proxy') this.#beginAnew();
      else this.#end(kindOf(outcome), outcome.message);
    });
    if (!isAnswered) this.#search = search;
  }

  #dial(place: Place, [destination, ...others]: readonly [Destination, ...Destination[]]): void {
    const { url, authorization } = place;
    const { userAgent, authorities, headLimit } = this.#options;
    const at = { url, destination, authorities };
    const connection = this.#parts.connections.take(at);
    this.#connection = connection;
    const drop = (): void => {
      this.#limit?.cancel();
      this.#connection = null;
      connection.drop();
    };
    const blameProxy = (message: string): void => {
      drop();
      this.#end('no-proxy', message);
    };
    const goOn = (kind: 'unreachable' | 'bad-answer', message: string): void => {
      drop();
      const [next, ...rest] = others;
      if (this.#isStale) this.#beginAnew();
      else if (next !== undefined && kind === 'unreachable') this.#dial(place, [next, ...rest]);
      else this.#end(kind, message);
    };
    const dialAnew = (): void => {
      this.#limit?.cancel();
      this.#dial(place, [destination, ...others]);
    };
    this.#limit = this.#timers.addTask(() => {
      if (connection.isReused) {
        // What lies between us and the server may forget connections that rest, all of them, without a word.
        drop();
        this.#parts.connections.dropResting(at);
        dialAnew();
      } else if (destination.by !== null && !connection.isReached) {
        const trouble = `no answer from the proxy ${destination.by.access.server.shown} in time`;
        destination.by.access.told(trouble);
        blameProxy(trouble);
      } else goOn('unreachable', `no answer from ${destination.host} in time`);
    }, headLimit);
    const cookie = this.#cookies.headerFor(url);
    const request = encodeRequest('GET', at, null, {
      Host: url.host,
      'User-Agent': userAgent,
      'Accept-Encoding': 'identity',
      Range: `bytes=${this.#target.begin}-${this.#target.end - 1}`,
      Connection: 'keep-alive',
      ...(cookie === null ? {} : { Cookie: cookie }),
      ...(authorization === null ? {} : { Authorization: authorization }),
    });
    connection.ask(request, {
      gotHead: (head) => {
        const refusal = heardFromProxy(at, head);
        if (refusal !== null) {
          blameProxy(refusal);
          return;
        }
        const location = head.headers.get('location')?.[0];
        if (this.#isStale && head.status >= 400) {
          drop();
          this.#beginAnew();
        } else if ([301, 302, 303, 307, 308].includes(head.status) && location !== undefined) {
          // The body of a redirect is not read, so its connection is of no use any more.
          drop();
          this.#cookies.take(url, head.headers.get('set-cookie') ?? []);
          this.#follow(place, destination.host, location);
        } else {
          const isFound = head.status === 200 || head.status === 206;
          // A place that was asked with a cookie may be no good without it, and the next fetch will not have it.
          this.#parts.found(isFound && place.redirect !== null && cookie === null ? place : null);
          this.#gotHead(head);
        }
      },
      gotBody: (bytes) => this.#gotData(bytes),
      ended: () => {
        this.#connection = null;
        this.#gotWhole();
      },
      failed: (why) => {
        this.#connection = null;
        if (this.#hasHead) this.#end('cut', 'the connection was closed early');
        // A server may close a kept connection at the moment when we use it again.
        else if (connection.isReused && why !== 'bad') dialAnew();
        else if (why === 'bad') goOn('bad-answer', 'not an HTTP answer');
        else if (why === 'cut') goOn('unreachable', 'the connection was closed early');
        else if (isOfProxy(why)) blameProxy(why.message);
        else goOn('unreachable', explain(why, url.protocol === 'https:' ? hostOf(url) : null));
      },
    });
  }

  #gotHead({ status, headers }: HttpResponseHead): void {
    this.#limit?.cancel();
    this.#hasHead = true;
    this.#lastAt = this.#timers.now();
    const length = Number(headers.get('content-length')?.join(', ') ?? Number.NaN);
    const head: HeadFacts = {
      host: this.#host,
      status,
      contentRange: headers.get('content-range')?.join(', ') ?? null,
      contentLength: Number.isNaN(length) || headers.has('transfer-encoding') ? null : length,
      contentEncoding: headers.get('content-encoding')?.join(', ') ?? null,
      retryAfter: parseRetryAfter(headers.get('retry-after')?.[0]),
    };
    this.#watch();
    this.#tell(() => this.#listener.gotHead(head));
    if (this.#isPaused) this.#connection?.pause();
  }

  #gotData(bytes: Buffer): void {
    this.#lastAt = this.#timers.now();
    this.#tell(() => this.#listener.gotData(bytes));
  }

  #gotWhole(): void {
    if (this.#isOver) return;
    this.#limit?.cancel();
    this.#isOver = true;
    this.#parts.over();
    this.#guard(() => this.#listener.ended({ host: this.#host, kind: 'whole', message: 'the answer is over' }));
  }

  #follow({ url: from, authorization, redirect }: Place, host: string, location: string): void {
    this.#redirects += 1;
    const to = urlOf(escapedLocation(location), from.href)?.href ?? location;
    const outcome = parseHttpUrl(to);
    if (this.#redirects > this.#options.maxRedirects) {
      this.#parts.found(null);
      this.#end('bad-answer', `more than ${this.#options.maxRedirects} redirects`);
    } else if (!outcome.ok) this.#end('forbidden', `redirected: ${outcome.message}`);
    else if (from.protocol === 'https:' && outcome.url.protocol !== 'https:')
      this.#end('forbidden', 'redirected from https to http');
    else {
      const { url } = outcome;
      const stays = url.origin === from.origin;
      // A password is for one server only.
      const kept = stays ? authorization : null;
      const isAtOrigin = stays && redirect?.isAtOrigin !== false;
      url.hash = '';
      this.#urls.push(new SecretUrl(url.href));
      const next = { host, query: from.search, isAtOrigin };
      this.#visit({ url, authorization: authorizationOf(url) ?? kept, redirect: next });
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
          this.#connection?.drop();
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
    const end: EndFacts = { host: this.#host, kind, message: hidden };
    // No answer comes within the call that asks.
    this.#timers.addTask(() => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#parts.over();
      this.#listener.ended(end);
    }, 0);
  }

  /** Tells at once: bytes that are kept for a task would have to be copied. */
  #tell(event: () => void): void {
    if (!this.#isOver && !this.#isEnding) this.#guard(event);
  }

  /** Sockets speak outside the timeline: what the listener throws is thrown on it. */
  #guard(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.cancel();
      this.#timers.addTask(() => {
        throw error;
      }, 0);
    }
  }
}
