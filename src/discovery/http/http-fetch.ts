/** Fetches a URL that somebody else chose, within limits: trackers' answers, and torrents given by URL. */
import type { Millis, Timers } from '../../base/clock.js';
import { SecretUrl } from '../../base/secret-url.js';
import { urlOf } from '../../base/url.js';
import type { BindAddresses } from '../../net/fence.js';
import type { Redirect, SourcedUrl } from '../../net/url-rule.js';
import { parseHttpUrl, printable } from '../trackers/announce-url.js';
import { HttpCookies } from './http-cookies.js';
import { type Destination, findDestinations } from './http-destination.js';
import { type ExchangeOutcome, exchange, portOf } from './http-exchange.js';
import type { Authorities } from './http-tls.js';

/** What is posted, and the headers that say what it is. */
export interface HttpPost {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HttpFetchOptions {
  /** The User-Agent header, `btget/VERSION`. */
  readonly userAgent: string;
  /** The fence: the addresses that sockets and name lookups are bound to; null for none. */
  readonly bind: BindAddresses | null;
  /** Bytes of an answer's body, before and after inflating. */
  readonly maxLength: number;
  /** From the first name lookup to the last byte, redirects included. */
  readonly timeLimit: Millis;
  /** For connecting to one address, TLS included. */
  readonly connectLimit: Millis;
  /** Redirects that are followed. */
  readonly maxRedirects: number;
  /** Authorities that are trusted besides the well-known ones, or null. */
  readonly authorities: Authorities | null;
  /** Null: it is a GET. */
  readonly post: HttpPost | null;
  /** How the addresses of a host are found and judged. */
  readonly findDestinations: typeof findDestinations;
}

/** For trackers' answers; `userAgent` and `bind` are the caller's. */
export const DEFAULT_FETCH_OPTIONS: Omit<HttpFetchOptions, 'userAgent' | 'bind'> = {
  maxLength: 1 << 20,
  timeLimit: 60_000,
  connectLimit: 10_000,
  maxRedirects: 5,
  authorities: null,
  post: null,
  findDestinations,
};

/**
 * For a gateway of our own network: near, slow, and nobody to be sent elsewhere by; `userAgent`, `bind` and `post` are
 * the caller's.
 */
export const GATEWAY_FETCH_OPTIONS: Omit<HttpFetchOptions, 'userAgent' | 'bind' | 'post'> = {
  ...DEFAULT_FETCH_OPTIONS,
  maxLength: 128 * 1024,
  timeLimit: 8_000,
  connectLimit: 3_000,
  maxRedirects: 0,
};

export type HttpFetchOutcome =
  /** `from`: the address that answered, an IP literal. */
  | { readonly ok: true; readonly body: Buffer; readonly from: string }
  | {
      readonly ok: false;
      readonly code: 'timeout' | 'unreachable' | 'bad-answer' | 'forbidden';
      readonly message: string;
      /** The URL of a redirect that is not followed because of its scheme, as the server wrote it. */
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

/** What is fetched. */
export interface HttpTarget extends SourcedUrl {
  /** The URL with our question in it; null where it is asked as it was named. */
  readonly asked: URL | null;
}

/**
 * Fetches `target` (`http:` or `https:`; a user name and password in it go as Basic authorization). Answers once,
 * later, on the timeline; never after `cancel()`, which ends whatever is under way.
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

class HttpFetch {
  readonly #target: HttpTarget;
  readonly #options: HttpFetchOptions;
  readonly #timers: Timers;
  readonly #answered: (outcome: HttpFetchOutcome) => void;
  readonly #limit: { cancel(): void };
  #underWay: { cancel(): void } | null = null;
  readonly #cookies = new HttpCookies();
  /** Those that were visited, and what a server may quote of them. */
  readonly #urls: SecretUrl[];
  #redirects = 0;
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

  /** `named` is what somebody else chose of `url`. */
  #visit(url: URL, authorization: string | null, named: URL, redirect: Redirect | null): void {
    this.#underWay = null;
    const { source } = this.#target;
    const step = { source, port: portOf(url), path: named.pathname, query: named.search, redirect };
    const search = this.#options.findDestinations(url.hostname, this.#options.bind, step, (outcome) => {
      if (outcome.ok) this.#dial(url, authorization, outcome.destinations, null);
      else this.#fail(outcome.code, outcome.message);
    });
    // The answer may have come within the call, and something else be under way.
    this.#underWay ??= search;
  }

  /** Asks one address after the other until one answers. Each has its share of the time that is left. */
  #dial(
    url: URL,
    authorization: string | null,
    [destination, ...others]: readonly [Destination, ...Destination[]],
    /** The failure of an address that could be connected to, which tells more than one that could not. */
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
    const to = urlOf(location, from.href)?.href ?? location;
    const outcome = parseHttpUrl(to);
    if (this.#redirects > this.#options.maxRedirects) {
      this.#fail('bad-answer', `more than ${this.#options.maxRedirects} redirects`);
    } else if (!outcome.ok) this.#refuseRedirect(location, to, outcome.message);
    else {
      // A password is for the server that it was given for.
      const kept = outcome.url.origin === from.origin ? authorization : null;
      const redirect = { host: at.host, query: from.search };
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
    // Sockets and name servers answer outside the timeline, where nobody guards the call.
    const hidden = (message: string): string => this.#urls.reduce((text, url) => url.hide(text), message);
    const told = outcome.ok ? outcome : { ...outcome, message: hidden(outcome.message) };
    const telling = this.#timers.addTask(() => this.#answered(told), 0);
    this.#underWay = telling;
  }
}

/** Headers come as Latin-1, which keeps every byte; servers write UTF-8. */
function headerText(value: string): string {
  const text = Buffer.from(value, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? value : text;
}

function authorizationOf(url: URL): string | null {
  if (url.username === '' && url.password === '') return null;
  const unescaped = (text: string) =>
    text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  const pair = Buffer.from(`${unescaped(url.username)}:${unescaped(url.password)}`, 'latin1');
  return `Basic ${pair.toString('base64')}`;
}
