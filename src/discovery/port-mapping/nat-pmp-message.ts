/** NAT-PMP (RFC 6886) as bytes. */
import { ipOfBytes } from '../../net/ip-address.js';
import type { Transport } from './mapping-protocol.js';

export type NatPmpAnswer =
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

export function encodeNatPmpAddress(): Buffer {
  return Buffer.from([0, 0]);
}

/** `lifetime` in seconds; 0 removes the mapping, and then no external port is asked for. */
export function encodeNatPmpMap(transport: Transport, port: number, lifetime: number): Buffer {
  const packet = Buffer.alloc(12);
  packet[1] = OPCODES[transport];
  packet.writeUInt16BE(port, 4);
  packet.writeUInt16BE(lifetime === 0 ? 0 : port, 6);
  packet.writeUInt32BE(lifetime, 8);
  return packet;
}

/** Reads an answer; undefined when it is none. An error may be shorter than what it stands for. */
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

export function explainNatPmpResult(result: number): string {
  return RESULTS[result] ?? `result ${result}`;
}
