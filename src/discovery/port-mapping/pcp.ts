import type { Random } from '../../base/random.js';
import type { RawServer } from '../../net/raw-server.js';
import { GatewayCalls } from './gateway-calls.js';
import type { MapOutcome, MappingProtocol, Transport } from './mapping-protocol.js';
import { decodePcpAnswer, encodePcpMap, explainPcpResult, NONCE_LENGTH, type PcpAnswer } from './pcp-message.js';

/** Asks a gateway by the Port Control Protocol (RFC 6887). */
export class Pcp implements MappingProtocol {
  readonly name = 'PCP';
  readonly gateway: string;
  readonly #local: string;
  readonly #calls: GatewayCalls;
  readonly #nonces: Readonly<Record<Transport, Buffer>>;

  constructor(rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>, random: Random, gateway: string, local: string) {
    this.gateway = gateway;
    this.#local = local;
    this.#calls = new GatewayCalls(rawServer, gateway, local);
    this.#nonces = { tcp: random.bytes(NONCE_LENGTH), udp: random.bytes(NONCE_LENGTH) };
  }

  map(transport: Transport, port: number, lifetime: number, answered: (outcome: MapOutcome) => void): void {
    this.#ask(transport, port, lifetime, (answer) => answered(outcomeOf(answer)));
  }

  unmap(transport: Transport, port: number, answered: () => void): void {
    this.#ask(transport, port, 0, () => answered());
  }

  close(): void {
    this.#calls.close();
  }

  #ask(transport: Transport, port: number, lifetime: number, answered: (answer: PcpAnswer | string) => void): void {
    const nonce = this.#nonces[transport];
    const packet = encodePcpMap({ lifetime, client: this.#local, nonce, transport, port });
    const read = (data: Buffer): PcpAnswer | undefined => {
      const answer = decodePcpAnswer(data);
      if (answer?.kind !== 'map') return answer;
      return answer.nonce.equals(nonce) && answer.transport === transport && answer.port === port ? answer : undefined;
    };
    this.#calls.ask(packet, read, answered);
  }
}

function outcomeOf(answer: PcpAnswer | string): MapOutcome {
  if (typeof answer === 'string') return { ok: false, message: answer };
  if (answer.kind === 'unsupported-version') return { ok: false, message: 'it does not know this version' };
  const { result, externalHost, externalPort, lifetime } = answer;
  if (result !== 0) return { ok: false, message: explainPcpResult(result) };
  return { ok: true, externalHost, externalPort, lifetime };
}
