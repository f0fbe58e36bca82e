/** Fetches a URL that a stranger may have chosen, within limits: trackers' answers, and torrents given by URL. */
import type { Millis, Timers } from '../../base/clock.js';
import { SecretUrl } from '../../base/secret-url.js';
import { urlOf } from '../../base/url.js';
import type { BindAddresses } from '../../net/fence.js';
import type { Redirect, SourcedUrl } from '../../net/url-rule.js';
import { parseHttpUrl, printable } from '../trackers/announce-url.js';
import { HttpCookies } from './http-cookies.js';
import { type Destination, findDestinations } from './http-destination.js';
import { type ExchangeOutcome, exchange } from './http-exchange.js';
import { escapedLocation } from './http-location.js';
import { type HttpProxies, NO_PROXIES } from './http-proxies.js';
import { portOf } from './http-socket.js';
import type { Authorities } from './http-tls.js';

/** The body of a POST, and the headers that describe it. */
export interface HttpPost {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HttpFetchOptions {
  /** The User-Agent header, `btget/VERSION`. */
  readonly userAgent: string;
  /** The fence: the addresses that sockets and name lookups are bound to; null for no fence. */
  readonly bind: BindAddresses | null;
  /** The most bytes of an answer's body, before and after unpacking. */
  readonly maxLength: number;
  /** The time from the first name lookup to the last byte, redirects included. */
  readonly timeLimit: Millis;
  /** The time for connecting to one address, TLS included. */
  readonly connectLimit: Millis;
  /** How many redirects we follow. */
  readonly maxRedirects: number;
  /** The authorities that we trust besides the well-known ones, or null. */
  readonly authorities: Authorities | null;
  /** Null for a GET. */
  readonly post: HttpPost | null;
  /** The proxies that carry requests. */
  readonly proxies: HttpProxies;
  /** Finds the addresses of a host and decides which of them we may dial, for requests that no proxy carries. */
  readonly findDestinations: typeof findDestinations;
}

/** For trackers' answers. The caller gives `userAgent` and `bind`. */
export const DEFAULT_FETCH_OPTIONS: Omit<HttpFetchOptions, 'userAgent' | 'bind'> = {
  maxLength: 1 << 20,
  timeLimit: 60_000,
  connectLimit: 10_000,
  maxRedirects: 5,
  authorities: null,
  post: null,
  proxies: NO_PROXIES,
  findDestinations,
};

/**
 * For a gateway of our own network: it is near, it may be slow, and it must not send us elsewhere. The caller gives
 * `userAgent`, `bind` and `post`.
 */
export const GATEWAY_FETCH_OPTIONS: Omit<HttpFetchOptions, 'userAgent' | 'bind' | 'post'> = {
  ...DEFAULT_FETCH_OPTIONS,
  maxLength: 128 * 1024,
  timeLimit: 8_000,
  connectLimit: 3_000,
  maxRedirects: 0,
};

/**
 * 'forbidden': we do not fetch from the URL or from a place where it leads. 'bad-answer': the answer is no HTTP, is too
 * long, or redirects us too often.
 */
export type HttpFetchOutcome =
  /** `from`: the address that answered, an IP literal. */
  | { readonly ok: true; readonly body: Buffer; readonly from: string }
  | {
      readonly ok: false;
      readonly code: 'timeout' | 'unreachable' | 'bad-answer' | 'forbidden';
      readonly message: string;
      /** The URL of a redirect that we do not follow because of its scheme, as the server wrote it. */
      readonly redirect?: string;
    }
  /** The server answered with a status other than 2xx; `retryAfter` is in seconds. */
  | {
      readonly ok: false;
      readonly code: 'status';
      readonly status: number;
      readonly message: string;
      readonly body: Buffer;
      readonly retryAfter: number | null;
    };

/** The URL to fetch. */
export interface HttpTarget extends SourcedUrl {
  /** The URL with our query in it; null when we fetch the URL as its source named it. */
  readonly asked: URL | null;
}

/**
 * Fetches `target` (`http:` or `https:`). A user name and a password in its URL go as Basic authorization. Answers
 * once, later, on the timeline; never after `cancel()`, which ends lookups and connections at once.
 */
export function httpFetch(
  target: HttpTarget,
  options: HttpFetchOptions,
  timers: Timers,
  answered: (outcome: HttpFetchOutcome) => void,
): { cancel(): void } {
  const fetch = new HttpFetch(target, options, timers, answered);
  fetch.begin();
  return { cancel: () => fetch.cancel() };
}

type Failure = ExchangeOutcome & { readonly kind: 'failed' };

/** One fetch: it looks a name up, asks its addresses one after another, and follows redirects. */
class HttpFetch {
  readonly #target: HttpTarget;
  readonly #options: HttpFetchOptions;
  readonly #timers: Timers;
  readonly #answered: (outcome: HttpFetchOutcome) => void;
  readonly #limit: { cancel(): void };
  #underWay: { cancel(): void } | null = null;
  readonly #cookies = new HttpCookies();
  /** Every URL that we visited: a server may quote its secrets, which no message may show. */
  readonly #urls: SecretUrl[];
  #redirects = 0;
  /** No redirect has left the origin of the URL that the source named. */
  #isAtOrigin = true;
  readonly #deadline: Millis;
  #ended = false;

  constructor(
    target: HttpTarget,
    options: HttpFetchOptions,
    timers: Timers,
    answered: (outcome: HttpFetchOutcome) => void,
  ) {
    this.#target = target;
    this.#urls = [target.url];
    this.#options = options;
    this.#timers = timers;
    this.#answered = answered;
    this.#deadline = timers.now() + options.timeLimit;
    this.#limit = timers.addTask(() => this.#fail('timeout', 'no whole answer in time'), options.timeLimit);
  }

  begin(): void {
    const outcome = parseHttpUrl(this.#target.url.whole);
    if (outcome.ok) this.#visit(this.#target.asked ?? outcome.url, authorizationOf(outcome.url), outcome.url, null);
    else this.#fail(outcome.code, outcome.message);
  }

  cancel(): void {
    this.#ended = true;
    this.#limit.cancel();
    this.#underWay?.cancel();
    this.#underWay = null;
  }

  /** `named` is `url` without the query that we added. */
  #visit(url: URL, authorization: string | null, named: URL, redirect: Redirect | null): void {
    this.#underWay = null;
    const { source } = this.#target;
    const step = { source, port: portOf(url), path: named.pathname, query: named.search, redirect };
    const { bind, proxies } = this.#options;
    const find = proxies.findFor(url) ?? this.#options.findDestinations;
    const search = find(url.hostname, bind, step, (outcome) => {
      if (outcome.ok) this.#dial(url, authorization, outcome.destinations, null);
      else this.#fail(outcome.code, outcome.message);
    });
    // The addresses may have come within the call. Then `#underWay` is the dial already.
    this.#underWay ??= search;
  }

  /** Asks one address after another until one answers. Each gets its share of the time that is left. */
  #dial(
    url: URL,
    authorization: string | null,
    [destination, ...others]: readonly [Destination, ...Destination[]],
    /** The failure of an address that accepted the connection. It tells more than one of an address that did not. */
    told: Failure | null,
  ): void {
    const { userAgent, maxLength, connectLimit, authorities, post } = this.#options;
    const share = (this.#deadline - this.#timers.now()) / (others.length + 1);
    const answerLimit = others.length === 0 ? null : share;
    const request = {
      ...{ url, destination, authorization, userAgent, maxLength, authorities, post, connectLimit, answerLimit },
      cookie: this.#cookies.headerFor(url),
    };
    this.#underWay = exchange(request, this.#timers, (outcome) => {
      const [next, ...rest] = others;
      if (outcome.kind === 'failed') {
        const failure = told ?? outcome;
        if (outcome.code === 'unreachable' && next !== undefined) {
          this.#dial(url, authorization, [next, ...rest], outcome.connected ? failure : told);
        } else this.#fail(failure.code, failure.message);
      }
      if (outcome.kind === 'redirected') {
        this.#cookies.take(url, outcome.setCookies);
        this.#follow(url, authorization, destination, outcome.location);
      }
      if (outcome.kind === 'answered') this.#gotAnswer(outcome, destination.host);
    });
  }

  #follow(from: URL, authorization: string | null, at: Destination, location: string): void {
    this.#redirects += 1;
    const to = urlOf(escapedLocation(location), from.href)?.href ?? location;
    const outcome = parseHttpUrl(to);
    if (this.#redirects > this.#options.maxRedirects) {
      this.#fail('bad-answer', `more than ${this.#options.maxRedirects} redirects`);
    } else if (!outcome.ok) this.#refuseRedirect(location, to, outcome.message);
    else {
      // A password is for one server only.
      const kept = outcome.url.origin === from.origin ? authorization : null;
      this.#isAtOrigin &&= outcome.url.origin === from.origin;
      const redirect = { host: at.host, query: from.search, isAtOrigin: this.#isAtOrigin };
      this.#urls.push(new SecretUrl(outcome.url.href));
      this.#visit(outcome.url, authorizationOf(outcome.url) ?? kept, outcome.url, redirect);
    }
  }

  #refuseRedirect(location: string, to: string, why: string): void {
    const message = printable(`redirected: ${why}`, 1024);
    const isHttp = /^https?:/i.test(to);
    const redirect = isHttp ? {} : { redirect: headerText(location) };
    this.#finish({ ok: false, code: 'forbidden', message, ...redirect });
  }

  #gotAnswer(
    { status, reason, body, retryAfter }: ExchangeOutcome & { readonly kind: 'answered' },
    from: string,
  ): void {
    const message = printable(`HTTP status ${status} ${reason}`, 200);
    if (status >= 200 && status <= 299) this.#finish({ ok: true, body, from });
    else this.#finish({ ok: false, code: 'status', status, message, body, retryAfter });
  }

  #fail(code: 'timeout' | 'unreachable' | 'bad-answer' | 'forbidden', message: string): void {
    this.#finish({ ok: false, code, message: printable(message, 1024) });
  }

  #finish(outcome: HttpFetchOutcome): void {
    if (this.#ended) return;
    this.cancel();
    // Sockets and name servers answer outside the timeline, where no context catches the caller's exceptions.
    const hidden = (message: string): string => this.#urls.reduce((text, url) => url.hide(text), message);
    const told = outcome.ok ? outcome : { ...outcome, message: hidden(outcome.message) };
    const telling = this.#timers.addTask(() => this.#answered(told), 0);
    this.#underWay = telling;
  }
}

/** The text of a header. Headers come as Latin-1, which keeps every byte, but servers write UTF-8. */
function headerText(value: string): string {
  const text = Buffer.from(value, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? value : text;
}

/** The Authorization header for the user name and the password in `url`, or null when it has none. */
export function authorizationOf(url: URL): string | null {
  if (url.username === '' && url.password === '') return null;
  const unescaped = (text: string) =>
    text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  const pair = Buffer.from(`${unescaped(url.username)}:${unescaped(url.password)}`, 'latin1');
  return `Basic ${pair.toString('base64')}`;
}
