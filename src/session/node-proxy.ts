import type { Timers } from '../base/clock.js';
import type { DestinationOutcome, findDestinations } from '../discovery/http/http-destination.js';
import type { BindAddresses } from '../net/fence.js';
import type { ProxyAccess, ProxyHost } from '../net/proxy/proxy-access.js';
import type { ProxyServer } from '../net/proxy/proxy-server.js';
import type { UrlStep } from '../net/url-rule.js';

/** Hears what is wrong with a proxy. */
export interface ProxyEvents {
  /** Nothing passes the proxy, and why. Told once until something passes again. */
  troubled(message: string): void;
  /** Something passes the proxy again. */
  recovered(message: string): void;
  /** The proxy carries no datagrams, and why. Told once. */
  carriesNoDatagrams(message: string): void;
}

export const UNHEARD: ProxyEvents = {
  troubled: () => undefined,
  recovered: () => undefined,
  carriesNoDatagrams: () => undefined,
};

/** The user names the proxy, so its name may lead everywhere. */
const BY_USER: UrlStep = { source: 'user', port: 0, path: '', query: '', redirect: null };
/** Milliseconds. The address of a name is asked again after this time. */
const KNOWN_FOR = 60_000;

export interface NodeProxyParts {
  readonly bind: BindAddresses | null;
  readonly timers: Pick<Timers, 'now'>;
  readonly find: typeof findDestinations;
}

/** A proxy of the real world. Its own name is the only one that is looked up here. */
export class NodeProxy implements ProxyAccess {
  readonly server: ProxyServer;
  readonly #events: ProxyEvents;
  readonly #parts: NodeProxyParts;
  readonly #waiting = new Set<(outcome: ProxyHost) => void>();
  #known: { readonly host: string; readonly until: number } | null = null;
  #trouble: string | null = null;
  #carriesDatagrams = true;

  constructor(server: ProxyServer, events: ProxyEvents, parts: NodeProxyParts) {
    this.server = server;
    this.#events = events;
    this.#parts = parts;
  }

  findHost(answered: (outcome: ProxyHost) => void): { cancel(): void } {
    if (this.#known !== null && this.#parts.timers.now() < this.#known.until) {
      answered({ ok: true, host: this.#known.host });
      return { cancel: () => undefined };
    }
    const isFirst = this.#waiting.size === 0;
    this.#waiting.add(answered);
    if (isFirst) this.#parts.find(this.server.host, this.#parts.bind, BY_USER, (outcome) => this.#found(outcome));
    return { cancel: () => this.#waiting.delete(answered) };
  }

  /** Why nothing passes the proxy, or null. */
  get trouble(): string | null {
    return this.#trouble;
  }

  told(trouble: string | null): void {
    const before = this.#trouble;
    this.#trouble = trouble;
    if (trouble !== null && before === null) this.#events.troubled(trouble);
    if (trouble === null && before !== null) this.#events.recovered(`the proxy ${this.server.shown} works again`);
  }

  carriesNoDatagrams(message: string): void {
    if (this.#carriesDatagrams) this.#events.carriesNoDatagrams(message);
    this.#carriesDatagrams = false;
  }

  #found(outcome: DestinationOutcome): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    if (outcome.ok) {
      const [{ host }] = outcome.destinations;
      this.#known = { host, until: this.#parts.timers.now() + KNOWN_FOR };
      for (const answered of waiting) answered({ ok: true, host });
    } else
      for (const answered of waiting)
        answered({ ok: false, message: `the proxy ${this.server.shown}: ${outcome.message}` });
  }
}
