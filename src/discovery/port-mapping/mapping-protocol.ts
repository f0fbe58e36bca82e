/** What the three protocols by which a gateway is asked have in common. */

export type Transport = 'tcp' | 'udp';

export type MapOutcome =
  | {
      readonly ok: true;
      /** The address that the world sees; null when the gateway does not know it. */
      readonly externalHost: string | null;
      readonly externalPort: number;
      /** Seconds; the mapping lasts until it is removed when this is 0. */
      readonly lifetime: number;
    }
  | { readonly ok: false; readonly message: string };

/** One way of asking. It is asked one thing at a time, but for removals. */
export interface MappingProtocol {
  readonly name: 'PCP' | 'NAT-PMP' | 'UPnP';
  /** Whom it asks, as far as that is known: an IP literal. */
  readonly gateway: string | null;
  /** Lets `port` in, or goes on letting it in, for `lifetime` seconds. Answers once, later, unless it is closed. */
  map(transport: Transport, port: number, lifetime: number, answered: (outcome: MapOutcome) => void): void;
  /** Lets it in no more. Answers once, later, whatever became of it, unless it is closed. */
  unmap(transport: Transport, port: number, answered: () => void): void;
  close(): void;
}
