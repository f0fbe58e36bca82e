import type { RawServer } from '../../net/raw-server.js';
import { GatewayCalls } from './gateway-calls.js';
import type { MapOutcome, MappingProtocol, Transport } from './mapping-protocol.js';
import {
  decodeNatPmpAnswer,
  encodeNatPmpAddress,
  encodeNatPmpMap,
  explainNatPmpResult,
  type NatPmpAnswer,
} from './nat-pmp-message.js';

/** Asks a gateway by NAT-PMP (RFC 6886). */
export class NatPmp implements MappingProtocol {
  readonly name = 'NAT-PMP';
  readonly gateway: string;
  readonly #calls: GatewayCalls;

  constructor(rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>, gateway: string, local: string) {
    this.gateway = gateway;
    this.#calls = new GatewayCalls(rawServer, gateway, local);
  }

  map(transport: Transport, port: number, lifetime: number, answered: (outcome: MapOutcome) => void): void {
    this.#askFor(transport, port, lifetime, (answer) => {
      if (typeof answer === 'string') answered({ ok: false, message: answer });
      else if (answer.result !== 0) answered({ ok: false, message: explainNatPmpResult(answer.result) });
      else {
        const { externalPort, lifetime: granted } = answer;
        this.#askAddress((externalHost) => answered({ ok: true, externalHost, externalPort, lifetime: granted }));
      }
    });
  }

  unmap(transport: Transport, port: number, answered: () => void): void {
    this.#askFor(transport, port, 0, () => answered());
  }

  close(): void {
    this.#calls.close();
  }

  #askFor(
    transport: Transport,
    port: number,
    lifetime: number,
    answered: (answer: (NatPmpAnswer & { readonly kind: 'map' }) | string) => void,
  ): void {
    const read = (data: Buffer) => {
      const answer = decodeNatPmpAnswer(data);
      if (answer?.kind !== 'map' || answer.transport !== transport) return undefined;
      // An error may leave the port out.
      return answer.port === port || answer.result !== 0 ? answer : undefined;
    };
    this.#calls.ask(encodeNatPmpMap(transport, port, lifetime), read, answered);
  }

  #askAddress(answered: (host: string | null) => void): void {
    const read = (data: Buffer) => {
      const answer = decodeNatPmpAnswer(data);
      return answer?.kind === 'address' ? answer : undefined;
    };
    this.#calls.ask(encodeNatPmpAddress(), read, (answer) => {
      answered(typeof answer === 'string' || answer.result !== 0 ? null : answer.externalHost);
    });
  }
}
