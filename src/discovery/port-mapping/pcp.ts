import type { Random } from '../../base/random.js';
import { ipOfBytes, parseIp } from '../../net/ip-address.js';
import type { RawServer } from '../../net/raw-server.js';
import { GatewayCalls } from './gateway-calls.js';
import type { MapOutcome, MappingProtocol, Transport } from './mapping-protocol.js';

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

interface PcpMapRequest {
  /** Seconds; 0 removes the mapping. */
  readonly lifetime: number;
  /** Our own address. The gateway compares it with the source address of the packet. */
  readonly client: string;
  /** 12 bytes. A host that does not know them can neither renew nor remove the mapping. */
  readonly nonce: Buffer;
  readonly transport: Transport;
  readonly port: number;
}

type PcpAnswer =
  | {
      readonly kind: 'map';
      readonly nonce: Buffer;
      readonly transport: Transport;
      readonly port: number;
      /** 0 is success. */
      readonly result: number;
      /** Seconds that the mapping lasts or, after an error, seconds until we may ask again. */
      readonly lifetime: number;
      readonly externalPort: number;
      readonly externalHost: string;
    }
  /** A server that does not know our version of PCP. A server of NAT-PMP says the same in its own version, 0. */
  | { readonly kind: 'unsupported-version' };

const NONCE_LENGTH = 12;
const VERSION = 2;
const MAP = 1;
const ANSWER = 0x80;
const LENGTH = 60;
/** RFC 6887, 7: "PCP messages […] MUST NOT exceed 1100 octets". */
const MAX_LENGTH = 1100;
const UNSUPPORTED_VERSION = 1;
const PROTOCOLS: Readonly<Record<Transport, number>> = { tcp: 6, udp: 17 };

/** The MAP request of the Port Control Protocol (RFC 6887). */
export function encodePcpMap({ lifetime, client, nonce, transport, port }: PcpMapRequest): Buffer {
  const packet = Buffer.alloc(LENGTH);
  packet[0] = VERSION;
  packet[1] = MAP;
  packet.writeUInt32BE(lifetime, 4);
  wideBytes(client).copy(packet, 8);
  nonce.copy(packet, 24);
  packet[36] = PROTOCOLS[transport];
  packet.writeUInt16BE(port, 40);
  packet.writeUInt16BE(port, 42);
  // The gateway chooses the external address. The zero address tells it the family.
  wideBytes(client.includes(':') ? '::' : '0.0.0.0').copy(packet, 44);
  return packet;
}

/** Reads an answer. Undefined when `data` is no answer to a MAP request. */
export function decodePcpAnswer(data: Buffer): PcpAnswer | undefined {
  if (data.length < 4 || data.length > MAX_LENGTH || (data.readUInt8(1) & ANSWER) === 0) return undefined;
  if (data[0] !== VERSION) {
    // A result of NAT-PMP has two bytes. A result of PCP has one, at the place of the second of these.
    return data[3] === UNSUPPORTED_VERSION ? { kind: 'unsupported-version' } : undefined;
  }
  if (data[3] === UNSUPPORTED_VERSION) return { kind: 'unsupported-version' };
  if (data[1] !== (MAP | ANSWER) || data.length < LENGTH) return undefined;
  const transport = data[36] === PROTOCOLS.tcp ? 'tcp' : data[36] === PROTOCOLS.udp ? 'udp' : undefined;
  if (transport === undefined) return undefined;
  return {
    kind: 'map',
    nonce: Buffer.from(data.subarray(24, 24 + NONCE_LENGTH)),
    transport,
    port: data.readUInt16BE(40),
    result: data.readUInt8(3),
    lifetime: data.readUInt32BE(4),
    externalPort: data.readUInt16BE(42),
    externalHost: ipOfBytes(data.subarray(44, LENGTH)).text,
  };
}

const RESULTS: readonly string[] = [
  'success',
  'it does not know this version',
  'it is not allowed',
  'it does not understand the request',
  'it does not know MAP',
  'it does not know an option',
  'the request is malformed',
  'its own network is down',
  'it has no room for more',
  'it does not know the transport',
  'the quota is used up',
  'it cannot give that port',
  'our address is not the one that it sees',
  'too many hosts are meant',
];

function explainPcpResult(result: number): string {
  return RESULTS[result] ?? `result ${result}`;
}

/** The 16 bytes of an address in PCP. An IPv4 address is written as an IPv4-mapped IPv6 address. */
function wideBytes(host: string): Buffer {
  const address = parseIp(host);
  if (address === undefined) throw new RangeError(`not an IP literal: ${host}`);
  return address.family === 6
    ? address.bytes
    : Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), address.bytes]);
}
