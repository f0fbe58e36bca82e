import type { Task, Timers } from '../../base/clock.js';
import type { MapOutcome, MappingProtocol, PortMappingOptions } from './mapping-protocol.js';

/** Whether one gateway lets our port in. */
export type PortMappingState =
  | { readonly state: 'asking' }
  | {
      readonly state: 'mapped';
      readonly protocol: MappingProtocol['name'];
      /** The IP literal of the gateway, as far as we know it. */
      readonly gateway: string | null;
      /**
       * The IP literal at which the world sees us, as the gateway says. Null when it does not say. It may be wrong,
       * because another gateway may stand between this one and the world.
       */
      readonly externalHost: string | null;
      /** The same port outside and inside. */
      readonly port: number;
      /** Whether the gateway lets in UDP as well as TCP. */
      readonly udp: boolean;
    }
  /** `message` names each protocol and why it failed. */
  | { readonly state: 'failed'; readonly message: string };

/**
 * Asks one gateway by one protocol after the other, and keeps to the first that works. A protocol works when the
 * gateway lets TCP in. UDP alone does not count, but TCP alone is better than nothing.
 */
export class GatewayMapper {
  readonly #timers: Timers;
  readonly #protocols: readonly MappingProtocol[];
  readonly #port: number;
  readonly #options: PortMappingOptions;
  #state: PortMappingState = { state: 'asking' };
  /** The protocol that we used last. */
  #asked: MappingProtocol | null = null;
  /** What we ask next. Null while the gateway is being asked. */
  #next: { readonly task: Task; readonly ask: () => void } | null = null;
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

  /** Asks now what is due later: the gateway may have forgotten the mapping, or may make one by now. */
  askAgain(): void {
    const next = this.#next;
    if (next === null || this.#stopping) return;
    next.task.cancel();
    this.#next = null;
    next.ask();
  }

  /** Removes the mappings. Calls `answered` once, later, within `stopLimit`. */
  stop(answered: () => void): void {
    this.#stopping = true;
    this.#next?.task.cancel();
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

  /** Calls `answered` with null when the gateway lets the port in, else with the reason why not. */
  #map(protocol: MappingProtocol, answered: (message: string | null) => void): void {
    protocol.map('tcp', this.#port, this.#options.lifetime, (tcp) => {
      if (this.#stopping) return;
      const message = this.#whyNot(tcp);
      if (!tcp.ok || message !== null) {
        // We tell peers our own port, so another external port is of no use.
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
    // We renew a permanent mapping too, because a gateway that restarts may have forgotten it.
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

  #after(delay: number, ask: () => void): void {
    const task = this.#timers.addTask(() => {
      this.#next = null;
      ask();
    }, delay);
    this.#next = { task, ask };
  }
}
