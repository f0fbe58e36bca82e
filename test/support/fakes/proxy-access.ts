import type { ProxyAccess, ProxyHost } from '../../../src/net/proxy/proxy-access.js';
import type { ProxyServer } from '../../../src/net/proxy/proxy-server.js';

/** A proxy whose address a test tells, at once or when it likes, and what those say of it who go through it. */
export class TestAccess implements ProxyAccess {
  readonly server: ProxyServer;
  readonly troubles: (string | null)[] = [];
  /** Why it carries no datagrams. */
  readonly silences: string[] = [];
  /** How many look-ups were given up. */
  cancelled = 0;
  /** What every look-up finds; null: nothing before `found` is called. */
  host: ProxyHost | null;
  readonly #waiting: Set<(outcome: ProxyHost) => void> = new Set();

  constructor(host: string | null, server: Partial<ProxyServer> = {}) {
    this.host = host === null ? null : { ok: true, host };
    this.server = { kind: 'socks5', host: 'proxy', port: 1080, credentials: null, shown: 'proxy:1080', ...server };
  }

  findHost(answered: (outcome: ProxyHost) => void): { cancel(): void } {
    if (this.host !== null) answered(this.host);
    else this.#waiting.add(answered);
    return {
      cancel: () => {
        if (this.#waiting.delete(answered)) this.cancelled += 1;
      },
    };
  }

  /** Ends the look-ups that are under way. */
  found(outcome: ProxyHost): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const answered of waiting) answered(outcome);
  }

  told(trouble: string | null): void {
    this.troubles.push(trouble);
  }

  carriesNoDatagrams(message: string): void {
    this.silences.push(message);
  }
}
