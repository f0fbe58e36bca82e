import { ipOfBytes } from '../../net/ip-address.js';
import type { RawServer } from '../../net/raw-server.js';
import { GatewayCalls } from './gateway-calls.js';
import type { MapOutcome, MappingProtocol, Transport } from './mapping-protocol.js';

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
      // The port may be missing from an error.
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

type NatPmpAnswer =
  | { readonly kind: 'address'; readonly result: number; readonly externalHost: string }
  | {
      readonly kind: 'map';
      readonly transport: Transport;
      readonly result: number;
      readonly port: number;
      readonly externalPort: number;
      /** Seconds. */
      readonly lifetime: number;
    };

const OPCODES: Readonly<Record<Transport, number>> = { udp: 1, tcp: 2 };
const ANSWER = 128;
const ADDRESS_LENGTH = 12;
const MAP_LENGTH = 16;

/** The request for the external address (RFC 6886). */
export function encodeNatPmpAddress(): Buffer {
  return Buffer.from([0, 0]);
}

/**
 * The request for a mapping (RFC 6886). `lifetime` is in seconds; 0 removes the mapping, and the request then names no
 * external port.
 */
export function encodeNatPmpMap(transport: Transport, port: number, lifetime: number): Buffer {
  const packet = Buffer.alloc(12);
  packet[1] = OPCODES[transport];
  packet.writeUInt16BE(port, 4);
  packet.writeUInt16BE(lifetime === 0 ? 0 : port, 6);
  packet.writeUInt32BE(lifetime, 8);
  return packet;
}

/** Reads an answer. Undefined when `data` is none. An error may be shorter than the answer that it replaces. */
export function decodeNatPmpAnswer(data: Buffer): NatPmpAnswer | undefined {
  if (data.length < 8 || data.length > MAP_LENGTH || data[0] !== 0) return undefined;
  const [opcode, result] = [data.readUInt8(1) - ANSWER, data.readUInt16BE(2)];
  const whole = Buffer.alloc(MAP_LENGTH);
  data.copy(whole);
  if (opcode === 0) {
    if (result === 0 && data.length < ADDRESS_LENGTH) return undefined;
    return { kind: 'address', result, externalHost: ipOfBytes(whole.subarray(8, ADDRESS_LENGTH)).text };
  }
  const transport = opcode === OPCODES.tcp ? 'tcp' : opcode === OPCODES.udp ? 'udp' : undefined;
  if (transport === undefined || (result === 0 && data.length < MAP_LENGTH)) return undefined;
  const [port, externalPort, lifetime] = [whole.readUInt16BE(8), whole.readUInt16BE(10), whole.readUInt32BE(12)];
  return { kind: 'map', transport, result, port, externalPort, lifetime };
}

const RESULTS: readonly string[] = [
  'success',
  'it does not know this version',
  'it is not allowed',
  'its own network is down',
  'it has no room for more',
  'it does not know the request',
];

function explainNatPmpResult(result: number): string {
  return RESULTS[result] ?? `result ${result}`;
}
