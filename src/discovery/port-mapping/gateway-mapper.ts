import type { Task, Timers } from '../../base/clock.js';
import type { MapOutcome, MappingProtocol, PortMappingOptions } from './mapping-protocol.js';

/** What became of the wish that one gateway lets our port in. */
export type PortMappingState =
  | { readonly state: 'asking' }
  | {
      readonly state: 'mapped';
      readonly protocol: MappingProtocol['name'];
      readonly gateway: string | null;
      /** What the world sees, as the gateway says; null when it does not. Another gateway may stand before it. */
      readonly externalHost: string | null;
      /** The same outside and inside. */
      readonly port: number;
      /** UDP is let in as well as TCP. */
      readonly udp: boolean;
    }
  | { readonly state: 'failed'; readonly message: string };

/**
 * Asks one gateway by one protocol after the other, and keeps to that which works. TCP decides; a gateway that lets
 * only TCP in is better than none.
 */
export class GatewayMapper {
  readonly #timers: Timers;
  readonly #protocols: readonly MappingProtocol[];
  readonly #port: number;
  readonly #options: PortMappingOptions;
  #state: PortMappingState = { state: 'asking' };
  /** The one that was asked last. */
  #asked: MappingProtocol | null = null;
  #next: Task | null = null;
  #stopping = false;

  constructor(timers: Timers, protocols: readonly MappingProtocol[], port: number, options: PortMappingOptions) {
    this.#timers = timers;
    this.#protocols = protocols;
    this.#port = port;
    this.#options = options;
  }

  get state(): PortMappingState {
    return this.#state;
  }

  begin(): void {
    this.#try(this.#protocols, []);
  }

  /** Has the port closed again. Answers once, later, within the limit. */
  stop(answered: () => void): void {
    this.#stopping = true;
    this.#next?.cancel();
    let waiting = 2;
    const end = (): void => {
      limit.cancel();
      for (const protocol of this.#protocols) protocol.close();
      answered();
    };
    const asked = this.#asked;
    const limit = this.#timers.addTask(end, asked === null ? 0 : this.#options.stopLimit);
    for (const transport of ['tcp', 'udp'] as const) {
      asked?.unmap(transport, this.#port, () => {
        waiting -= 1;
        if (waiting === 0) end();
      });
    }
  }

  #try([protocol, ...others]: readonly MappingProtocol[], messages: readonly string[]): void {
    if (protocol === undefined) {
      this.#state = { state: 'failed', message: messages.join('; ') };
      this.#after(this.#options.retryAfter, () => this.begin());
      return;
    }
    this.#asked = protocol;
    this.#map(protocol, (message) => {
      if (message !== null) this.#try(others, [...messages, `${protocol.name}: ${message}`]);
    });
  }

  /** `answered` is told null when the port is let in, else why not. */
  #map(protocol: MappingProtocol, answered: (message: string | null) => void): void {
    protocol.map('tcp', this.#port, this.#options.lifetime, (tcp) => {
      if (this.#stopping) return;
      const message = this.#whyNot(tcp);
      if (!tcp.ok || message !== null) {
        // Peers are told our own port: another one is of no use to them.
        if (tcp.ok) protocol.unmap('tcp', this.#port, () => undefined);
        answered(message);
        return;
      }
      protocol.map('udp', this.#port, this.#options.lifetime, (udp) => {
        if (this.#stopping) return;
        const isWhole = this.#whyNot(udp) === null;
        if (udp.ok && !isWhole) protocol.unmap('udp', this.#port, () => undefined);
        this.#mapped(protocol, tcp, isWhole && udp.ok ? udp.lifetime : null);
        answered(null);
      });
    });
  }

  #mapped(protocol: MappingProtocol, tcp: MapOutcome & { readonly ok: true }, udpLifetime: number | null): void {
    const { minRenewal, lifetime } = this.#options;
    const { name, gateway } = protocol;
    const udp = udpLifetime !== null;
    this.#state = { state: 'mapped', protocol: name, gateway, externalHost: tcp.externalHost, port: this.#port, udp };
    // What is there for ever is asked for again as well: a gateway that begins anew has forgotten it.
    const granted = [tcp.lifetime, udpLifetime ?? 0, lifetime].filter((seconds) => seconds > 0);
    this.#after(Math.max(minRenewal, Math.min(...granted) * 500), () => this.#renew(protocol));
  }

  #renew(protocol: MappingProtocol): void {
    this.#map(protocol, (message) => {
      if (message === null) return;
      this.#state = { state: 'asking' };
      this.begin();
    });
  }

  #whyNot(outcome: MapOutcome): string | null {
    if (!outcome.ok) return outcome.message;
    if (outcome.externalPort === this.#port) return null;
    return `it gives port ${outcome.externalPort} instead of ${this.#port}`;
  }

  #after(delay: number, task: () => void): void {
    this.#next = this.#timers.addTask(task, delay);
  }
}
