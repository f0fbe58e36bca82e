import type { Task, Timers } from '../../base/clock.js';
import { urlOf } from '../../base/url.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { SourcedUrl } from '../../net/url-rule.js';
import type { UdpTrackerAnswer } from '../../wire/udp-tracker-answer.js';
import type { DestinationOutcome } from '../http/http-destination.js';
import { parseUrl, shownUrl, type UrlRefusal } from './announce-url.js';
import { refusalMessage } from './tracker-response.js';
import type { ConnectOutcome, UdpConnections } from './udp-connections.js';
import type { UdpTrackerOptions } from './udp-tracker-options.js';
import type { TransactionOutcome, UdpTransactions } from './udp-transactions.js';

/** The request that follows when there is a connection id. */
export interface UdpQuestion<Kind extends 'announce' | 'scrape', Value> {
  readonly kind: Kind;
  encode(connectionId: Buffer, transactionId: number, urlData: string): Buffer;
  /** Makes a value of the answer, whose buffers are valid during the call. */
  read(answer: UdpTrackerAnswer & { readonly kind: Kind }, from: PeerAddress): Value;
}

export type UdpCallOutcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | {
      readonly ok: false;
      readonly code: 'refused' | 'timeout' | 'unreachable' | 'forbidden';
      readonly message: string;
    };

export interface UdpCallParts {
  readonly timers: Timers;
  readonly transactions: UdpTransactions;
  readonly connections: UdpConnections;
  readonly options: UdpTrackerOptions;
}

/** One try at one address, which may take at most `wait`. */
interface Attempt {
  readonly to: PeerAddress;
  readonly wait: number;
}

/**
 * One announce or scrape. It looks the tracker's name up, then asks the addresses in turn until one of them answers. It
 * calls `answered` exactly once, later; never after `cancel()`.
 */
export class UdpTrackerCall<Kind extends 'announce' | 'scrape', Value> {
  readonly #parts: UdpCallParts;
  readonly #question: UdpQuestion<Kind, Value>;
  readonly #answered: (outcome: UdpCallOutcome<Value>) => void;
  readonly #attempts: Attempt[] = [];
  #urlData = '';
  #ended = false;
  #limit: Task | null = null;
  #lookup: { cancel(): void } | null = null;
  /** The request that is under way at one address. */
  #asking: { cancel(): void } | null = null;
  #wait: Task | null = null;
  #telling: Task | null = null;

  constructor(
    parts: UdpCallParts,
    question: UdpQuestion<Kind, Value>,
    answered: (outcome: UdpCallOutcome<Value>) => void,
  ) {
    this.#parts = parts;
    this.#question = question;
    this.#answered = answered;
  }

  begin({ url, source }: SourcedUrl): void {
    const { timers, options } = this.#parts;
    const outcome = parseUdpUrl(url.whole);
    if (!outcome.ok) {
      this.#finish(outcome);
      return;
    }
    const { host, port, urlData } = outcome;
    this.#urlData = urlData;
    this.#limit = timers.addTask(() => this.#giveUp(), options.timeLimit);
    let found: Task | null = null;
    const [, path = '', query = ''] = /^([^?]*)(.*)$/s.exec(urlData) ?? [];
    const step = { source, port, path: path === '/' ? '' : path, query, redirect: null };
    const search = options.findDestinations(host, options.bind, step, (destinations) => {
      // Name servers answer outside the timeline, where no context catches the caller's exceptions.
      found = timers.addTask(() => this.#found(destinations, port), 0);
    });
    this.#lookup = {
      cancel: () => {
        search.cancel();
        found?.cancel();
      },
    };
  }

  cancel(): void {
    this.#ended = true;
    this.#limit?.cancel();
    this.#lookup?.cancel();
    this.#stopAsking();
    this.#telling?.cancel();
  }

  #found(outcome: DestinationOutcome, port: number): void {
    if (!outcome.ok) {
      this.#finish(outcome);
      return;
    }
    const { rounds, firstWait, timeLimit } = this.#parts.options;
    // With many addresses each has less time, so that we ask all of them once before the time limit.
    const most = timeLimit / outcome.destinations.length;
    for (let round = 0; round < rounds; round += 1) {
      for (const { host } of outcome.destinations) {
        this.#attempts.push({ to: { host, port }, wait: Math.min(firstWait, most) * 2 ** round });
      }
    }
    this.#tryNext();
  }

  #tryNext(): void {
    this.#stopAsking();
    const attempt = this.#attempts.shift();
    if (attempt === undefined) {
      this.#giveUp();
      return;
    }
    const { to, wait } = attempt;
    this.#wait = this.#parts.timers.addTask(() => {
      // A tracker that has forgotten the id may not answer at all.
      this.#parts.connections.forget(to);
      this.#tryNext();
    }, wait);
    this.#connect(to);
  }

  #connect(to: PeerAddress): void {
    this.#asking = null;
    const connecting = this.#parts.connections.connect(to, (outcome) => this.#connected(to, outcome));
    // A known id came within the call. Then `#asking` is the request itself already.
    this.#asking ??= connecting;
  }

  #connected(to: PeerAddress, outcome: ConnectOutcome): void {
    if (!outcome.ok) {
      this.#failed(outcome);
      return;
    }
    const { connectionId, reused } = outcome;
    const encode = (transactionId: number) => this.#question.encode(connectionId, transactionId, this.#urlData);
    this.#asking = this.#parts.transactions.begin(to, this.#question.kind, encode, (told) => {
      this.#gotAnswer(to, reused, told);
    });
  }

  #gotAnswer(to: PeerAddress, reused: boolean, outcome: TransactionOutcome<Kind>): void {
    if (!outcome.ok) this.#failed({ code: 'unreachable', message: outcome.message });
    else if (isError(outcome.answer)) {
      if (reused) {
        // The error may be about the old connection id, so we try once more with a new one.
        this.#parts.connections.forget(to);
        this.#connect(to);
      } else this.#failed({ code: 'refused', message: refusalMessage(outcome.answer.message) });
    } else {
      const answer = outcome.answer as UdpTrackerAnswer & { readonly kind: Kind };
      this.#finish({ ok: true, value: this.#question.read(answer, outcome.from) });
    }
  }

  /** A tracker that refuses has answered, so we do not ask its other addresses. */
  #failed(failure: { readonly code: 'refused' | 'unreachable'; readonly message: string }): void {
    if (failure.code === 'refused' || this.#attempts.length === 0) this.#finish({ ok: false, ...failure });
    else this.#tryNext();
  }

  #giveUp(): void {
    this.#finish({ ok: false, code: 'timeout', message: 'no answer in time' });
  }

  #finish(outcome: UdpCallOutcome<Value>): void {
    if (this.#ended) return;
    this.cancel();
    this.#telling = this.#parts.timers.addTask(() => this.#answered(outcome), 0);
  }

  #stopAsking(): void {
    this.#wait?.cancel();
    this.#asking?.cancel();
    this.#asking = null;
  }
}

function isError(answer: UdpTrackerAnswer): answer is UdpTrackerAnswer & { readonly kind: 'error' } {
  return answer.kind === 'error';
}

type UdpUrlOutcome =
  | {
      readonly ok: true;
      /** As in an http URL: a name in ASCII, or a literal, IPv6 in brackets. */
      readonly host: string;
      readonly port: number;
      /** Path and query, which go with an announce (BEP 41); empty when the URL has no query and no path but `/`. */
      readonly urlData: string;
    }
  | UrlRefusal;

/** The tracker that a `udp:` URL names. The URL must have a port; a user name and a password in it mean nothing. */
export function parseUdpUrl(text: string): UdpUrlOutcome {
  const outcome = parseUrl(text);
  if (!outcome.ok) return outcome;
  const { url } = outcome;
  const port = Number(url.port);
  if (port === 0) return { ok: false, code: 'forbidden', message: `${shownUrl(text)} has no port` };
  // URL parsers bring the host into its one form only for well-known schemes.
  const alike = urlOf(`http://${url.host}`);
  if (alike === undefined) return { ok: false, code: 'forbidden', message: `not a host: ${shownUrl(text)}` };
  const urlData = url.pathname + url.search;
  return { ok: true, host: alike.hostname, port, urlData: urlData === '/' ? '' : urlData };
}
